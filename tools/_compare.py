"""adb_bench.py compare, and what a bench does with its results at its end: a gate, files for CI, a history."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _command
import click
from _display import empty_table, notify, plain, say, show
from _options import json_option, out_option

from lite.shown import escaped, shown

if TYPE_CHECKING:
    from rich.table import Table

    from lite.phone.compare.cases import BenchCases
    from lite.phone.compare.fleet import FleetRow
    from lite.phone.compare.gate import Gate
    from lite.phone.compare.history import Trend
    from lite.phone.compare.rows import ComparedRow

_ALLOWED = 0.05


class Percent(click.ParamType):
    """A share as people write it: 5%, which the command gets as 0.05."""

    name = "P%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As click wants it."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            number = float(text.removesuffix("%")) / 100
        except ValueError:
            number = math.nan
        # A plain 0.05 may mean either.
        if not text.endswith("%") or not 0 <= number <= 10:
            self.fail(f"{shown(value)} is no percentage from 0% to 1000%, such as 5%", param, ctx)
        return number


_allowed_option = click.option(
    "--fail-if-slower",
    "allowed",
    type=Percent(),
    metavar="P%",
    help="How much slower than its baseline a case may be. Exit 9 where one is slower by more, beyond chance; 10 where "
    "the rounds do not tell.",
)
_CI = (
    click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write the gate as JUnit's XML."),
    click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE",
                 help="Write the gate as Markdown, such as for $GITHUB_STEP_SUMMARY."),
)  # fmt: skip
_history_option = click.option(
    "--history",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep the results there, too, by date: compare --history DIR shows the trend of each phone and bundle.",
)
_baseline_option = click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="An earlier results.json, or its folder, to hold this bench against. Allowed is --fail-if-slower, default 5%.",
)


@dataclass(frozen=True)
class After:
    """What is done with the results of a bench."""

    baseline: BenchCases | None
    allowed: float
    junit: Path | None
    markdown: Path | None
    history: Path | None

    def finish(self, document: Mapping[str, Any], out: Path, code: int, *, as_json: bool) -> int:
        """Keeps the results of the bench in `out` in the history and holds them against the baseline.

        The command's exit code, where the bench's own is `code`. Raises InputError where a file cannot be written, or
        nothing is like anything of the baseline.
        """
        from lite.phone.compare import cases, history
        from lite.phone.compare.gate import gate

        if self.history:
            history.keep(self.history, document, out)
        if self.baseline is None:
            return code
        found = gate(self.baseline, cases.of(document, "this bench"), self.allowed)
        show_gate(found, to_stderr=as_json)
        _write_ci(found, self.junit, self.markdown)
        return _exit_code(found, code)


def after_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets `after` for them; files are read and checked before it runs."""

    @functools.wraps(command)
    def reading(
        *,
        baseline: Path | None,
        allowed: float | None,
        junit: Path | None,
        markdown: Path | None,
        history: Path | None,
        **others: Any,
    ) -> Any:
        from lite.files import make_folder
        from lite.phone.compare import cases

        if baseline is None and (allowed is not None or junit or markdown):
            raise click.UsageError("--fail-if-slower, --junit and --markdown need --baseline")
        if history:
            make_folder(history)
        _check_ci(junit, markdown)
        base = None if baseline is None else cases.read(baseline)
        return command(
            after=After(base, _ALLOWED if allowed is None else allowed, junit, markdown, history), **others
        )

    return _command.together((_baseline_option, _allowed_option, *_CI, _history_option))(reading)


COMPARED = """
\b
Examples:
  ./run.sh tools/adb_bench.py compare build/bench/monday build/bench/friday
  ./run.sh tools/adb_bench.py compare pixel.json galaxy.json xiaomi.json --out build/fleet
  ./run.sh tools/adb_bench.py compare --history build/history --out build/trend
  ./run.sh tools/adb_bench.py compare main.json branch.json --fail-if-slower 5% --junit gate.xml
"""


