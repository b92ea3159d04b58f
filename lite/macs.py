"""Counts the multiply-adds of a `.nb` by operator and by precision of the kernel: what INT8 really covers."""

from __future__ import annotations

from dataclasses import dataclass

from lite.nb import LiteModel
from lite.shapes import Shape, UnknownShapeError, steps

# The operators that multiply and add; a convolution's weight is its Filter, fc's its W, the others' Y (or X).
MAC_OPS = ("conv2d", "depthwise_conv2d", "fc", "matmul", "matmul_v2", "mul")


@dataclass(frozen=True)
class Work:
    """Multiply-adds of the operator at `index` of `model.ops`; `precision` is its kernel's."""

    index: int
    type: str
    precision: str
    macs: int


def multiply_adds(model: LiteModel, input_shape: Shape) -> list[Work]:
    """Multiply-adds of each of `MAC_OPS`, for one input of `input_shape` (NCHW).

    Raises UnknownShapeError where a shape cannot be derived.
    """
    return [
        Work(step.index, step.op.type, step.op.kernel.precision, step.macs)
        for step in steps(model, input_shape)
        if step.op.type in MAC_OPS
    ]


def int8_coverage(model: LiteModel, input_shape: Shape) -> float | None:
    """Share (0-1) of the multiply-adds that int8 kernels do; None where shapes cannot be derived."""
    try:
        work = multiply_adds(model, input_shape)
    except UnknownShapeError:
        return None
    total = sum(item.macs for item in work)
    return sum(item.macs for item in work if item.precision == "int8") / total if total else None
