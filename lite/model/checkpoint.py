"""Reads weights of any kind we know, told by what is in the file and never by its name."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from lite.errors import InputError
from lite.model import pdparams, pytorch
from lite.model.state import (
    DTYPES,
    MAXIMUM_BYTES,
    State,
    check_total,
    checked_dtype,
    damaged,
    is_shape,
    reading,
    to_float32,
)

Format = Literal["Paddle", "PyTorch", "safetensors"]
# What a folder of Hugging Face or timm calls its weights.
NAMES = ("model.safetensors", "pytorch_model.bin")
_HEAD = 64
# The largest DeiT's table of tensors in a `.safetensors` has 20 kB.
_MAXIMUM_TABLE = 4_000_000
_SAFETENSORS_NAMES = {"F16": "float16", "F32": "float32", "F64": "float64", "BF16": "bfloat16"}


@dataclass(frozen=True)
class WeightsFile:
    """Tensors by the file's names, float32; `part` is the key of a training checkpoint that they were under."""

    format: Format
    state: State
    part: str | None = None


def file_of(path: Path) -> Path:
    """The file of weights that `path` means: itself, or of a folder the one that Hugging Face's libraries write.

    Raises InputError for a folder without one.
    """
    if not path.is_dir():
        return path
    found = next((path / name for name in NAMES if (path / name).is_file()), None)
    if found is None:
        cut = any(path.glob("*.index.json"))
        raise InputError(
            f"the folder {path} has no {' or '.join(NAMES)}",
            why="its weights are in several files" if cut else None,
            remedy="save them in one file: save_pretrained(DIR, max_shard_size='5GB')"
            if cut
            else "give the file",
        )
    return found


def read(path: Path) -> WeightsFile:
    """Reads a `.pdparams` of Paddle 2 or 3, what `torch.save` writes (zip or older form), or a `.safetensors`.

    No code in it is run. It takes less than twice the file's size of memory, and 200 MB. Raises InputError for anything
    else: a missing, cut, foreign or oversized file, tensors of other numbers than floats or that share their bytes.
    """
    with reading(path):
        kind, size = _kind(path)
    if kind == "Paddle":
        return WeightsFile("Paddle", pdparams.read_state(path))
    with reading(path), path.open("rb") as file:
        if kind == "safetensors":
            return WeightsFile("safetensors", read_safetensors(file, size))
        return WeightsFile("PyTorch", *pytorch.read(file, size))


def _kind(path: Path) -> tuple[Format, int]:
    if not path.is_file():
        return "Paddle", 0  # whose reader says what is wrong
    with path.open("rb") as file:
        size, head = os.fstat(file.fileno()).st_size, file.read(_HEAD)
    if size > MAXIMUM_BYTES:
        return "Paddle", size
    if head.startswith((pytorch.ZIP, pytorch.OLD)):
        return "PyTorch", size
    if is_safetensors(head, size):
        return "safetensors", size
    if head.lstrip().startswith(b"{"):
        raise _json(head)
    return "Paddle", size


def _json(head: bytes) -> InputError:
    if b'"base_code"' in head or b'"pir"' in head:
        return InputError(
            "it is a program of Paddle 3, which Paddle Lite's optimizer cannot read",
            why="the weights are not in it",
            remedy="give its .pdparams to --weights, written by paddle.save(network.state_dict(), FILE) in Paddle 3 or "
            "2 (a program in the older form comes of paddle.jit.save with FLAGS_enable_pir_api=0 in the environment)",
        )
    return InputError(
        "it is JSON, not weights", remedy="give the .safetensors, .bin, .pth or .pdparams beside it"
    )


def is_safetensors(head: bytes, size: int) -> bool:
    """Whether a file of `size` bytes that begins with the nine bytes `head` is a `.safetensors`."""
    return len(head) >= 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def read_safetensors(file: BinaryIO, size: int) -> State:
    """Reads name → float32 array in C order from a `.safetensors` of `size` bytes.

    It holds a length, a JSON table of names, and the tensors' bytes. Not read by the `safetensors` library, which hands
    bfloat16 to PyTorch only; `tests/test_checkpoints.py` holds this against files that the library wrote. Source of the
    format: the library's README ("Format").

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
        shape, dtype = table[name]["shape"], _SAFETENSORS_NAMES[table[name]["dtype"]]
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
    dtype = checked_dtype(name, _SAFETENSORS_NAMES.get(code, code))
    match offsets:
        case [int(begin), int(stop)] if is_shape(shape) and 0 <= begin <= stop <= available:
            if stop - begin == math.prod(shape) * dtype.itemsize:
                return begin, stop
    raise damaged(name)
