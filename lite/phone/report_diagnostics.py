"""The report's plots of what was looked at beside latency: parts of a profile, and memory and power over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from lite.phone.drawing import KINDS, drawing
from lite.report.page import ACCENT, LINE, SOFT, inline, plain, rendered

_BAR = 0.36


def plots(diagnostics: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Per profile and per cost with memory, its plots: (kind, drawing), `kind` wide or narrow."""
    return {
        "profiles": [[(kind, profile(one, kind)) for kind in KINDS] for one in diagnostics["profiles"]],
        "costs": [
            [(kind, memory(one, kind)) for kind in KINDS] if one["pss_kib"] else []
            for one in diagnostics["costs"]
        ],
    }


def profile(one: Mapping[str, Any], kind: str) -> Markup:
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
        axes.grid(axis="x", color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        plain(axes)
        svg = rendered(figure)
    return inline(svg, f"time of {len(parts)} parts")


def memory(one: Mapping[str, Any], kind: str) -> Markup:
    """MiB that a demo's process has (PSS), over the seconds of its start."""
    points = [(look["at"], look["pss_kib"] / 1024) for look in one["running"] if look["pss_kib"]]
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
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        plain(axes)
        svg = rendered(figure)
    return inline(svg, f"memory over {len(points)} looks")
