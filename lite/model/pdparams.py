"""Reads a `.pdparams` file, a pickle of parameter names and arrays, without trusting it.

`lite/model/plain_pickle.py` says what the file holds, and leaves the bytes in it. The arrays are made here, one after
the other, from what was checked: together they have no more bytes than the file. NumPy's own pickle support is kept out
because a crafted dtype state can make it read memory it should not.
"""

from __future__ import annotations

import codecs
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lite.errors import InputError
from lite.model import plain_pickle, pytorch
from lite.model.plain_pickle import Array, Dtype, Span, Table, by_name, kind
from lite.model.state import MAXIMUM_BYTES, State, check_total, damaged, is_shape, reading
from lite.shown import shown

ACCEPTED_DTYPES = ("f2", "f4", "f8")
_BLOCK = 1 << 20
_NAME_TABLE = "StructuredToParameterName@@"
_SLICES = "UnpackBigParamInfor@@"


def read_state(path: Path) -> State:
    """Reads `path` into name → float32 array in C order.

    Reads what `paddle.save` writes (protocols 2 to 4, the name table, arrays cut into slices, tensors as
    (name, array) tuples) and plain pickles of such dicts. float16 and float64 become float32. It takes less than twice
    the file's size of memory, and 200 MB. Raises InputError for anything else: a missing, cut, foreign or oversized
    file, a pickle that wants other code, a training checkpoint, a tensor of another dtype, tensors that share their
    bytes. Source of the format: Paddle's `framework/io.py`.
    """
    with reading(path):
        if not path.exists():
            raise InputError("there is no such file")
        if not path.is_file():
            raise InputError("it is not a file")
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            _check_kind(file.read(len(pytorch.OLD)), status.st_size)
            file.seek(0)
            tensors = _tensors(plain_pickle.load(file, status.st_size))
            _check_bytes(tensors, status.st_size)
            return {name: _filled(name, tensor, file) for name, tensor in tensors.items()}


def _check_kind(head: bytes, size: int) -> None:
    if size == 0:
        raise InputError("it is empty")
    if size > MAXIMUM_BYTES:
        raise InputError(f"it has {size / 1e9:.1f} GB, the largest DeiT 0.35 GB", why="it is something else")
    if head.startswith(pytorch.ZIP):
        raise InputError(
            "it is a zip file, probably a PyTorch checkpoint", remedy="a Paddle .pdparams file is needed"
        )
    if head == pytorch.OLD:
        raise InputError("it is a PyTorch checkpoint", remedy="a Paddle .pdparams file is needed")
    if not head.startswith(b"\x80"):
        hint = ", but a web page" if head.lstrip()[:1] == b"<" else ""
        raise InputError(f"it is not a .pdparams, PyTorch or safetensors file{hint}")


