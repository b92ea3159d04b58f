"""Plots as SVG for a page: drawn by matplotlib, coloured by the page, so readable in light and dark alike."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from lite.drift import LayerDrift

# What matplotlib draws with, and the variable of the page's style sheet that takes its place.
_COLOURS = {
    "#010101": "var(--soft)",
    "#020202": "var(--line)",
    "#030303": "var(--accent)",
    "#040404": "var(--bad)",
}
_SOFT, _LINE, _ACCENT, _BAD = _COLOURS


def layer_plot(layers: Sequence[LayerDrift], kind: str) -> Markup:
    """SNR by block as inline SVG, the worst block marked; `kind`: `wide` (screen, paper) or `narrow`."""
    wide = kind == "wide"
    numbers = np.arange(1, len(layers) + 1)
    values = np.array([layer.snr_db for layer in layers])
    worst = int(values.argmin())
    with matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": kind, "font.size": 9 if wide else 10}
    ):
        figure = Figure(figsize=(7.6, 3.3) if wide else (4.0, 3.5), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        low, high = _limits(values)
        axes.vlines(numbers, low, values, color=_LINE, linewidth=1.2)
        axes.plot(numbers, values, color=_ACCENT, linewidth=1.8, marker="o", markersize=5.5)
        axes.plot(numbers[worst], values[worst], color=_BAD, marker="o", markersize=9, linestyle="none")
        right = worst < len(layers) / 2
        axes.annotate(
            f"block {worst + 1}: {values[worst]:.1f} dB",
            (numbers[worst], values[worst]),
            xytext=(9 if right else -9, -4),
            textcoords="offset points",
            ha="left" if right else "right",
            va="top",
            color=_BAD,
            fontweight="bold",
        )
        axes.set(
            xlim=(0.4, len(layers) + 0.6),
            ylim=(low, high),
            xlabel="block",
            ylabel="SNR, dB (higher is better)",
        )
        every = wide and len(layers) <= 24
        axes.xaxis.set_major_locator(FixedLocator(list(numbers)) if every else MaxNLocator(7, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.grid(axis="y", color=_LINE, linewidth=0.8)
        error = axes.secondary_yaxis("right")
        error.set_ylabel("error in % of the signal")
        error.yaxis.set_major_locator(
            FixedLocator([tick for tick in axes.get_yticks() if low <= tick <= high])
        )
        error.yaxis.set_major_formatter(FuncFormatter(lambda db, _: f"{100 * 10 ** (-db / 20):.2g}"))
        for each in (axes, error):
            each.tick_params(colors=_SOFT, length=0)
            each.xaxis.label.set_color(_SOFT)
            each.yaxis.label.set_color(_SOFT)
            for spine in each.spines.values():
                spine.set_visible(False)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    label = f"SNR of {len(layers)} blocks; the worst is block {worst + 1} with {values[worst]:.1f} dB"
    return _inline(stream.getvalue(), label)


def _limits(values: np.ndarray) -> tuple[float, float]:
    margin = max(2.0, 0.22 * float(np.ptp(values)))
    return float(values.min()) - margin, float(values.max()) + margin


def _inline(svg: str, label: str) -> Markup:
    """An SVG file's text as an element of a page, as wide as its place, read out as `label`."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    head, rest = svg.split(">", 1)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    for drawn, shown in _COLOURS.items():
        rest = rest.replace(drawn, shown)
    # Only numbers and the words above are in it.
    return Markup(f'{head} role="img" aria-label="{label}">{rest}')  # noqa: S704
