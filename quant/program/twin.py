"""The host twin: Paddle's simulation of an INT8 program, written with operators that Paddle Lite's x86 runtime has.

Lite answers NaN for a quantized `matmul_v2` on x86 and has no quantizers there. In the twin each quantizer is
spelled out (scale, round, clip; scale, divide) with the scales and int8 weights of the quantized program, so
that every float32 equals the one Paddle computes. Both formats that PaddleSlim writes are read; with LEVELS =
127 and s the scale of a tensor they compute:

    ONNX   quantize_linear     q = clip(round(x * (127 * (1 / s))), -128, 127), ties to even
           dequantize_linear   x = q * s / 127
    older  fake_quantize_*     q = clip(round(x * (127 * (1 / s))), -127, 127), ties away from zero
           fake_*dequantize_*  x = q * s / 127, or behind a layer y * weight scale * s / 127**2

Measured on DeiT-tiny with the digits weights, 8 held-out pictures: the twin's logits in Paddle equal those of
the quantized program to the last bit, in both formats. In Lite's x86 runtime only softmax has other last bits,
which tip a rounding now and then: most answers are the same to the last bit, the rest have cosine >= 0.9999.
What the twin does not show is what the phone does otherwise: Lite's ARM kernels clip the ONNX format at -127
too and round ties away from zero (cosine >= 0.9999 for that alone), and approximate some functions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from paddle.static import Operator

from lite.errors import ConversionError
from lite.model.exported import Exported
from lite.model.program import LoadedProgram, static_graph
from quant.program.writer import ProgramWriter

LEVELS = np.float32(127)  # symmetric int8
# Adding it to a float32 and taking it off again leaves the nearest whole number, ties to even (IEEE 754).
_TO_EVEN = np.float32(1.5 * 2**23)


def build_twin(quantized: Exported, folder: Path) -> Exported:
    """Writes the twin of an INT8 program as `model.pdmodel` and `model.pdiparams` in `folder`.

    Raises ConversionError when the program holds no int8 weight, weights that are not whole numbers, a
    quantizer the twin does not know, or a scale that is zero or not finite.
    """
    with static_graph() as executor:
        loaded = LoadedProgram(quantized, executor)
        twin = _Twin(loaded)
        twin.translate()
        return twin.loaded.save(folder)


class _Twin:
    """The translation: a handler for each quantizer, everything else is copied."""

    def __init__(self, loaded: LoadedProgram):
        self.loaded = loaded
        self.source = loaded.program.global_block()
        self.write = ProgramWriter(loaded)
        self.quantized_weights = 0
        self.handlers: dict[str, Callable[[Operator], None]] = {
            "feed": lambda operator: None,
            "fetch": lambda operator: None,
            "quantize_linear": self._quantize_linear,
            "dequantize_linear": self._dequantize_linear,
            "fake_quantize_range_abs_max": self._fake_quantize,
            "fake_quantize_moving_average_abs_max": self._fake_quantize,
            "fake_quantize_dequantize_moving_average_abs_max": self._fake_quantize_dequantize,
            "fake_channel_wise_dequantize_max_abs": self._fake_dequantize_channels,
            "fake_dequantize_max_abs": self._fake_dequantize,
        }
        self.producers = {name: op for op in self.source.ops for name in op.output_arg_names}

    def translate(self) -> None:
        """Puts the twin in the place of the program in `loaded`."""
        for operator in self.source.ops:
            handler = self.handlers.get(operator.type)
            if handler is not None:
                handler(operator)
            elif "quantize" in operator.type:
                raise ConversionError(
                    f"the quantized program holds {operator.type}, which the host check can't simulate; "
                    "use another recipe"
                )
            else:
                self.write.copy(operator)
        if not self.quantized_weights:
            raise ConversionError(
                "the program to check holds no int8 weights: nothing was quantized; "
                "see skip and quantizable_op_type in the recipe"
            )
        logits = self.write.name(self.loaded.fetches[0].name)
        self.loaded.program, self.loaded.fetches = self.write.program, [self.write.block.var(logits)]

    def _quantize_linear(self, operator: Operator) -> None:
        (source,), (result,) = operator.input("X"), operator.output("Y")
        if _only_observes(operator):
            self.write.alias[result] = self.write.name(source)
        else:
            self._quantize(source, result, operator.input("Scale")[0], lowest=-128.0, ties_to_even=True)

    def _dequantize_linear(self, operator: Operator) -> None:
        (source,), (result,) = operator.input("X"), operator.output("Y")
        scale = operator.input("Scale")[0]
        if self.source.var(source).persistable:
            self.write.constant(result, self._weight(source, scale, operator.attr("quant_axis")))
        elif _only_observes(operator):
            self.write.alias[result] = self.write.name(source)
        else:
            self._dequantize(self.write.name(source), result, self._scale_of(scale), LEVELS)

    def _fake_quantize(self, operator: Operator) -> None:
        result = operator.output("Out")[0]
        self._quantize(operator.input("X")[0], result, operator.input("InScale")[0], lowest=-127.0)

    def _fake_quantize_dequantize(self, operator: Operator) -> None:
        result, scale = operator.output("Out")[0], operator.input("InScale")[0]
        self._quantize(operator.input("X")[0], f"{result}.int8", scale, lowest=-127.0)
        self._dequantize(f"{result}.int8", result, self._scale_of(scale), LEVELS)

    def _fake_dequantize_channels(self, operator: Operator) -> None:
        (source,), (result,) = operator.input("X"), operator.output("Out")
        weight_scales, scale = operator.input("Scales")
        factors, scaled = f"{result}.weight_scales", f"{result}.weight_scaled"
        self.write.constant(factors, self._finite(weight_scales))
        self._check_whole_weights(source)
        # Channels are the second of a convolution's four dimensions, else the last.
        axis = 1 if operator.attr("quant_axis") == 0 else -1
        self.write.binary("elementwise_mul", source, factors, scaled, axis)
        self._dequantize(scaled, result, self._scale_of(scale), LEVELS * LEVELS)

    def _fake_dequantize(self, operator: Operator) -> None:
        (source,), (result,) = operator.input("X"), operator.output("Out")
        self._check_whole_weights(source)
        scale = self._scale_of(operator.input("Scale")[0])
        self._dequantize(source, result, scale, np.float32(operator.attr("max_range")))

    def _quantize(
        self, source: str, result: str, scale: str, *, lowest: float, ties_to_even: bool = False
    ) -> None:
        scaled, shifted, rounded = f"{result}.scaled", f"{result}.shifted", f"{result}.rounded"
        self.write.scale(self.write.name(source), scaled, LEVELS * (np.float32(1) / self._scale_of(scale)))
        if ties_to_even:
            # Not by two `scale` operators: Lite's optimizer would merge them, and nothing would be rounded.
            shift = self.write.number(_TO_EVEN)
            self.write.binary("elementwise_add", scaled, shift, shifted)
            self.write.binary("elementwise_sub", shifted, shift, rounded)
        else:
            self.write.unary("round", scaled, rounded)
        self.write.unary("clip", rounded, result, min=lowest, max=float(LEVELS))

    def _dequantize(self, source: str, result: str, scale: np.float32, levels: np.float32) -> None:
        # In two steps as Paddle does it: one multiplication by scale / levels has other last bits.
        scaled = f"{result}.scaled_back"
        self.write.scale(source, scaled, scale)
        self.write.binary("elementwise_div", scaled, self.write.number(levels), result)

    def _scale_of(self, name: str) -> np.float32:
        scale = np.float32(self.loaded.parameter(name).reshape(-1)[0])
        # Below that its inverse is infinite.
        if not np.finfo(np.float32).tiny <= scale < np.inf:
            tensor = name.removesuffix("@scale").removesuffix(".quant_dequant")
            raise ConversionError(
                f"the activation scale of {tensor} is {scale:g}: calibration saw only zeros, NaN or infinite "
                "values there; check the weights, calibrate with other pictures, or use another algo"
            )
        return scale

    def _finite(self, name: str) -> np.ndarray:
        scales = self.loaded.parameter(name).astype(np.float32).reshape(-1)
        if not np.isfinite(scales).all():
            raise ConversionError(f"the weight scales {name} are not finite; check the weights")
        return scales

    def _weight(self, name: str, scale: str, axis: int) -> np.ndarray:
        """The int8 weight `name` times its scale; `axis` is that of the output channels, -1 for one scale."""
        values, scales = self.loaded.parameter(name), self._finite(scale)
        if values.dtype != np.int8:
            raise ConversionError(
                f"the weight {name} is {values.dtype}, not int8; quantize the network again"
            )
        shape = [1] * values.ndim
        if axis >= 0:
            shape[axis] = -1
        self.quantized_weights += 1
        with np.errstate(over="ignore"):
            weight = values.astype(np.float32) * scales.reshape(shape) / LEVELS
        if not np.isfinite(weight).all():
            raise ConversionError(f"the weight {name} is not finite; check the weights")
        return weight

    def _check_whole_weights(self, product: str) -> None:
        """Looks at the weights of the layer that gives `product`: the older format keeps them as float32."""
        for name in self.producers[product].input_arg_names:
            if self.source.var(name).persistable:
                values = self.loaded.parameter(name)
                if not (values == np.rint(values)).all() or np.abs(values).max() > LEVELS:
                    raise ConversionError(
                        f"the weight {name} holds other than whole numbers from -127 to 127, which Paddle Lite "
                        "would cut off; use round_type: round"
                    )
                self.quantized_weights += 1


def _only_observes(operator: Operator) -> bool:
    """Whether a quantizer of the ONNX format only notes a scale and passes its input on."""
    return bool(operator.has_attr("only_observer") and operator.attr("only_observer"))
