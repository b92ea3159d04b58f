"""The whole demo builds for ARM against a release laid out as Paddle Lite's, and checks a .nb there too.

No official library can be had here. One of the same interface that computes nothing stands in for linking, so what is
tested is the build and all that happens before the engine is asked.
"""

from __future__ import annotations

import json
import os
import shutil
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


@pytest.fixture
def gpu_bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """Its fully connected layers are for OpenCL, so that the whole network asks for a GPU."""
    bundle = shutil.copytree(tiny_bundle, tmp_path / "gpu")
    data = (bundle / "model.nb").read_bytes()
    assert data.count(b"fc/def/4/1/1") > 0
    (bundle / "model.nb").write_bytes(data.replace(b"fc/def/4/1/1", b"fc/def/5/5/1"))
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["target"] = "opencl"
    # The file is not what it was.
    manifest["files"].pop("model.nb")
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    return bundle


def test_model_for_arm_reaches_the_engine(deit: list[str], tiny_bundle: Path) -> None:
    size = (tiny_bundle / "model.nb").stat().st_size
    message = refusal(_run(deit, tiny_bundle, "--threads", "4"), 6)
    assert message.endswith(f"only for linking; it was given {size} bytes and 4 threads, none on a GPU")


def test_model_for_x86_is_refused(deit: list[str], tiny_bundle: Path) -> None:
    assert "is made for x86, which this device" in refusal(_run(deit, tiny_bundle, "--host"), 4)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_gpu_computes_in_the_precision_of_the_bundle(
    deit: list[str], gpu_bundle: Path, precision: str
) -> None:
    """Left to itself the engine takes fp16 wherever the GPU has it; both bundles hold the same kernels."""
    _set_precision(gpu_bundle, precision)
    assert refusal(_run(deit, gpu_bundle, gpu="fp16"), 6).endswith(f"1 threads, {precision} on a GPU")


def test_fp16_needs_a_gpu_that_has_it(deit: list[str], gpu_bundle: Path) -> None:
    _set_precision(gpu_bundle, "fp16")
    assert "in fp16, which this device's GPU cannot: use an fp32" in refusal(
        _run(deit, gpu_bundle, gpu="fp32"), 4
    )
    assert "is made for opencl, which this device" in refusal(_run(deit, gpu_bundle), 4)
    _set_precision(gpu_bundle, "fp32")
    assert refusal(_run(deit, gpu_bundle, gpu="fp32"), 6).endswith("fp32 on a GPU")


def test_folder_that_is_no_release(tmp_path: Path) -> None:
    command = ["cmake", "-S", SOURCES, "-B", tmp_path / "build", f"-DPADDLE_LITE_DIR={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    said = " ".join(done.stderr.split())
    assert "PADDLE_LITE_DIR is no Paddle Lite C++ release" in said
    assert "paddle_api.h is missing" in said


def _set_precision(bundle: Path, precision: str) -> None:
    path = bundle / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "precision": precision}))


def _run(deit: list[str], bundle: Path, *options: str, gpu: str = "") -> subprocess.CompletedProcess[str]:
    command = [*deit, "--bundle", str(bundle), "--image", str(bundle / "golden.png"), *options]
    environment = {**os.environ, "GPU": gpu} if gpu else None
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