@click.command(name="compare", epilog=COMPARED)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also the benches that were kept there, as trends of each phone and bundle.",
)
@_allowed_option
@_command.together(_CI)
@out_option("For compare.html, compare.csv and fleet.csv. Default: only the tables on the terminal.")
@json_option("benches, phones, trends and gate")
def compare(
    files: Sequence[Path],
    history: Path | None,
    allowed: float | None,
    junit: Path | None,
    markdown: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Shows benches beside each other: results.json FILES, or their folders, of any phones and days.

    Each case (bundle, phone model, threads, cores) is held against the first file that has it. With
    --fail-if-slower the first file is the baseline of a gate, the second is held against it.
    """
    from lite.files import make_folder
    from lite.phone.compare import cases, fleet, rows
    from lite.phone.compare import history as histories
    from lite.phone.compare.gate import gate
    from lite.phone.link import PhoneError

    if not files and history is None:
        raise click.UsageError("give two results.json or more, or --history DIR")
    gated = allowed is not None or junit is not None or markdown is not None
    if gated and len(files) != 2:
        raise click.UsageError("a gate is between two files: the baseline and the bench")
    _check_ci(junit, markdown)
    if out:
        make_folder(out)
    benches = cases.read_all(files)
    kept = [] if history is None else histories.read(history, notify=notify)
    found = gate(benches[0], benches[1], _ALLOWED if allowed is None else allowed) if gated else None
    compared, phones, trends = rows.rows(benches), fleet.fleet([*kept, *benches]), histories.trends(kept)
    if as_json:
        _command.print_json(
            {
                "benches": _dicts(rows.COLUMNS, [rows.cells(one) for row in compared for one in row.entries]),
                "phones": _dicts(fleet.COLUMNS, [fleet.cells(one) for one in phones]),
                "trends": [_trend_dict(one) for one in trends],
                "gate": found and found.as_dict(),
            }
        )
    else:
        show(*_row_tables(compared), _fleet_table(phones), *([_trend_table(trends)] if trends else []))
        if found:
            show_gate(found)
    if found:
        _write_ci(found, junit, markdown)
    if out:
        _write_pages(out, [*kept, *benches], compared, phones, trends, found)
        if not as_json:
            click.echo(f"report   {out / 'compare.html'}")
    failed = found is not None and (found.failures or not found.verdicts)
    code = PhoneError.exit_code if failed else 0
    raise click.exceptions.Exit(_exit_code(found, code) if found else 0)


def _exit_code(found: Gate, code: int) -> int:
    """The command's, where that of the phones is `code`: what is slower goes before it, what is undecided after it.

    A phone that computes another network goes before all.
    """
    from lite.phone.compare.gate import SLOWER_CODE
    from lite.phone.link import GoldenMismatchError

    if found.exit_code == SLOWER_CODE and code != GoldenMismatchError.exit_code:
        return SLOWER_CODE
    return code or found.exit_code


def show_gate(found: Gate, *, to_stderr: bool = False) -> None:
    """A line for each case, then one for all: on standard output, or where that is JSON's on standard error."""

    def tell(text: str, style: str = "bold") -> None:
        say(text, "gate", style) if to_stderr else click.echo(escaped(f"gate: {text}"))

    for one in found.verdicts:
        advice = f"; {one.advice}" if one.advice else ""
        tell(f"{one.outcome}: {one.case.device}: {one.case.name}: {one.text}{advice}")
        for note in one.notes:
            tell(f"  {note}")
    for line in [*found.unmatched, *found.failures]:
        tell(line)
    if found.verdicts:
        tell(found.summary)


def _write_pages(
    out: Path,
    benches: Sequence[BenchCases],
    compared: Sequence[ComparedRow],
    phones: Sequence[FleetRow],
    trends: Sequence[Trend],
    found: Gate | None,
) -> None:
    from lite.files import write_text
    from lite.phone.compare import fleet, page, rows

    write_text(out / rows.CSV, rows.table(compared))
    write_text(out / fleet.CSV, fleet.table(phones))
    gates = [found] if found else []
    write_text(out / page.PAGE, page.render(benches, compared, phones, trends=trends, gates=gates))


def _check_ci(junit: Path | None, markdown: Path | None) -> None:
    from lite.files import check_writable_file

    for path in (junit, markdown):
        if path:
            check_writable_file(path)


def _write_ci(found: Gate, junit: Path | None, markdown: Path | None) -> None:
    from lite.files import write_text
    from lite.phone.compare import gate

    if junit:
        write_text(junit, gate.junit(found), remedy="choose another --junit")
    if markdown:
        text = gate.markdown(found)
        # A step's summary is of all that runs in the step.
        if str(markdown) == os.environ.get("GITHUB_STEP_SUMMARY") and markdown.is_file():
            text = markdown.read_text(encoding="utf-8", errors="replace") + text
        write_text(markdown, text, remedy="choose another --markdown")


def _dicts(columns: Sequence[str], lines: Sequence[Sequence[object]]) -> list[dict[str, object]]:
    return [dict(zip(columns, line, strict=True)) for line in lines]


def _trend_dict(one: Trend) -> dict[str, Any]:
    since = one.since_first
    return {
        "serial": one.last.serial,
        "phone": one.last.phone,
        "case": one.last.name,
        "points": [{"begun": case.begun.isoformat(), "p50_ms": case.p50} for case in one.cases],
        "steps": [{"ratio": step.value, "certain": step.certain} for step in one.steps],
        "since_first": since and {"ratio": since.value, "certain": since.certain},
    }


def _row_tables(found: Sequence[ComparedRow]) -> list[Table]:
    tables: dict[str, Table] = {}
    columns = [("", False), ("bench", False), ("p50 ms", True), ("95 %", True), ("time", False)]
    for row in found:
        device = row.case.device
        table = tables.setdefault(device, empty_table(device, columns))
        for place, entry in enumerate(row.entries):
            case, bounds = entry.case, entry.case.interval
            change = f"{entry.ratio.change} {entry.verdict}" if entry.ratio else ""
            table.add_row(
                plain(row.case.name) if place == 0 else "",
                plain(entry.bench.title),
                f"[bold]{case.p50:.1f}[/]",
                f"{bounds.low:.1f}–{bounds.high:.1f}" if bounds else "–",
                plain(change),
                end_section=place == len(row.entries) - 1,
            )
    return list(tables.values())


def _fleet_table(found: Sequence[FleetRow]) -> Table:
    columns = [("phone", False), ("SoC", False), ("best configuration", False), ("p50 ms", True)]
    table = empty_table("Phones, the fastest first", [*columns, ("range", True)])
    for row in found:
        best, spread = row.best, row.range
        count = f" ({len(row.cases)} phones)" if len(row.cases) > 1 else ""
        table.add_row(
            plain(f"{best.phone or best.serial}{count}"),
            plain(best.soc or "–"),
            plain(best.name),
            f"[bold]{row.p50:.1f}[/]",
            f"{spread[0]:.1f}–{spread[1]:.1f}" if spread else "–",
        )
    return table


def _trend_table(found: Sequence[Trend]) -> Table:
    columns = [("phone", False), ("case", False), ("benches", True), ("p50 ms", True)]
    table = empty_table("Trends", [*columns, ("last step", False), ("since the first", False)])
    for one in found:
        since = one.since_first
        table.add_row(
            plain(one.last.device),
            plain(one.last.name),
            str(len(one.cases)),
            f"[bold]{one.last.p50:.1f}[/]",
            plain(one.steps[-1].change) if one.steps else "–",
            plain(since.change) if since else "–",
        )
    return table
