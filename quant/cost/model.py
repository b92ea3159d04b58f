"""Instructions that a `.nb` takes on an ARM core for one picture on one thread: a model of Paddle Lite's kernels.

`instructions` adds up the operators of a converted model, `summary` says where they go. They stand in for a phone
where graph forms are compared. They are not time: memory and issue width are not in them.

Half of it is **read** from the source of Paddle Lite 2.13: matrix products go in tiles, of 8 rows by 12 columns with
113 instructions for four steps of depth in float (sixteen in int8 with dot products), narrower at the right edge, rows
padded to 8; int8 without dot products in tiles of 4 by 16 with 58 for four steps; what is packed, how often; which
loops are scalar. The other half, the rates of `quant/cost/rates.py`, is **fitted** by `benchmarks/cost_model.py` to
counts of Lite 2.13rc0 under qemu-user, operator by operator: 25 networks, DeiT-tiny to base in many forms
(`benchmarks/arm_counts.json`). Each network is within 1 % of its count where the rates are fitted to all others, nearly
all within 0.1 %; fitted to DeiT-tiny only, small and base are within 0.2 %. In millions, counted → modelled by a fit
to the other networks:

                                              Cortex-A76        Cortex-A73        Cortex-A53
    DeiT-tiny, float                        450.8 → 450.9     450.8 → 449.1     681.5 → 679.8
    DeiT-tiny, recipe paddleslim            242.3 → 242.4     433.0 → 433.3     433.1 → 433.4
    DeiT-tiny, recipe deit                  212.4 → 212.3     383.3 → 383.2     409.3 → 409.0
    DeiT-small, deit's form                 574.7 → 574.4    1215.6 → 1215.1
    DeiT-base, deit's form                 1777.6 → 1776.5
    PaddleClas's form of DeiT-tiny, float   607.6 → 602.3

The counts are of a build by the project's own compiler flags (-Os); with -O3 DeiT-tiny takes 3 to 13 % less, most of it
in transposes, GELU and softmax. Lite chooses kernels by the core's number in /proc/cpuinfo, and 2.13 does not know all
that have dot products (not 0xd0b, the Cortex-A76's own): a core it does not know runs what a Cortex-A73 does. Nothing
was counted of products with a broadcast factor and of the rarer activations, which rest on the source only.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lite.errors import InputError
from lite.nb import shapes
from lite.nb.reader import LiteModel
from lite.nb.shapes import Shape, ShapedOp, UnknownShapeError, steps
from quant.cost import products
from quant.cost.rates import CORES, DEFAULT_CORE, WITHOUT_DOT_PRODUCT, Core, Rates

_DEFAULT = CORES[DEFAULT_CORE]


class UnknownCostError(InputError):
    """An operator whose instructions are not known, or a kernel that the core does not have."""


class Cost(NamedTuple):
    """An operator and its instructions."""

    step: ShapedOp
    instructions: float


def instructions(model: LiteModel, input_shape: Shape, core: str = DEFAULT_CORE) -> float:
    """Instructions of one run of a `.nb` for ARM on one input of `input_shape` (NCHW), on a core of `CORES`.

    Raises UnknownCostError or UnknownShapeError at the first operator that cannot be judged.
    """
    return of_run(input_shape, CORES[core]) + sum(
        cost.instructions for cost in costs(model, input_shape, core)
    )


def costs(model: LiteModel, input_shape: Shape, core: str = DEFAULT_CORE) -> list[Cost]:
    """Instructions of each operator, in running order; raises as `instructions` does."""
    found = []
    for step in steps(model, input_shape):
        op, kernel = step.op, step.op.kernel
        where = f"operator {step.index} of {model.path}, {op.type},"
        if kernel.target not in ("arm", "host"):
            raise UnknownCostError(
                f"{where} runs on {kernel.target} in {kernel.precision}",
                why="only kernels for ARM can be costed",
            )
        if kernel.precision == "fp16" and not CORES[core].fp16:
            raise UnknownCostError(
                f"{where} runs in fp16", why=f"a {CORES[core].name} has no half-precision arithmetic"
            )
        found.append(Cost(step, of_step(step, CORES[core])))
    return found


def of_run(input_shape: Shape, core: Core) -> float:
    """Instructions of a run beside its operators."""
    return core.rates.run * math.prod(input_shape)


def of_step(step: ShapedOp, core: Core) -> float:
    """Instructions of one operator, its start included.

    Raises UnknownCostError for an operator without a known cost, and where its shapes are not known.
    """
    if step.op.type not in _COSTS:
        raise UnknownCostError(f"operator {step.index}, {step.op.type}, has no known cost")
    return core.rates.operator + _COSTS[step.op.type](step, core)


def summary(model: LiteModel, input_shape: Shape, core: str = DEFAULT_CORE) -> dict[str, Any] | None:
    """A manifest's `cost`: where instructions go, by operator and by layer, largest first.

    None for a model that cannot be judged: of GPU kernels, or with an operator that has no known cost. Cores without
    dot product have no fp16 either: `without_dot_product` is None for a model that needs it.
    """
    try:
        found = costs(model, input_shape, core)
    except (UnknownCostError, UnknownShapeError):
        return None
    fp16 = any(op.kernel.precision == "fp16" for op in model.ops)
    without = None if fp16 else round(instructions(model, input_shape, WITHOUT_DOT_PRODUCT))
    total = of_run(input_shape, CORES[core]) + sum(cost.instructions for cost in found)
    layer_of = shapes.layers([cost.step for cost in found], model.params)
    operators: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    layers: defaultdict[str, float] = defaultdict(float)
    for step, taken in found:
        kernel = step.op.kernel
        operators[step.op.type, kernel.target, kernel.precision].append(taken)
        if layer_of:
            layers[layer_of[step.index]] += taken
    return {
        "core": CORES[core].name,
        "instructions": round(total),
        "without_dot_product": without,
        "operators": [
            {
                "op": op,
                "target": target,
                "precision": precision,
                "count": len(each),
                "instructions": round(sum(each)),
            }
            for (op, target, precision), each in sorted(operators.items(), key=lambda item: -sum(item[1]))
        ],
        "layers": [
            {"layer": layer, "instructions": round(total)}
            for layer, total in sorted(layers.items(), key=lambda item: -item[1])
        ],
    }


def linear(rows: int, inputs: int, outputs: int, *, int8: bool, core: Core = _DEFAULT) -> float:
    """Instructions of one linear layer with bias, its start and (int8) its input's quantization included."""
    start = int8 * quantization(rows * inputs, core) + core.rates.operator
    return start + products.linear(rows, inputs, outputs, core, int8=int8, bias=True)


