"""Reads a Paddle Lite `.nb` without Paddle Lite, which would abort the whole process on a bad one.

Gives the optimizer's version, every operator with the kernel chosen for it, and the parameters' shapes.

The file, little-endian: uint16 meta version; char[16] version of opt; uint64 length of the program; the
program (flatbuffers ProgramDesc); then the parameters (`lite/nb/reader.py`).
Source: Paddle-Lite's `model_parser` folder and its `framework.fbs`; the slots are the fields' places there.
"""

from __future__ import annotations

import math
import os
import struct
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

from lite.errors import InputError
from lite.input_file import open_file
from lite.nb import program
from lite.nb.flatbuffer import INT64, UINT8, Buffer, DamagedError, View
from lite.nb.program import HEADER, KERNEL_ATTRIBUTE
from lite.shown import shown

META_VERSION = 2
_NB_BYTES = 1 << 33  # ten times the largest, deit_base's in fp32
# VarType's numbers of what feed reads and fetch writes.
FEED_OR_FETCH = (9, 10)

# paddle_place.h's enums, in their order.
_TARGETS = (
    "unk", "host", "x86", "cuda", "arm", "opencl", "any", "fpga", "npu", "xpu", "bm", "mlu", "rknpu", "apu",
    "huawei_ascend_npu", "imagination_nna", "intel_fpga", "metal", "nnadapter",
)  # fmt: skip
_PRECISIONS = (
    "unk", "fp32", "int8", "int32", "any", "fp16", "bool", "int64", "int16", "uint8", "fp64",
)  # fmt: skip
_LAYOUTS = (
    "unk", "nchw", "any", "nhwc", "image_default", "image_folder", "image_nw", "metal_texture_2d_array",
    "metal_texture_2d",
)  # fmt: skip


@dataclass(frozen=True)
class Kernel:
    """The implementation that opt chose for an operator: `fc` as `fp32out` on `arm` in `int8`."""

    op: str
    alias: str
    target: str
    precision: str
    layout: str


@dataclass(frozen=True)
class Op:
    """One operator of the program; inputs and outputs map a parameter (`X`) to its variables' names."""

    type: str
    kernel: Kernel
    inputs: dict[str, tuple[str, ...]] = field(hash=False)
    outputs: dict[str, tuple[str, ...]] = field(hash=False)
    attributes: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class LiteModel:
    """A `.nb`: ops in running order, `params` by name, `inputs` the declared shape of each fed variable."""

    path: Path
    bytes: int
    meta_version: int
    opt_version: str
    ops: tuple[Op, ...]
    inputs: dict[str, tuple[int, ...]] = field(hash=False)
    params: dict[str, Tensor] = field(hash=False)


class KernelCount(TypedDict):
    """One row of the kernel table; `count` operators run on such a kernel."""

    op: str
    target: str
    precision: str
    count: int


def read(path: Path | str) -> LiteModel:
    """Reads the `.nb` at `path`.

    Raises InputError when it is missing, empty, cut short, of another meta version, or no `.nb` at all.
    Flipped bits inside a parameter's data cannot be seen: the format has no checksum.
    """
    path = Path(path)
    if not path.is_file():
        why = "it is not a file" if path.exists() else "there is no such file"
        raise InputError(f"cannot read {path}", why=why, remedy="give the .nb that tools/opt.py made")
    try:
        with open_file(path, _NB_BYTES) as file:
            return _read(file, os.fstat(file.fileno()).st_size, path)
    except OSError as error:
        raise InputError(
            f"cannot read {path}", why=error.strerror, remedy="check its permissions and disk"
        ) from error
    except DamagedError as error:
        raise InputError(
            f"{path} is no usable Paddle Lite model", why=str(error), remedy="convert it again"
        ) from error
    except (struct.error, ValueError) as error:
        raise InputError(
            f"{path} is no usable Paddle Lite model",
            why=f"it is damaged ({error})",
            remedy="convert it again",
        ) from error


def kernel_table(model: LiteModel) -> list[KernelCount]:
    """Ops by kernel, sorted: [{op, target, precision, count}], the manifest's `kernels`."""
    counts = Counter((op.type, op.kernel.target, op.kernel.precision) for op in model.ops)
    return [
        {"op": op, "target": target, "precision": precision, "count": count}
        for (op, target, precision), count in sorted(counts.items())
    ]


def place(target: str, precision: str, layout: str) -> str:
    """The end of a kernel's name as files have it: the three as numbers."""
    numbers = _TARGETS.index(target), _PRECISIONS.index(precision), _LAYOUTS.index(layout)
    return "/".join(map(str, numbers))


def _read(file: BinaryIO, size: int, path: Path) -> LiteModel:
    header = file.read(HEADER.size)
    if not header:
        raise DamagedError("the file is empty")
    if len(header) < HEADER.size:
        raise DamagedError("it is cut short inside the header, or something else")
    meta_version, version, program_bytes = HEADER.unpack(header)
    opt_version = version.split(b"\0")[0].decode("ascii", "replace")
    if meta_version > 255 or not (opt_version and opt_version.isascii() and opt_version.isprintable()):
        raise DamagedError("it does not start like a .nb, with a meta version and opt's version")
    if meta_version != META_VERSION:
        raise DamagedError(
            f"it has meta version {meta_version}, of opt {opt_version}; this reads {META_VERSION}"
        )
    there = size - HEADER.size
    if program_bytes > there:
        raise DamagedError(f"it is cut short: {program_bytes} bytes of program announced, {there} there")
    blocks = program.parse(file.read(program_bytes)).blocks
    variables = {each.name: each for block in blocks for each in block.variables}
    ops = tuple(_op(each) for block in blocks for each in block.operators)
    params = read_params(file, size)
    _check(ops, variables, params)
    fed = [name for op in ops if op.type == "feed" for names in op.outputs.values() for name in names]
    # The declared shape is right for inputs only: opt reuses variables without correcting it.
    inputs = {name: variables[name].dims or () for name in fed}
    return LiteModel(path, size, meta_version, opt_version, ops, inputs, params)