@dataclass(frozen=True)
class _Tensor:
    """Shape, dtype and order were checked; `parts` are the bytes, one after the other."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    parts: tuple[object, ...]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def _tensors(content: object) -> dict[str, _Tensor]:
    """Name → tensor, those together that Paddle cut into slices."""
    values = by_name(content)
    slices = values.pop(_SLICES, None)
    values.pop(_NAME_TABLE, None)
    seen: set[int] = set()
    for name, value in values.items():
        # Dicts can share their pairs, and are looked through once.
        if isinstance(value, Table) and id(value.pairs) not in seen:
            seen.add(id(value.pairs))
            if any(isinstance(inner, Array | tuple) for _, inner in value.items()):
                key = shown(name, 80)
                raise InputError(
                    f"it is a training checkpoint, its weights nested under {key}",
                    remedy=f"save them alone: paddle.save(paddle.load(FILE)[{key}], NEW_FILE)",
                )
    tensors = {name: _tensor(name, value) for name, value in values.items()}
    if not tensors:
        raise InputError("it holds no tensors")
    return _joined(tensors, slices)


def _tensor(name: str, value: object) -> _Tensor:
    if isinstance(value, tuple) and len(value) == 2:
        value = value[1]
    if not isinstance(value, Array):
        raise InputError(f"{shown(name)} is no tensor (type {kind(value)})")
    code = value.dtype.code if isinstance(value.dtype, Dtype) else "?"
    if code not in ACCEPTED_DTYPES:
        dtype_name = np.dtype(code).name if re.fullmatch("[biu][1248]", code) else shown(code)
        hint = ", Paddle's form of bfloat16" if code == "u2" else ""
        raise InputError(
            f"tensor {shown(name)} has dtype {dtype_name}{hint}",
            remedy="save it as float32, float16 or float64",
        )
    assert isinstance(value.dtype, Dtype)
    order = ">" if value.dtype.byte_order == ">" else "<"
    shape = _shape(value.shape)
    if shape is None or not isinstance(value.fortran, bool | int):
        raise damaged(name)
    return _Tensor(shape, np.dtype(f"{order}{code}"), bool(value.fortran), (value.data,))


def _shape(value: object) -> tuple[int, ...] | None:
    return tuple(value) if is_shape(value) else None


def _joined(tensors: dict[str, _Tensor], slices: object) -> dict[str, _Tensor]:
    # Protocols 2 and 3 cut arrays above 1 GiB into flat slices, listed with the shape they make together.
    if slices is None:
        return tensors
    whole = dict(tensors)
    wrong = InputError("its table of sliced tensors does not fit its tensors")
    for name, entry in by_name(slices).items() if isinstance(slices, Table) else [("", None)]:
        found = by_name(entry) if isinstance(entry, Table) else {}
        names, shape = found.get("slices"), _shape(found.get("OriginShape"))
        if not isinstance(names, list) or not names or shape is None:
            raise wrong
        # Each slice is taken once.
        parts = [whole.pop(part, None) if isinstance(part, str) else None for part in names]
        kinds = {part.dtype if part and len(part.shape) == 1 else None for part in parts}
        dtype = kinds.pop()
        if kinds or dtype is None:
            raise wrong
        together = _Tensor(shape, dtype, False, tuple(data for part in parts if part for data in part.parts))
        if together.bytes != sum(part.bytes for part in parts if part):
            raise wrong
        whole[name] = together
    return whole


def _check_bytes(tensors: dict[str, _Tensor], size: int) -> None:
    total = 0
    for name, tensor in tensors.items():
        # A character of text is one byte, and up to two in the file.
        held = sum(
            part.length if isinstance(part, Span) else len(_short(name, part)) for part in tensor.parts
        )
        if tensor.bytes > held:
            raise damaged(name)
        total += tensor.bytes
    check_total(total, size)


def _short(name: str, data: object) -> bytes:
    if not isinstance(data, str):
        raise damaged(name)
    return data.encode("latin1")


def _filled(name: str, tensor: _Tensor, file: BinaryIO) -> np.ndarray:
    """The array, in blocks, so that nothing but itself is in memory."""
    array = np.empty(tensor.shape, np.float32)
    flat = array.T.flat if tensor.fortran else array.reshape(-1)
    done, rest = 0, b""
    # What overflows becomes infinite, which the check of the values then names.
    with np.errstate(over="ignore"):
        for block in _blocks(name, tensor, file):
            rest += block
            count = len(rest) // tensor.dtype.itemsize
            if done + count > array.size:
                raise damaged(name)
            flat[done : done + count] = np.frombuffer(rest, tensor.dtype, count)
            done, rest = done + count, rest[count * tensor.dtype.itemsize :]
    if done != array.size or rest:
        raise damaged(name)
    return array


def _blocks(name: str, tensor: _Tensor, file: BinaryIO) -> Iterator[bytes]:
    for part in tensor.parts:
        if not isinstance(part, Span):
            yield _short(name, part)
            continue
        decoder = codecs.getincrementaldecoder("utf-8")()
        file.seek(part.offset)
        for start in range(0, part.length, _BLOCK):
            block = file.read(min(_BLOCK, part.length - start))
            if part.text:
                yield decoder.decode(block, final=start + _BLOCK >= part.length).encode("latin1")
            else:
                yield block
