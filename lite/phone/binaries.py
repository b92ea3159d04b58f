"""Which files a phone needs beside the bundle: the demo `deit` for its ABI and every library this is linked with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lite.bundle import Bundle
from lite.errors import InputError
from lite.sdk import library, release, sdk
from lite.sdk.library import Elf, Library

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "deit"
NDK_VARIABLES = ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_NDK")
# Where android_demo/README.md has it built.
_BUILT = ("build/cpp/{abi}", "build/cpp/android-{abi}", "build/cpp/android", "android_demo/cpp/build/{abi}")
# What Android has for programs of the NDK (its "Native APIs").
_ANDROID = re.compile(
    "lib(c|m|dl|log|z|android|EGL|GLESv1_CM|GLESv2|GLESv3|vulkan|jnigraphics|mediandk|OpenSLES|aaudio|camera2ndk"
    "|binder_ndk|nativewindow|neuralnetworks|sync)[.]so"
)
# What any Linux with glibc and C++ programs has.
_GLIBC = (
    "ld-linux",
    "libc.so",
    "libm.so",
    "libdl.so",
    "libpthread.so",
    "librt.so",
    "libutil.so",
    "libstdc++.so",
    "libgcc_s.so",
)
_LINUX_FOLDERS = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/usr/local/lib",
)
_NDK_LIBRARIES = {
    "arm64-v8a": "aarch64-linux-android",
    "armeabi-v7a": "arm-linux-androideabi",
    "x86_64": "x86_64-linux-android",
}
_ENGINES = ("libpaddle_light_api", "libpaddle_full_api", "liblite_pybind")


class BinaryError(InputError):
    """The demo or a library for the phone is missing or does not fit."""


@dataclass(frozen=True)
class Found:
    """For one ABI: `files`, name on the phone → path here, and what the engine among them says of itself.

    Where the engine is linked into the demo, that is the demo's own word.
    """

    abi: str
    files: dict[str, Path]
    runtime: Library


@dataclass(frozen=True)
class Binaries:
    """Where to look for the demo and its libraries.

    `sdk`: a folder with Paddle Lite's libraries (default: the cache of tools/fetch_sdk.py); `demo`: the program
    or the folder of its build (default: where android_demo/README.md builds it).
    """

    sdk: Path | None = None
    demo: Path | None = None

    def find(self, abi: str, bundles: Sequence[Bundle] = ()) -> Found:
        """All for a phone with `abi`; of the cached SDKs the one that `bundles` need.

        Raises BinaryError for what is missing or for another ABI.
        """
        program = self._program(abi)
        folders = [*_beside(program.path), *self._sdk_folders(abi, bundles), *_ndk_folders(abi)]
        files, engine = {PROGRAM: program.path}, program.path
        left = [(name, program) for name in program.needed]
        while left:
            name, parent = left.pop(0)
            if name in files or _on_every_phone(name, parent):
                continue
            found = _search(name, abi, [*folders, *_beside(parent.path), *parent.runpath, *_system(parent)])
            if found is None:
                raise self._missing(name, parent, abi)
            files[name] = found.path
            if name.startswith(_ENGINES):
                engine = found.path
            left += [(more, found) for more in found.needed]
        return Found(abi, files, _runtime(engine, engine.stat().st_mtime_ns))

    def _program(self, abi: str) -> Elf:
        remedy = "build it for the phone (android_demo/README.md)"
        if self.demo is not None:
            path = self.demo / PROGRAM if self.demo.is_dir() else self.demo
            if not path.is_file():
                raise BinaryError(f"there is no demo at {path}", remedy=f"{remedy}, or correct --demo")
            program = _read(path)
            if program.abi != abi:
                raise BinaryError(
                    f"{path} is for {program.abi}, the phone wants {abi}", remedy=f"{remedy} for {abi}"
                )
            return program
        folders = [*_BUILT, "build/cpp/host"] if abi == "x86_64" else list(_BUILT)
        for folder in folders:
            path = ROOT / folder.format(abi=abi) / PROGRAM
            if path.is_file() and _read(path).abi == abi:
                return _read(path)
        raise BinaryError(
            f"the demo {PROGRAM} is not built for {abi}", remedy=f"{remedy}, and give it with --demo"
        )

    def _sdk_folders(self, abi: str, bundles: Sequence[Bundle]) -> list[Path]:
        if self.sdk is not None:
            if not self.sdk.is_dir():
                raise BinaryError(f"there is no folder {self.sdk}", remedy="correct --sdk")
            return [self.sdk / name for name in ("cxx/lib", "lib", "libs", ".")]
        needs = [release.needs(bundle.manifest) for bundle in bundles]
        opencl, fp16 = any(one[1] for one in needs), any(one[2] for one in needs)
        try:
            found = sdk.find(abi, opencl, fp16, needs[0][0] if needs else None)
        except InputError:
            found = None  # a version that is no release: the demo may have its library elsewhere
        return [found.path / "cxx" / "lib"] if found else []

    def _missing(self, name: str, parent: Elf, abi: str) -> BinaryError:
        what = f"{parent.path.name} needs {name}, which is nowhere to be found for {abi}"
        if name.startswith(_ENGINES):
            return BinaryError(
                what, remedy=f"get it with tools/fetch_sdk.py --abi {abi}, or name its folder with --sdk"
            )
        if name == "libc++_shared.so":
            return BinaryError(
                what, remedy=f"set {NDK_VARIABLES[0]} to the NDK's folder, or put the NDK's into --sdk"
            )
        return BinaryError(what, remedy=f"put it beside {PROGRAM} or into --sdk")


def _beside(path: Path) -> Iterator[Path]:
    for folder in dict.fromkeys((path.parent, path.resolve().parent)):
        yield from (folder, folder / "lib", folder / "libs", folder / "engine", folder / "engine" / "libs")


def _ndk_folders(abi: str) -> list[Path]:
    roots = [Path(os.environ[name]) for name in NDK_VARIABLES if os.environ.get(name)]
    triple = _NDK_LIBRARIES.get(abi, "")
    return [
        folder
        for root in roots
        for folder in (
            *root.glob(f"toolchains/llvm/prebuilt/*/sysroot/usr/lib/{triple}"),
            root / "sources" / "cxx-stl" / "llvm-libc++" / "libs" / abi,
        )
    ]


def _on_every_phone(name: str, parent: Elf) -> bool:
    return name.startswith(_GLIBC) if parent.glibc else _ANDROID.fullmatch(name) is not None


def _system(parent: Elf) -> list[Path]:
    # A device with glibc is another computer with the same Linux; Android's libraries are nowhere here.
    return [Path(folder) for folder in _LINUX_FOLDERS] if parent.glibc and parent.abi == "x86_64" else []


def _search(name: str, abi: str, folders: Sequence[Path]) -> Elf | None:
    for folder in folders:
        path = folder / name
        try:
            found = library.read_elf(path) if path.is_file() else None
        except (InputError, OSError):
            continue  # a linker script, such as glibc's libm.so; a RUNPATH of somebody else's folder
        if found and found.abi == abi:
            return found
    return None


def _read(path: Path) -> Elf:
    try:
        return library.read_elf(path)
    except InputError as error:
        raise BinaryError(error.what, why=error.why, remedy=error.remedy) from error


@lru_cache(maxsize=8)
def _runtime(path: Path, changed: int) -> Library:
    # Some 100 MB are read for it, for each phone and bundle else.
    return library.read(path)
