"""`report.html`: what a bench found, phone by phone, in one file that needs no network.

The words are in `templates/bench.html.j2`; here are the plots and the forms of the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Template

from lite.errors import ToolkitError
from lite.report import page

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
    from lite.phone import plots

    rows = [(row_name(row), row) for row in measurements]
    heat = [(kind, plots.temperatures(measurements, kind)) for kind in _KINDS]
    return (
        [(kind, plots.latencies(rows, kind)) for kind in _KINDS],
        [(kind, svg) for kind, svg in heat if svg is not None],
    )


def _speed_ups(phone: Mapping[str, Any]) -> list[Any]:
    from lite.phone import plots

    rows = [(row_name(row), row) for row in phone["speed_ups"]]
    return [(kind, plots.speed_ups(rows, kind)) for kind in _KINDS]


def _milliseconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = page.environment(Path(__file__).parent / "templates")
    environment.filters.update(
        ms=_milliseconds,
        megabytes=lambda kib: f"{kib / 1024:.0f} MiB",
        phone=phone_name,
        configuration=configuration,
        row_name=row_name,
        # Its one line, as the command gave it.
        error=lambda fields: str(ToolkitError(**fields)),
    )
    return environment.get_template("bench.html.j2")
