"""Builds the C++ core by one of its CMake presets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "android_demo" / "cpp"
NEEDS = {
    "host": ("cmake", "ninja", "g++"),
    "jni": ("cmake", "ninja", "g++", "javac"),
    "sanitize": ("cmake", "ninja", "g++"),
    "fuzz": ("cmake", "ninja", "clang++"),
    "arm64": ("cmake", "ninja", "aarch64-linux-gnu-g++", "qemu-aarch64-static"),
    "armhf": ("cmake", "ninja", "arm-linux-gnueabihf-g++", "qemu-arm-static"),
}


@cache
def build(preset: str, *targets: str) -> Path:
    """Builds `targets` (all without any) and gives the folder; a failure fails the test with the compiler's words.

    A tool that is missing fails the test, too: skipped, nobody would notice.
    """
    missing = [tool for tool in NEEDS[preset] if shutil.which(tool) is None]
    if missing:
        pytest.fail(
            f"{', '.join(missing)} missing: ./test.sh installs it as root, or says what to install", False
        )
    folder = ROOT / "build" / "cpp" / preset
    # The engine is the one of this environment, which has none for ARM.
    engine = "-DDEIT_ENGINE=OFF" if preset.startswith("arm") else f"-DPADDLELITE_PYTHON={sys.executable}"
    run(["cmake", "--preset", preset, engine])
    jobs = str(len(os.sched_getaffinity(0)))
    run(["cmake", "--build", str(folder), "--parallel", jobs, *(["--target", *targets] if targets else [])])
    return folder


def run(command: list[str]) -> None:
    """Runs a step of the build in the folder of the sources."""
    ended = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True)
    if ended.returncode:
        said = f"{ended.stdout}\n{ended.stderr}".strip()
        pytest.fail(f"{' '.join(command)} ended with {ended.returncode}:\n{said[-6000:]}", False)
