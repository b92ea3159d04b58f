"""Plots as SVG for a page: drawn by matplotlib, coloured by the page, so readable in light and dark alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from lite.measure.drift import SNR_LIMIT_DB, LayerDrift, added_noise
from lite.report.page import ACCENT, BAD, LINE, SOFT, inline, plain, rendered

# Colour and marker of the recipes that a budget is compared with: itself without a budget, the stock one.
_COMPARED = ((SOFT, "D"), (BAD, "s"))


def percentage(share: float) -> str:
    """A share in per cent as a label: two digits, never as a power of ten."""
    percent = 100 * share
    if abs(percent) >= 9.95:
        return f"{percent:.0f}"
    return np.format_float_positional(percent, precision=2, fractional=False, trim="-")


@contextmanager
def _drawing(name: str, size: tuple[float, float]) -> Iterator[tuple[Figure, Any]]:
    """A figure of `size` (inches) and its axes, to be drawn within; `name`, unlike another's, ends in the kind."""
    settings = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9 if name.endswith("wide") else 10}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, figure.add_subplot()


def layer_plot(layers: Sequence[LayerDrift], kind: str) -> Markup:
    """SNR after each part of the network as inline SVG; `kind`: `wide` (screen, paper) or `narrow`.

    What adds most noise is marked, unless the last one has none. Names hold no markup.
    """
    wide = kind == "wide"
    places = np.arange(len(layers))
    values = np.array([layer.snr_db for layer in layers])
    noise = added_noise(layers)
    marked = int(noise.argmax())
    words = f"{layers[marked].name}: {percentage(noise[marked])} % of the noise"
    clean = values[-1] >= SNR_LIMIT_DB
    with _drawing(kind, (7.6, 3.3) if wide else (4.0, 3.5)) as (figure, axes):
        low, high = _limits(values)
        axes.vlines(places, low, values, color=LINE, linewidth=1.2)
        axes.plot(places, values, color=ACCENT, linewidth=1.8, marker="o", markersize=5.5)
        if not clean:
            axes.plot(places[marked], values[marked], color=BAD, marker="o", markersize=9, linestyle="none")
            # Beside the point, above or below what the line does there.
            right = marked < len(layers) / 2
            reach = round((0.45 if wide else 0.8) * len(layers))
            beside = (
                values[marked : marked + reach + 1] if right else values[max(marked - reach, 0) : marked + 1]
            )
            axes.annotate(
                words,
                (places[marked], beside.max() if right else beside.min()),
                xytext=(8, 5) if right else (-8, -5),
                textcoords="offset points",
                ha="left" if right else "right",
                va="bottom" if right else "top",
                color=BAD,
                fontweight="bold",
            )
        # As much as half of the first name, which would reach over the axis.
        pad = max(0.6, (0.045 if wide else 0.1) * len(layers))
        axes.set(
            xlim=(-pad, len(layers) - 1 + pad),
            ylim=(low, high),
            xlabel="INT8 up to block",
            ylabel="SNR, dB (higher is better)",
        )
        step = -(-len(layers) // (14 if wide else 7))
        ticks = [*range(0, len(layers) - step, step), len(layers) - 1]
        axes.set_xticks(ticks, [layers[tick].name.removeprefix("block ") for tick in ticks])
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        error = axes.secondary_yaxis("right")
        error.set_ylabel("error in % of the signal")
        error.yaxis.set_major_locator(
            FixedLocator([tick for tick in axes.get_yticks() if low <= tick <= high])
        )
        error.yaxis.set_major_formatter(FuncFormatter(lambda db, _: percentage(10 ** (-db / 20))))
        for each in (axes, error):
            plain(each)
        svg = rendered(figure)
    label = f"SNR after {len(layers)} parts of the network, {values[-1]:.1f} dB after the last"
    return inline(svg, label if clean else f"{label}; {words}")


def share_plot(names: Sequence[str], shares: Sequence[float], marked: Sequence[bool], kind: str) -> Markup:
    """Shares (0 to 1) as horizontal bars, first on top, some marked, as inline SVG; `kind` as for `layer_plot`.

    Names hold no markup.
    """
    wide = kind == "wide"
    with _drawing(kind, (7.6 if wide else 4.0, 0.5 + 0.24 * len(names))) as (figure, axes):
        places = np.arange(len(names))
        percent = 100 * np.array(shares)
        axes.barh(places, percent, 0.62, color=[BAD if each else ACCENT for each in marked])
        for place, value in zip(places, percent, strict=True):
            axes.annotate(
                f"{percentage(value / 100)} %",
                (value, place),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                color=SOFT,
            )
        axes.set(xlim=(0, 1.15 * max(percent.max(), 1e-9)), ylim=(len(names) - 0.4, -0.6))
        axes.set_xticks([])
        axes.set_yticks(places, names)
        plain(axes)
        svg = rendered(figure)
    return inline(svg, f"{len(names)} shares; the largest is {names[0]} with {percentage(shares[0])} %")


def curve_plot(curve: Curve, kind: str) -> Markup:
    """SNR over instructions as inline SVG: the predicted curve and the points; `kind` as for `layer_plot`.

    Points are named below the plot, where names cannot collide. The curve is cut a little beyond the dearest of them.
    Names hold no markup.
    """
    wide = kind == "wide"
    marked = [curve.chosen, curve.measured, *curve.compared]
    start = min(point.instructions for point in (*marked, curve.points[0]))
    end = max(point.instructions for point in marked)
    end += 0.25 * max(end - start, 1e6)
    drawn = [point for point in curve.points if point.instructions <= end]
    with _drawing(f"curve {kind}", (7.6, 3.9) if wide else (4.0, 4.7)) as (figure, axes):
        point: dict[str, Any] = {"linestyle": "none", "zorder": 3}
        ring = {"marker": "o", "markersize": 11, "markerfacecolor": "none", **point}
        dot = {"marker": "o", "markersize": 5.5, **point}
        axes.plot(*_places([curve.measured]), color=ACCENT, label=_named(curve.measured), **dot)
        axes.plot(*_places([curve.chosen]), color=ACCENT, label=f"{_named(curve.chosen)} predicted", **ring)
        for other, (colour, marker) in zip(curve.compared, _COMPARED, strict=False):
            axes.plot(
                *_places([other]), color=colour, marker=marker, markersize=7, label=_named(other), **point
            )
        axes.plot(*_places(drawn), color=ACCENT, linewidth=1.8, label="predicted, as the budget grows")
        axes.axvline(
            curve.limit / 1e6, color=LINE, linewidth=1.2, label=f"the budget: {curve.limit / 1e6:.10g} M"
        )
        low, high = _limits(np.array([point.snr_db for point in (*drawn, *marked)]))
        axes.set(
            xlim=((start - 0.04 * (end - start)) / 1e6, (end + 0.04 * (end - start)) / 1e6),
            ylim=(low, high),
            xlabel="million instructions a picture (model)",
            ylabel="SNR on held-out pictures, dB",
        )
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        plain(axes)
        figure.legend(
            loc="outside lower left", ncols=2 if wide else 1, frameon=False, labelcolor=SOFT, borderpad=0
        )
        svg = rendered(figure)
    words = ", ".join(
        f"{point.name} {point.snr_db:.1f} dB at {point.instructions / 1e6:.0f} million"
        for point in (curve.measured, *curve.compared)
    )
    return inline(svg, f"SNR on held-out pictures over instructions: {words}")


def _named(point: Point) -> str:
    return f"{point.name}: {point.snr_db:.1f} dB"


def _places(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [point.instructions / 1e6 for point in points], [point.snr_db for point in points]


def _limits(values: np.ndarray) -> tuple[float, float]:
    margin = max(2.0, 0.22 * float(np.ptp(values)))
    return float(values.min()) - margin, float(values.max()) + margin


@dataclass(frozen=True)
class Point:
    """A form of the network: instructions of one picture on ARM, by the model, and its outputs' SNR in dB."""

    name: str
    instructions: float
    snr_db: float


@dataclass(frozen=True)
class Curve:
    """SNR on check pictures, which nothing was calibrated or chosen with, over instructions, as a budget grows.

    `points`: predicted from the first `predicted_images`, the first for the cheapest form, each next one for what is
    bought next; `chosen`: predicted for what is bought with `limit` instructions. `measured`: the same, converted, on
    all `images`, and `measured_first` on those that it was predicted from; `compared`: recipes without a budget,
    converted, on all `images`. All are of `precision`, and instructions those of a `core`.
    """

    limit: float
    images: int
    predicted_images: int
    points: Sequence[Point]
    chosen: Point
    measured: Point
    measured_first: Point
    compared: Sequence[Point]
    precision: str = "int8"
    core: str = "Cortex-A76"

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as the manifest holds them."""
        return asdict(self)
