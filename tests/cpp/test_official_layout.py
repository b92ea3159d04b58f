"""The whole demo builds for ARM against a release laid out as Paddle Lite's, and checks a .nb there too.

No official library can be had here. One of the same interface that computes nothing stands in for linking, so what is
tested is the build and all that happens before the engine is asked.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from core_build import SOURCES
from demo import refusal
from linked_build import ARCHITECTURES, binaries

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=ARCHITECTURES)
def deit(request: pytest.FixtureRequest) -> list[str]:
    """The command line for ARM, run by qemu; its loader finds the release's library where the build left it."""
    _, machine, emulator, sysroot = ARCHITECTURES[request.param]
    program = binaries(request.param) / "deit"
    header = program.read_bytes()[:20]
    assert (header[:4], int.from_bytes(header[18:20], "little")) == (b"\x7fELF", machine)
    return [emulator, "-L", sysroot, str(program)]


def test_model_for_arm_reaches_the_engine(deit: list[str], tiny_bundle: Path) -> None:
    size = (tiny_bundle / "model.nb").stat().st_size
    message = refusal(_run(deit, tiny_bundle, "--threads", "4"), 6)
    assert message.endswith(f"only for linking; it was given {size} bytes and 4 threads")


def test_model_for_x86_is_refused(deit: list[str], tiny_bundle: Path) -> None:
    assert "is made for x86, which this device" in refusal(_run(deit, tiny_bundle, "--host"), 4)


def test_folder_that_is_no_release(tmp_path: Path) -> None:
    command = ["cmake", "-S", SOURCES, "-B", tmp_path / "build", f"-DPADDLE_LITE_DIR={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    said = " ".join(done.stderr.split())
    assert "PADDLE_LITE_DIR is no Paddle Lite C++ release" in said
    assert "paddle_api.h is missing" in said


def _run(deit: list[str], bundle: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*deit, "--bundle", str(bundle), "--image", str(bundle / "golden.png"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)
