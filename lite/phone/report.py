"""`report.html`: what a bench found, phone by phone, in one file that needs no network.

The words are in `templates/bench.html.j2`; here are the plots and the forms of the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, Template
from markupsafe import Markup

from lite.errors import ToolkitError
from lite.phone import report_diagnostics, starts
from lite.phone.clusters import Cluster
from lite.phone.drawing import KINDS, MARK, drawing, row_drawing, value
from lite.phone.over_time import over_time
from lite.phone.soak import Sustained
from lite.report import page
from lite.report.page import ACCENT, BAD, LINE, SOFT, inline, plain, rendered


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
    """Threads and cores of a measurement, or of what was looked at beside it."""
    cores = f"CPUs {row['cpu_mask']}" if row["cpu_mask"] else row["power_mode"]
    cores = f"{row['cores']} cores (mask {row['cpu_mask']})" if row["cores"] else cores
    return f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}, {cores}"


def _plots(phone: Mapping[str, Any]) -> tuple[list[Any], list[Any], list[Any]]:
    measurements = phone["measurements"]
    if not measurements:
        return [], [], []
    rows = [(row_name(row), row) for row in measurements]
    heat = [(kind, temperatures(measurements, kind)) for kind in KINDS]
    return (
        [(kind, latencies(rows, kind)) for kind in KINDS],
        [(kind, svg) for kind, svg in heat if svg is not None],
        [
            (row, [(kind, over_time(row, kind)) for kind in KINDS], _sustained(row))
            for row in measurements
            if row["sustained"]
        ],
    )


def _sustained(row: Mapping[str, Any]) -> Sustained:
    return Sustained(**{name: value for name, value in row["sustained"].items() if name != "slower"})


def _speed_ups(phone: Mapping[str, Any]) -> list[Any]:
    rows = [(row_name(row), row) for row in phone["speed_ups"]]
    return [(kind, speed_ups(rows, kind)) for kind in KINDS]


def milliseconds(value: float) -> str:
    """A latency as reports have it: three digits or more."""
    digits = 2 if value < 10 else 1 if value < 1000 else 0
    return f"{value:.{digits}f}"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja's environment for the pages of benches."""
    made = page.environment(Path(__file__).parent / "templates")
    made.filters.update(
        ms=milliseconds,
        percent=lambda share: f"{share:.1%}".replace("%", " %"),
        megabytes=lambda kib: f"{kib / 1024:.0f} MiB",
        phone=phone_name,
        configuration=configuration,
        cluster=lambda fields: str(Cluster(**fields)),
        starts=starts.of,
        # Not capitalize, which makes USB usb.
        sentence=lambda text: text[:1].upper() + text[1:],
        row_name=row_name,
        diagnostics_plots=report_diagnostics.plots,
        # Its one line, as the command gave it.
        error=lambda fields: str(ToolkitError(**fields)),
    )
    return made


def _template() -> Template:
    return environment().get_template("bench.html.j2")


# More dots than this on a row are a smear, and a page of megabytes.
_DOTS = 400


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


# What is drawn of an interval, by the ratio.
_ROOM = 3.0


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
