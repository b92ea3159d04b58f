"""What a program or shared library asks of the loader: its ABI and the libraries that it is linked with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment, DynamicTag
from elftools.elf.elffile import ELFFile

from lite.errors import InputError

# Android's names of the ABIs.
_ABIS = {"EM_AARCH64": "arm64-v8a", "EM_ARM": "armeabi-v7a", "EM_X86_64": "x86_64", "EM_386": "x86"}


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


def read(path: Path) -> Elf:
    """Reads the header and the dynamic segment. Raises InputError for what is no ELF file or is damaged."""
    try:
        with path.open("rb") as file:
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
        raise InputError(f"cannot read {path}: {error.strerror or error}; check the path") from error
    # pyelftools lets through what its parser stumbles over.
    except (ELFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise InputError(f"{path} is no program or library for a phone; build it again") from error
    abi = _ABIS.get(machine)
    if abi is None:
        raise InputError(f"{path} is for a processor that no phone has ({machine}); build it for the phone")
    origin = str(path.resolve().parent)
    folders = [Path(part.replace("$ORIGIN", origin)) for text in runpath for part in text.split(":") if part]
    return Elf(path, abi, tuple(needed), tuple(folders))


def _strings(tags: list[DynamicTag], kind: str) -> list[str]:
    return [str(getattr(tag, kind)) for tag in tags if tag.entry.d_tag == f"DT_{kind.upper()}"]
