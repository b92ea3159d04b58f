"""A soak as one plot: latency, clock and temperatures over the same seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from lite.phone.drawing import drawing
from lite.phone.soak import ends
from lite.report.page import ACCENT, BAD, LINE, SOFT, inline, plain, rendered

# More dots than this are a smear, and a page of megabytes.
_DOTS = 1500
_HEIGHT = 1.7


def over_time(measurement: Mapping[str, Any], kind: str) -> Markup:
    """The start of a soak (a measurement of `results.json`) over the seconds since its first measured run.

    What the phone hides has no panel. Temperatures are tied to runs by the phone's own clock. `kind` is `wide` or
    `narrow`.
    """
    start = measurement["rounds"][0]
    times = ends(start["latencies_ms"])
    total = float(times[-1])
    panels = [_latencies, *([_clocks] if start["clocks"] else []), *([_celsius] if _lines(start) else [])]
    with drawing(kind, _HEIGHT * len(panels) + 0.5) as (figure, only):
        only.remove()
        rows = np.atleast_1d(figure.subplots(len(panels), 1, sharex=True))
        for axes, panel in zip(rows, panels, strict=True):
            panel(axes, measurement, times)
            axes.grid(axis="y", color=LINE, linewidth=0.8)
            axes.set_axisbelow(True)
            axes.set_xlim(0, total)
            plain(axes)
        rows[-1].set_xlabel("seconds of measured runs")
        svg = rendered(figure)
    return inline(svg, f"latency, clock and temperature over {total:.0f} s")


def _latencies(axes: Axes, measurement: Mapping[str, Any], times: np.ndarray) -> None:
    values = np.asarray(measurement["rounds"][0]["latencies_ms"])
    shown = np.linspace(0, values.size - 1, min(values.size, _DOTS)).astype(int)
    axes.plot(
        times[shown], values[shown], color=ACCENT, marker="o", markersize=1.8, linestyle="none", alpha=0.4
    )
    found = measurement["sustained"]
    colour = BAD if measurement["throttled"] else SOFT
    axes.hlines(found["first_ms"], 0, found["first_seconds"], color=SOFT, linewidth=2)
    axes.hlines(
        found["sustained_ms"], times[-1] - found["last_seconds"], times[-1], color=colour, linewidth=2
    )
    axes.set(ylim=(0, 1.1 * max(float(np.percentile(values, 99)), found["sustained_ms"])), ylabel="ms")


def _clocks(axes: Axes, measurement: Mapping[str, Any], times: np.ndarray) -> None:
    clocks = measurement["rounds"][0]["clocks"]
    at = times[[clock["run"] for clock in clocks]]
    gigahertz = np.array([clock["khz"] / 1e6 for clock in clocks])
    axes.plot(at, gigahertz, color=ACCENT, drawstyle="steps-post", linewidth=1.4)
    axes.set(ylim=(0, 1.15 * float(gigahertz.max())), ylabel="GHz")


def _celsius(axes: Axes, measurement: Mapping[str, Any], times: np.ndarray) -> None:
    low, high = [], []
    for name, colour, at, celsius in _lines(measurement["rounds"][0]):
        axes.plot(at, celsius, color=colour, linewidth=1.6, marker="o", markersize=2.4)
        inside = [place for place, second in enumerate(at) if 0 <= second <= times[-1]]
        place = inside[-1] if inside else -1
        axes.annotate(
            name, (min(max(at[place], 0), times[-1]), celsius[place]), xytext=(-4, 5),
            textcoords="offset points", color=colour, ha="right", va="bottom",
        )  # fmt: skip
        low.append(min(celsius))
        high.append(max(celsius))
    axes.set(ylim=(min(low) - 3, max(high) + 6), ylabel="°C")


def _lines(start: Mapping[str, Any]) -> list[tuple[str, str, list[float], list[float]]]:
    """Name, colour, seconds and °C of what the phone lets be read beside its runs."""
    if start["began_s"] is None:
        return []
    samples = [
        sample
        for sample in (start["before"], *start["during"], start["after"])
        if sample["uptime"] is not None
    ]
    found = []
    for name, key, colour in (("processor", "processor", ACCENT), ("battery", "battery_celsius", SOFT)):
        its = [sample for sample in samples if sample[key] is not None]
        if its:
            seconds = [sample["uptime"] - start["began_s"] for sample in its]
            found.append((name, colour, seconds, [sample[key] for sample in its]))
    return found