def linear_fp16(rows: int, inputs: int, outputs: int, core: Core) -> float:
    """Instructions of one linear layer with bias on an fp16 kernel, its start included; conversions aside."""
    return core.rates.operator + _fc_fp16(rows, inputs, outputs, core)


def quantization(elements: int, core: Core) -> float:
    """Instructions of quantizing an activation, its operator's start included."""
    return core.rates.operator + core.rates.calib * elements


def conversion(elements: int, core: Core) -> float:
    """Instructions of converting a tensor between float and fp16, its operator's start included."""
    return core.rates.operator + core.rates.calib_fp16 * elements


def shift(rows: int, columns: int, core: Core = _DEFAULT) -> float:
    """Instructions of adding one number a column to [rows, columns] (`mlp.shift` of `lite/model/deploy.py`)."""
    rates = core.rates
    return rates.operator + (_broadcast_add(rows, columns, rates) if rows > 1 else rates.same_shape * columns)


def scaling(rows: int, columns: int, core: Core = _DEFAULT) -> float:
    """Instructions of multiplying [rows, columns] by one number a column (`mlp.scale`): zeros, added to, times."""
    rates = core.rates
    factors = rates.operator + rates.scale * rows * columns + shift(rows, columns, core)
    return factors + rates.operator + rates.same_shape * rows * columns


