"""Instructions that a `.nb` takes on an ARM core with int8 dot products (Cortex-A76): a model of Lite's kernels.

`instructions` adds up the operators of a converted model, for one picture on one thread. It stands in for a phone
where graph forms are compared. It is not time: memory and issue width are not in it.

Half of it is **read** from the source of Paddle Lite 2.13: matrix products go in tiles of 8 rows by 12 columns (113
instructions for four steps of depth in float, for sixteen in int8), narrower at the right edge, rows padded to 8;
what is packed, how often; which loops are scalar. The other half, the constants below, is **fitted** by least
squares, with what the source suggests as the prior, to counts of Lite 2.13rc0 under qemu-user: whole DeiT-tiny
graphs (three digits), linear layers over 197 tokens (two digits) and parts. In millions, counted → model:

    PaddleClas's form, erf GELU            fp32  584 → 584.0
    q, k, v as three layers, erf           fp32  501 → 500.8    int8  245 → 245.2
    the same, tanh                         fp32  476 → 476.2    int8  220 → 220.6
    packed qkv + split, tanh               fp32  476 → 475.7    int8  219 → 218.7
    one layer per head, tanh               fp32  449 → 448.2    int8  195 → 194.1
    per head, A·V and 16 channels float                         int8  214 → 215.7
    192→768   fp32 9.1 → 9.10, int8 3.0 → 3.02      768→192   fp32 9.1 → 9.03, int8 2.8  → 2.78
    192→192   fp32 2.3 → 2.33, int8 0.86 → 0.85     192→576   fp32 6.8 → 6.84, int8 2.3  → 2.30
    192→64    fp32 0.83 → 0.84, int8 0.38 → 0.38

`benchmarks/forms.py` builds these forms and prints the table. Nothing was counted for what has no count there:
products with a single row (the class token alone), broadcasts and the rarer activations rest on the source only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from lite.errors import InputError
from lite.nb import LiteModel
from lite.shapes import Shape, Step, steps


class UnknownCostError(InputError):
    """An operator whose instructions are not known, or a kernel that is not fp32 or int8 on an ARM CPU."""


@dataclass(frozen=True)
class Cost:
    """Instructions of the operator at `index` of `model.ops`; `precision` is its kernel's."""

    index: int
    type: str
    precision: str
    instructions: float


# Instructions, fitted: of a run, of starting an operator, of writing out a tile of 8 x 12.
RUN = 32_000.0
_OPERATOR = 1_300.0
_TILE = 96.0
_TILE_INT8 = 448.0  # with bias and scale a column, as fc has them
_TILE_INT8_CONVOLUTION = 330.0  # with bias and scale a row; a 1x1 convolution takes 3-6 % less than fc
_TILE_INT8_PLAIN = 190.0  # matmul_v2: scaled afterwards
# Instructions an element, fitted.
_PACK, _PACK_INT8 = 1.1, 0.78
_PACK_COLUMNS = 0.55
_BIAS = 0.73
_PRODUCT_SCALE = 1.8
_IM2COL = 4.5
_TRANSPOSE = 17.3
_SLICE = 12.0  # for each dimension: every index is divided anew
_GELU, _GELU_TANH = 25.1, 11.54
# Instructions an element, counted alone (softmax, layer_norm, hard_swish) or read.
_RATES = {
    "softmax": 16.2, "layer_norm": 3.7, "hard_swish": 2.65,
    "calib": 29 / 16, "calib_once": 0.0, "scale": 1.2, "clip": 1.15, "relu": 1.0, "sigmoid": 9.5, "swish": 10.0,
    "tanh": 17.0, "reshape": 0.4, "reshape2": 0.4, "concat": 0.4, "split": 0.4,
}  # fmt: skip
_SAME_SHAPE, _ROW, _ROW_ELEMENT, _BROADCAST_ADD, _SCALAR = 1.2, 18.0, 0.9, 1.3, 18.0
_TRANSPOSE_MATRIX = 2.0
_VECTOR, _VECTOR_INT8 = 0.6, 0.16  # a multiply-add, where the product has one row or column
# A tile's main loop, read: instructions for one step of depth (int8: four) by its width.
_LOOP, _LOOP_4, _LOOP_1 = 28.25, 11.25, 4.0
_LOOP_INT8 = {0: 0.0, 4: 15.0, 8: 24.0, 12: 28.25}


