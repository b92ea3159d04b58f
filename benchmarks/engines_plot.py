"""The plot of engines.py: milliseconds at one picture, a bar for each engine and precision, a panel for each model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_COLOURS = {"fp32": "#31688e", "int8": "#e07b39"}


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Writes the PNG `path`, under a temporary name first; whiskers are the fastest and the slowest round."""
    # Imported here: the processes of the engines do without it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    models = document["models"]
    figure = Figure(figsize=(9, 3.6), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    for axes, (model, rows) in zip(
        figure.subplots(1, len(models), squeeze=False)[0], models.items(), strict=True
    ):
        timed = [row for row in rows if row["failure"] is None][::-1]
        for place, row in enumerate(timed):
            figures = row["ms"]["1"]
            median, colour = figures["median"], _COLOURS[row["precision"]]
            spread = [[median - min(figures["rounds"])], [max(figures["rounds"]) - median]]
            axes.barh(place, median, xerr=spread, color=colour, ecolor="#444444", capsize=2)
            axes.annotate(
                f" {median:.0f}", (max(figures["rounds"]), place), va="center", fontsize=8, xytext=(2, 0),
                textcoords="offset points",
            )  # fmt: skip
        axes.set_yticks(
            range(len(timed)), [f"{row['engine']} {row['precision']}" for row in timed], fontsize=8
        )
        axes.set_title(f"{model}, one picture, one thread", fontsize=10)
        axes.set_xlabel("ms (median; whiskers: fastest and slowest round)", fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.12)
    part = path.with_name(f".{path.stem}.part.png")
    figure.savefig(part)
    part.replace(path)
