"""Archives as Paddle Lite publishes them, with a library of a few strings in place of the engine."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

TOP = "inference_lite_lib.android.armv8"
LIBRARY = "cxx/lib/libpaddle_light_api_shared.so"
TAG = "v2.13-rc"
_MACHINES = {"arm64-v8a": (2, 183), "armeabi-v7a": (1, 40), "x86_64": (2, 62), "mips": (1, 8)}


def library(
    abi: str = "arm64-v8a", *strings: str, tag: str | None = TAG, libc: str = "libc.so", page: int = 0
) -> bytes:
    """A shared library's ELF header, the C strings a real one has, 120 kB that do not compress, sections.

    `page`: the alignment of its one loaded segment, in bytes; 0 for none.
    """
    bits, machine = _MACHINES[abi]
    names = [libc, "int8_to_fp32", *strings, *([tag] if tag else [])]
    body = b"\0" + b"".join(f"{name}\0".encode() for name in names) + np.random.default_rng(0).bytes(120_000)
    ident = b"\x7fELF" + bytes((bits, 1, 1)) + bytes(9)
    size, table, segment = (64, 64, 56) if bits == 2 else (52, 40, 32)
    if page:  # PT_LOAD: its type first, its alignment last
        body = struct.pack("<I", 1) + bytes(segment - 12) + struct.pack("<Q", page) + body
    header = struct.pack(
        "<HHIQQQIHHHHHH" if bits == 2 else "<HHIIIIIHHHHHH",
        *(
            3,
            machine,
            1,
            0,
            size if page else 0,
            size + len(body),
            0,
            size,
            segment,
            int(bool(page)),
            table,
            1,
            0,
        ),
    )
    return ident + header + body + bytes(table)


def files(so: bytes) -> dict[str, bytes]:
    """A release's files below its top folder."""
    return {
        "cxx/include/paddle_api.h": b"#pragma once\n",
        LIBRARY: so,
        "java/jar/PaddlePredictor.jar": b"PK\x03\x04",
        "java/so/libpaddle_lite_jni.so": so,
        "demo/cxx/README.md": b"demo\n",
    }


def pack(content: Mapping[str, bytes | tarfile.TarInfo], top: str = TOP) -> bytes:
    """A .tar.gz of `content` in that order; a TarInfo stands for itself."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name, data in content.items():
            if isinstance(data, tarfile.TarInfo):
                tar.addfile(data)
            else:
                member = tarfile.TarInfo(f"{top}/{name}" if top else name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def release(abi: str = "arm64-v8a", *strings: str, tag: str | None = TAG) -> bytes:
    """A whole release for `abi`."""
    return pack(files(library(abi, *strings, tag=tag)))


def special(name: str, kind: bytes, target: str = "", size: int = 0) -> tarfile.TarInfo:
    """A link, a device, or a file that claims a size."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, size
    return member


def write(path: Path, data: bytes) -> Path:
    """Writes `data` and gives the path back."""
    path.write_bytes(data)
    return path
