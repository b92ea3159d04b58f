"""Fits `quant/cost/model.py` to what was counted, and says how far it is off on graphs it was not fitted to.

    ./run.sh benchmarks/cost_model.py

`arm_counts.json` holds the instructions of each operator of whole networks, counted on two kinds of core; how, it says
itself. The model is linear in its rates (`quant/cost/rates.py`), so a least-squares fit gives them; rates that nothing
counted touches keep their prior, read from Lite's source. Each graph is then predicted by a fit to all others. Prints
one table for each core and the rates to put into `quant/cost/rates.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import lsq_linear

from lite.nb import reader
from lite.nb.shapes import Shape, ShapedOp
from quant.cost import model
from quant.cost.rates import CORES, DEFAULT_CORE, Core, Rates

COUNTS = Path(__file__).with_name("arm_counts.json")
NAMES = tuple(field.name for field in fields(Rates))
# Rates of kernels that differ between cores.
OWN = (
    "tile", "strip_int8", "tile_int8", "tile_int8_convolution", "pack_int8", "pack_columns_int8",
    "pack_transposed_int8", "product_int8", "vector_int8",
)  # fmt: skip
# Rates of fp16 kernels, fitted last: graphs that have them tell nothing else.
FP16 = tuple(name for name in NAMES if name.endswith("_fp16"))
# What the source suggests: where a fit starts, and what stays of rates that nothing counted has (clip, relu, ...).
PRIOR = Rates(
    run=0.2, operator=1300, tile=96, strip_int8=300, tile_int8=448, tile_int8_convolution=330, pack=1.1,
    pack_columns=0.55, pack_transposed=1.1, pack_int8=0.78, pack_columns_int8=0.78, pack_transposed_int8=0.78,
    bias=0.73, product_int8=4.0, narrow=1.8, vector=0.6, vector_int8=0.16, im2col=4.5, im2col_int8=4.5,
    transpose=17.3, transpose_matrix=2.0, slice_start=8000, slice=10.0, gelu=25.1, gelu_tanh=14.8, softmax=18.7,
    softmax_rest=50, layer_norm=3.5, layer_norm_row=80, hard_swish=2.65, calib=29 / 16, scale=1.2, clip=1.15, relu=1.0,
    sigmoid=9.5, swish=10.0, tanh=17.0, piece=30.0, copy=0.6, same_shape=1.2, row=18.0, row_element=0.9,
    broadcast_add_row=230, broadcast_add=1.1, scalar=18.0, tile_fp16=60, pack_fp16=0.6, pack_columns_fp16=0.3,
    pack_transposed_fp16=0.6, bias_fp16=0.4, vector_fp16=0.3, softmax_fp16=16, sigmoid_fp16=4.5, calib_fp16=0.4,
    scale_fp16=0.5, same_shape_fp16=0.6, broadcast_fp16=0.8, copy_fp16=0.4,
)  # fmt: skip
# How much a rate's relative distance from its prior weighs beside relative errors of operators.
PULL = 3e-3


@dataclass(frozen=True)
class Counted:
    """`count` operators alike of a graph, and the instructions one of them took on each core."""

    step: ShapedOp
    count: int
    taken: Mapping[str, int]


@dataclass(frozen=True)
class Graph:
    """A network as a `.nb`: what a run took on each core, and its operators."""

    name: str
    input: tuple[int, ...]
    counted: Mapping[str, int]
    operators: Sequence[Counted]


@cache
def graphs() -> tuple[Graph, ...]:
    """All graphs of `arm_counts.json` whose operators were counted."""
    entries = json.loads(COUNTS.read_text())["graphs"]
    return tuple(
        Graph(
            entry["name"],
            tuple(entry["input"]),
            entry["counted"],
            [_operator(row) for row in entry["operators"]],
        )
        for entry in entries
        if "operators" in entry
    )


def _operator(row: Mapping[str, Any]) -> Counted:
    kernel = reader.Kernel(row["op"], "def", row["target"], row["precision"], "nchw")
    inputs: dict[str, tuple[Shape | None, ...]] = {
        name: tuple(map(tuple, shapes)) for name, shapes in row["inputs"].items()
    }
    outputs = {str(place): tuple(shape) for place, shape in enumerate(row["outputs"])}
    attributes = row.get("attributes", {})
    # Names of variables tell the model no more than that there is one.
    op = reader.Op(row["op"], kernel, {name: (name,) for name in inputs}, {"Out": tuple(outputs)}, attributes)
    step = ShapedOp(0, op, inputs, outputs, row.get("macs", 0))
    return Counted(step, row["count"], {core: row[core] for core in CORES if core in row})


def modelled(graph: Graph, core: Core) -> float:
    """Instructions of a run by the model."""
    return model.of_run(graph.input, core) + sum(
        operator.count * model.of_step(operator.step, core) for operator in graph.operators
    )


def fit(among: Sequence[Graph], key: str) -> Core:
    """The core `key` of `CORES` with rates fitted to the graphs' operators, and to what a run takes beside them.

    An operator's error counts relatively, by its share in the graph's instructions. Other cores than the default one
    share its rates but for those in `OWN`.
    """
    if key == DEFAULT_CORE:
        without = [graph for graph in among if not _has_fp16(graph)]
        core = _fit(
            without, key, replace(CORES[key], rates=PRIOR), [name for name in NAMES if name not in FP16]
        )
        return _fit([graph for graph in among if _has_fp16(graph)], key, core, FP16)
    known = fit(among, DEFAULT_CORE).rates
    return _fit(among, key, replace(CORES[key], rates=known), OWN)


def _has_fp16(graph: Graph) -> bool:
    return any(one.step.op.kernel.precision == "fp16" for one in graph.operators)


def _fit(among: Sequence[Graph], key: str, start: Core, names: Sequence[str]) -> Core:
    """The core with those rates fitted, near what they are in `start`."""
    known = start.rates
    nothing = replace(start, rates=replace(known, **dict.fromkeys(names, 0.0)))
    units = [replace(nothing, rates=replace(nothing.rates, **{name: 1.0})) for name in names]
    matrix, target = [], []
    for graph in among:
        if key in graph.counted:
            for taken, weight, modelled in _equations(graph, key):
                fixed = modelled(nothing)
                matrix.append([weight * (modelled(unit) - fixed) for unit in units])
                target.append(weight * (taken - fixed))
    if not matrix:
        return start
    prior = np.array([getattr(known, name) for name in names])
    pull = PULL / prior
    solved = lsq_linear(
        np.vstack([matrix, np.diag(pull)]), np.concatenate([target, pull * prior]), bounds=(0, np.inf)
    ).x
    rates = {name: float(f"{rate:.4g}") for name, rate in zip(names, solved, strict=True)}
    return replace(start, rates=replace(known, **rates))


def _equations(graph: Graph, key: str) -> Iterator[tuple[float, float, Callable[[Core], float]]]:
    """What was taken, the weight of its error, and what a core takes by the model: of each operator and of the rest."""
    total = graph.counted[key]
    for one in graph.operators:
        weight = math.sqrt(one.count / total / one.taken[key])
        yield one.taken[key], weight, partial(model.of_step, one.step)
    rest = total - sum(one.count * one.taken[key] for one in graph.operators)
    yield rest, 1 / math.sqrt(rest * total), partial(model.of_run, graph.input)


def left_out(key: str) -> dict[str, tuple[float, float]]:
    """Name of each graph counted on a core → counted, and modelled by a fit to all the others."""
    there = [graph for graph in graphs() if key in graph.counted]
    return {
        graph.name: (
            graph.counted[key],
            modelled(graph, fit([other for other in there if other is not graph], key)),
        )
        for graph in there
    }


@click.command(help=__doc__.split("\n\n")[0])
def main() -> None:
    console = Console()
    for key, core in CORES.items():
        predicted = left_out(key)
        table = Table(f"{core.name}, million instructions", "counted", "modelled", "off", "left out", "off")
        for graph in graphs():
            if key in graph.counted:
                counted, without = predicted[graph.name]
                all_in = modelled(graph, core)
                table.add_row(
                    graph.name,
                    f"{counted / 1e6:.1f}",
                    f"{all_in / 1e6:.1f}",
                    f"{all_in / counted - 1:+.2%}",
                    f"{without / 1e6:.1f}",
                    f"{without / counted - 1:+.2%}",
                )
        console.print(table)
        fitted = fit(graphs(), key)
        console.print({name: getattr(fitted.rates, name) for name in (NAMES if key == DEFAULT_CORE else OWN)})


if __name__ == "__main__":
    main()
