"""Compiles parts of the C++ core for Android and runs them with Android's own C library, emulated by unidbg.

Clang compiles for `aarch64-linux-android24` against the NDK's C++ library. Bionic's headers are in no package: musl's
stand in for them, with `bionic/include` before them where the two differ. The decoders' libraries are Debian's for
arm64 (android_demo/cpp/sysroot.sh).
"""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from core_build import ROOT, SOURCES, run

HERE = Path(__file__).resolve().parent / "bionic"
FETCHED = ROOT / "build" / "bionic" / "arm64"
SYSROOT = ROOT / "build" / "sysroot" / "arm64" / "usr"
BUILD = ROOT / "build" / "cpp" / "bionic"
LIBCXX = Path("/usr/lib/llvm-14/include/c++/v1")
# What calls the engine; and programs, with what is for their command lines alone.
_WITH_ENGINE = {"bench", "c_api", "classifier", "picture_classifier"}
_PROGRAMS = {
    "affinity", "crash", "deadline", "deit_inference", "deit_tensor", "exported", "main", "options",
    "report",
}  # fmt: skip


def run_on_bionic(program: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `program`, as `linked` gives it; `root` is the file system that it sees."""
    for part in (root / "stdout.txt", root / "stderr.txt"):
        part.unlink(missing_ok=True)
    libraries = [str(FETCHED / "lib" / "libc++_shared.so"), str(program)]
    command = [
        "java",
        "-Xmx1g",
        "-cp",
        f"{_classes()}:{FETCHED}/jars/*",
        "RunOnBionic",
        str(root),
        *libraries,
    ]
    return subprocess.run([*command, *arguments], capture_output=True, text=True)


@cache
def linked(main: Path, *engine: Path) -> Path:
    """The program whose main is in that file, as a library, with the core; `engine` are the sources of one.

    Without any it is the core that needs no engine.
    """
    if not list(FETCHED.glob("fetched-*")) or not SYSROOT.exists():
        pytest.fail(
            "no libraries of Android: run android_demo/cpp/sysroot.sh arm64 and tests/android/bionic/fetch.sh, as "
            "./test.sh does",
            False,
        )
    program = BUILD / f"lib{main.stem}.so"
    objects = [_compiled(path) for path in (main, HERE / "gnu_names.c", *engine)]
    objects += _core(_WITH_ENGINE if engine else set())
    jpeg, without_simd = _jpeg_without_simd()
    script = BUILD / "exports.map"
    script.write_text("{ global: main; local: *; };\n")
    libraries = SYSROOT / "lib" / "aarch64-linux-gnu"
    run(
        [
            *("aarch64-linux-gnu-ld", "-shared", "--no-undefined", "--eh-frame-hdr", "--hash-style=both"),
            *("-z", "max-page-size=16384", f"--version-script={script}", *without_simd, "-o", str(program)),
            *map(str, [*objects, jpeg]),
            *(str(libraries / f"lib{name}.a") for name in ("png16", "z", "webpdemux", "webp")),
            str(FETCHED / "usr/lib/llvm-14/lib/libunwind.a"),
            *(str(FETCHED / "lib" / f"lib{name}.so") for name in ("c++_shared", "c", "m", "dl")),
        ]
    )
    return program


def _core(with_engine: set[str]) -> list[Path]:
    without = _PROGRAMS | (_WITH_ENGINE - with_engine)
    sources = [path for path in sorted((SOURCES / "src").glob("*.cpp")) if path.stem not in without]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        return list(threads.map(_compiled, sources))


@cache
def _compiled(source: Path) -> Path:
    result = BUILD / f"{source.stem}.o"
    BUILD.mkdir(parents=True, exist_ok=True)
    json = BUILD / "json"
    json.mkdir(exist_ok=True)
    # Apart from the rest of this computer's headers.
    if not (json / "nlohmann").is_symlink():
        (json / "nlohmann").symlink_to("/usr/include/nlohmann")
    includes = [HERE / "include", FETCHED / "usr/include/aarch64-linux-musl", json]
    includes += [SYSROOT / "include", SYSROOT / "include" / "aarch64-linux-gnu"]
    options = ["--target=aarch64-linux-android24", "-mno-outline-atomics", "-nostdlibinc", "-fPIC", "-O2"]
    options += [
        "-ffp-contract=off",
        "-Wall",
        "-Wextra",
        "-Werror",
        f"-I{SOURCES / 'src'}",
        f"-isystem{SOURCES / 'host_sdk'}",
    ]
    options += ['-DDEIT_ENGINE_VERSION="v2.13-rc"']
    if source.suffix == ".cpp":
        # The NDK's namespace and tables, which the library was built with.
        options += ["-std=c++17", "-D_LIBCPP_ABI_NAMESPACE=__ndk1", "-D_LIBCPP_PROVIDES_DEFAULT_RUNE_TABLE"]
        options += ["-nostdinc++", f"-isystem{LIBCXX}"]
    compiler = "clang++" if source.suffix == ".cpp" else "clang"
    options += [f"-isystem{path}" for path in includes]
    run([compiler, *options, "-c", str(source), "-o", str(result)])
    return result


def _jpeg_without_simd() -> tuple[Path, list[str]]:
    """Debian's libjpeg-turbo without what chooses SIMD, and the linker's options that say there is none."""
    chooser, copy = "jsimd.c.o", BUILD / "libjpeg.a"
    copy.write_bytes((SYSROOT / "lib/aarch64-linux-gnu/libjpeg.a").read_bytes())
    symbols = subprocess.check_output(
        ["aarch64-linux-gnu-nm", "--defined-only", "--extern-only", copy],
        text=True,
        stderr=subprocess.DEVNULL,
    )
    _, _, after = symbols.partition(f"\n{chooser}:\n")
    names = [line.split()[2] for line in after.partition("\n\n")[0].splitlines() if " T " in line]
    assert "jsimd_can_idct_islow" in names
    run(["aarch64-linux-gnu-ar", "d", str(copy), chooser])
    return copy, [f"--defsym={name}=no_simd" for name in names]


@cache
def _classes() -> Path:
    folder = BUILD / "classes"
    run(["javac", "-cp", f"{FETCHED}/jars/*", "-d", str(folder), str(HERE / "RunOnBionic.java")])
    return folder
