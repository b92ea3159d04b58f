"""What readers of weights share: what is said of a bad file, the types of numbers they take, float32 of raw bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

import numpy as np

from lite.errors import InputError
from lite.shown import shown

State = dict[str, np.ndarray]

# By name: the little-endian dtype that the bytes are read as. NumPy has no bfloat16, whose bits are float32's first 16.
DTYPES: dict[str, np.dtype] = {
    "float16": np.dtype("<f2"),
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
    "bfloat16": np.dtype("<u2"),
}
MAXIMUM_DIMENSIONS = 8
MAXIMUM_BYTES = 2_000_000_000


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Makes one InputError, naming the file, of whatever reading `path` raises in the block."""
    try:
        yield
    except InputError as error:
        raise InputError(f"cannot read weights {path}", why=error.reason, remedy=error.remedy) from error
    except OSError as error:
        raise InputError(f"cannot read weights {path}", why=error.strerror or str(error)) from error
    except Exception as error:  # hostile or damaged bytes can raise anything at all
        raise InputError(
            f"cannot read weights {path}",
            why=f"it is cut short or damaged ({type(error).__name__})",
            remedy="copy or download it again",
        ) from error


def checked_dtype(name: str, dtype: str) -> np.dtype:
    """The dtype of tensor `name`'s bytes. Raises InputError for numbers that weights are not made of."""
    if dtype not in DTYPES:
        raise InputError(
            f"tensor {shown(name)} has dtype {shown(dtype)}", remedy="save it as float32, float16 or bfloat16"
        )
    return DTYPES[dtype]


def is_shape(value: object) -> TypeGuard[tuple[int, ...] | list[int]]:
    """Whether `value` is a tuple or list of at most eight sizes whose product is no number out of this world."""
    if not isinstance(value, tuple | list) or len(value) > MAXIMUM_DIMENSIONS:
        return False
    if not all(type(size) is int and 0 <= size <= MAXIMUM_BYTES for size in value):
        return False
    return math.prod(value) <= MAXIMUM_BYTES


def to_float32(raw: np.ndarray, dtype: str) -> np.ndarray:
    """A copy in C order as float32 of an array that `DTYPES[dtype]` was read as."""
    if dtype == "bfloat16":
        return (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
    # What overflows becomes infinite, which the check of the values then names.
    with np.errstate(over="ignore"):
        return np.array(raw, dtype=np.float32, order="C")


def check_total(sizes: int, file_size: int) -> None:
    """Raises InputError where tensors have more bytes together than their file."""
    if sizes > file_size:
        raise InputError(
            "its tensors have more bytes than the file",
            why="several names share one buffer, which no DeiT needs",
        )


def damaged(name: str) -> InputError:
    """The error for a tensor whose place or size is not in its file."""
    return InputError(f"tensor {shown(name)} is damaged", why="its shape does not fit its bytes")