def _op(operator: program.Operator) -> Op:
    attributes = {name: attribute.value for name, attribute in operator.attributes.items()}
    kernel = _kernel(operator.type, attributes.pop(KERNEL_ATTRIBUTE, None))
    return Op(operator.type, kernel, operator.inputs, operator.outputs, attributes)


def _kernel(op: str, text: Any) -> Kernel:
    parts = text.split("/") if isinstance(text, str) else []
    if not op or len(parts) != 5 or parts[0] != op or not all(part.isdecimal() for part in parts[2:]):
        raise DamagedError(f"operator {shown(op)} has no kernel ({shown(text)})")
    numbers = [int(part) for part in parts[2:]]
    names = (_TARGETS, _PRECISIONS, _LAYOUTS)
    if any(number >= len(words) for number, words in zip(numbers, names, strict=True)):
        raise DamagedError(f"kernel {shown(text)} is of a kind this reader does not know")
    target, precision, layout = (words[number] for number, words in zip(numbers, names, strict=True))
    return Kernel(op, parts[1], target, precision, layout)


def _check(ops: tuple[Op, ...], variables: dict[str, program.Variable], params: dict[str, Tensor]) -> None:
    # What would make the runtime abort only once it runs.
    for name, variable in variables.items():
        if variable.persistable and variable.kind not in FEED_OR_FETCH and name not in params:
            raise DamagedError(f"its program wants parameter {shown(name)}, which is not in the file")
    for op in ops:
        used = [name for side in (op.inputs, op.outputs) for names in side.values() for name in names]
        for name in used:
            if name not in variables:
                raise DamagedError(f"operator {shown(op.type)} uses {shown(name)}, which is not declared")
    if not {"feed", "fetch"} <= {op.type for op in ops}:
        raise DamagedError("its program has no input or no output")


_PARAM_NAME, _PARAM_KIND, _PARAM_TENSOR = 1, 2, 3
_PARAM_DIMS, _PARAM_DTYPE, _PARAM_DATA = 2, 3, 4
_PARAM_IS_TENSOR = 1

# VarType's numbers of the dtypes a tensor can have, and bytes of one element.
_DTYPES = {
    0: ("bool", 1), 1: ("int16", 2), 2: ("int32", 4), 3: ("int64", 8), 4: ("float16", 2),
    5: ("float32", 4), 6: ("float64", 8), 20: ("uint8", 1), 21: ("int8", 1),
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """What is known of a parameter: shape, dtype (`float32`, `int8`, …) and size in bytes."""

    shape: tuple[int, ...]
    dtype: str
    bytes: int


def read_params(file: BinaryIO, size: int) -> dict[str, Tensor]:
    """Reads the parameters by name, from where `file` (of `size` bytes) stands to its very end.

    Raises DamagedError or struct.error when they do not end there, or one is not what it says it is.
    """
    version, reserved = struct.unpack("<HH", file.read(4))
    if version != 0:
        raise DamagedError(f"its parameters have version {version} where 0 is known")
    file.seek(reserved, os.SEEK_CUR)
    (header_bytes,) = struct.unpack("<H", file.read(2))
    count, _ = struct.unpack_from("<HI", file.read(header_bytes))
    params: dict[str, Tensor] = {}
    for index in range(count):
        total, offset = struct.unpack("<II", file.read(8))
        if total - 4 > size - file.tell():
            raise DamagedError(f"it is cut short: parameter {index + 1} of {count} is not all there")
        if not 4 <= offset <= total:
            raise DamagedError(f"parameter {index + 1} of {count} has an impossible offset")
        record = file.read(total - 4)
        name, tensor = _param(Buffer(record[offset - 4 :]).root())
        if name in params:
            raise DamagedError(f"parameter {shown(name)} is there twice")
        params[name] = tensor
    if file.tell() != size:
        raise DamagedError(f"{size - file.tell()} bytes follow the last of its {count} parameters")
    return params


def _param(view: View) -> tuple[str, Tensor]:
    name, tensor = view.text(_PARAM_NAME), view.table(_PARAM_TENSOR)
    if tensor is None or view.number(_PARAM_KIND, UINT8) != _PARAM_IS_TENSOR:
        raise DamagedError(f"parameter {shown(name)} holds no tensor")
    dims, number = tensor.numbers(_PARAM_DIMS, INT64), tensor.number(_PARAM_DTYPE)
    if number not in _DTYPES:
        raise DamagedError(f"parameter {shown(name)} has dtype number {number}, which is unknown")
    dtype, width = _DTYPES[number]
    length = tensor.byte_length(_PARAM_DATA)
    if any(dim < 0 for dim in dims) or math.prod(dims) * width != length:
        raise DamagedError(f"parameter {shown(name)} is {dtype} {list(dims)} but holds {length} bytes")
    return name, Tensor(dims, dtype, length)
