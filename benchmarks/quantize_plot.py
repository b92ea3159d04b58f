"""The plot of the frontier: accuracy against instructions, of bundles at several budgets and of other engines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quantize_budget import BUDGETS, row_name

_LINES = {"int8": ("INT8", "#31688e", "o"), "int8-fp16": ("INT8 with FP16", "#e07b39", "s")}
# Counted on their kernels for DeiT-tiny, and their way to quantize simulated on the ViT-S, outside of this repository.
PEERS = {"ncnn": (184.0, 24.9), "LiteRT, dynamic": (228.0, 28.6)}


def write(path: Path, rows: Mapping[str, tuple[float, float]]) -> None:
    """Writes the PNG `path`, under a temporary name first; `rows` are instructions in millions and dB by name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for precision, limits in BUDGETS.items():
        title, colour, marker = _LINES[precision]
        bought = sorted(
            rows[name] for limit in limits if (name := row_name("deit", precision, limit)) in rows
        )
        axes.plot(
            *zip(*bought, strict=True), color=colour, marker=marker, markersize=4, label=f"{title}, by budget"
        )
        default = f"deit{precision.removeprefix('int8')}"
        axes.scatter(*rows[default], color=colour, marker="*", s=130, zorder=3, label=f"{title}, the recipe")
    for engine, point in PEERS.items():
        axes.scatter(*point, color="#444444", marker="^", s=36)
        axes.annotate(engine, point, xytext=(6, -3), textcoords="offset points", fontsize=8, color="#444444")
    axes.set_xlabel("million instructions of DeiT-tiny on a Cortex-A76", fontsize=9)
    axes.set_ylabel("SNR on the ViT-S, dB", fontsize=9)
    axes.margins(x=0.1, y=0.1)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    part = path.with_name(f".{path.stem}.part.png")
    figure.savefig(part)
    part.replace(path)
