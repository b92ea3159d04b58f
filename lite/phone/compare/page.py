"""`compare.html`: benches beside each other in one file that needs no network, in the style of a bench's report.

The words are in `../templates/compare.html.j2`; here are the plots.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import numpy as np
from markupsafe import Markup
from matplotlib import dates

from lite.phone import report
from lite.phone.compare.cases import BenchCases
from lite.phone.compare.fleet import FleetRow
from lite.phone.compare.gate import Gate
from lite.phone.compare.history import Trend
from lite.phone.compare.rows import ComparedCase, ComparedRow
from lite.phone.plots import MARK, drawing, in_both, lined, row_drawing, value
from lite.report.page import ACCENT, BAD, SOFT, inline, rendered

PAGE = "compare.html"
# Ticks at years, months, days, hours, minutes, seconds; the first of each in a larger one is told as that.
_DATES = ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%S"]


def render(
    benches: Sequence[BenchCases],
    rows: Sequence[ComparedRow],
    fleet: Sequence[FleetRow],
    *,
    trends: Sequence[Trend] = (),
    gates: Sequence[Gate] = (),
) -> str:
    """The page. Text from outside is escaped. `trends` are drawn where there are any, `gates` are told first."""
    devices: dict[str, list[ComparedRow]] = {}
    for row in rows:
        devices.setdefault(row.case.device, []).append(row)
    return (
        report.environment()
        .get_template("compare.html.j2")
        .render(
            benches=benches,
            devices=devices,
            fleet=fleet,
            trends=[one for one in trends if len(one.cases) > 1],
            gates=gates,
            in_both=in_both,
            medians=medians,
            trend_plot=trend,
            made=datetime.now(timezone.utc),
        )
    )


def medians(entries: Sequence[ComparedCase], kind: str) -> Markup:
    """A case in each bench as a row: a dot for each start's median, a line for that of all starts; ms, from 0."""
    with row_drawing(kind, [one.bench.title for one in entries]) as (figure, axes, places):
        highest = 0.0
        for place, entry in zip(places, entries, strict=True):
            levels = [float(np.median(start)) for start in entry.case.starts]
            heights = place + MARK * np.linspace(-0.33, 0.33, len(levels))
            axes.plot(levels, heights, color=ACCENT, marker="o", markersize=3.5, linestyle="none", alpha=0.7)
            colour = BAD if entry.verdict == "slower" else SOFT
            level, bounds = entry.case.p50, entry.case.interval
            axes.vlines(level, place - 0.4 * MARK, place + 0.4 * MARK, color=colour, linewidth=1.8)
            if bounds:
                axes.hlines(place, bounds.low, bounds.high, color=colour, linewidth=4, alpha=0.5)
            value(axes, place, f"{level:.1f}", colour)
            highest = max(highest, level, *levels)
        axes.set(xlim=(0, 1.08 * highest), xlabel="ms")
        svg = rendered(figure)
    return inline(svg, f"medians of {len(entries)} benches")


def trend(found: Trend, kind: str) -> Markup:
    """The median of each bench over the days, ms, with its interval; a step that is no chance has a ring."""
    times = dates.date2num([one.begun for one in found.cases])
    levels = [one.p50 for one in found.cases]
    with drawing(kind, 2.6) as (figure, axes):
        for time, one in zip(times, found.cases, strict=True):
            if one.interval:
                axes.vlines(time, one.interval.low, one.interval.high, color=ACCENT, linewidth=4, alpha=0.35)
        axes.plot(times, levels, color=ACCENT, linewidth=1.5, marker="o", markersize=4)
        for time, level, step in zip(times[1:], levels[1:], found.steps, strict=True):
            if step.certain:
                colour = BAD if step.value > 1 else SOFT
                axes.plot(
                    time, level, marker="o", markersize=10, markerfacecolor="none", markeredgecolor=colour
                )
        bounds = [each for one in found.cases if (i := one.interval) for each in (i.low, i.high)]
        # An interval of two starts may be wide: what is beyond is cut off, for the steps to be seen.
        low, high = 0.7 * min(levels), 1.4 * max(levels)
        shown = [*levels, *(min(max(one, low), high) for one in bounds)]
        low, high = min(shown), max(shown)
        # A fraction of a percent must not look like a cliff.
        room = max(0.1 * (high - low), 0.05 * high)
        locator = dates.AutoDateLocator(minticks=2, maxticks=6 if kind == "wide" else 3)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(
            dates.ConciseDateFormatter(
                locator, formats=_DATES, zero_formats=["", *_DATES[:4], "%H:%M"], show_offset=False
            )
        )
        axes.set(ylim=(low - room, high + room), ylabel="ms")
        axes.margins(x=0.06)
        lined(axes, "y")
        svg = rendered(figure)
    return inline(svg, f"trend over {len(levels)} benches")
