"""Reads `.safetensors`: a length, a JSON table of names, and the tensors' bytes.

Not by the `safetensors` library, which hands bfloat16 to PyTorch only; `tests/test_checkpoints.py` holds this against
files that the library wrote. Source of the format: the library's README ("Format").
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO

import numpy as np

from lite.errors import InputError
from lite.model.tensors import DTYPES, State, check_total, checked_dtype, damaged, is_shape, to_float32

# The largest DeiT's table has 20 kB.
_MAXIMUM_TABLE = 4_000_000
_NAMES = {"F16": "float16", "F32": "float32", "F64": "float64", "BF16": "bfloat16"}


def is_safetensors(head: bytes, size: int) -> bool:
    """Whether a file of `size` bytes that begins with the nine bytes `head` is one."""
    return len(head) >= 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def read(file: BinaryIO, size: int) -> State:
    """Reads name → float32 array in C order from a file of `size` bytes.

    Raises InputError for tensors of other types, a table that is too long or does not fit the bytes.
    """
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > min(_MAXIMUM_TABLE, size - 8):
        raise InputError(f"its table of tensors has {length:,} bytes, far more than a DeiT's")
    table = json.loads(file.read(length), object_pairs_hook=_no_doubles)
    start, end = 8 + length, size
    if not isinstance(table, dict):
        raise InputError("its table of tensors is none")
    table.pop("__metadata__", None)
    places = {name: _place(name, entry, end - start) for name, entry in table.items()}
    check_total(sum(stop - begin for begin, stop in places.values()), size)
    state: State = {}
    for name, (begin, stop) in places.items():
        shape, dtype = table[name]["shape"], _NAMES[table[name]["dtype"]]
        file.seek(start + begin)
        raw = np.frombuffer(file.read(stop - begin), DTYPES[dtype]).reshape(shape)
        state[name] = to_float32(raw, dtype)
    return state


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InputError("its table names a tensor twice")
    return found


def _place(name: str, entry: object, available: int) -> tuple[int, int]:
    if not isinstance(entry, dict):
        raise damaged(name)
    shape, code, offsets = (entry.get(key) for key in ("shape", "dtype", "data_offsets"))
    if not isinstance(code, str):
        raise damaged(name)
    dtype = checked_dtype(name, _NAMES.get(code, code))
    match offsets:
        case [int(begin), int(stop)] if is_shape(shape) and 0 <= begin <= stop <= available:
            if stop - begin == math.prod(shape) * dtype.itemsize:
                return begin, stop
    raise damaged(name)
