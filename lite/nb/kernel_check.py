"""Checks that a converted model holds the kernels that were asked for.

opt reports success for much else: INT8 that became fp32, fp32 kernels fed with int8 weights.
"""

from __future__ import annotations

from lite.errors import ConversionError
from lite.nb import gpu
from lite.nb.precisions import check_precisions
from lite.nb.reader import LiteModel, Op, Tensor
from lite.nb.shapes import MAC_OPS

_INT8 = ("int8", "int8-fp16")
# The parameters of an operator that can be its weight, in the order to look.
_WEIGHTS = ("Filter", "W", "Y", "X")


class WrongKernelsError(ConversionError):
    """opt wrote a file that holds kernels it should not, or lacks those that were asked for."""


def check_kernels(model: LiteModel, precision: str, targets: tuple[str, ...]) -> None:
    """Compares the kernels of `model` with what was asked for.

    `precision`: fp32, fp16, int8 (which may keep some operators in float, but not with int8 weights) or int8-fp16.
    `targets`: arm, opencl or x86, in order of preference.
    Raises WrongKernelsError naming the first thing that is wrong, why, and what to do; WrongPrecisionError where a
    kernel would read a tensor as something that it is not (`lite/nb/precisions.py`), GpuError where a GPU's kernel
    would crash or answer wrongly (`lite/nb/gpu.py`).
    """
    for op in model.ops:
        _check_weight(op, model)
    heavy = {(op.kernel.target, op.kernel.precision) for op in model.ops if op.type in MAC_OPS}
    found, precisions = {target for target, _ in heavy}, {precision for _, precision in heavy}
    if precision not in _INT8 and "int8" in precisions:
        raise WrongKernelsError(
            f"{precision} was asked for but int8 kernels came out",
            why="the program is quantized, and opt ignores fp16 on such a program",
            remedy="give the float program, or ask for int8",
        )
    if precision in _INT8 and "int8" not in precisions:
        raise WrongKernelsError(
            f"{precision} was asked for but the model became fp32 (no int8 kernel came out)",
            why="the program is not quantized",
            remedy="give the program that post-training quantization wrote",
        )
    if "opencl" in targets and "opencl" not in found:
        raise WrongKernelsError(
            "opencl was asked for but no convolution or matrix product got an OpenCL kernel",
            remedy="put opencl before arm, and keep tensors at four dimensions or less",
        )
    if precision == "fp16" and "fp16" not in precisions:
        raise WrongKernelsError(
            "fp16 was asked for but no convolution or matrix product got an fp16 kernel",
            why=f"only arm and opencl have them, not {', '.join(targets)}",
        )
    # Here all products may be in INT8, and what is between them in FP16.
    if precision == "int8-fp16" and not any(op.kernel.precision == "fp16" for op in model.ops):
        raise WrongKernelsError(
            "int8-fp16 was asked for but no operator got an fp16 kernel",
            why="opt ignores fp16 on a quantized program",
            remedy="convert with tools/opt.py, which puts them in",
        )
    strays = found - {*targets, "host"}
    if strays:
        raise WrongKernelsError(
            f"kernels for {', '.join(sorted(strays))} came out where {', '.join(targets)} was asked for",
            why="this opt is another build",
            remedy="install the pinned paddlelite",
        )
    check_precisions(model)
    gpu.check(model)


def _check_weight(op: Op, model: LiteModel) -> None:
    found = _weight(op, model)
    if found is None:
        return
    parameter, weight = found
    kernel = op.kernel
    name = op.inputs[parameter][0]
    if weight.dtype == "int8" and kernel.precision != "int8":
        raise WrongKernelsError(
            f"{op.type} keeps an {kernel.precision} kernel with int8 weights ({name}) and would answer NaN",
            why=f"Paddle Lite has no int8 {op.type} for {kernel.target}",
            remedy=(
                "convert int8 for arm, and for the host convert the twin (the same network with INT8 "
                "simulated in float)"
            ),
        )
    if weight.dtype == "float32" and kernel.precision == "int8":
        raise WrongKernelsError(
            f"{op.type} got an int8 kernel with float weights ({name})",
            why="the program is quantized in part",
            remedy="quantize it again",
        )
    scales = op.attributes.get(f"{parameter}0_scale")
    channels = _output_channels(op, parameter, weight)
    if weight.dtype == "int8" and isinstance(scales, tuple) and channels and len(scales) != channels:
        raise WrongKernelsError(
            f"{op.type} has {len(scales)} weight scale(s) for {channels} output channels ({name}) and would "
            "compute wrong numbers",
            why="opt mishandles per-tensor weights of the ONNX quantization format",
            remedy="quantize with weight_quantize_type channel_wise_abs_max",
        )


def _weight(op: Op, model: LiteModel) -> tuple[str, Tensor] | None:
    if op.type not in MAC_OPS:
        return None
    for parameter in _WEIGHTS:
        names = op.inputs.get(parameter)
        if names and names[0] in model.params:
            return parameter, model.params[names[0]]
    return None


def _output_channels(op: Op, parameter: str, weight: Tensor) -> int | None:
    # A convolution's filter is [outputs, ...], a matrix [inputs, outputs] unless transposed.
    if parameter == "Filter":
        return weight.shape[0]
    if parameter == "X":
        return None
    transposed = op.attributes.get("trans_y", op.attributes.get("transpose_Y", False))
    return weight.shape[-2 if transposed and parameter == "Y" else -1]
