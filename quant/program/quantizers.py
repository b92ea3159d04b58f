"""An INT8 program taken apart: the float program under it, and what each quantizer does to which operator's input.

Put together again (`quant/program/segments.py`), with all quantizers on, it computes what Paddle's simulation computes,
but for the last bits of float32: here a weight is scaled before it is multiplied, there the product is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import paddle
from paddle.static import Operator

from lite.errors import ConversionError
from lite.model.program import LoadedProgram
from quant.program.writer import ProgramWriter

LEVELS = np.float32(127)  # symmetric int8
_OBSERVER = "only_observer"


class Read(NamedTuple):
    """An operator, named by what it gives, that reads a tensor: an activation or a weight."""

    output: str
    tensor: str


@dataclass(frozen=True)
class Quantizer:
    """Rounds an activation to whole multiples of `scale` / 127, from `lowest` to 127 of them."""

    scale: np.float32
    lowest: float
    ties_to_even: bool


@dataclass(frozen=True)
class Parts:
    """`loaded` computes in float; its weights, before they are replaced, are those of INT8.

    `activations` and `weights` say what INT8 puts in the place of what an operator reads: a quantizer, or the int8
    weight times its scale (float32, the weight's shape).
    """

    loaded: LoadedProgram
    activations: Mapping[Read, Quantizer]
    weights: Mapping[Read, np.ndarray]


def take_apart(loaded: LoadedProgram) -> Parts:
    """Takes the quantizers out of an INT8 program, in place. Within `static_graph()`.

    Raises ConversionError when nothing in it is quantized or it holds a quantizer that is not known here.
    """
    work = _Apart(loaded)
    for operator in loaded.program.global_block().ops:
        work.take(operator)
    if not work.weights:
        raise ConversionError(
            "nothing in the INT8 program is quantized; see skip and quantizable_op_type in the recipe"
        )
    logits = work.write.name(loaded.fetches[0].name)
    loaded.program, loaded.fetches = work.write.program, [work.write.block.var(logits)]
    return Parts(loaded, work.activations, work.weights)


def set_parameter(loaded: LoadedProgram, name: str, values: np.ndarray) -> None:
    """Gives a parameter of the program, or a new one, a float32 value."""
    tensor = loaded.scope.var(name).get_tensor()
    tensor.set(np.ascontiguousarray(values, dtype=np.float32), paddle.CPUPlace())


class _Apart:
    """Both formats that PaddleSlim writes; see `quant/program/twin.py` for what they compute."""

    def __init__(self, loaded: LoadedProgram):
        self.loaded, self.source = loaded, loaded.program.global_block()
        self.write = ProgramWriter(loaded)
        self.activations: dict[Read, Quantizer] = {}
        self.weights: dict[Read, np.ndarray] = {}
        self.quantized: dict[str, Quantizer] = {}
        self.dequantized: dict[str, np.ndarray] = {}
        self.producers = {name: op for op in self.source.ops for name in op.output_arg_names}

    def take(self, operator: Operator) -> None:
        """Copies an operator, or notes the quantizer that it is."""
        kind = operator.type
        if kind in ("feed", "fetch"):
            return
        if kind == "dequantize_linear" and self.source.var(operator.input("X")[0]).persistable:
            self._weight(operator)
        elif kind in ("quantize_linear", "dequantize_linear"):
            observes = operator.has_attr(_OBSERVER) and operator.attr(_OBSERVER)
            scale = None if observes else operator.input("Scale")[0]
            self._quantizer(operator.input("X")[0], operator.output("Y")[0], scale, -128.0, to_even=True)
        elif kind.startswith("fake_quantize_") and operator.input("InScale"):
            result, scale = operator.output("Out")[0], operator.input("InScale")[0]
            self._quantizer(operator.input("X")[0], result, scale, -127.0, to_even=False)
        elif kind in ("fake_channel_wise_dequantize_max_abs", "fake_dequantize_max_abs"):
            self._scaled_product(operator)
        elif "quantize" in kind:
            raise ConversionError(
                f"the INT8 program holds {kind}, which is not known here; use another recipe"
            )
        else:
            self._copy(operator)

    def _copy(self, operator: Operator) -> None:
        output = operator.output_arg_names[0]
        for name in operator.input_arg_names:
            raw = self.write.alias.get(name, name)
            if name in self.quantized:
                self.activations[Read(output, raw)] = self.quantized[name]
            if name in self.dequantized:
                self.weights[Read(output, raw)] = self.dequantized[name]
        self.write.copy(operator)

    def _quantizer(
        self, source: str, result: str, scale: str | None, lowest: float, *, to_even: bool
    ) -> None:
        self.write.alias[result] = self.write.name(source)
        self.quantized.pop(result, None)
        if scale is not None:
            value = np.float32(self.loaded.parameter(scale).reshape(-1)[0])
            if not np.finfo(np.float32).tiny <= value < np.inf:
                raise ConversionError(
                    f"the activation scale {scale} is {value:g}: calibration saw only zeros, NaN or infinite values "
                    "there; check the weights, or calibrate with other pictures"
                )
            self.quantized[result] = Quantizer(value, lowest, to_even)

    def _weight(self, operator: Operator) -> None:
        (source,), (result,) = operator.input("X"), operator.output("Y")
        values = self._scaled(
            source, self.loaded.parameter(operator.input("Scale")[0]), operator.attr("quant_axis")
        )
        self.write.constant(source, values)
        self.write.alias[result] = source
        self.dequantized[result] = values

    def _scaled_product(self, operator: Operator) -> None:
        # The older format multiplies a layer's product; here its weight is multiplied.
        (product,), (result,) = operator.input("X"), operator.output("Out")
        (weight,) = (
            name for name in self.producers[product].input_arg_names if self.source.var(name).persistable
        )
        if operator.type == "fake_dequantize_max_abs":
            scale = np.array([LEVELS * LEVELS / np.float32(operator.attr("max_range"))])
            values = self._scaled(weight, scale, -1)
        else:
            scales = self.loaded.parameter(operator.input("Scales")[0])
            values = self._scaled(weight, scales, operator.attr("quant_axis"))
        set_parameter(self.loaded, weight, values)
        self.weights[Read(product, weight)] = values
        self.write.alias[result] = self.write.name(product)

    def _scaled(self, weight: str, scales: np.ndarray, axis: int) -> np.ndarray:
        """A weight of whole numbers times its scale / 127; `axis` is that of the output channels, -1 for one scale."""
        whole = self.loaded.parameter(weight).astype(np.float32)
        shape = [1] * whole.ndim
        if axis >= 0:
            shape[axis] = -1
        values = whole * (np.asarray(scales, np.float32).reshape(shape) / LEVELS)
        if not np.isfinite(values).all():
            raise ConversionError(f"the weight {weight} is not finite; check the weights")
        return values
