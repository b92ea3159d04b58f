"""The bench's figures as tables: live on standard error while it runs, then once on standard output.

After them what it looked at beside latency: profiles, costs, counters, traces, why INT8 is slow.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import termios
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import _command
import click
from _display import empty_table, plain, say, show
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lite.bundle import Bundle
from lite.phone import install, push, report
from lite.phone.device import Device
from lite.phone.exclusive import exclusive
from lite.phone.link import NoPhoneError, PhoneError
from lite.phone.measured import BundleComparison, Measurement
from lite.phone.session import Outcome
from lite.shown import escaped


def tables(outcomes: Sequence[Outcome]) -> Group:
    """A table for each phone with a row for each measurement so far, and under it what spoils a number."""
    parts: list[RenderableType] = []
    for outcome in outcomes:
        measured = [one for one in list(outcome.measured.measurements) if one.rounds]
        if measured:
            parts.append(_table(outcome, measured))
            parts += [
                Text(escaped(f"  {one.candidate.name}, {one.configuration}: {note}"), "yellow")
                for one in measured
                for note in one.notes
            ]
    return Group(*parts)


def show_tables(outcomes: Sequence[Outcome], base: str | None) -> None:
    """On standard output the tables, what spoils them, what soaks say, and how much faster than `base` others are."""
    show(tables(outcomes))
    for outcome in outcomes:
        for warning in outcome.conditions.warnings if outcome.conditions else ():
            click.echo(escaped(f"{outcome.serial}: {warning}"))
        for row in list(outcome.measured.measurements):
            if found := row.sustained:
                click.echo(escaped(f"{outcome.serial}: {row.candidate.name} ({row.configuration}) {found}"))
    for outcome in outcomes if base else ():
        for one in outcome.measured.comparisons(base or ""):
            click.echo(escaped(_speed_up(outcome, one)))


def show_files(out: Path) -> None:
    """On standard output what a bench has written into `out`."""
    click.echo(f"results  {out / 'results.json'}")
    click.echo(f"report   {out / 'report.html'}")


def _speed_up(outcome: Outcome, one: BundleComparison) -> str:
    found = one.speed_up
    interval = f"{found.interval.low:.2f} to {found.interval.high:.2f}" if found.interval else "no interval"
    verdict = "" if found.certain else "; may be chance"
    if one.simulated:
        verdict += "; by host.nb, which computes in fp32: not the speed-up of its precision"
    return (
        f"{outcome.serial}: {one.measurement.candidate.name} is {found.ratio:.2f} times as fast as "
        f"{one.base.candidate.name} ({one.measurement.configuration}; 95 %: {interval}{verdict})"
    )


def _table(outcome: Outcome, measured: Sequence[Measurement]) -> Table:
    figures = ("p50 ms", "95 %", "within\nstarts", "between\nstarts", "p90", "max")
    columns = [("bundle", False), ("cores", False), *((heading, True) for heading in figures)]
    table = empty_table(_name(outcome), columns)
    for one in measured:
        summary = one.summary
        bounds = summary.median_interval
        table.add_row(
            plain(one.candidate.name),
            plain(str(one.configuration)),
            f"[bold]{summary.p50:.1f}[/]",
            f"{bounds.low:.1f}–{bounds.high:.1f}" if bounds else "–",
            "–" if summary.within_starts is None else f"{summary.within_starts:.1%}",
            "–" if summary.between_starts is None else f"{summary.between_starts:.1%}",
            f"{summary.p90:.1f}",
            f"{summary.max:.1f}",
        )
    return table


class LiveTable:
    """Shows the table and what each phone is at, until the block ends; a line a step where that is no terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._outcomes: dict[str, Outcome] = {}
        self._said: dict[str, str] = {}
        self._lock = threading.Lock()
        self._live = Live(
            get_renderable=self._render, console=self._console, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> LiveTable:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def changed(self, outcome: Outcome) -> None:
        """What a PhoneJob calls, from any thread."""
        with self._lock:
            self._outcomes[outcome.serial] = outcome
            # A push would be a line for each megabyte.
            step = outcome.step if outcome.share is None else self._said.get(outcome.serial)
            if not self._console.is_terminal and step and self._said.get(outcome.serial) != step:
                self._said[outcome.serial] = step
                say(step, outcome.serial, "cyan")

    def _render(self) -> Group:
        with self._lock:
            outcomes = list(self._outcomes.values())
        return Group(tables(outcomes), *(_step(outcome) for outcome in outcomes))


def _step(outcome: Outcome) -> RenderableType:
    text = Text(escaped(f"{_name(outcome)}: {outcome.step}"))
    if outcome.share is None:
        return text
    # Under it: a model's name, a serial and figures fill a line.
    return Group(text, ProgressBar(total=1.0, completed=outcome.share, width=40))


def _name(outcome: Outcome) -> str:
    return f"{outcome.facts.model} {outcome.serial}" if outcome.facts else outcome.serial


def install_all(devices: Sequence[Device], bundles: Sequence[Bundle], package: str) -> int:
    """The exit code of `_each_alone`."""
    # Before any phone is asked.
    install.folder_of(package)

    def work(device: Device) -> None:
        for bundle in bundles:
            _install(device, bundle, package)

    return _each_alone(devices, work)


def clean_all(devices: Sequence[Device]) -> int:
    """The exit code of `_each_alone`."""
    return _each_alone(devices, _clean)


def _each_alone(devices: Sequence[Device], work: Callable[[Device], None]) -> int:
    """The exit code: 0, or that of the first phone that failed; one that fails stops no other."""
    code = 0
    for device in devices:
        try:
            with exclusive(device):
                work(device)
        except (PhoneError, NoPhoneError) as error:
            say(str(error), "error", "bold red")
            code = code or error.exit_code
    return code


def _clean(device: Device) -> None:
    left = push.clean(device)
    if left is None:
        say(f"{push.FOLDER} is gone", device.serial)
    else:
        say(
            f"{push.FOLDER} is out of the way; only root can remove it: adb root; "
            f"{device.adb} shell rm -rf {left}",
            device.serial,
        )


def _install(device: Device, bundle: Bundle, package: str) -> None:
    done = install.install(device, bundle, package)
    if done.changed:
        say(f"installed {done.folder}: choose it in the app's settings", device.serial)
    else:
        say(f"{done.folder} is there already", device.serial)


_CODE = 128 + signal.SIGINT
_LINE = b"error: interrupted twice: ended at once; results.json has the rounds that had ended\n"


class _SecondInterrupt(KeyboardInterrupt):
    pass


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raises KeyboardInterrupt in the block for the first Ctrl-C, SIGTERM or SIGHUP.

    At the second one line is said and the process ends. With it end its links to the phones, and with these what runs
    there.
    """
    count = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if number == signal.SIGHUP:
            _forget_terminal()
        if count == 1:
            raise KeyboardInterrupt
        if count == 2:
            # Temporary files go and the terminal is as it was.
            raise _SecondInterrupt
        _leave()

    with _command.handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), interrupt):
        try:
            yield
        except _SecondInterrupt:
            _leave()


def _forget_terminal() -> None:
    """Lets what is printed go nowhere where the terminal is gone: each write to it would be an error."""
    for stream in (1, 2):
        try:
            termios.tcgetattr(stream)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _leave() -> NoReturn:
    # Not by way of Python's end, which threads that still wait for a phone can disturb.
    with contextlib.suppress(OSError):
        os.write(2, _LINE)
    os._exit(_CODE)


def show_diagnostics(results: Mapping[str, Any]) -> None:
    """Prints what `results` (as results.json has them) say beside latency; nothing where nothing was asked."""
    for phone in results["phones"]:
        found = phone.get("diagnostics")
        if not found:
            continue
        for one in found["int8"]:
            _say(_int8(phone, one))
        for one in found["profiles"]:
            show(_profile(phone, one))
            _say([f"  {reason}" for reason in one["throttled"]])
        for one in found["engine_profiles"]:
            show(_engine(phone, one))
        for one in found["costs"]:
            _say([f"{phone['serial']}: {report.row_name(one)}: {_cost(one)}"])
        for one in found["counters"]:
            _say([f"{phone['serial']}: {report.row_name(one)}: {_counters(one)}"])
        for one in found["traces"]:
            _say([f"{phone['serial']}: trace of {one['bundle']}: {one['missing'] or one['path']}"])


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(escaped(line))


def _int8(phone: Mapping[str, Any], one: Mapping[str, Any]) -> list[str]:
    by_model = "" if one["expected"] is None else f" where the instruction model says {one['expected']:.2f}"
    heading = (
        f"{phone['serial']}: {one['bundle']} is {one['measured']:.2f} times as fast as {one['base']}{by_model} "
        f"({report.configuration(one)}):"
    )
    unknown = "nothing that this phone and the bundles tell explains it: compare both with --profile"
    return [heading, *(f"  {text}" for text in [cause["text"] for cause in one["causes"]] or [unknown])]


def _profile(phone: Mapping[str, Any], one: Mapping[str, Any]) -> Table:
    figures = [(heading, True) for heading in ("ms", "95 %", "share", "model")]
    table = empty_table(
        f"where the time goes: {report.row_name(one)}, {phone['serial']}", [("part", False), *figures]
    )
    for part in one["parts"]:
        bounds, model = part["interval"], part["model_share"]
        table.add_row(
            part["name"], f"{part['ms']:.2f}", f"{bounds['low']:.2f} to {bounds['high']:.2f}",
            f"{part['ms'] / one['whole_ms']:.1%}", "–" if model is None else f"{model:.1%}",
        )  # fmt: skip
    return table


def _engine(phone: Mapping[str, Any], one: Mapping[str, Any]) -> Table:
    table = empty_table(
        f"the engine's own profile: {report.row_name(one)}, {phone['serial']}",
        [("kernel", False), ("ms", True), ("operators", True)],
    )
    for row in one["kernels"]:
        calls = "–" if row["calls"] is None else str(row["calls"])
        name = " ".join(filter(None, (row["op"], row["place"], row["function"])))
        table.add_row(plain(name), f"{row['mean_ms']:.3f}", calls)
    return table


def _cost(one: Mapping[str, Any]) -> str:
    power = one["power"]
    if one["millijoules"] is None:
        energy = f"energy not told: {power['not_told']}"
    else:
        idle = f", {one['above_idle']:.1f} of it beyond idle" if one["above_idle"] is not None else ""
        energy = f"{one['millijoules']:.1f} mJ a run at {power['running']:.2f} W{idle}"
    memory = f"; PSS {one['pss_kib'] / 1024:.0f} MiB" if one["pss_kib"] else ""
    return energy + memory


def _counters(one: Mapping[str, Any]) -> str:
    if one["missing"]:
        return f"no counters: {one['missing']}"
    # Of page faults and the like there are a few.
    words = ", ".join(
        f"{value / 1e6:.2f} M {name}" if value >= 1e5 else f"{value:,.1f} {name}"
        for name, value in one["per_run"].items()
    )
    return f"{words} a run" + (
        f" (modelled {one['modelled'] / 1e6:.1f} M instructions of a {one['core']})"
        if one["modelled"]
        else ""
    )
