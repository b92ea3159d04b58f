"""What commands show alike: progress and notes on standard error, rows of drift on standard output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
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

from lite.stages import Stages

_ERRORS = Console(stderr=True, highlight=False)


def show(*renderables: RenderableType) -> None:
    """Prints tables on stdout as one text: rich would end the program itself when the reader goes away."""
    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(*renderables)
    click.echo(capture.get(), nl=False)


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
    _ERRORS.print(start + escape(" ".join(message.split())), soft_wrap=True)


def notify(message: str) -> None:
    """One line on stderr that nobody should miss."""
    say(message, "note")


def between(interval: Mapping[str, float]) -> str:
    """A 95 % interval of a share, in words."""
    return f"{interval['low']:.1%} to {interval['high']:.1%} with 95 % confidence"


def drift_rows(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A manifest's `drift` as the rows of a table: heading and text."""
    from lite.measure.drift import Drift

    found = Drift.of(figures)
    shares = found.as_dict()
    accuracy = f"{found.top1_agreement:.2%} agree ({between(shares['top1_agreement_interval'])})"
    if found.top1_deployed is not None:
        accuracy += (
            f"; right: {found.top1_deployed:.2%} ({between(shares['top1_deployed_interval'])}), "
            f"fp32 {found.top1_reference:.2%}"
        )
    drift = (
        f"cosine {figures['cosine_mean']:.5f} (worst {figures['cosine_min']:.5f}), SNR "
        f"{figures['snr_db']:.1f} dB, largest difference {figures['max_abs']:.3f}; {figures['images']} pictures "
        f"against {figures['reference']}"
    )
    rows = [("drift", drift), ("top-1", accuracy)]
    if found.flip_probability is not None:
        chance = f"{found.flips} of {found.images} flipped, {found.flips_expected:.2g} expected"
        rows.append(("flips", f"{chance}: {found.flip_probability:.2%} for a picture like these"))
    return rows
