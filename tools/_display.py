"""What commands show alike: progress and notes on standard error, rows of drift on standard output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from lite.shown import cosine, escaped, expected, line, percent, pictures
from lite.stages import Stages

if TYPE_CHECKING:
    from lite.measure.drift import Drift
    from lite.measure.interval import Interval


_ERRORS = Console(stderr=True, highlight=False)


def show(*renderables: RenderableType) -> None:
    """Prints tables on stdout as one text: rich would end the program itself when the reader goes away."""
    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(*renderables)
    click.echo(capture.get(), nl=False)


def plain(text: str) -> str:
    """Text from outside for a table: rich takes nothing in it for markup, a terminal nothing for a command."""
    return escape(escaped(text))


def facts_table(title: str) -> Table:
    """A table of two columns without rows: a heading and text. `title` is text from outside.

    Text is folded, since rich would cut the end of lines that hold wide (Chinese) letters.
    """
    table = Table(title=plain(title), show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    return table


def empty_table(title: str, columns: Sequence[tuple[str, bool]]) -> Table:
    """A table without rows: a heading for each column, and whether it holds figures, which stand right.

    Headings are rich's markup, `title` is text from outside.
    """
    table = Table(title=plain(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, is_figure in columns:
        if is_figure:
            table.add_column(heading, justify="right", no_wrap=True)
        else:
            table.add_column(heading, overflow="fold")
    return table


class Display:
    """Progress on stderr: the stage that runs, and how much of it is done.

    `remaining` adds an estimate of the time that is left, for stages that take long.
    """

    def __init__(self, *, remaining: bool = False) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}", justify="right"),
            TimeElapsedColumn(),
            *([TextColumn("left"), TimeRemainingColumn()] if remaining else []),
            console=_ERRORS,
            transient=True,
            # Nothing moves in a file, and it would leave an empty line there.
            disable=not _ERRORS.is_terminal,
        )
        self._task = self._progress.add_task("", total=1)
        self.stages = Stages(on_start=self._start, on_progress=self._advance)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _start(self, name: str) -> None:
        self._progress.reset(self._task, description=name, total=1)

    def _advance(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)


def say(message: str, heading: str = "", style: str = "bold yellow") -> None:
    """One line on stderr, however long the message is and whatever it holds; a `heading:` stands out."""
    start = f"[{style}]{heading}:[/] " if heading else ""
    _ERRORS.print(start + escape(line(message)), soft_wrap=True)


def notify(message: str) -> None:
    """One line on stderr that nobody should miss."""
    say(message, "note")


def share(value: float, bounds: Interval | None) -> str:
    """A share of pictures with its 95 % interval."""
    found = percent(value)
    return f"{found} (95 %: {percent(bounds.low, 1)} to {percent(bounds.high, 1)})" if bounds else found


def drift_rows(figures: Mapping[str, Any], precision: str) -> list[tuple[str, str]]:
    """A manifest's `drift` as the rows of a table: heading and text; every share has its 95 % interval.

    `precision` is the bundle's: of FP16 this computer shows nothing, and the table says so.
    """
    from lite.measure.drift import SNR_LIMIT_DB, Drift
    from lite.measure.margins import FEWEST

    found = Drift.of(figures)
    noise = "no difference" if found.snr_db >= SNR_LIMIT_DB else f"SNR {found.snr_db:.1f} dB"
    outputs = (
        f"cosine {cosine(found.cosine_mean)} (worst {cosine(found.cosine_min)}), {noise}, largest difference "
        f"{found.max_abs:.3g}; {pictures(found.images)} against {found.reference}"
    )
    if precision == "fp16":
        outputs += "; computed in fp32 here, so what rounding to FP16 costs is not in these figures"
    agree = f"{share(found.top1_agreement, found.interval('top1_agreement'))} agree"
    right = _right(found, "top1")
    rows = [("drift", outputs), ("top-1", f"{agree}; {right}" if right else agree)]
    if top5 := _right(found, "top5"):
        rows.append(("top-5", top5))
    flips = f"{found.flips} of {found.images} flipped"
    if found.flip_probability is not None:
        chance = f"{flips}, {expected(found.flips_expected or 0.0)} expected"
        rows.append(("flips", f"{chance}: {percent(found.flip_probability)} for a picture like these"))
    elif found.images < FEWEST:
        rows.append(
            ("flips", f"{flips}; with fewer than {FEWEST} pictures there is no saying how likely one is")
        )
    return rows


def gate_note(figures: Mapping[str, Any], max_drift: float) -> str | None:
    """What a passed gate does not tell because the pictures are few, None where it tells enough."""
    from lite.measure import drift

    found = drift.Drift.of(figures)
    room = drift.room(found, max_drift)
    if room is None:
        return None
    leave = "leaves" if found.images == 1 else "leave"
    tell = "more pictures would tell" if max_drift else "no number of pictures leaves none"
    return (
        f"the gate is passed, but {pictures(found.images)} {leave} room for up to {percent(room)} of flips (95 % "
        f"interval), where {100 * max_drift:.3g}% are allowed; {tell}"
    )


def _right(found: Drift, name: str) -> str | None:
    """Accuracy of both networks, `name` top1 or top5; None where it is unknown."""
    deployed, reference = getattr(found, f"{name}_deployed"), getattr(found, f"{name}_reference")
    if deployed is None or reference is None:
        return None
    ours, theirs = (found.interval(f"{name}_{side}") for side in ("deployed", "reference"))
    return f"right: {share(deployed, ours)}, fp32 {share(reference, theirs)}"
