"""Reads what `torch.save` writes, zip file and older form, without PyTorch and without running anything of it.

The pickle in it is read as data (`lite/model/plain_pickle.py`); tensors are views of storages, whose bytes lie beside.
A storage is read once, and its tensors are copied out of it. Source of both formats: PyTorch's `torch/serialization.py`
and `torch/_utils.py`.
"""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np

from lite.errors import InputError
from lite.model import plain_pickle
from lite.model.plain_pickle import Dialect, MalformedError, Table, by_name, kind
from lite.model.state import MAXIMUM_BYTES, State, check_total, checked_dtype, damaged, is_shape, to_float32
from lite.shown import shown

ZIP = b"PK\x03\x04"
# A pickled number that the older form begins with.
OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_MAXIMUM_ENTRIES = 20_000
_MAXIMUM_DIRECTORY = 4_000_000
# Where checkpoints of training keep the weights. Averaged ones come first in timm, where there are some.
_PARTS = ("state_dict_ema", "state_dict", "model", "model_state_dict", "model_ema")
_BLOCK = 1 << 20

_STORAGES = {
    "Half": "float16", "Float": "float32", "Double": "float64", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
}  # fmt: skip
_SIZES = {"float16": 2, "float32": 4, "float64": 8, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2}


@dataclass(frozen=True)
class _Type:
    """A class of storages, by the type of its numbers."""

    dtype: str


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    count: int

    @property
    def bytes(self) -> int:
        return self.count * _SIZES.get(self.dtype, 1)


@dataclass(frozen=True, eq=False, repr=False)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Function(NamedTuple):
    """A function whose call makes something that `make` stands for."""

    make: Callable[..., object]


class _Passive:
    """What checkpoints hold beside weights, settings and the like: a class that is never made, and its objects."""


def _rebuilt(storage: object, offset: object, shape: object, strides: object, *_: object) -> _Tensor:
    if not isinstance(storage, _Storage) or type(offset) is not int or offset < 0:
        raise MalformedError("a tensor without a storage")
    if not is_shape(shape) or not isinstance(strides, tuple) or len(strides) != len(shape):
        raise MalformedError("a tensor without a shape")
    if not all(type(stride) is int and 0 <= stride <= MAXIMUM_BYTES for stride in strides):
        raise MalformedError("a tensor without a shape")
    return _Tensor(storage, offset, tuple(shape), strides)


def _parameter(tensor: object, *_: object) -> object:
    return tensor


_PASSIVE = (
    ("argparse", "Namespace"), ("pathlib", "PosixPath"), ("pathlib", "PurePosixPath"), ("pathlib", "WindowsPath"),
    ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"), ("numpy", "dtype"),
    ("_codecs", "encode"), ("torch", "device"), ("torch", "Size"), *(("torch", name) for name in _SIZES),
)  # fmt: skip
_NAMES: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): _Function(lambda *pairs: Table(*pairs)),
    ("torch._utils", "_rebuild_tensor"): _Function(_rebuilt),
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_rebuilt),
    ("torch._utils", "_rebuild_parameter"): _Function(_parameter),
    **{("torch", f"{name}Storage"): _Type(dtype) for name, dtype in _STORAGES.items()},
    **{("torch.storage", f"{name}Storage"): _Type(dtype) for name, dtype in _STORAGES.items()},
    **{name: _Passive() for name in _PASSIVE},
}


def _refusal(module: str, name: str) -> InputError:
    whole = f"{module}.{name}"
    if module.split(".")[0] in ("timm", "transformers", "torchvision", "models", "__torch__") or (
        module.startswith("torch.nn")
    ):
        return InputError(
            f"it holds a whole network (class {shown(whole)})",
            why="reading that means running its code, and nothing of it was run",
            remedy="save the weights alone: torch.save(model.state_dict(), FILE)",
        )
    return InputError(
        f"it wants to load {shown(whole)}, which weights do not need, and nothing of it was run",
        remedy="save the weights with torch.save(model.state_dict(), FILE)",
    )


def _construct(function: object, arguments: tuple[object, ...]) -> object:
    if isinstance(function, _Passive):
        return function
    if isinstance(function, _Function):
        try:
            return function.make(*arguments)
        except TypeError as error:
            raise MalformedError("a call that PyTorch does not make") from error
    raise MalformedError("a call that PyTorch does not make")


