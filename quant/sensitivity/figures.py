"""Which layer, and which tensor, of an INT8 program costs what: the rows of the question and their figures.

A row is a set of quantizers that are looked at together: those of a layer, or of one tensor. Two runs measure it:

    isolated     only these quantizers on, all else in float, against all in float: the row's damage
    without   all quantizers on but these, against the float network: what leaving it in float gains

`isolated` adds up over tensors to nearly all of INT8's noise and orders the rows. `without` passes through every other
rounding, which tip over when anything before them changes: with 16 pictures it is uncertain by some tenths of a dB.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from paddle.static import Operator

from lite.errors import ConversionError
from lite.measure import drift
from lite.measure.drift import SNR_LIMIT_DB
from quant.cost import prices
from quant.cost.prices import LayerPrice
from quant.cost.rates import CORES, DEFAULT_CORE, Core
from quant.program.layers import Tensors
from quant.program.quantizers import Parts, Read, Segments

Kind = Literal["layer", "activation", "weight"]
# What the two factors of an attention product are.
_FACTORS = {"qk": ("query", "key"), "av": ("attention", "value")}
# Inputs of the operators that are quantized; a convolution's patches do not overlap.
_FACTORS_OF = {"conv2d": ("Input", "Filter"), "matmul_v2": ("X", "Y")}


@dataclass(frozen=True)
class Row:
    """Quantizers that are looked at together, named by what `reads` them; `place` is their part of the network.

    `instructions`: of one run on an ARM core, where they are known (layers only).
    """

    name: str
    kind: Kind
    layers: tuple[str, ...]
    place: int
    reads: frozenset[Read]
    instructions: LayerPrice | None = None


@dataclass(frozen=True)
class Sums:
    """What the logits of some pictures say, so that it can be added up; `signal` and `noise` are sums of squares."""

    pictures: int
    signal: float
    noise: float
    cosine_min: float
    agreeing: int

    @classmethod
    def of(cls, reference: np.ndarray, found: np.ndarray) -> Sums:
        """From logits float32 [N, classes]. Raises ConversionError for NaN or infinity."""
        if not (np.isfinite(reference).all() and np.isfinite(found).all()):
            raise ConversionError(
                "the network gives NaN or infinity", remedy="check the weights, convert it again"
            )
        return cls(
            len(found),
            float(np.square(reference, dtype=np.float64).sum()),
            float(np.square(reference.astype(np.float64) - found).sum()),
            float(drift.cosines(reference, found).min()),
            int((reference.argmax(axis=1) == found.argmax(axis=1)).sum()),
        )

    @classmethod
    def total(cls, parts: Iterable[Sums]) -> Sums:
        """Of all pictures; there must be some."""
        found = list(parts)
        return cls(
            sum(part.pictures for part in found),
            math.fsum(part.signal for part in found),
            math.fsum(part.noise for part in found),
            min(part.cosine_min for part in found),
            sum(part.agreeing for part in found),
        )

    @property
    def snr_db(self) -> float:
        """10 log10(signal / noise), within ±SNR_LIMIT_DB."""
        if not self.noise or not self.signal:
            return SNR_LIMIT_DB if not self.noise else -SNR_LIMIT_DB
        ratio = 10 * (math.log10(self.signal) - math.log10(self.noise))
        return min(max(ratio, -SNR_LIMIT_DB), SNR_LIMIT_DB)

    @property
    def top1_agreement(self) -> float:
        """Share of the pictures that keep their first class."""
        return self.agreeing / self.pictures


@dataclass(frozen=True)
class Whole:
    """The network's own figures.

    `int8`: INT8 against the float network; `float_graph`: the same with all quantizers off; `isolated`: INT8 against
    that, which the rows' damage adds up to.
    """

    int8: Sums
    float_graph: Sums
    isolated: Sums


@dataclass(frozen=True)
class RowFigures:
    """A row's figures: see the module's docstring."""

    isolated: Sums
    without: Sums


def rows(segments: Segments, layers: Tensors, core: str = DEFAULT_CORE) -> list[Row]:
    """Every layer, then every tensor, in network order.

    `layers` is `quant.program.layers.tensors` of the network, `core` whose instructions they are given for. Raises
    ConversionError when something quantized belongs to no layer.
    """
    parts = segments.parts
    operators = [op for part in segments.operators for op in part]
    owners = {tensor: layer for layer, tensors in layers.items() for tensor in tensors}
    of_layer: dict[str, list[Operator]] = {layer: [] for layer in layers}
    readers: dict[str, str] = {}
    for operator in operators:
        layer = next((owners[name] for name in operator.input_arg_names if name in owners), None)
        output = operator.output_arg_names[0]
        quantized = [name for name in operator.input_arg_names if _is_quantized(parts, Read(output, name))]
        if quantized and layer is None:
            raise ConversionError(
                f"{operator.type}, which gives {output}, is quantized and of no known layer"
            )
        if quantized and layer is not None:
            of_layer[layer].append(operator)
            readers[output] = layer
    reads = [read for read in (*parts.activations, *parts.weights) if read.output in readers]
    found = []
    for layer, group in of_layer.items():
        mine = frozenset(read for read in reads if readers[read.output] == layer)
        if mine:
            place = segments.place(next(iter(mine)))
            found.append(
                Row(layer, "layer", (layer,), place, mine, instructions(segments, group, CORES[core]))
            )
    return found + _tensor_rows(segments, layers, readers)


def _tensor_rows(segments: Segments, layers: Tensors, readers: Mapping[str, str]) -> list[Row]:
    parts = segments.parts
    tensors: dict[str, set[str]] = {}
    for read in parts.activations:
        tensors.setdefault(read.tensor, set()).add(readers[read.output])
    grouped: dict[tuple[Kind, str], tuple[tuple[str, ...], set[Read]]] = {}
    order = list(layers)
    for read in sorted(parts.activations, key=lambda read: order.index(readers[read.output])):
        names = tuple(sorted(tensors[read.tensor], key=order.index))
        grouped.setdefault(("activation", _activation(names, read, layers)), (names, set()))[1].add(read)
    for read in sorted(parts.weights, key=lambda read: order.index(readers[read.output])):
        layer = readers[read.output]
        grouped.setdefault(("weight", f"{layer} weight"), ((layer,), set()))[1].add(read)
    return [
        Row(name, kind, names, segments.place(next(iter(reads))), frozenset(reads))
        for (kind, name), (names, reads) in grouped.items()
    ]


def _activation(names: tuple[str, ...], read: Read, layers: Tensors) -> str:
    """`blocks.0.mlp.fc2 input`, `blocks.0.attn.q+k+v input`, `blocks.0.attn.qk key`."""
    stem, _, last = names[0].rpartition(".")
    if last in _FACTORS and len(names) == 1:
        return f"{names[0]} {_FACTORS[last][read.tensor not in layers[names[0]]]}"
    joined = "+".join(name.rpartition(".")[2] for name in names)
    return f"{stem}.{joined} input" if stem else f"{joined} input"


def _is_quantized(parts: Parts, read: Read) -> bool:
    return read in parts.activations or read in parts.weights


def instructions(segments: Segments, operators: Iterable[Operator], core: Core) -> LayerPrice | None:
    """Instructions (`quant/cost/prices.py`) of a layer's operators on a core; None where it can't tell."""
    block = segments.loaded.program.global_block()
    found = []
    for operator in operators:
        factors = _FACTORS_OF.get(operator.type)
        if factors is None:
            return None
        names = [operator.input(factor)[0] for factor in factors]
        left, right = (tuple(block.var(name).shape) for name in names)
        if operator.type == "conv2d":
            depth = math.prod(right[1:])
            price = prices.convolution(right[0], depth, math.prod(left) // depth, core)
        elif block.var(names[1]).persistable:
            price = prices.linear(math.prod(left[:-1]), right[0], right[1], core)
        else:
            columns = block.var(operator.output("Out")[0]).shape[-1]
            sizes = math.prod(left), math.prod(right)
            price = prices.product(
                math.prod(left[:-2]),
                left[-2],
                left[-1],
                columns,
                quantizations=sizes,
                transposed=operator.attr("trans_y"),
                core=core,
            )
        found.append(price)
    return LayerPrice.total(found)