def instructions(model: LiteModel, input_shape: Shape) -> float:
    """Instructions of one run of a `.nb` for ARM on one input of `input_shape` (NCHW).

    Within 1 % of the counts it was fitted to. Raises UnknownCostError or UnknownShapeError at the first
    operator that cannot be judged.
    """
    return RUN + sum(cost.instructions for cost in costs(model, input_shape))


def costs(model: LiteModel, input_shape: Shape) -> list[Cost]:
    """Instructions of each operator, in running order; raises as `instructions` does."""
    found = []
    for step in steps(model, input_shape):
        op, kernel = step.op, step.op.kernel
        where = f"operator {step.index} of {model.path}, {op.type},"
        if kernel.target not in ("arm", "host") or kernel.precision == "fp16":
            raise UnknownCostError(
                f"{where} runs on {kernel.target} in {kernel.precision}; only fp32 and int8 for ARM can be costed"
            )
        if op.type not in _COSTS:
            raise UnknownCostError(f"{where} has no known cost")
        found.append(Cost(step.index, op.type, kernel.precision, _OPERATOR + _COSTS[op.type](step)))
    return found


def linear(rows: int, inputs: int, outputs: int, *, int8: bool) -> float:
    """Instructions of one linear layer with bias, its start and (int8) its input's quantization included."""
    start = int8 * quantization(rows * inputs) + _OPERATOR
    return start + _linear(rows, inputs, outputs, int8=int8, bias=True)


def quantization(elements: int) -> float:
    """Instructions of quantizing an activation, its operator's start included."""
    return _OPERATOR + _RATES["calib"] * elements


def shift(rows: int, columns: int) -> float:
    """Instructions of adding one number a column to [rows, columns] (`mlp.shift` of `lite/deploy.py`)."""
    return _OPERATOR + (_BROADCAST_ADD if rows > 1 else _SAME_SHAPE) * rows * columns


def scaling(rows: int, columns: int) -> float:
    """Instructions of multiplying [rows, columns] by one number a column (`mlp.scale`): zeros, added to, times."""
    factors = _OPERATOR + _RATES["scale"] * rows * columns + shift(rows, columns)
    return factors + _OPERATOR + _SAME_SHAPE * rows * columns


def outliers(rows: int, hidden: int, units: int, columns: int) -> float:
    """Instructions of splitting `units` of [rows, hidden] off, into a float layer of their own (`lite/deploy.py`).

    What the int8 layer behind the others no longer has to do is taken off.
    """
    if not units:
        return 0.0
    split = _OPERATOR + _RATES["split"] * rows * hidden
    # Without a bias it is no `fc` to Lite.
    apart = _OPERATOR + matmul(rows, units, columns, int8=False)
    total = _OPERATOR + _SAME_SHAPE * rows * columns
    saved = linear(rows, hidden, columns, int8=True) - linear(rows, hidden - units, columns, int8=True)
    return split + apart + total - saved


