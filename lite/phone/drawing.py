"""What the plots of benches share: a drawing for a wide page or a narrow one, and rows with their labels above them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import wrap

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from lite.report.page import LINE, SOFT, plain

KINDS = ("wide", "narrow")
# Inches of a row: what is drawn, a line of the label above it, the gap above that.
MARK, _LINE, _GAP = 0.3, 0.17, 0.1
# What a line of a label holds.
_LETTERS = {"wide": 92, "narrow": 46}


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
        axes.grid(axis="x", color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        plain(axes)
        yield figure, axes, places


def value(axes: Axes, place: float, text: str, colour: str) -> None:
    """At the right edge of a row, out of the way of what is drawn."""
    axes.text(1.01, place, text, transform=axes.get_yaxis_transform(), color=colour, va="center")
