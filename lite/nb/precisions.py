"""Types a `.nb`'s program: which precision each variable has when an operator reads it, from the feed on.

The loader believes the kernel that a file names for an operator, and a kernel believes that its inputs are what it
reads. Where they are not, it computes from the wrong bytes: no message, or a crash on the phone. What a kernel reads
and gives is what Paddle-Lite's sources register (`kernels/arm`, `kernels/host`); its ARM kernels only: programs with
kernels for GPUs or x86 are told by their own checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from lite.errors import ConversionError
from lite.nb.reader import LiteModel, Op, Tensor
from lite.shown import shown

# The loader halves a float parameter where one of these operators has an attribute of the parameter's name with this
# after it, whatever kernel the operator has (`light_api.cc`).
MARK = "_fp16"
HALVED_BY_MARK = (
    "conv2d", "depthwise_conv2d", "conv2d_transpose", "fc", "mul", "matmul", "matmul_v2", "gru", "sequence_conv",
    "elementwise_add", "elementwise_sub", "elementwise_div", "elementwise_mul", "prelu",
)  # fmt: skip
# Their fp16 kernels halve float weights themselves.
_HALVES_WEIGHTS = ("conv2d", "depthwise_conv2d", "fc")
_INT8_INPUTS = ("X", "Y", "Input", "W", "Filter")
_NAMES = {"float32": "fp32", "float16": "fp16"}


class WrongPrecisionError(ConversionError):
    """An operator's kernel would read a tensor as something that it is not."""


def check_precisions(model: LiteModel) -> None:
    """Raises WrongPrecisionError for the first operator of an ARM program whose input is not what its kernel reads.

    Parameters are looked at as the loader leaves them.
    """
    if any(op.kernel.target not in ("arm", "host") for op in model.ops):
        return
    halved = set(_halved(model))
    params = {name: of_parameter(tensor) for name, tensor in model.params.items()}
    params |= {name: "fp16" for name in halved if params[name] == "fp32"}
    found: dict[str, str] = {}
    for index, op in enumerate(model.ops):
        given = []
        for parameter, names in op.inputs.items():
            for name in names:
                if op.type == "feed":
                    continue
                wanted, has = reads(op, parameter), params.get(name) or found.get(name)
                where = f"operator {index} of {model.path.name}, {op.type} ({op.kernel.precision}),"
                if has is None:
                    raise WrongPrecisionError(f"{where} reads {shown(name)}, which nothing has written")
                if wanted not in (has, "any"):
                    why = "it is halved when it is loaded" if name in halved else "nothing converts it"
                    raise WrongPrecisionError(
                        f"{where} reads {parameter} as {wanted}, but {shown(name)} is {has}",
                        why=why,
                        remedy="convert it again",
                    )
                given.append(has)
        if op.kernel.precision == "any" and len(set(given)) > 1 and set(given) != {"fp16", "fp32"}:
            raise WrongPrecisionError(
                f"operator {index} of {model.path.name}, {op.type}, joins {', '.join(sorted(set(given)))}",
                remedy="convert it again",
            )
        result = gives(op, given)
        found |= {name: result for names in op.outputs.values() for name in names}


def of_parameter(tensor: Tensor) -> str:
    """A parameter's precision as the file has it."""
    return _NAMES.get(tensor.dtype, tensor.dtype)


def reads(op: Op, parameter: str) -> str:
    """What the operator's kernel reads an input as: fp32, fp16, int8, or "any" for what does not look inside."""
    precision = op.kernel.precision
    if op.type == "fetch":
        return "fp32"
    if op.type in ("calib", "calib_once"):
        return op.kernel.alias.split("_to_")[0]
    if precision == "int8" and parameter not in _INT8_INPUTS:
        return "fp32"
    return precision


def gives(op: Op, given: list[str]) -> str:
    """What the operator's kernel writes, from what its inputs are."""
    precision = op.kernel.precision
    if op.type == "feed":
        return "fp32"
    if op.type in ("calib", "calib_once"):
        return op.kernel.alias.split("_to_")[-1]
    if precision == "any":
        # Where they differ, concat converts the later ones to the first one's.
        return given[0] if given else "any"
    if precision == "int8":
        return "int8" if op.kernel.alias in ("int8out", "int8_out") else "fp32"
    return precision


def _halved(model: LiteModel) -> Iterator[str]:
    """Parameters that are fp16 when the program runs: those with a mark, and what an fp16 kernel halves itself."""
    for op in model.ops:
        itself = op.kernel.precision == "fp16" and op.type in _HALVES_WEIGHTS
        for name in (name for names in op.inputs.values() for name in names if name in model.params):
            if itself or (op.type in HALVED_BY_MARK and name + MARK in op.attributes):
                yield name
