"""`report.html`: what a bench found, phone by phone, in one file that needs no network.

The words are in `templates/bench.html.j2`; here are the plots and the forms of the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib
import numpy as np
from jinja2 import Template
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from lite.errors import ToolkitError
from lite.report import page
from lite.report.page import ACCENT, BAD, LINE, SOFT, inline, plain, rendered

_KINDS = ("wide", "narrow")


def render(results: Mapping[str, Any]) -> str:
    """The page of `results` (as `results.document` gives them). Text from outside is escaped."""
    return _template().render(
        results=results,
        plan=results["plan"],
        phones=[(phone, *_plots(phone)) for phone in results["phones"]],
        compared=[(phone, _speed_ups(phone)) for phone in results["phones"] if phone["speed_ups"]],
    )


def phone_name(phone: Mapping[str, Any]) -> str:
    """What people call a phone, and its serial: two of one model are told apart by it."""
    model = (phone["facts"] or {}).get("model")
    return f"{model} ({phone['serial']})" if model else str(phone["serial"])


def row_name(row: Mapping[str, Any]) -> str:
    """A measurement's or speed-up's bundle and configuration."""
    return f"{row['bundle']}, {configuration(row)}"


def configuration(row: Mapping[str, Any]) -> str:
    """Threads and cores of a measurement."""
    cores = f"CPUs {row['cpu_mask']}" if row["cpu_mask"] else row["power_mode"]
    return f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}, {cores}"


def _plots(phone: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    measurements = phone["measurements"]
    if not measurements:
        return [], []
    # Imported late, here and below: matplotlib takes as long as all else, and a phone that failed has no plots.

    rows = [(row_name(row), row) for row in measurements]
    heat = [(kind, temperatures(measurements, kind)) for kind in _KINDS]
    return (
        [(kind, latencies(rows, kind)) for kind in _KINDS],
        [(kind, svg) for kind, svg in heat if svg is not None],
    )


def _speed_ups(phone: Mapping[str, Any]) -> list[Any]:

    rows = [(row_name(row), row) for row in phone["speed_ups"]]
    return [(kind, speed_ups(rows, kind)) for kind in _KINDS]


def _milliseconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


@lru_cache(maxsize=1)
def _template() -> Template:
    from lite.phone import report_diagnostics

    environment = page.environment(Path(__file__).parent / "templates")
    environment.filters.update(
        ms=_milliseconds,
        megabytes=lambda kib: f"{kib / 1024:.0f} MiB",
        phone=phone_name,
        configuration=configuration,
        row_name=row_name,
        diagnostics_plots=report_diagnostics.plots,
        capitalize_first=lambda text: text[:1].upper() + text[1:],
        # Its one line, as the command gave it.
        error=lambda fields: str(ToolkitError(**fields)),
    )
    return environment.get_template("bench.html.j2")


# More dots than this on a row are a smear, and a page of megabytes.
_DOTS = 400
# Inches of a row: what is drawn, a line of the label above it, the gap above that.
_MARK, _LINE, _GAP = 0.3, 0.17, 0.1
# What a line of a label holds.
_LETTERS = {"wide": 92, "narrow": 46}


def latencies(rows: Sequence[tuple[str, Mapping[str, Any]]], kind: str) -> Markup:
    """Each run of each measurement as a dot, the median as a line with its interval; ms, from 0.

    `rows`: a label and a measurement of `results.json`; `kind` is `wide` or `narrow`.
    """
    with _row_drawing(kind, [label for label, _ in rows]) as (figure, axes, places):
        highest = 0.0
        for place, (_, row) in zip(places, rows, strict=True):
            values = np.array([value for one in row["rounds"] for value in one["latencies_ms"]])
            shown = values[np.linspace(0, values.size - 1, min(values.size, _DOTS)).astype(int)]
            # Dots in the order of the runs from top to bottom: a run that slows down leans to the right.
            heights = place + _MARK * np.linspace(-0.33, 0.33, shown.size)
            axes.plot(shown, heights, color=ACCENT, marker="o", markersize=2.6, linestyle="none", alpha=0.55)
            summary = row["summary"]
            colour = BAD if row["noisy"] or row["throttled"] else SOFT
            axes.vlines(summary["p50"], place - 0.4 * _MARK, place + 0.4 * _MARK, color=colour, linewidth=1.8)
            interval = summary["median_interval"]
            if interval:
                axes.hlines(place, interval["low"], interval["high"], color=colour, linewidth=4, alpha=0.5)
            _value(axes, place, f"{summary['p50']:.1f}", colour)
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
        for name, key, colour in (
            ("processor", "processor", ACCENT),
            ("battery", "battery_celsius", SOFT),
        )
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
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        plain(axes)
        svg = rendered(figure)
    return inline(svg, f"temperature over {len(samples)} samples")


def speed_ups(rows: Sequence[tuple[str, Mapping[str, Any]]], kind: str) -> Markup:
    """Speed-ups as bars from 0 with their intervals, a line at 1; rows whose interval holds 1 are grey."""
    with _row_drawing(kind, [label for label, _ in rows]) as (figure, axes, places):
        highest = 1.0
        for place, (_, row) in zip(places, rows, strict=True):
            colour = SOFT if not row["certain"] else ACCENT if row["ratio"] >= 1 else BAD
            axes.barh(place, row["ratio"], 0.7 * _MARK, color=colour, alpha=0.75)
            low, high = (
                (row["interval"][end] for end in ("low", "high")) if row["interval"] else (row["ratio"],) * 2
            )
            axes.hlines(place, low, high, color=colour, linewidth=2.4)
            _value(axes, place, f"{row['ratio']:.2f}×", colour)
            highest = max(highest, high)
        axes.axvline(1, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        axes.set(xlim=(0, 1.08 * highest), xlabel="times as fast")
        svg = rendered(figure)
    return inline(svg, f"{len(rows)} speed-ups")


@contextmanager
def drawing(kind: str, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A drawing, `wide` or `narrow`, `height` inches high, in the report's own style."""
    wide = kind == "wide"
    settings = {"svg.fonttype": "none", "svg.hashsalt": kind, "font.size": 9 if wide else 10}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(7.6 if wide else 4.0, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, figure.add_subplot()


@contextmanager
def _row_drawing(kind: str, labels: Sequence[str]) -> Iterator[tuple[Figure, Axes, list[float]]]:
    """A drawing with a row for each label; the third value is where they are on the y axis, which counts inches.

    Labels stand above their rows, in as many lines as they need: beside them, long ones would leave no plot.
    """
    # A dollar would begin a formula.
    names = ["\n".join(wrap(label, _LETTERS[kind])).replace("$", r"\$") for label in labels]
    places, end = [], 0.0
    for name in names:
        places.append(end + _GAP + _LINE * (1 + name.count("\n")) + _MARK / 2)
        end = places[-1] + _MARK / 2
    with drawing(kind, end + 0.6) as (figure, axes):
        for place, name in zip(places, names, strict=True):
            text = axes.text(
                0, place - _MARK / 2, name, transform=axes.get_yaxis_transform(), color=SOFT, va="bottom"
            )
            text.set_in_layout(False)
        axes.set_ylim(end + _GAP, 0)
        axes.set_yticks([])
        axes.grid(axis="x", color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        plain(axes)
        yield figure, axes, places


def _value(axes: Axes, place: float, text: str, colour: str) -> None:
    """At the right edge of a row, out of the way of what is drawn."""
    axes.text(1.01, place, text, transform=axes.get_yaxis_transform(), color=colour, va="center")
