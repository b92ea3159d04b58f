"""The parameters' part of a `.nb`: shape, dtype and size of each, checked against the bytes that are there.

Little-endian: uint16 version (0), uint16 length of a reserved part, uint16 length of the header, in it uint16
count and uint32 largest tensor; then for each parameter uint32 length of what follows and uint32 offset of
the flatbuffers ParamDesc in it. Source: Paddle-Lite's `model_parser` folder and its `param.fbs`.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from lite.nb.flatbuffer import INT64, UINT8, Buffer, DamagedError, View

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
            raise DamagedError(f"parameter {name!r} is there twice")
        params[name] = tensor
    if file.tell() != size:
        raise DamagedError(f"{size - file.tell()} bytes follow the last of its {count} parameters")
    return params


def _param(view: View) -> tuple[str, Tensor]:
    name, tensor = view.text(_PARAM_NAME), view.table(_PARAM_TENSOR)
    if tensor is None or view.number(_PARAM_KIND, UINT8) != _PARAM_IS_TENSOR:
        raise DamagedError(f"parameter {name!r} holds no tensor")
    dims, number = tensor.numbers(_PARAM_DIMS, INT64), tensor.number(_PARAM_DTYPE)
    if number not in _DTYPES:
        raise DamagedError(f"parameter {name!r} has dtype number {number}, which is unknown")
    dtype, width = _DTYPES[number]
    length = tensor.byte_length(_PARAM_DATA)
    if any(dim < 0 for dim in dims) or math.prod(dims) * width != length:
        raise DamagedError(f"parameter {name!r} is {dtype} {list(dims)} but holds {length} bytes")
    return name, Tensor(dims, dtype, length)
