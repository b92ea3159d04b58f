"""The host twin: Paddle's simulation of an INT8 program, written with operators that Paddle Lite's x86 runtime has.

Lite answers NaN for a quantized `matmul_v2` on x86 and has no quantizers there. In the twin each quantizer is
spelled out (scale, round, clip; scale, divide) with the scales and int8 weights of the quantized program, so
that every float32 equals the one Paddle computes, in both formats (`quant/program/steps.py`).

Measured on DeiT-tiny with the digits weights, 8 held-out pictures: the twin's logits in Paddle equal those of
the quantized program to the last bit, in both formats. In Lite's x86 runtime only softmax has other last bits,
which tip a rounding now and then: most answers are the same to the last bit, the rest have cosine >= 0.9999.
What the twin does not show is what the phone does otherwise: Lite's ARM kernels clip the ONNX format at -127
too and round ties away from zero (cosine >= 0.9999 for that alone), and approximate some functions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from paddle.static import Operator

from lite.errors import ConversionError
from lite.model.graph import Exported
from lite.model.program import LoadedProgram, static_graph
from lite.nb import fp16
from lite.nb.reader import LiteModel
from quant.program import steps
from quant.program.steps import LEVELS, TO_EVEN, ProgramWriter, Step

_SPLIT = np.float32(2**13 + 1)


def build_twin(quantized: Exported, folder: Path, halved: Halved | None = None) -> Exported:
    """Writes the twin of an INT8 program as `model.pdmodel` and `model.pdiparams` in `folder`.

    `halved`: what the phone runs on fp16 kernels, which the twin rounds as they do (`Rounding`).
    Raises ConversionError when the program holds no int8 weight, weights that are not whole numbers, a
    quantizer the twin does not know, or a scale that is zero or not finite.
    """
    with static_graph() as executor:
        loaded = LoadedProgram(quantized, executor)
        twin = _Twin(loaded, halved)
        twin.translate()
        return twin.loaded.save(folder)


class _Twin:
    """The translation: a handler for each quantizer, everything else is copied."""

    def __init__(self, loaded: LoadedProgram, halved: Halved | None):
        self.loaded = loaded
        self.source = loaded.program.global_block()
        self.write = ProgramWriter(loaded)
        self.float: ProgramWriter | Rounding = Rounding(halved, loaded, self.write) if halved else self.write
        self.quantized_weights = 0
        self.producers = {name: op for op in self.source.ops for name in op.output_arg_names}

    def translate(self) -> None:
        """Puts the twin in the place of the program in `loaded`."""
        for operator in self.source.ops:
            step = steps.read(operator)
            if step is not None:
                self._replace(step)
            elif operator.type not in ("feed", "fetch"):
                self.float.copy(operator)
        if not self.quantized_weights:
            raise ConversionError(
                "the program to check holds no int8 weights",
                why="nothing was quantized",
                remedy="see skip and quantizable_op_type in the recipe",
            )
        logits = self.write.name(self.loaded.fetches[0].name)
        self.loaded.program, self.loaded.fetches = self.write.program, [self.write.block.var(logits)]

    def _replace(self, step: Step) -> None:
        source, result = step.source, step.result
        if step.kind == "weight":
            self.write.constant(result, self._weight(step))
        elif step.observes:
            self.write.alias[result] = self.write.name(source)
        elif step.kind == "quantize":
            self._quantize(step, result)
        elif step.kind == "dequantize":
            self._dequantize(self.write.name(source), result, self._scale(step), LEVELS)
        elif step.kind == "both":
            self._quantize(step, result)
            self._dequantize(result, result, self._scale(step), LEVELS)
        else:
            self._scale_product(step)

    def _scale_product(self, step: Step) -> None:
        self._check_whole_weights(step.source)
        if step.weight_scales is None:
            self._dequantize(step.source, step.result, self._scale(step), np.float32(step.max_range))
            return
        factors = f"{step.result}.weight_scales"
        self.write.constant(factors, self._finite(step.weight_scales))
        # Channels are the second of a convolution's four dimensions, else the last.
        axis = 1 if step.axis == 0 else -1
        self.write.binary("elementwise_mul", step.source, factors, step.result, axis)
        self._dequantize(step.result, step.result, self._scale(step), LEVELS * LEVELS)

    def _quantize(self, step: Step, result: str) -> None:
        self.write.scale(self.write.name(step.source), result, LEVELS * (np.float32(1) / self._scale(step)))
        if step.ties_to_even:
            # Not by two `scale` operators: Lite's optimizer would merge them, and nothing would be rounded.
            shift = self.write.number(TO_EVEN)
            self.write.binary("elementwise_add", result, shift, result)
            self.write.binary("elementwise_sub", result, shift, result)
        else:
            self.write.unary("round", result, result)
        self.write.unary("clip", result, result, min=step.lowest, max=float(LEVELS))

    def _dequantize(self, source: str, result: str, scale: np.float32, levels: np.float32) -> None:
        # In two steps as Paddle does it: one multiplication by scale / levels has other last bits.
        self.write.scale(source, result, scale)
        self.write.binary("elementwise_div", result, self.write.number(levels), result)

    def _scale(self, step: Step) -> np.float32:
        assert step.scale is not None
        return steps.activation_scale(self.loaded, step.scale)

    def _finite(self, name: str) -> np.ndarray:
        scales = self.loaded.parameter(name).astype(np.float32).reshape(-1)
        if not np.isfinite(scales).all():
            raise ConversionError(f"the weight scales {name} are not finite", remedy="check the weights")
        return scales

    def _weight(self, step: Step) -> np.ndarray:
        assert step.weight_scales is not None
        kept = self.loaded.parameter(step.source).dtype
        if kept != np.int8:
            raise ConversionError(
                f"the weight {step.source} is {kept}, not int8", remedy="quantize the network again"
            )
        self.quantized_weights += 1
        scales = self._finite(step.weight_scales)
        return steps.scaled_weight(self.loaded, step.source, scales, step.axis)

    def _check_whole_weights(self, product: str) -> None:
        """Looks at the weights of the layer that gives `product`: the older format keeps them as float32."""
        for name in self.producers[product].input_arg_names:
            if self.source.var(name).persistable:
                values = self.loaded.parameter(name)
                if not (values == np.rint(values)).all() or np.abs(values).max() > LEVELS:
                    raise ConversionError(
                        f"the weight {name} holds other than whole numbers from -127 to 127, which Paddle "
                        "Lite would cut off",
                        remedy="use round_type: round",
                    )
                self.quantized_weights += 1


class Place(NamedTuple):
    """Where an operator without parameters stands: after how many layer norms, of what type, transposing or not."""

    norms: int
    type: str
    transposes: bool


@dataclass(frozen=True)
class Halved:
    """What runs on fp16 kernels: operators by their place, those with parameters by these."""

    places: frozenset[Place]
    parameters: frozenset[str]


def halved(model: LiteModel, chosen: Collection[int]) -> Halved:
    """What the operators at the indices `chosen` of an INT8 `.nb` are called in the program that it was made of.

    Between two layer norms, operators of one type without parameters do alike: where one is chosen, all are.
    """
    places, parameters, norms = set(), set(), 0
    for index, op in enumerate(model.ops):
        norms += op.type == "layer_norm"
        if index in chosen:
            own = [name for names in op.inputs.values() for name in names if name in model.params]
            parameters.update(own)
            if not own:
                places.add(Place(norms, op.type, bool(op.attributes.get("trans_y"))))
    return Halved(frozenset(places), frozenset(parameters))


class Rounding:
    """Copies operators of a program, with the rounding of fp16 where `which` says so.

    A float32 is rounded to float16's eleven binary digits by Veltkamp's splitting (Dekker, "A floating-point technique
    for extending the available precision", 1971): c = (2^13 + 1) x, then c - (c - x). These are float operators that
    every engine has and Paddle Lite's optimizer keeps. Two things of float16 are not in it: its end at 65504, and that
    numbers under 6e-5 have fewer digits.
    """

    def __init__(self, which: Halved, loaded: LoadedProgram, write: ProgramWriter):
        self.which, self.loaded, self.write = which, loaded, write
        self.norms = 0
        # By tensor: the one that holds it rounded.
        self.rounded: dict[str, str] = {}

    def copy(self, operator: Operator) -> None:
        """Appends the operator as the phone computes it."""
        self.norms += operator.type == "layer_norm"
        for name in operator.output_arg_names:
            self.rounded.pop(name, None)
        if not self._is_halved(operator):
            self.write.copy(operator)
            return
        if operator.type == fp16.GELU:
            self._gelu(operator)
            return
        kept = {name: self.write.name(name) for name in operator.input_arg_names}
        for name, source in kept.items():
            self.write.alias[name] = self._rounded(source)
        self.write.copy(operator)
        for name, source in kept.items():
            if name not in operator.output_arg_names:
                self.write.alias[name] = source
        if operator.type not in fp16.MOVE and operator.type != "split":
            (result,) = operator.output("Out")
            self.write.alias[result] = self._rounded(result)

    def _is_halved(self, operator: Operator) -> bool:
        if not self.which.parameters.isdisjoint(operator.input_arg_names):
            return True
        transposes = operator.has_attr("trans_y") and bool(operator.attr("trans_y"))
        return Place(self.norms, operator.type, transposes) in self.which.places and not any(
            self.loaded.program.global_block().var(name).persistable for name in operator.input_arg_names
        )

    def _rounded(self, tensor: str) -> str:
        """Name of the tensor or parameter with its values rounded."""
        if tensor not in self.rounded:
            result = f"{tensor}.fp16"
            if self.write.block.var(tensor).persistable:
                values = self.loaded.parameter(tensor)
                self.write.constant(result, values.astype(np.float16).astype(np.float32))
            else:
                self.round(tensor, result)
            self.rounded[tensor] = result
        return self.rounded[tensor]

    def round(self, source: str, result: str) -> None:
        """Writes `result` = source rounded to float16's digits."""
        times = f"{result}.times"
        self.write.scale(source, times, _SPLIT)
        self.write.binary("elementwise_sub", times, source, result)
        self.write.binary("elementwise_sub", times, result, result)

    def _gelu(self, operator: Operator) -> None:
        """Writes GELU's tanh form by the steps that `lite.nb.fp16` writes, each rounded."""
        x = self._rounded(self.write.name(operator.input("X")[0]))
        (result,) = operator.output("Out")
        square, factor, inside, gate = (f"{result}.{name}" for name in ("square", "factor", "inside", "gate"))
        self.write.binary("elementwise_mul", x, x, square)
        scale, bias = (np.float32(np.float16(value)) for value in (fp16.GELU_B, fp16.GELU_A))
        self.write.scale(self._rounded(square), factor, scale, bias)
        self.write.binary("elementwise_mul", x, self._rounded(factor), inside)
        self.write.unary("sigmoid", self._rounded(inside), gate)
        self.write.binary("elementwise_mul", x, self._rounded(gate), result)
        self.write.alias[result] = self._rounded(result)
