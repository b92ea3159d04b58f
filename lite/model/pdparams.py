"""Reads a `.pdparams` file, a pickle of parameter names and arrays, without trusting it.

The pickle gets none of NumPy's or Python's own callables, only the few stand-ins below, which record bytes,
shape and dtype; the arrays are made afterwards, from what was checked. NumPy's own pickle support is kept
out because a crafted dtype state can make it read memory it should not.
"""

from __future__ import annotations

import math
import mmap
import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lite.errors import InputError

State = dict[str, np.ndarray]

MAXIMUM_BYTES = 2_000_000_000
ACCEPTED_DTYPES = ("f2", "f4", "f8")
_NAME_TABLE = "StructuredToParameterName@@"
_SLICES = "UnpackBigParamInfor@@"
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


class _Dtype:
    def __init__(self, code: object):
        self.code, self.byte_order = str(code), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.byte_order = str(state[1])


class _Array:
    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.dtype, self.fortran, self.data = _Dtype("f4"), False, b""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        # Protocol 2 written by Python 2 holds the bytes as a string.
        self.shape, self.dtype, self.fortran, data = state[-4:]
        self.data = data.encode("latin1") if isinstance(data, str) else data


# The pure-Python reader, since the C one sizes its memo and byte arrays by what the file asks for.
class _Reader(pickle._Unpickler):
    dispatch: ClassVar = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: pickle._Unpickler.dispatch[pickle.BINBYTES8[0]],
    }

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Any] = {
            ("numpy", "ndarray"): "ndarray",
            ("numpy", "dtype"): self._dtype,
            ("_codecs", "encode"): self._encode,
            ("collections", "OrderedDict"): OrderedDict,
            ("builtins", "tuple"): tuple,
            ("__builtin__", "tuple"): tuple,
        }
        for core in ("numpy.core", "numpy._core"):
            allowed[f"{core}.multiarray", "_reconstruct"] = self._reconstruct
            allowed[f"{core}.numeric", "_frombuffer"] = self._from_buffer
        if (module, name) in allowed:
            return allowed[module, name]
        if module.split(".")[0] == "torch":
            raise InputError("it is a PyTorch checkpoint", remedy="a Paddle .pdparams file is needed")
        raise InputError(
            f"it wants to load {f'{module}.{name}'!r}, which weights do not need, and nothing of it was run",
            remedy="save the weights with paddle.save(model.state_dict(), FILE)",
        )

    def _reconstruct(self, *_: object) -> _Array:
        return _Array()

    def _dtype(self, code: object, *_: object) -> _Dtype:
        return _Dtype(code)

    def _encode(self, text: str, encoding: str) -> bytes:
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"encoding {encoding!r}")
        return text.encode("latin1")

    def _from_buffer(self, data: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
        array = _Array()
        array.__setstate__((shape, dtype, order == "F", data))
        return array


def read_state(path: Path) -> State:
    """Reads `path` into name → float32 array in C order; arrays that were float32 are read-only.

    Reads what `paddle.save` writes (protocols 2 to 4, the name table, arrays cut into slices, tensors as
    (name, array) tuples) and plain pickles of such dicts. float16 and float64 become float32. Raises
    InputError for anything else: a missing, cut, foreign or oversized file, a pickle that wants other code,
    a training checkpoint, a tensor of another dtype. Source of the format: Paddle's `framework/io.py`.
    """
    try:
        return _as_state(_unpickle(path))
    except InputError as error:
        raise InputError(f"cannot read weights {path}", why=error.reason, remedy=error.remedy) from error


def _unpickle(path: Path) -> object:
    if not path.exists():
        raise InputError("there is no such file")
    if not path.is_file():
        raise InputError("it is not a file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            _check_kind(file.read(len(_OLD_TORCH)), size)
            # Reads from a mapping never allocate more than the file holds, whatever length it claims.
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapping:
                return _Reader(mapping, encoding="latin1").load()
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{error.strerror or error}") from error
    except Exception as error:  # hostile or damaged bytes can raise anything at all
        raise InputError(
            f"it is cut short or damaged ({type(error).__name__})", remedy="copy or download it again"
        ) from error


def _check_kind(head: bytes, size: int) -> None:
    if size == 0:
        raise InputError("it is empty")
    if size > MAXIMUM_BYTES:
        raise InputError(f"it has {size / 1e9:.1f} GB, the largest DeiT 0.35 GB", why="it is something else")
    if head.startswith(b"PK\x03\x04"):
        raise InputError(
            "it is a zip file, probably a PyTorch checkpoint", remedy="a Paddle .pdparams file is needed"
        )
    if head == _OLD_TORCH:
        raise InputError("it is a PyTorch checkpoint", remedy="a Paddle .pdparams file is needed")
    if not head.startswith(b"\x80"):
        hint = ", but a web page" if head.lstrip()[:1] == b"<" else ""
        raise InputError(f"it is not a .pdparams file{hint}")


def _as_state(content: object) -> State:
    if not isinstance(content, dict):
        raise InputError(f"it holds no dict of tensors (type {_kind(content)})")
    tensors = {name: value for name, value in content.items() if name not in (_NAME_TABLE, _SLICES)}
    for name, value in tensors.items():
        if not isinstance(name, str):
            raise InputError(f"it holds a key that is no name (type {_kind(name)})")
        if isinstance(value, dict) and any(isinstance(inner, (_Array, tuple)) for inner in value.values()):
            raise InputError(
                f"it is a training checkpoint, its weights nested under {name!r}",
                remedy=f"save them alone: paddle.save(paddle.load(FILE)[{name!r}], NEW_FILE)",
            )
    state = {name: _as_array(name, value) for name, value in tensors.items()}
    if not state:
        raise InputError("it holds no tensors")
    return _joined(state, content.get(_SLICES, {}))


def _as_array(name: str, value: object) -> np.ndarray:
    if isinstance(value, tuple) and len(value) == 2:
        value = value[1]
    if not isinstance(value, _Array):
        raise InputError(f"{name!r} is no tensor (type {_kind(value)})")
    code = value.dtype.code if isinstance(value.dtype, _Dtype) else "?"
    if code not in ACCEPTED_DTYPES:
        dtype_name = np.dtype(code).name if re.fullmatch("[biu][1248]", code) else repr(code)
        hint = ", Paddle's form of bfloat16" if code == "u2" else ""
        raise InputError(
            f"tensor {name!r} has dtype {dtype_name}{hint}", remedy="save it as float32, float16 or float64"
        )
    order = ">" if value.dtype.byte_order == ">" else "<"
    dtype = np.dtype(f"{order}{code}")
    try:
        if math.prod(value.shape) * dtype.itemsize != len(value.data):
            raise ValueError("shape and bytes disagree")
        flat = np.frombuffer(value.data, dtype)
        array = flat.reshape(value.shape, order="F" if value.fortran else "C")
    except (TypeError, ValueError) as error:
        raise InputError(f"tensor {name!r} is damaged", why="its shape does not fit its bytes") from error
    # What overflows becomes infinite, which the check of the values then names.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32).reshape(value.shape)


def _joined(state: State, slices: object) -> State:
    # Protocols 2 and 3 cut arrays above 1 GiB into flat slices, listed with the shape they make together.
    if not slices:
        return state
    try:
        whole = dict(state)
        for name, entry in dict(slices).items():  # type: ignore[call-overload]
            parts = [whole.pop(part) for part in entry["slices"]]
            whole[name] = np.concatenate(parts).reshape(entry["OriginShape"])
        return whole
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError("its table of sliced tensors does not fit its tensors") from error


def _kind(value: object) -> str:
    return "tensor" if isinstance(value, _Array) else type(value).__name__