def outliers(rows: int, hidden: int, units: int, columns: int, core: Core = _DEFAULT) -> float:
    """Instructions of splitting `units` of [rows, hidden] off, into a float layer of their own.

    What the int8 layer after the others no longer has to do is taken off.
    """
    if not units:
        return 0.0
    rates = core.rates
    split = rates.operator + rates.piece * 2 * rows + rates.copy * rows * hidden
    # Without a bias it is no `fc` to Lite.
    apart = rates.operator + products.matmul(rows, units, columns, core, int8=False, transposed=False)
    total = rates.operator + rates.same_shape * rows * columns
    whole, rest = (linear(rows, depth, columns, int8=True, core=core) for depth in (hidden, hidden - units))
    return split + apart + total - (whole - rest)


def _fc(step: ShapedOp, core: Core) -> float:
    depth, columns = _input(step, "W")
    rows = _elements(step) // columns
    if _is_fp16(step):
        return _fc_fp16(rows, depth, columns, core)
    return products.linear(
        rows, depth, columns, core, int8=_is_int8(step), bias=bool(step.op.inputs.get("Bias"))
    )


def _fc_fp16(rows: int, depth: int, columns: int, core: Core) -> float:
    return products.product_fp16(rows, depth, columns, core) + core.rates.bias_fp16 * rows * columns


def _matmul_v2(step: ShapedOp, core: Core) -> float:
    *batch, rows, columns = _output(step)
    depth = step.macs // _elements(step)
    transposed = bool(step.op.attributes.get("trans_y"))
    if _is_fp16(step):
        return math.prod(batch) * products.product_fp16(rows, depth, columns, core, transposed=transposed)
    return math.prod(batch) * products.matmul(
        rows, depth, columns, core, int8=_is_int8(step), transposed=transposed
    )


def _conv2d(step: ShapedOp, core: Core) -> float:
    filters, channels, *kernel = _input(step, "Filter")
    if step.op.attributes.get("groups", 1) != 1:
        raise UnknownCostError("the cost of a convolution in groups is not known")
    depth, columns = channels * math.prod(kernel), math.prod(_output(step)[2:])
    if _is_fp16(step):
        unfolded = core.rates.im2col * depth * columns * (math.prod(kernel) != 1)
        return products.product_fp16(filters, depth, columns, core) + unfolded
    return products.convolution(
        filters, depth, columns, core, int8=_is_int8(step), unfolds=math.prod(kernel) != 1
    )


def _gelu(step: ShapedOp, core: Core) -> float:
    rate = core.rates.gelu_tanh if step.op.attributes.get("approximate") else core.rates.gelu
    return rate * _elements(step)


def _softmax(step: ShapedOp, core: Core) -> float:
    if _is_fp16(step):
        return core.rates.softmax_fp16 * _elements(step)
    count, axis = _elements(step), _output(step)[-1]
    return core.rates.softmax * count + core.rates.softmax_rest * (axis % 4) * count // axis


def _layer_norm(step: ShapedOp, core: Core) -> float:
    count, width = _elements(step), _output(step)[-1]
    return core.rates.layer_norm * count + core.rates.layer_norm_row * count // width


def _transpose(step: ShapedOp, core: Core) -> float:
    # One axis moved after others that stay in order is a plain matrix transpose, which is vectorized in float.
    axes, misplaced, place = step.op.attributes["axis"], 0, 0
    for axis in range(len(axes)):
        if axes[place] == axis:
            place += 1
        else:
            misplaced += 1
    return (core.rates.transpose_matrix if misplaced <= 1 else core.rates.transpose) * _elements(step)


