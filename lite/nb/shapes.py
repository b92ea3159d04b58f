"""Propagates shapes through the program of a `.nb`, from its input in running order.

The shapes stored in the file are stale wherever opt made two variables share one name. An operator without a
rule here ends it; nothing is guessed.

opt keeps no layer names either, but the program tells them (`layers`): two layer norms open each block's halves, and
what reads a linear layer says whether it is a query's or a value's.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from lite.errors import InputError
from lite.nb.reader import LiteModel, Op

Shape = tuple[int, ...]
Shapes = dict[str, Shape]


class UnknownShapeError(InputError):
    """A shape cannot be derived: an operator without a rule, or an input that does not fit the program."""


@dataclass(frozen=True)
class ShapedOp:
    """The operator at `index` of `model.ops` with the shapes of what it reads and of what it makes.

    `inputs` by parameter (None for a shape nobody knows), `outputs` by variable; `macs` are multiply-adds.
    """

    index: int
    op: Op
    inputs: dict[str, tuple[Shape | None, ...]]
    outputs: Shapes
    macs: int


def steps(model: LiteModel, input_shape: Shape) -> Iterator[ShapedOp]:
    """The operators between feed and fetch in running order, for one input of `input_shape` (NCHW).

    Raises UnknownShapeError where a shape cannot be derived.
    """
    shapes: Shapes = {name: tensor.shape for name, tensor in model.params.items()}
    for index, op in enumerate(model.ops):
        if op.type == "feed":
            if len(model.inputs) != 1:
                raise UnknownShapeError(
                    f"{model.path} has {len(model.inputs)} inputs", why="one is supported"
                )
            shapes[op.outputs["Out"][0]] = tuple(input_shape)
            continue
        if op.type == "fetch":
            continue
        if op.type not in _RULES:
            raise UnknownShapeError(f"operator {index} of {model.path}, {op.type}, has no shape rule")
        inputs = {name: tuple(map(shapes.get, variables)) for name, variables in op.inputs.items()}
        try:
            results, macs = _RULES[op.type](op, shapes)
        except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError) as error:
            raise UnknownShapeError(
                f"operator {index} of {model.path}, {op.type}, does not fit input {list(input_shape)}",
                remedy="give the size the model was exported for",
            ) from error
        # Side outputs (XShape, Mean, ...) may share a name with something else: what was known is void.
        for names in op.outputs.values():
            for name in names:
                shapes.pop(name, None)
        shapes.update(results)
        yield ShapedOp(index, op, inputs, results, macs)


def _shape(op: Op, shapes: Shapes, *parameters: str) -> Shape:
    for parameter in parameters:
        if op.inputs.get(parameter):
            return shapes[op.inputs[parameter][0]]
    raise KeyError(parameters[0])


def _result(op: Op, shape: Shape, parameter: str = "Out") -> Shapes:
    return {op.outputs[parameter][0]: shape}


def _refuse_inputs(op: Op, *parameters: str) -> None:
    # Their values are computed while running, so the shape is not known before.
    if any(op.inputs.get(parameter) for parameter in parameters):
        raise ValueError("shape depends on a tensor")


def _same(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    return _result(op, _shape(op, shapes, "X", "Input")), 0


def _layer_norm(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    return _result(op, _shape(op, shapes, "X"), "Y"), 0


def _elementwise(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    x, y = _shape(op, shapes, "X"), _shape(op, shapes, "Y")
    axis = op.attributes.get("axis", -1)
    if axis >= 0:
        y = y + (1,) * (len(x) - axis - len(y))
    return _result(op, tuple(np.broadcast_shapes(x, y))), 0


def _reshape(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    _refuse_inputs(op, "Shape", "ShapeTensor")
    x = _shape(op, shapes, "X")
    # 0 copies the input's dimension, -1 takes what is left.
    wanted = [x[axis] if dim == 0 else dim for axis, dim in enumerate(op.attributes["shape"])]
    if -1 in wanted:
        known = math.prod(dim for dim in wanted if dim != -1)
        wanted[wanted.index(-1)] = math.prod(x) // known
    if min(wanted) < 0 or math.prod(wanted) != math.prod(x):
        raise ValueError("reshape changes the number of elements")
    return _result(op, tuple(wanted)), 0


def _transpose(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    x, axes = _shape(op, shapes, "X"), op.attributes["axis"]
    if sorted(axes) != list(range(len(x))):
        raise ValueError("axes do not fit")
    return _result(op, tuple(x[axis] for axis in axes)), 0


def _concat(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    _refuse_inputs(op, "AxisTensor")
    parts = [shapes[name] for name in op.inputs["X"]]
    axis = op.attributes["axis"] % len(parts[0])
    rest = {part[:axis] + part[axis + 1 :] for part in parts}
    if len(rest) != 1:
        raise ValueError("parts differ outside of the axis")
    return _result(op, (*parts[0][:axis], sum(part[axis] for part in parts), *parts[0][axis + 1 :])), 0


def _split(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    _refuse_inputs(op, "AxisTensor", "SectionsTensorList")
    x, names = _shape(op, shapes, "X"), op.outputs["Out"]
    axis = op.attributes["axis"] % len(x)
    sections = list(op.attributes.get("sections") or [x[axis] // len(names)] * len(names))
    if -1 in sections:
        sections[sections.index(-1)] = x[axis] - sum(size for size in sections if size != -1)
    if len(sections) != len(names) or sum(sections) != x[axis] or min(sections) < 0:
        raise ValueError("sections do not add up")
    pieces = [(*x[:axis], size, *x[axis + 1 :]) for size in sections]
    return dict(zip(names, pieces, strict=True)), 0


def _slice(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    _refuse_inputs(op, "StartsTensor", "EndsTensor", "StartsTensorList", "EndsTensorList")
    shape = list(_shape(op, shapes, "Input"))
    attributes = op.attributes
    for axis, start, end in zip(attributes["axes"], attributes["starts"], attributes["ends"], strict=True):
        shape[axis] = len(range(*slice(start, end).indices(shape[axis])))
    removed = [axis % len(shape) for axis in attributes.get("decrease_axis", ())]
    return _result(op, tuple(dim for axis, dim in enumerate(shape) if axis not in removed)), 0


def _conv2d(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    batch, channels, *image = _shape(op, shapes, "Input")
    filters, per_group, *kernel = _shape(op, shapes, "Filter")
    attributes = op.attributes
    algorithm = attributes.get("padding_algorithm", "EXPLICIT")
    pads = attributes["paddings"] if algorithm != "VALID" else (0, 0)
    before_after = pads if len(pads) == 4 else (pads[0], pads[0], pads[1], pads[1])
    if per_group * attributes.get("groups", 1) != channels:
        raise ValueError("filter and input differ in channels")
    out = []
    for axis in range(2):
        stride, reach = attributes["strides"][axis], attributes["dilations"][axis] * (kernel[axis] - 1) + 1
        padded = image[axis] + before_after[2 * axis] + before_after[2 * axis + 1]
        same = algorithm == "SAME"
        out.append(-(-image[axis] // stride) if same else (padded - reach) // stride + 1)
    if min(out) < 1:
        raise ValueError("picture smaller than the kernel")
    shape = (batch, filters, *out)
    return _result(op, shape, "Output"), math.prod(shape) * per_group * math.prod(kernel)


def _fc(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    x, (depth, width) = _shape(op, shapes, "Input"), _shape(op, shapes, "W")
    # Made from matmul_v2 it works on the last axis, whatever in_num_col_dims says; from mul, on that many.
    from_matmul = op.attributes.get("op_type", "mul") in ("matmul", "matmul_v2")
    leading = x[:-1] if from_matmul else x[: op.attributes["in_num_col_dims"]]
    if math.prod(x[len(leading) :]) != depth:
        raise ValueError("input and weight differ in depth")
    return _result(op, (*leading, width)), math.prod(leading) * depth * width


def _mul(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    x, y = _shape(op, shapes, "X"), _shape(op, shapes, "Y")
    rows, columns = op.attributes["x_num_col_dims"], op.attributes["y_num_col_dims"]
    if math.prod(x[rows:]) != math.prod(y[:columns]):
        raise ValueError("factors differ in depth")
    shape = (*x[:rows], *y[columns:])
    return _result(op, shape), math.prod(shape) * math.prod(x[rows:])


def _matmul(op: Op, shapes: Shapes) -> tuple[Shapes, int]:
    x, y = _shape(op, shapes, "X"), _shape(op, shapes, "Y")
    # matmul_v2's names of the two attributes, then matmul's.
    if op.attributes.get("trans_x", op.attributes.get("transpose_X")):
        x = x[:-2] + x[:-3:-1]
    if op.attributes.get("trans_y", op.attributes.get("transpose_Y")):
        y = y[:-2] + y[:-3:-1]
    (*x_batch, rows, depth), (*y_batch, inner, columns) = x, y
    if depth != inner:
        raise ValueError("factors differ in depth")
    shape = (*np.broadcast_shapes(tuple(x_batch), tuple(y_batch)), rows, columns)
    return _result(op, shape), math.prod(shape) * depth


_SAME = (
    "abs", "calib", "calib_once", "cast", "clip", "dropout", "erf", "exp", "floor", "gelu", "hard_sigmoid",
    "hard_swish", "io_copy", "io_copy_once", "layout", "layout_once", "relu", "relu6", "round", "rsqrt",
    "scale", "sigmoid", "softmax", "sqrt", "square", "swish", "tanh",
)  # fmt: skip
_ELEMENTWISE = tuple(f"elementwise_{name}" for name in ("add", "div", "max", "min", "mul", "pow", "sub"))

_RULES: dict[str, Callable[[Op, Shapes], tuple[Shapes, int]]] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys([f"fusion_{name}_activation" for name in _ELEMENTWISE], _elementwise),
    **dict.fromkeys(("reshape", "reshape2"), _reshape),
    **dict.fromkeys(("transpose", "transpose2"), _transpose),
    **dict.fromkeys(("conv2d", "depthwise_conv2d"), _conv2d),
    **dict.fromkeys(("matmul", "matmul_v2"), _matmul),
    "concat": _concat,
    "fc": _fc,
    "layer_norm": _layer_norm,
    "mul": _mul,
    "slice": _slice,
    "split": _split,
}


# The operators that multiply and add; a convolution's weight is its Filter, fc's its W, the others' Y (or X).
MAC_OPS = ("conv2d", "depthwise_conv2d", "fc", "matmul", "matmul_v2", "mul")


def int8_coverage(model: LiteModel, input_shape: Shape) -> float | None:
    """Share (0-1) of the multiply-adds that int8 kernels do; None where shapes cannot be derived, or there are none."""
    try:
        found = list(steps(model, input_shape))
    except UnknownShapeError:
        return None
    total = sum(step.macs for step in found)
    return sum(step.macs for step in found if step.op.kernel.precision == "int8") / total if total else None


_LINEAR = ("fc", "mul", "matmul", "matmul_v2")
# What they do to a tensor leaves it the same layer's.
_MOVES = ("reshape", "reshape2", "transpose", "transpose2", "split", "slice", "concat", "scale", "calib")


def layers(steps: Iterable[ShapedOp], parameters: Iterable[str]) -> dict[int, str]:
    """Layer of each operator by its index, for a DeiT's steps (`lite.nb.shapes.steps`) and its parameters' names.

    The names are those that a recipe's `skip` takes, and `attn.softmax`, `mlp.gelu`, `norm1`, `mlp.outliers` beside
    them; q, k and v that one layer makes are `attn.qkv`. What quantizes an input belongs to the layer that reads it,
    anything else (sums, splits, transposes) to the layer whose output it takes. Empty for a program that is no chain
    of blocks.
    """
    program = _Program(list(steps), frozenset(parameters))
    norms = [place for place, step in enumerate(program.steps) if step.op.type == "layer_norm"]
    if len(norms) < 3 or not len(norms) % 2:
        return {}
    names: dict[int, str] = {}
    for place, step in enumerate(program.steps):
        before = sum(norm <= place for norm in norms)
        name = program.anchor(place, before, len(norms) // 2)
        if name is None and step.op.type != "calib":
            made_by = [program.behind_calibs(source) for source in program.sources[place]]
            producers = [names[source] for source in made_by if source in names]
            name = producers[-1] if producers else "patch_embed.proj"
        if name is not None:
            names[place] = name
    for place in reversed(range(len(program.steps))):
        if place not in names:
            read_by = [names[reader] for reader in program.readers[place] if reader in names]
            names[place] = read_by[0] if read_by else "head"
    return {program.steps[place].index: name for place, name in names.items()}


class _Program:
    """Steps with what makes their inputs, in running order and by parameter, and what reads their outputs."""

    def __init__(self, steps: list[ShapedOp], parameters: frozenset[str]):
        self.steps, self.parameters = steps, parameters
        self.sources: list[list[int]] = []
        self.made_by: list[dict[str, set[int]]] = []
        self.readers: dict[int, list[int]] = defaultdict(list)
        # opt lets tensors share a name once the older one has been read, so the last writer counts.
        writer: dict[str, int] = {}
        for place, step in enumerate(steps):
            self.made_by.append(
                {
                    parameter: {writer[name] for name in names if name in writer}
                    for parameter, names in step.op.inputs.items()
                }
            )
            self.sources.append(sorted(set().union(*self.made_by[-1].values())))
            for source in self.sources[-1]:
                self.readers[source].append(place)
            writer |= dict.fromkeys(step.outputs, place)

    def anchor(self, place: int, before: int, blocks: int) -> str | None:
        """Name of the layer that the operator at `place` is itself, after `before` layer norms; None if none."""
        op = self.steps[place].op
        block, half = divmod(before - 1, 2)
        inside = f"blocks.{block}"
        if op.type == "conv2d":
            return "patch_embed.proj"
        if op.type == "layer_norm":
            return f"{inside}.norm{half + 1}" if block < blocks else "norm"
        if op.type == "softmax":
            return f"{inside}.attn.softmax"
        if self._is_gelu(place):
            return f"{inside}.mlp.gelu"
        if op.type not in _LINEAR:
            return None
        if block >= blocks:
            return "head_dist" if self._class_token(place) else "head"
        if not self._has_weight(place):
            return f"{inside}.attn.{'qk' if 'softmax' in self._next(place) else 'av'}"
        if half:
            return f"{inside}.mlp.{self._of_mlp(place)}"
        return f"{inside}.attn.{self._parts(place) or 'proj'}"

    def _class_token(self, place: int) -> int:
        """Which class token the head at `place` reads: which of two heads runs first is opt's choice."""
        while self.sources[place] and self.steps[place].op.type != "layer_norm":
            if self.steps[place].op.type == "slice":
                return int(self.steps[place].op.attributes["starts"][0])
            place = self.sources[place][0]
        return 0

    def behind_calibs(self, place: int) -> int:
        """What made the tensor at `place`, where that only changes its precision."""
        while self.steps[place].op.type == "calib" and self.sources[place]:
            place = self.sources[place][0]
        return place

    def _is_gelu(self, place: int) -> bool:
        """Whether this is GELU, or of its fp16 form (`lite/nb/fp16.py`) the square or the sigmoid."""
        op = self.steps[place].op
        squares = op.type == "elementwise_mul" and op.inputs["X"] == op.inputs["Y"]
        return squares or op.type in ("gelu", "sigmoid")

    def _of_mlp(self, place: int) -> str:
        if any(self._is_gelu(reader) for _, reader in self._reached(place)):
            return "fc1"
        # What is split off has a layer without a bias, which opt leaves a plain product.
        return "fc2" if self.steps[place].op.type == "fc" else "outliers"

    def _parts(self, place: int) -> str:
        """Which of q, k and v a linear layer makes: "" for none of them."""
        found = set()
        for source, reader in self._reached(place):
            if self.steps[reader].op.type in _LINEAR and not self._has_weight(reader):
                sides = {"X": "q", "Y": "k"} if "softmax" in self._next(reader) else {"Y": "v"}
                found |= {part for side, part in sides.items() if source in self.made_by[reader][side]}
        return "".join(sorted(found, key="qkv".index))

    def _next(self, place: int) -> set[str]:
        return {self.steps[reader].op.type for _, reader in self._reached(place)}

    def _reached(self, place: int) -> Iterable[tuple[int, int]]:
        """(source, reader) for what reads the output at `place`, directly or after what only moves it."""
        for reader in self.readers[place]:
            if self.steps[reader].op.type in _MOVES:
                yield from self._reached(reader)
            else:
                yield place, reader

    def _has_weight(self, place: int) -> bool:
        op = self.steps[place].op
        return any(name in self.parameters for names in op.inputs.values() for name in names)
