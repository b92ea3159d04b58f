"""Each start of the demo apart: how fast its runs were, and by which clock, on which CPUs, how warm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from lite.phone.statistics import summarize


@dataclass(frozen=True)
class Start:
    """One start in figures and words; `clock` and `celsius` are "hidden" where the phone does not tell."""

    runs: int
    p50: float
    within: float
    clock: str
    cpus: str
    celsius: str


def of(measurement: Mapping[str, Any]) -> list[Start]:
    """The starts of a measurement of `results.json`, in their order."""
    return [_start(one) for one in measurement["rounds"]]


def _start(one: Mapping[str, Any]) -> Start:
    summary = summarize([one["latencies_ms"]])
    clocks = [clock["khz"] / 1e6 for clock in one["clocks"]]
    cpus = sorted({clock["cpu"] for clock in one["clocks"]})
    return Start(
        summary.count,
        summary.p50,
        summary.within_starts,
        _clock(clocks) if clocks else "hidden",
        ", ".join(map(str, cpus)) or "hidden",
        _celsius(one["before"]["processor"], one["after"]["processor"]),
    )


def _clock(gigahertz: list[float]) -> str:
    middle, least, most = (f"{value:.2f}" for value in (median(gigahertz), min(gigahertz), max(gigahertz)))
    return f"{middle} GHz" if least == most else f"{middle} GHz ({least} to {most})"


def _celsius(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "hidden"
    return f"{before:.0f} to {after:.0f} °C"