def _slice(step: ShapedOp, core: Core) -> float:
    # Every element's place is divided anew for each dimension; its own loop is half again as long.
    rates = core.rates
    return rates.slice_start + rates.slice * (len(_input(step, "Input")) + 1.5) * _elements(step)


def _pieces(step: ShapedOp, core: Core, parts: Sequence[Shape | None]) -> float:
    # Each part is copied row by row, whatever the axis: all before it are rows.
    axis = step.op.attributes["axis"] % len(_output(step))
    rows = math.prod(_output(step)[:axis])
    copy = core.rates.copy_fp16 if _is_fp16(step) else core.rates.copy
    return core.rates.piece * rows * len(parts) + copy * _elements(step)


def _elementwise(step: ShapedOp, core: Core) -> float:
    rates = core.rates
    x, y, count = _input(step, "X"), _input(step, "Y"), _elements(step)
    if _is_fp16(step):
        return (rates.same_shape_fp16 if x == y else rates.broadcast_fp16) * count
    if x == y:
        return rates.same_shape * count
    while y and y[-1] == 1:
        y = y[:-1]
    axis = step.op.attributes.get("axis", -1)
    axis = len(x) - len(_input(step, "Y")) if axis < 0 else axis
    if x[axis : axis + len(y)] == y:
        # A loop for each of y's elements, though only one element of x belongs to it.
        rows = math.prod(x[: axis + len(y)])
        return rates.row * rows + rates.row_element * count
    if step.op.type == "elementwise_add":
        return _broadcast_add(count // x[-1], x[-1], rates)
    return rates.scalar * count


def _broadcast_add(rows: int, columns: int, rates: Rates) -> float:
    return rows * (rates.broadcast_add_row + rates.broadcast_add * columns)


def _rate(name: str) -> Callable[[ShapedOp, Core], float]:
    def of(step: ShapedOp, core: Core) -> float:
        chosen = name + "_fp16" * (_is_fp16(step) and name in _HALVED)
        return getattr(core.rates, chosen) * _elements(step)

    return of


def _input(step: ShapedOp, parameter: str) -> Shape:
    shape = step.inputs[parameter][0]
    if shape is None:
        raise UnknownCostError(f"the shape of operator {step.index}'s input {parameter} is not known")
    return shape


def _output(step: ShapedOp) -> Shape:
    return next(iter(step.outputs.values()))


def _elements(step: ShapedOp) -> int:
    return sum(map(math.prod, step.outputs.values()))


def _is_int8(step: ShapedOp) -> bool:
    return step.op.kernel.precision == "int8"


def _is_fp16(step: ShapedOp) -> bool:
    return step.op.kernel.precision == "fp16"


# Of these, element by element, fp16 kernels were counted; the others' are taken to cost what float costs.
_HALVED = ("calib", "scale", "sigmoid")
_COSTS: dict[str, Callable[[ShapedOp, Core], float]] = {
    **{
        name: _rate(name)
        for name in ("layer_norm", "hard_swish", "calib", "scale", "clip", "relu", "sigmoid", "swish", "tanh")
    },
    **dict.fromkeys(
        [f"elementwise_{name}" for name in ("add", "sub", "mul", "div", "min", "max")], _elementwise
    ),
    # What is cast once is cast when the model is loaded.
    "calib_once": lambda step, core: 0.0,
    "concat": lambda step, core: _pieces(step, core, step.inputs["X"]),
    "conv2d": _conv2d,
    "fc": _fc,
    "gelu": _gelu,
    "layer_norm": _layer_norm,
    "matmul_v2": _matmul_v2,
    # Only the shape changes.
    **dict.fromkeys(("reshape", "reshape2"), lambda step, core: 0.0),
    "slice": _slice,
    "softmax": _softmax,
    "split": lambda step, core: _pieces(step, core, list(step.outputs.values())),
    "transpose": _transpose,
    "transpose2": _transpose,
}
