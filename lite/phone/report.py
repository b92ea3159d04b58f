"""`report.html`: what a bench found, phone by phone, in one file that needs no network.

The words are in `templates/bench.html.j2`, the plots in `plots.py`; here are the forms of the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from lite.errors import ToolkitError
from lite.phone import plots
from lite.phone.clusters import Cluster
from lite.phone.plan import Configuration
from lite.phone.plots import in_both
from lite.phone.statistics import Sustained, summarize
from lite.report import page


def render(results: Mapping[str, Any]) -> str:
    """The page of `results` (as `results.document` gives them). Text from outside is escaped."""
    template = environment().get_template("bench.html.j2")
    return template.render(results=results, plan=results["plan"], phones=results["phones"])


def phone_name(phone: Mapping[str, Any]) -> str:
    """What people call a phone, and its serial: two of one model are told apart by it."""
    model = (phone["facts"] or {}).get("model")
    return f"{model} ({phone['serial']})" if model else str(phone["serial"])


def row_name(row: Mapping[str, Any]) -> str:
    """A measurement's or speed-up's bundle and configuration."""
    return f"{row['bundle']}, {configuration(row)}"


def configuration(row: Mapping[str, Any]) -> str:
    """Threads and cores of a measurement, or of what was looked at beside it."""
    return str(Configuration(row["threads"], row["power_mode"], row["cpu_mask"], row["cores"]))


def _of_rows(draw: Callable[..., Markup]) -> Callable[[Sequence[Mapping[str, Any]]], Markup]:
    """A plot of rows beside their names, in both widths."""
    return lambda rows: in_both(draw, [(row_name(row), row) for row in rows])


def _sustained(fields: Mapping[str, Any]) -> Sustained:
    return Sustained(**{name: value for name, value in fields.items() if name != "slower"})


def milliseconds(value: float) -> str:
    """A latency as reports have it: three digits or more."""
    digits = 2 if value < 10 else 1 if value < 1000 else 0
    return f"{value:.{digits}f}"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja's environment for the pages of benches."""
    jinja = page.environment(Path(__file__).parent / "templates")
    jinja.filters.update(
        ms=milliseconds,
        median=median,
        percent=lambda share: f"{share:.1%}".replace("%", " %"),
        megabytes=lambda kib: f"{kib / 1024:.0f} MiB",
        phone=phone_name,
        configuration=configuration,
        cluster=lambda fields: str(Cluster(**fields)),
        starts=starts_of,
        # Not capitalize, which makes USB usb.
        sentence=lambda text: text[:1].upper() + text[1:],
        row_name=row_name,
        sustained=_sustained,
        latencies_plot=_of_rows(plots.latencies),
        speed_ups_plot=_of_rows(plots.speed_ups),
        temperatures_plot=partial(in_both, plots.temperatures),
        over_time_plot=partial(in_both, plots.over_time),
        profile_plot=partial(in_both, plots.profile_plot),
        memory_plot=partial(in_both, plots.memory_plot),
        # Its one line, as the command gave it.
        error=lambda fields: str(ToolkitError(**fields)),
    )
    return jinja


@dataclass(frozen=True)
class Start:
    """One start in figures and words; `clock` and `celsius` are "hidden" where the phone does not tell."""

    runs: int
    p50: float
    within: float | None
    clock: str
    cpus: str
    celsius: str


def starts_of(measurement: Mapping[str, Any]) -> list[Start]:
    """The starts of a measurement of `results.json`, in their order."""
    return [_start(one) for one in measurement["rounds"]]


def _start(one: Mapping[str, Any]) -> Start:
    summary = summarize([one["latencies_ms"]])
    return Start(
        summary.count,
        summary.p50,
        summary.within_starts,
        _clock([clock["khz"] / 1e6 for clock in one["clocks"]]),
        ", ".join(map(str, sorted({clock["cpu"] for clock in one["clocks"]}))) or "hidden",
        _celsius(one["before"]["processor"], one["after"]["processor"]),
    )


def _clock(gigahertz: list[float]) -> str:
    if not gigahertz:
        return "hidden"
    middle, least, most = (f"{value:.2f}" for value in (median(gigahertz), min(gigahertz), max(gigahertz)))
    return f"{middle} GHz" if least == most else f"{middle} GHz ({least} to {most})"


def _celsius(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "hidden"
    return f"{before:.0f} to {after:.0f} °C"