def _stored(identifier: object) -> _Storage:
    match identifier:
        case ("storage", _Type(dtype), str(key), _, int(count)):
            return _Storage(key, dtype, count)
        case ("storage", _Type(dtype), str(key), _, int(count), None):
            return _Storage(key, dtype, count)
        case ("storage", _Type(), *_):
            raise InputError(
                "it was written by PyTorch before 0.4", remedy="load it there and save it by a newer one"
            )
    raise MalformedError("an identifier that PyTorch does not make")


_TORCH = Dialect(
    _NAMES,
    _refusal,
    _construct,
    persistent=_stored,
    # A state dict's versions of its layers; nobody needs them.
    ignores_state=lambda target, state: isinstance(target, _Passive | Table),
)


def read(file: BinaryIO, size: int) -> tuple[State, str | None]:
    """Reads name → float32 array in C order, by the file's own names, from a file of `size` bytes.

    Also gives the key of a training checkpoint under which the weights were, None where they are alone. Storages of
    other numbers than floats are refused. Raises InputError for that, for a pickle that wants code, for tensors that
    share or lack bytes; MalformedError and others for what is damaged.
    """
    file.seek(0)
    if file.read(len(ZIP)) == ZIP:
        content, place = _open_zip(file, size)
    else:
        content, place = _open_old(file, size)
    tensors, part = _weights(content)
    check_total(sum(math.prod(t.shape) * _SIZES.get(t.storage.dtype, 1) for t in tensors.values()), size)
    by_storage: dict[str, list[str]] = {}
    for name, tensor in tensors.items():
        checked_dtype(name, tensor.storage.dtype)
        by_storage.setdefault(tensor.storage.key, []).append(name)
    state: State = {}
    check_total(sum(tensors[names[0]].storage.bytes for names in by_storage.values()), size)
    for names in by_storage.values():
        storage = tensors[names[0]].storage
        raw = place(storage)
        for name in names:
            if tensors[name].storage != storage:
                raise damaged(name)
            state[name] = _copied(name, tensors[name], raw)
    return {name: state[name] for name in tensors}, part


def _weights(content: object) -> tuple[dict[str, _Tensor], str | None]:
    """The tensors by name: of the dict itself, or of the one in it that holds a checkpoint's weights."""
    found, part = by_name(content), None
    if not any(isinstance(value, _Tensor) for value in found.values()):
        part = next((key for key in _PARTS if isinstance(found.get(key), Table)), None)
        if part is None:
            keys = ", ".join(shown(key, 40) for key in list(found)[:5]) or "nothing"
            raise InputError(
                "it holds no tensors by name",
                why=f"it is a dict of {keys}, and weights are looked for under {', '.join(_PARTS)}",
                remedy="save the weights with torch.save(model.state_dict(), FILE)",
            )
        found = by_name(found[part])
    tensors = {}
    for name, value in found.items():
        if not isinstance(value, _Tensor):
            raise InputError(f"{shown(name)} is no tensor (type {kind(value)})")
        tensors[name] = value
    if not tensors:
        raise InputError("it holds no tensors")
    return tensors, part


