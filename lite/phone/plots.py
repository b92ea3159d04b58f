"""The plots of benches: by rows, by parts and over time, each for a wide page or a narrow one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import Any, Literal

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from lite.phone.statistics import run_ends
from lite.report.page import ACCENT, BAD, LINE, SOFT, inline, plain, rendered

KINDS = ("wide", "narrow")
# Inches of a row: what is drawn, a line of the label above it, the gap above that.
MARK, _LINE, _GAP = 0.3, 0.17, 0.1
# What a line of a label holds.
_LETTERS = {"wide": 92, "narrow": 46}
# More dots than these are a smear, and a page of megabytes: over time, on a row.
_DOTS_OVER_TIME, _DOTS = 1500, 400
_PANEL_HEIGHT = 1.7
# What is drawn of temperatures: name, key of a sample, colour.
_SENSORS = (("processor", "processor", ACCENT), ("battery", "battery_celsius", SOFT))
_BAR = 0.36
# What is drawn of an interval, by the ratio.
_ROOM = 3.0


def in_both(draw: Callable[..., Markup | None], *arguments: object) -> Markup:
    """What `draw` gives for a wide page and for a narrow one, of which a browser shows one; or nothing."""
    drawn = [(kind, draw(*arguments, kind)) for kind in KINDS]
    return Markup().join(Markup('<div class="plot {}">{}</div>\n').format(*each) for each in drawn if each[1])


@contextmanager
def drawing(kind: str, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure for `kind`, wide or narrow, `height` inches high, and its axes."""
    wide = kind == "wide"
    settings = {"svg.fonttype": "none", "svg.hashsalt": kind, "font.size": 9 if wide else 10}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(7.6 if wide else 4.0, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, figure.add_subplot()


@contextmanager
def row_drawing(kind: str, labels: Sequence[str]) -> Iterator[tuple[Figure, Axes, list[float]]]:
    """A drawing with a row for each label; the third value is where they are on the y axis, which counts inches.

    Labels stand above their rows, in as many lines as they need: beside them, long ones would leave no plot.
    """
    # A dollar would begin a formula.
    names = ["\n".join(wrap(label, _LETTERS[kind])).replace("$", r"\$") for label in labels]
    places, end = [], 0.0
    for name in names:
        places.append(end + _GAP + _LINE * (1 + name.count("\n")) + MARK / 2)
        end = places[-1] + MARK / 2
    with drawing(kind, end + 0.6) as (figure, axes):
        for place, name in zip(places, names, strict=True):
            text = axes.text(
                0, place - MARK / 2, name, transform=axes.get_yaxis_transform(), color=SOFT, va="bottom"
            )
            text.set_in_layout(False)
        axes.set_ylim(end + _GAP, 0)
        axes.set_yticks([])
        lined(axes, "x")
        yield figure, axes, places


def lined(axes: Axes, axis: Literal["x", "y"]) -> None:
    """Gives a plot lines at the ticks of its `axis`, x or y, behind what is drawn; its frame goes."""
    axes.grid(axis=axis, color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    plain(axes)


def value(axes: Axes, place: float, text: str, colour: str) -> None:
    """At the right edge of a row, out of the way of what is drawn."""
    axes.text(1.01, place, text, transform=axes.get_yaxis_transform(), color=colour, va="center")


def over_time(measurement: Mapping[str, Any], kind: str) -> Markup:
    """The start of a soak (a measurement of `results.json`) over the seconds since its first measured run.

    What the phone hides has no panel. Temperatures are tied to runs by the phone's own clock. `kind` is `wide` or
    `narrow`.
    """
    start = measurement["rounds"][0]
    times = run_ends(start["latencies_ms"])
    total = float(times[-1])
    panels = [_latencies, *([_clocks] if start["clocks"] else []), *([_celsius] if _lines(start) else [])]
    with drawing(kind, _PANEL_HEIGHT * len(panels) + 0.5) as (figure, only):
        only.remove()
        rows = np.atleast_1d(figure.subplots(len(panels), 1, sharex=True))
        for axes, panel in zip(rows, panels, strict=True):
            panel(axes, measurement, times)
            axes.set_xlim(0, total)
            lined(axes, "y")
        rows[-1].set_xlabel("seconds of measured runs")
        svg = rendered(figure)
    return inline(svg, f"latency, clock and temperature over {total:.0f} s")


def _latencies(axes: Axes, measurement: Mapping[str, Any], times: np.ndarray) -> None:
    values = np.asarray(measurement["rounds"][0]["latencies_ms"])
    shown = np.linspace(0, values.size - 1, min(values.size, _DOTS_OVER_TIME)).astype(int)
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
    for name, key, colour in _SENSORS:
        its = [sample for sample in samples if sample[key] is not None]
        if its:
            seconds = [sample["uptime"] - start["began_s"] for sample in its]
            found.append((name, colour, seconds, [sample[key] for sample in its]))
    return found


def profile_plot(one: Mapping[str, Any], kind: str) -> Markup:
    """Parts of a profile as bars with their intervals, ms; beside each what the instruction model would give it."""
    parts = one["parts"]
    with drawing(kind, 0.26 * len(parts) + 0.9) as (figure, axes):
        for place, part in enumerate(parts):
            low, high = (part["interval"][end] for end in ("low", "high"))
            axes.barh(place - _BAR / 2, part["ms"], _BAR, color=ACCENT, alpha=0.8)
            axes.hlines(place - _BAR / 2, low, high, color=SOFT, linewidth=2)
            if part["model_share"] is not None:
                axes.barh(
                    place + _BAR / 2, part["model_share"] * one["whole_ms"], _BAR, color=SOFT, alpha=0.35
                )
        axes.set_yticks(range(len(parts)), [part["name"] for part in parts])
        axes.invert_yaxis()
        axes.axvline(0, color=SOFT, linewidth=0.8)
        axes.set_xlabel("ms; grey: the instruction model's share" if one["core"] else "ms")
        lined(axes, "x")
        svg = rendered(figure)
    return inline(svg, f"time of {len(parts)} parts")


def memory_plot(one: Mapping[str, Any], kind: str) -> Markup | None:
    """MiB that a demo's process has (PSS), over the seconds of its start; None where fewer than two looks tell."""
    points = [(look["at"], look["pss_kib"] / 1024) for look in one["running"] if look["pss_kib"]]
    if len(points) < 2:
        return None
    start = one["running"][0]["at"]
    with drawing(kind, 2.4) as (figure, axes):
        axes.plot(
            [at - start for at, _ in points],
            [mib for _, mib in points],
            color=ACCENT,
            marker="o",
            markersize=3,
        )
        axes.set(xlabel="seconds", ylabel="MiB (PSS)", ylim=(0, 1.15 * max(mib for _, mib in points)))
        lined(axes, "y")
        svg = rendered(figure)
    return inline(svg, f"memory over {len(points)} looks")


def latencies(rows: Sequence[tuple[str, Mapping[str, Any]]], kind: str) -> Markup:
    """Each run of each measurement as a dot, the median as a line with its interval; ms, from 0.

    `rows`: a label and a measurement of `results.json`; `kind` is `wide` or `narrow`.
    """
    with row_drawing(kind, [label for label, _ in rows]) as (figure, axes, places):
        highest = 0.0
        for place, (_, row) in zip(places, rows, strict=True):
            values = np.array([value for one in row["rounds"] for value in one["latencies_ms"]])
            shown = values[np.linspace(0, values.size - 1, min(values.size, _DOTS)).astype(int)]
            # Dots in the order of the runs from top to bottom: a run that slows down leans to the right.
            heights = place + MARK * np.linspace(-0.33, 0.33, shown.size)
            axes.plot(shown, heights, color=ACCENT, marker="o", markersize=2.6, linestyle="none", alpha=0.55)
            summary = row["summary"]
            colour = BAD if row["noisy"] or row["throttled"] else SOFT
            axes.vlines(summary["p50"], place - 0.4 * MARK, place + 0.4 * MARK, color=colour, linewidth=1.8)
            interval = summary["median_interval"]
            if interval:
                axes.hlines(place, interval["low"], interval["high"], color=colour, linewidth=4, alpha=0.5)
            value(axes, place, f"{summary['p50']:.1f}", colour)
            highest = max(highest, float(np.percentile(values, 99)), summary["p50"])
        axes.set(xlim=(0, 1.08 * highest), xlabel="ms (beyond the 99th percentile cut off)")
        svg = rendered(figure)
    return inline(svg, f"latencies of {len(rows)} measurements")


def temperatures(measurements: Sequence[Mapping[str, Any]], kind: str) -> Markup | None:
    """°C of processor and battery over the seconds of a phone's bench, runs shaded; None where all is hidden."""
    rounds = sorted(
        (one for row in measurements for one in row["rounds"]), key=lambda one: one["before"]["at"]
    )
    samples = [sample for one in rounds for sample in (one["before"], *one["during"], one["after"])]
    lines = [
        (name, colour, points)
        for name, key, colour in _SENSORS
        if (points := [(sample["at"], sample[key]) for sample in samples if sample[key] is not None])
    ]
    if not lines:
        return None
    start = samples[0]["at"]
    with drawing(kind, 3.2) as (figure, axes):
        for one in rounds:
            axes.axvspan(
                one["before"]["at"] - start, one["after"]["at"] - start, color=LINE, alpha=0.5, linewidth=0
            )
        for name, colour, points in lines:
            times, celsius = np.array(points).T
            axes.plot(
                times - start,
                celsius,
                color=colour,
                linewidth=1.8,
                marker="o",
                markersize=3 if len(points) < 40 else 0,
            )
            axes.annotate(
                name, (times[-1] - start, celsius[-1]), xytext=(6, 0), textcoords="offset points",
                color=colour, va="center",
            )  # fmt: skip
        axes.set(xlabel="seconds (shaded: the demo runs)", ylabel="°C")
        axes.margins(x=0.12, y=0.25)
        lined(axes, "y")
        svg = rendered(figure)
    return inline(svg, f"temperature over {len(samples)} samples")


def speed_ups(rows: Sequence[tuple[str, Mapping[str, Any]]], kind: str) -> Markup:
    """Speed-ups as bars from 0 with their intervals, a line at 1; rows whose interval holds 1 are grey."""
    with row_drawing(kind, [label for label, _ in rows]) as (figure, axes, places):
        highest, most = 1.0, _ROOM
        for place, (_, row) in zip(places, rows, strict=True):
            colour = SOFT if not row["certain"] else ACCENT if row["ratio"] >= 1 else BAD
            axes.barh(place, row["ratio"], 0.7 * MARK, color=colour, alpha=0.75)
            # An interval of two rounds may reach to a thousand: then it is cut off, for the bars to be seen.
            most = max(most, _ROOM * row["ratio"])
            low, high = (
                (row["interval"][end] for end in ("low", "high")) if row["interval"] else (row["ratio"],) * 2
            )
            axes.hlines(place, low, high, color=colour, linewidth=2.4)
            value(axes, place, f"{row['ratio']:.2f}×", colour)
            highest = max(highest, high)
        axes.axvline(1, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        cut = " (lines that end at the edge go on)" if highest > most else ""
        axes.set(xlim=(0, 1.08 * min(highest, most)), xlabel=f"times as fast{cut}")
        svg = rendered(figure)
    return inline(svg, f"{len(rows)} speed-ups")
