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
from quant.program import steps
from quant.program.steps import LEVELS, Step
from quant.program.writer import ProgramWriter


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
            "nothing in the INT8 program is quantized",
            remedy="see skip and quantizable_op_type in the recipe",
        )
    logits = work.write.name(loaded.fetches[0].name)
    loaded.program, loaded.fetches = work.write.program, [work.write.block.var(logits)]
    return Parts(loaded, work.activations, work.weights)


def set_parameter(loaded: LoadedProgram, name: str, values: np.ndarray) -> None:
    """Gives a parameter of the program, or a new one, a float32 value."""
    tensor = loaded.scope.var(name).get_tensor()
    tensor.set(np.ascontiguousarray(values, dtype=np.float32), paddle.CPUPlace())


class _Apart:
    """Both formats that PaddleSlim writes; see `quant/program/steps.py` for what they compute."""

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
        step = steps.read(operator)
        if step is None:
            if operator.type not in ("feed", "fetch"):
                self._copy(operator)
        elif step.kind == "weight":
            self._weight(step)
        elif step.kind == "product":
            self._scaled_product(step)
        else:
            self._activation(step)

    def _copy(self, operator: Operator) -> None:
        output = operator.output_arg_names[0]
        for name in operator.input_arg_names:
            raw = self.write.alias.get(name, name)
            if name in self.quantized:
                self.activations[Read(output, raw)] = self.quantized[name]
            if name in self.dequantized:
                self.weights[Read(output, raw)] = self.dequantized[name]
        self.write.copy(operator)

    def _activation(self, step: Step) -> None:
        self.write.alias[step.result] = self.write.name(step.source)
        self.quantized.pop(step.result, None)
        if step.scale is not None and not step.observes:
            scale = steps.activation_scale(self.loaded, step.scale)
            self.quantized[step.result] = Quantizer(scale, step.lowest, step.ties_to_even)

    def _weight(self, step: Step) -> None:
        assert step.weight_scales is not None
        scales = self.loaded.parameter(step.weight_scales)
        values = steps.scaled_weight(self.loaded, step.source, scales, step.axis)
        self.write.constant(step.source, values)
        self.write.alias[step.result] = step.source
        self.dequantized[step.result] = values

    def _scaled_product(self, step: Step) -> None:
        # The older format multiplies a layer's product; here its weight is multiplied.
        product = step.source
        (weight,) = (
            name for name in self.producers[product].input_arg_names if self.source.var(name).persistable
        )
        if step.weight_scales is None:
            scales = np.array([LEVELS * LEVELS / np.float32(step.max_range)])
        else:
            scales = self.loaded.parameter(step.weight_scales)
        values = steps.scaled_weight(self.loaded, weight, scales, step.axis)
        set_parameter(self.loaded, weight, values)
        self.weights[Read(product, weight)] = values
        self.write.alias[step.result] = self.write.name(product)
