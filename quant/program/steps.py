"""The one reader of quantized programs, and a writer of programs made from them, operator by operator.

`read` says what each operator that PaddleSlim adds does, in both formats it writes.

With LEVELS = 127 and s the scale of a tensor they compute:

    ONNX   quantize_linear     q = clip(round(x * (127 * (1 / s))), -128, 127), ties to even
           dequantize_linear   x = q * s / 127
    older  fake_quantize_*     q = clip(round(x * (127 * (1 / s))), -127, 127), ties away from zero
           fake_*dequantize_*  x = q * s / 127, or after a layer y * weight scale * s / 127**2
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import paddle
from paddle.static import Operator

from lite.errors import ConversionError
from lite.model.program import LoadedProgram

LEVELS = np.float32(127)  # symmetric int8
# Adding it to a float32 and taking it off again leaves the nearest whole number, ties to even (IEEE 754).
TO_EVEN = np.float32(1.5 * 2**23)
_FAKE = ("fake_quantize_range_abs_max", "fake_quantize_moving_average_abs_max")
_FAKE_BOTH = "fake_quantize_dequantize_moving_average_abs_max"
_FAKE_CHANNELS, _FAKE_PRODUCT = "fake_channel_wise_dequantize_max_abs", "fake_dequantize_max_abs"


class Step(NamedTuple):
    """What an operator makes `result` of `source` by, both names of tensors.

    `kind`: "quantize" and "dequantize" an activation, "both" at once, a "weight" to float, or scale the "product" of a
    layer whose weight is whole numbers (the older format). `scale` is the parameter with the activation's scale. A
    weight's scales are in the parameter `weight_scales`, along `axis`, -1 for a single one; or `weight_scales` is None
    and `max_range` is 127**2 over it. Values are from `lowest` to 127. An operator that `observes` passes its input on.
    """

    kind: Literal["quantize", "dequantize", "both", "weight", "product"]
    source: str
    result: str
    scale: str | None
    weight_scales: str | None = None
    axis: int = -1
    max_range: float = 0.0
    lowest: float = -127.0
    ties_to_even: bool = False
    observes: bool = False


def read(operator: Operator) -> Step | None:
    """What the operator does as a quantizer, None for one of the network's own.

    Raises ConversionError for a quantizer that is not known here.
    """
    kind = operator.type
    if "quantize" not in kind:
        return None
    source = operator.input("X")[0]
    if kind in ("quantize_linear", "dequantize_linear"):
        result, scale = operator.output("Y")[0], operator.input("Scale")[0]
        observes = bool(operator.has_attr("only_observer") and operator.attr("only_observer"))
        if kind == "quantize_linear":
            return Step(
                "quantize", source, result, scale, lowest=-128.0, ties_to_even=True, observes=observes
            )
        if operator.block.var(source).persistable:
            return Step("weight", source, result, None, scale, operator.attr("quant_axis"))
        return Step("dequantize", source, result, scale, lowest=-128.0, observes=observes)
    result = operator.output("Out")[0]
    if kind in _FAKE:
        return Step("quantize", source, result, operator.input("InScale")[0])
    if kind == _FAKE_BOTH:
        return Step("both", source, result, operator.input("InScale")[0])
    if kind == _FAKE_CHANNELS:
        weight_scales, scale = operator.input("Scales")
        return Step("product", source, result, scale, weight_scales, operator.attr("quant_axis"))
    if kind == _FAKE_PRODUCT:
        scale = operator.input("Scale")[0]
        return Step("product", source, result, scale, max_range=operator.attr("max_range"))
    raise ConversionError(
        f"the INT8 program holds {kind}, which is not known here", remedy="use another recipe"
    )


def activation_scale(loaded: LoadedProgram, name: str) -> np.float32:
    """The activation scale in the parameter `name`. Raises ConversionError for one that is zero or not finite."""
    scale = np.float32(loaded.parameter(name).reshape(-1)[0])
    # Below that its inverse is infinite.
    if not np.finfo(np.float32).tiny <= scale < np.inf:
        tensor = name.removesuffix("@scale").removesuffix(".quant_dequant")
        raise ConversionError(
            f"the activation scale of {tensor} is {scale:g}",
            why="calibration saw only zeros, NaN or infinite values there",
            remedy="check the weights, calibrate with other pictures, or use another algo",
        )
    return scale


def scaled_weight(loaded: LoadedProgram, name: str, scales: np.ndarray, axis: int) -> np.ndarray:
    """The weight `name`, whole numbers, times its scales / 127 along `axis`, -1 for a single one: float32.

    Raises ConversionError for values that are not finite.
    """
    whole = loaded.parameter(name).astype(np.float32)
    shape = [1] * whole.ndim
    if axis >= 0:
        shape[axis] = -1
    with np.errstate(over="ignore"):
        values = whole * np.asarray(scales, np.float32).reshape(shape) / LEVELS
    if not np.isfinite(values).all():
        raise ConversionError(f"the weight {name} is not finite", remedy="check the weights")
    return values


class ProgramWriter:
    """A new program in `program`, fed like `loaded`, whose parameters go into the scope `loaded` was read in.

    `alias` maps a tensor that is left out to the one that holds its values.
    """

    def __init__(self, loaded: LoadedProgram):
        self.feed, self.source = loaded.feed, loaded.program.global_block()
        self.program = paddle.static.Program()
        self.block = self.program.global_block()
        self.alias: dict[str, str] = {}
        self._declare(self.feed)

    def name(self, name: str) -> str:
        """The new program's variable with the values of the source's `name`."""
        name = self.alias.get(name, name)
        self._declare(name)
        return name

    def copy(self, operator: Operator) -> None:
        """Appends the operator as it is saved (an export leaves out outputs that `append_op` insists on)."""
        inputs = {name: self.name(name) for name in operator.input_arg_names}
        description = self.block.desc.append_op()
        description.copy_from(operator.desc)
        for old, new in inputs.items():
            description._rename_input(old, new)
        for name in operator.output_arg_names:
            self._written(name)
            self._declare(name)
        for name in description.attr_names():
            if name.startswith("quantization") or name.endswith("threshold"):
                description.remove_attr(name)
        self.block.ops.append(Operator(self.block, description))

    def constant(self, name: str, values: np.ndarray) -> None:
        """A float32 parameter."""
        self._written(name)
        self.block.create_var(name=name, shape=values.shape, dtype="float32", persistable=True)
        tensor = paddle.static.global_scope().var(name).get_tensor()
        tensor.set(np.ascontiguousarray(values, dtype=np.float32), paddle.CPUPlace())

    def number(self, value: np.float32) -> str:
        """Name of a parameter [1] with this value, one for all that ask for it."""
        name = f"number_{value:.0f}"
        if name not in self.block.vars:
            self.constant(name, np.array([value]))
        return name

    def unary(self, kind: str, source: str, result: str, **attributes: float) -> None:
        """Gives `result` = kind(source)."""
        self._append(kind, {"X": [source]}, result, attributes)

    def scale(self, source: str, result: str, factor: np.float32, bias: np.float32 | float = 0.0) -> None:
        """Gives `result` = source * factor + bias."""
        attributes = {"scale": float(factor), "bias": float(bias), "bias_after_scale": True}
        self._append("scale", {"X": [source]}, result, attributes)

    def binary(self, kind: str, left: str, right: str, result: str, axis: int = -1) -> None:
        """Gives `result` = kind(left, right); `right` has the dimensions of `left` from `axis` on."""
        self._append(kind, {"X": [left], "Y": [right]}, result, {"axis": axis})

    def _append(
        self, kind: str, inputs: dict[str, list[str]], result: str, attributes: dict[str, float]
    ) -> None:
        self._written(result)
        if result not in self.block.vars:
            shape = self.block.var(inputs["X"][0]).shape
            self.block.create_var(name=result, shape=shape, dtype="float32")
        self.block.append_op(type=kind, inputs=inputs, outputs={"Out": [result]}, attrs=attributes)

    def _written(self, name: str) -> None:
        # PaddleSlim may use a name for an observer's output first and for a quantizer's later.
        self.alias.pop(name, None)

    def _declare(self, name: str) -> None:
        if name not in self.block.vars:
            known = self.source.var(name)
            self.block.create_var(
                name=name,
                shape=known.shape,
                dtype=known.dtype,
                persistable=known.persistable,
                need_check_feed=name == self.feed,
            )