def _copied(name: str, tensor: _Tensor, raw: np.ndarray) -> np.ndarray:
    last = tensor.offset + sum(
        (size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, np.float32)
    if not 0 <= last < len(raw):
        raise damaged(name)
    strides = [stride * raw.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(raw[tensor.offset :], tensor.shape, strides, writeable=False)
    return to_float32(view, tensor.storage.dtype)


def _storage(file: BinaryIO, storage: _Storage, crc: int | None = None) -> np.ndarray:
    raw = file.read(storage.bytes)
    if len(raw) < storage.bytes:
        raise EOFError
    if crc is not None and zlib.crc32(raw) != crc:
        raise InputError(
            f"its storage {shown(storage.key)} is damaged, the checksum differs",
            remedy="copy or download it again",
        )
    return np.frombuffer(raw, checked_dtype(storage.key, storage.dtype))


Place = Callable[[_Storage], np.ndarray]


def _open_zip(file: BinaryIO, size: int) -> tuple[object, Place]:
    _check_directory(file, size)
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
    pickled = [name for name in entries if name.endswith("/data.pkl") or name == "data.pkl"]
    if len(pickled) != 1:
        raise InputError(
            "it is a zip file but no PyTorch checkpoint",
            why=f"{len(pickled)} files in it are called data.pkl",
        )
    root = pickled[0].removesuffix("data.pkl")
    if order := entries.get(f"{root}byteorder"):
        file.seek(_start(file, order))
        if file.read(min(order.file_size, 16)) != b"little":
            raise InputError("its numbers are big-endian", remedy="save it on a little-endian machine")
    start = _start(file, entries[pickled[0]])
    file.seek(start)
    content = plain_pickle.load(file, start + entries[pickled[0]].file_size, _TORCH)

    def place(storage: _Storage) -> np.ndarray:
        entry = entries.get(f"{root}data/{storage.key}")
        if entry is None:
            raise InputError(f"its storage {shown(storage.key)} is missing")
        begin = _start(file, entry)
        if entry.file_size != storage.bytes or begin + entry.file_size > size:
            raise InputError(f"its storage {shown(storage.key)} is damaged", why="its size is another")
        file.seek(begin)
        return _storage(file, storage, entry.CRC)

    return content, place


def _check_directory(file: BinaryIO, size: int) -> None:
    """Raises InputError for a table of contents that no checkpoint has, before `zipfile` makes objects of it."""
    file.seek(max(0, size - 65_557))
    tail = file.read(65_557)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + 20 > len(tail):
        raise InputError("it is a zip file that is cut short", remedy="copy or download it again")
    entries, length = struct.unpack_from("<HL", tail, end + 10)
    # The record of a larger archive stands before the 20 bytes that say where it is.
    if end >= 76 and tail[end - 76 :].startswith(b"PK\x06\x06"):
        entries, length = struct.unpack_from("<QQ", tail, end - 76 + 32)
    if entries > _MAXIMUM_ENTRIES or length > _MAXIMUM_DIRECTORY:
        raise InputError(f"it is a zip file of {entries:,} files, far more than a checkpoint has")


def _start(file: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """Where the bytes of a file in the archive begin."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise InputError("it is a compressed zip file", why="PyTorch does not compress its checkpoints")
    file.seek(entry.header_offset)
    header = file.read(30)
    if len(header) < 30 or header[:4] != ZIP:
        raise EOFError
    name, extra = struct.unpack_from("<HH", header, 26)
    return entry.header_offset + 30 + name + extra


def _open_old(file: BinaryIO, size: int) -> tuple[object, Place]:
    file.seek(len(OLD))
    plain_pickle.load(file, size, _TORCH)
    system = by_name(plain_pickle.load(file, size, _TORCH))
    if system.get("little_endian") is not True:
        raise InputError("its numbers are big-endian", remedy="save it on a little-endian machine")
    storages: dict[str, _Storage] = {}

    def noted(identifier: object) -> _Storage:
        storage = _stored(identifier)
        if storages.setdefault(storage.key, storage) != storage:
            raise MalformedError("a storage that is two")
        return storage

    content = plain_pickle.load(file, size, Dialect(
        _NAMES, _refusal, _construct, persistent=noted, ignores_state=_TORCH.ignores_state
    ))  # fmt: skip
    keys = plain_pickle.load(file, size, _TORCH)
    offsets = _offsets(file, keys if isinstance(keys, list) else [], storages)

    def place(storage: _Storage) -> np.ndarray:
        file.seek(offsets[storage.key])
        return _storage(file, storage)

    return content, place


def _offsets(file: BinaryIO, keys: Iterable[object], storages: dict[str, _Storage]) -> dict[str, int]:
    offsets: dict[str, int] = {}
    for key in keys:
        if not isinstance(key, str) or key not in storages or key in offsets:
            raise MalformedError("a storage that nobody knows")
        (count,) = struct.unpack("<q", file.read(8))
        if count != storages[key].count:
            raise MalformedError("a storage of another size")
        offsets[key] = file.tell()
        file.seek(storages[key].bytes, 1)
    return offsets
