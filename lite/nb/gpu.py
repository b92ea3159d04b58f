"""What Paddle Lite's OpenCL kernels need in a `.nb` and opt does not see to: without it they crash or answer junk.

Found by running such programs on a CPU's OpenCL (docs/log.md), and read in Paddle-Lite's `kernels/opencl`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lite.errors import ConversionError
from lite.nb import program, reader, shapes
from lite.nb.program import INT, Attribute
from lite.nb.reader import LiteModel
from lite.nb.shapes import Shape, ShapedOp
from lite.shown import shown

_AXES = "in_num_col_dims"
# Parameters lie in the CPU's memory. These are uploaded by their kernels; any other is taken for an image.
_UPLOADED = {
    "conv2d": ("Filter", "Bias"),
    "depthwise_conv2d": ("Filter", "Bias"),
    "elementwise_add": ("Y",),
    "elementwise_div": ("Y",),
    "elementwise_mul": ("Y",),
    "elementwise_sub": ("Y",),
    "fc": ("W", "Bias"),
    "io_copy_once": ("Input",),
    "layer_norm": ("Scale", "Bias"),
    "matmul": ("Y",),
    "matmul_v2": ("Y",),
}


# The widest and highest image that every OpenCL 2.0 has; the engine aborts on a larger one than its device has.
MOST_PIXELS = 16384


class GpuError(ConversionError):
    """A program that an OpenCL kernel would crash on or answer wrongly."""


def mend(path: Path) -> LiteModel:
    """Rewrites the `.nb` at `path` so that OpenCL's `fc` reads its input's rows, and reads it back.

    opt makes `fc` of matmul_v2 and leaves `in_num_col_dims` at 1. The CPU's kernels mind op_type and take the last
    axis whatever it says; OpenCL's arranges an input of three or four axes by it, and all rows but the first are junk.
    """
    model = reader.read(path)
    axes = _axes(model)
    if axes:
        whole = program.read(path)
        (block,) = whole.blocks
        operators = tuple(
            replace(operator, attributes={**operator.attributes, _AXES: Attribute(INT, axes[index])})
            if index in axes
            else operator
            for index, operator in enumerate(block.operators)
        )
        program.write(replace(whole, blocks=(replace(block, operators=operators),)), path, path)
        model = reader.read(path)
    return model


def check(model: LiteModel) -> None:
    """Raises GpuError for the first OpenCL operator that would fail.

    That is one that reads a parameter as an image, `fc` of wrong axes (`mend`), or one whose image is too large.
    """
    for index, op in enumerate(model.ops):
        if op.kernel.target != "opencl":
            continue
        for parameter, names in op.inputs.items():
            given = [name for name in names if name in model.params]
            if given and parameter not in _UPLOADED.get(op.type, ()):
                raise GpuError(
                    f"operator {index} of {model.path.name}, {op.type}, would crash on a GPU",
                    why=f"it takes the parameter {shown(given[0])}, which lies in the CPU's memory, for an image",
                    remedy="export the network in the form for GPUs (lite.model.graph.GPU)",
                )
    for index in _axes(model):
        raise GpuError(
            f"operator {index} of {model.path.name}, fc, would answer junk on a GPU",
            why=f"{_AXES} is {model.ops[index].attributes.get(_AXES)} where its input has more axes",
            remedy="convert it again",
        )

    for step in _steps(model):
        width, height = _image(step)
        if max(width, height) > MOST_PIXELS:
            raise GpuError(
                f"operator {step.index} of {model.path.name}, {step.op.type}, would abort on a GPU",
                why=f"it needs an image of {width} x {height} pixels, where many have {MOST_PIXELS} a side at most",
                remedy="export the network in the form for GPUs (lite.model.graph.GPU)",
            )


def _steps(model: LiteModel) -> Iterator[ShapedOp]:
    """The operators for OpenCL with their shapes."""
    if any(op.kernel.target == "opencl" for op in model.ops):
        (shape,) = model.inputs.values()
        yield from (step for step in shapes.steps(model, shape) if step.op.kernel.target == "opencl")


def _image(step: ShapedOp) -> tuple[int, int]:
    """Width and height of the largest image that the operator makes: its output, or a convolution's weights."""
    images = [(1, 1)]
    if step.op.kernel.layout.startswith("image"):
        images += [_pixels(shape) for shape in step.outputs.values()]
    for weight in (each for each in step.inputs.get("Filter", ()) if each):
        outputs, inputs, height, width = weight
        images.append((-(-inputs // 4) * 4, -(-outputs // 4) * height * width))
    return max(images, key=max)


def _pixels(shape: Shape) -> tuple[int, int]:
    # Four channels are a pixel, of a matrix four columns.
    if len(shape) < 3:
        return -(-shape[-1] // 4), math.prod(shape[:-1])
    batch, channels, height, width = (1,) * (4 - len(shape)) + shape
    return -(-channels // 4) * width, batch * height


def _axes(model: LiteModel) -> dict[int, int]:
    """`in_num_col_dims` as OpenCL needs it, for each of its `fc` that has another and more than two axes."""
    wanted = {}
    for step in _steps(model):
        if step.op.type == "fc":
            (given,) = step.inputs["Input"]
            axes = len(given or ()) - 1
            if axes > 1 and step.op.attributes.get(_AXES) != axes:
                wanted[step.index] = axes
    return wanted
