"""What a built Paddle Lite library says of itself: the machine it is for, its version, OpenCL, fp16.

Read from the file alone, so that an Android library can be checked on a computer that cannot run it.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment, DynamicTag
from elftools.elf.elffile import ELFFile

from lite.errors import InputError
from lite.input_file import open_file, read_bytes

LIBRARY_BYTES = 1 << 30  # ten times a build with all of Lite's kernels and its symbols
# (EI_CLASS, e_machine) of the ELF header, and Android's name of the ABI.
_ABIS = {(1, 40): "armeabi-v7a", (2, 183): "arm64-v8a", (2, 62): "x86_64", (1, 3): "x86"}
_SHARED_OBJECT = 3
# The tag Paddle Lite was built from is a C string of its own; builds from other commits hold none.
_TAG = re.compile(rb"\0(v\d+\.\d+(?:\.\d+)?(?:-[a-z0-9.]+)?)(?=\0)")
# What the OpenCL backend looks up by name in the phone's driver.
_OPENCL = b"clGetPlatformIDs\0"
# The name of the kernel between fp16 and fp32, which only builds for ARMv8.2 register.
_FP16 = b"fp16_to_fp32\0"


@dataclass(frozen=True)
class Library:
    """A shared library of Paddle Lite.

    `abi` is Android's name; `system` "android" or "linux" (glibc); `version` the release's tag, or None where
    the library does not say; `shared_stl` tells that it needs the NDK's libc++_shared.so beside it.
    """

    path: Path
    abi: str
    system: str
    version: str | None
    opencl: bool
    fp16: bool
    shared_stl: bool


def read(path: Path) -> Library:
    """Reads the shared library `path`. Raises InputError for a file that is none or is cut short."""
    data = read_bytes(path, LIBRARY_BYTES)
    abi = _abi(data, path)
    tags = set(_TAG.findall(data))
    return Library(
        path,
        abi,
        system="linux" if b"\0libc.so.6\0" in data else "android",
        version=tags.pop().decode() if len(tags) == 1 else None,
        opencl=_OPENCL in data,
        # On x86 the kernel is always there.
        fp16=abi.startswith("arm") and _FP16 in data,
        shared_stl=b"\0libc++_shared.so\0" in data,
    )


def _abi(data: bytes, path: Path) -> str:
    """The ABI by the ELF header (System V ABI, chapter 4), little-endian as on all of them."""
    if data[:4] != b"\x7fELF":
        raise InputError(f"{path} is no shared library (it has no ELF header)")
    wide = data[4:5] == b"\2"
    try:
        kind, machine = struct.unpack_from("<HH", data, 16)
        (sections,) = struct.unpack_from("<Q" if wide else "<I", data, 40 if wide else 32)
        size, count = struct.unpack_from("<HH", data, 58 if wide else 46)
    except struct.error:
        raise InputError(f"{path} is cut short") from None
    abi = _ABIS.get((data[4], machine))
    if abi is None or kind != _SHARED_OBJECT:
        raise InputError(f"{path} is no shared library for Android (ELF type {kind}, machine {machine})")
    # Linkers write the section table last.
    if sections + size * count > len(data):
        raise InputError(f"{path} is cut short", why=f"{len(data):,} bytes of {sections + size * count:,}")
    return abi


# What a library must be laid out for to be loaded where memory pages have 16 KiB, which 64-bit Android 15 allows and
# Google Play demands (developer.android.com/guide/practices/page-sizes).
PAGE_BYTES = 16 << 10


def page_bytes(path: Path) -> int | None:
    """The largest memory page, in bytes, that an ELF file can be loaded with.

    That is the least alignment of its PT_LOAD segments (System V ABI, chapter 5). None where it has no such segment, or
    is no whole ELF file.
    """
    try:
        with open_file(path, LIBRARY_BYTES) as file:
            loads = [part["p_align"] for part in ELFFile(file).iter_segments() if part["p_type"] == "PT_LOAD"]
    # As read_elf.
    except (OSError, ELFError, ValueError, KeyError, IndexError, AttributeError, TypeError):
        return None
    return min(loads, default=None)


# Android's names of the ABIs.
_MACHINES = {"EM_AARCH64": "arm64-v8a", "EM_ARM": "armeabi-v7a", "EM_X86_64": "x86_64", "EM_386": "x86"}


@dataclass(frozen=True)
class Elf:
    """`needed` and `runpath` are DT_NEEDED and DT_RUNPATH (or DT_RPATH) with $ORIGIN filled in."""

    path: Path
    abi: str
    needed: tuple[str, ...]
    runpath: tuple[Path, ...]

    @property
    def glibc(self) -> bool:
        """Whether it is for Linux with glibc, not for Android."""
        return "libc.so.6" in self.needed


def read_elf(path: Path) -> Elf:
    """Reads the header and the dynamic segment. Raises InputError for what is no ELF file or is damaged."""
    try:
        with open_file(path, LIBRARY_BYTES) as file:
            elf = ELFFile(file)
            machine = elf["e_machine"]
            tags = [
                tag
                for segment in elf.iter_segments()
                if isinstance(segment, DynamicSegment)
                for tag in segment.iter_tags()
            ]
            needed = _strings(tags, "needed")
            runpath = [*_strings(tags, "runpath"), *_strings(tags, "rpath")]
    except OSError as error:
        raise InputError(
            f"cannot read {path}", why=error.strerror or str(error), remedy="check the path"
        ) from error
    # pyelftools lets through what its parser stumbles over.
    except (ELFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise InputError(f"{path} is no program or library for a phone", remedy="build it again") from error
    abi = _MACHINES.get(machine)
    if abi is None:
        raise InputError(
            f"{path} is for a processor that no phone has ({machine})", remedy="build it for the phone"
        )
    origin = str(path.resolve().parent)
    folders = [Path(part.replace("$ORIGIN", origin)) for text in runpath for part in text.split(":") if part]
    return Elf(path, abi, tuple(needed), tuple(folders))


def _strings(tags: list[DynamicTag], kind: str) -> list[str]:
    return [str(getattr(tag, kind)) for tag in tags if tag.entry.d_tag == f"DT_{kind.upper()}"]
