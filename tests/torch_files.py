"""Writes files as `torch.save` does, opcode by opcode, without PyTorch, and `.safetensors`."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

State = Mapping[str, np.ndarray]


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def sizes(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def called(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def tensor(
    key: str,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    count: int,
    *,
    kind: str = "Float",
    offset: int = 0,
) -> bytes:
    """The opcodes of a tensor whose numbers are in the storage `key` of `count` numbers."""
    storage = (
        b"(" + text("storage") + called("torch", f"{kind}Storage") + text(key) + text("cpu") + number(count)
    )
    return (
        called("torch._utils", "_rebuild_tensor_v2")
        + b"(" + storage + b"tQ" + number(offset) + sizes(shape) + sizes(strides) + b"\x89"
        + called("collections", "OrderedDict") + b")R" + b"tR"
    )  # fmt: skip


def table(values: Mapping[str, bytes]) -> bytes:
    """The opcodes of a dict."""
    return b"}(" + b"".join(text(name) + value for name, value in values.items()) + b"u"


def contiguous(state: State) -> dict[str, bytes]:
    """Each tensor's opcodes, in storages that are called by the tensors' numbers."""
    made = {}
    for index, (name, value) in enumerate(state.items()):
        strides = np.zeros(value.shape, np.uint8).strides
        made[name] = tensor(str(index), value.shape, strides, value.size)
    return made


def write_zip(path: Path, content: bytes, storages: Mapping[str, bytes]) -> Path:
    """A checkpoint whose pickle is `content`, with the storages' bytes by key."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + content + b".")
        archive.writestr("archive/version", "3\n")
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
    return path


def save(path: Path, state: State, under: str | None = None) -> Path:
    """`torch.save(state, path)`, or of a dict that has it under a key."""
    content = table(contiguous(state))
    storages = {
        str(index): np.ascontiguousarray(value, "<f4").tobytes() for index, value in enumerate(state.values())
    }
    return write_zip(path, table({under: content, "epoch": number(3)}) if under else content, storages)


def save_safetensors(path: Path, state: State) -> Path:
    """The file that safetensors' `save_file` writes."""
    header, end = {}, 0
    for name, value in state.items():
        begin, end = end, end + value.size * 4
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [begin, end]}
    data = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(data)) + data)
        for value in state.values():
            file.write(np.ascontiguousarray(value, "<f4").tobytes())
    return path