def product(rows: int, depth: int, columns: int, *, int8: bool, tile: float) -> float:
    """Instructions of multiplying a packed [rows, depth] with a packed [depth, columns].

    `tile` is what a tile takes beside its main loop.
    """
    if rows == 1 or columns == 1:
        return (_VECTOR_INT8 if int8 else _VECTOR) * rows * depth * columns
    whole, rest = divmod(columns, 12)
    fours, ones = divmod(rest, 4)
    if int8:
        fours, ones = -(-rest // 4), 0
        loop = -(-depth // 4) * (whole * _LOOP + _LOOP_INT8[4 * fours])
    else:
        loop = depth * (whole * _LOOP + fours * _LOOP_4 + ones * _LOOP_1)
    return -(-rows // 8) * (loop + (whole + (fours + ones) / 3) * tile)


def _linear(rows: int, depth: int, columns: int, *, int8: bool, bias: bool) -> float:
    tile = _TILE_INT8 if int8 else _TILE
    cost = product(rows, depth, columns, int8=int8, tile=tile)
    if rows == 1:
        return cost
    if int8:  # the weights were packed when the model was loaded
        return cost + _PACK_INT8 * rows * depth
    return cost + _PACK * rows * depth + _PACK_COLUMNS * depth * columns + bias * _BIAS * rows * columns


def _fc(step: Step) -> float:
    depth, columns = _input(step, "W")
    rows = _elements(step) // columns
    bias = bool(step.op.inputs.get("Bias"))
    return _linear(rows, depth, columns, int8=_is_int8(step), bias=bias)


def _matmul(step: Step) -> float:
    *batch, rows, columns = _output(step)
    depth = step.macs // _elements(step)
    return math.prod(batch) * matmul(rows, depth, columns, int8=_is_int8(step))


def matmul(rows: int, depth: int, columns: int, *, int8: bool) -> float:
    """Instructions of [rows, depth] with [depth, columns], both activations; start and quantization aside."""
    cost = product(rows, depth, columns, int8=int8, tile=_TILE_INT8_PLAIN if int8 else _TILE)
    if rows > 1 and columns > 1:
        cost += (_PACK_INT8 if int8 else _PACK) * depth * (rows + columns)
    return cost + int8 * _PRODUCT_SCALE * rows * columns


def _conv2d(step: Step) -> float:
    filters, channels, *kernel = _input(step, "Filter")
    if step.op.attributes.get("groups", 1) != 1:
        raise UnknownCostError("the cost of a convolution in groups is not known")
    depth, columns = channels * math.prod(kernel), math.prod(_output(step)[2:])
    return convolution(filters, depth, columns, int8=_is_int8(step), unfolds=math.prod(kernel) != 1)


def convolution(filters: int, depth: int, columns: int, *, int8: bool, unfolds: bool = True) -> float:
    """Instructions of filters of `depth` weights at `columns` places; start and quantization aside."""
    tile = _TILE_INT8_CONVOLUTION if int8 else _TILE
    moved = unfolds * _IM2COL + (_PACK_INT8 if int8 else _PACK_COLUMNS)
    return product(filters, depth, columns, int8=int8, tile=tile) + moved * depth * columns


def _gelu(step: Step) -> float:
    return (_GELU_TANH if step.op.attributes.get("approximate") else _GELU) * _elements(step)


def _transpose(step: Step) -> float:
    # One axis moved behind others that stay in order is a plain matrix transpose, which is vectorized in float.
    axes, misplaced, place = step.op.attributes["axis"], 0, 0
    for axis in range(len(axes)):
        if axes[place] == axis:
            place += 1
        else:
            misplaced += 1
    return (_TRANSPOSE_MATRIX if misplaced <= 1 else _TRANSPOSE) * _elements(step)


def _slice(step: Step) -> float:
    return _SLICE * len(_input(step, "Input")) * _elements(step)


def _elementwise(step: Step) -> float:
    x, y, count = _input(step, "X"), _input(step, "Y"), _elements(step)
    if x == y:
        return _SAME_SHAPE * count
    while y and y[-1] == 1:
        y = y[:-1]
    axis = step.op.attributes.get("axis", -1)
    axis = len(x) - len(_input(step, "Y")) if axis < 0 else axis
    if x[axis : axis + len(y)] == y:
        # A loop for each of y's elements, though only one element of x belongs to it.
        rows = math.prod(x[: axis + len(y)])
        return _ROW * rows + _ROW_ELEMENT * count
    return (_BROADCAST_ADD if step.op.type == "elementwise_add" else _SCALAR) * count


def _rate(operator: str) -> Callable[[Step], float]:
    return lambda step: _RATES[operator] * _elements(step)


def _input(step: Step, parameter: str) -> Shape:
    shape = step.inputs[parameter][0]
    if shape is None:
        raise UnknownCostError(f"the shape of operator {step.index}'s input {parameter} is not known")
    return shape


def _output(step: Step) -> Shape:
    return next(iter(step.outputs.values()))


def _elements(step: Step) -> int:
    return sum(map(math.prod, step.outputs.values()))


def _is_int8(step: Step) -> bool:
    return step.op.kernel.precision == "int8"


_COSTS: dict[str, Callable[[Step], float]] = {
    **{operator: _rate(operator) for operator in _RATES},
    **dict.fromkeys(
        [f"elementwise_{name}" for name in ("add", "sub", "mul", "div", "min", "max")], _elementwise
    ),
    "conv2d": _conv2d,
    "fc": _fc,
    "gelu": _gelu,
    "matmul_v2": _matmul,
    "slice": _slice,
    "transpose": _transpose,
    "transpose2": _transpose,
}
