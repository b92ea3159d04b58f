"""Builds the demo for ARM against a release laid out as Paddle Lite's, with a library that stands in for its own."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from core_build import ROOT, SOURCES, run

# The compiler, the machine in an ELF file's header, what runs it, the libraries that this finds.
ARCHITECTURES = {
    "arm64": ("aarch64-linux-gnu-g++", 183, "qemu-aarch64-static", "/usr/aarch64-linux-gnu"),
    "armhf": ("arm-linux-gnueabihf-g++", 40, "qemu-arm-static", "/usr/arm-linux-gnueabihf"),
}
LIBRARY = "libpaddle_light_api_shared.so"
HERE = Path(__file__).resolve().parent
CONFIGURATION = HERE / "engine_configuration.cpp"


@cache
def binaries(architecture: str) -> Path:
    """The folder with `deit`, built against a release; its loader finds that one's library where the build left it."""
    folder = ROOT / "build" / "cpp" / f"{architecture}-linked"
    release = stand_in(architecture, folder / "release")
    options = [f"-DPADDLE_LITE_DIR={release}", "-DPADDLE_LITE_VERSION=v2.13-rc", "-DDEIT_TESTS=OFF"]
    run(["cmake", "--preset", architecture, "-B", str(folder), *options])
    jobs = str(len(os.sched_getaffinity(0)))
    run(["cmake", "--build", str(folder), "--parallel", jobs, "--target", "deit"])
    return folder


def stand_in(
    architecture: str, folder: Path, engine: Path = HERE / "engine_for_linking.cpp", *, fp16: bool = False
) -> Path:
    """A release in `folder` whose library is made of `engine`; `fp16`: with the interface of the arm82_fp16 release."""
    include, libraries = folder / "cxx" / "include", folder / "cxx" / "lib"
    include.mkdir(parents=True, exist_ok=True)
    libraries.mkdir(exist_ok=True)
    shutil.copy2(SOURCES / "host_sdk" / "paddle_api.h", include)
    options = ["-std=c++17", "-shared", "-fPIC", f"-I{include}", f"-Wl,-soname,{LIBRARY}"]
    if fp16:
        options += ["-DENABLE_ARM_FP16", *(["-mfp16-format=ieee"] if architecture == "armhf" else [])]
    sources = [str(engine), str(CONFIGURATION)]
    run([ARCHITECTURES[architecture][0], *options, *sources, "-o", str(libraries / LIBRARY)])
    return folder
