"""Input tensors by the C++ core and by Python, and pictures to compare them on."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from lite import zoo
from lite.bundle import first_problem
from lite.pictures import prepare
from lite.zoo import Preprocess

TINY = zoo.MODELS["deit_tiny"].preprocess
FILES = ("model.nb", "host.nb", "labels.txt", "golden.npz", "golden.png", "report.html")


def manifest(spec: Preprocess = TINY) -> dict[str, Any]:
    """A complete manifest of a bundle whose network wants its pictures by `spec`."""
    entry = {
        "name": "image",
        "shape": [1, 3, spec.crop, spec.crop],
        "layout": "NCHW",
        "colour": "RGB",
        "resize_short": spec.resize_short,
        "crop": spec.crop,
        "interpolation": spec.interpolation,
        "mean": list(spec.mean),
        "std": list(spec.std),
    }
    document = {
        "schema": 1,
        "model": "deit_tiny",
        "weights": {"source": "digits", "path": None, "sha256": None, "classes": 10},
        "input": entry,
        "precision": "int8",
        "target": "arm",
        "recipe": {"name": "deit", "skip": []},
        "calibration": None,
        "seed": None,
        "versions": {"paddlelite": "2.13rc0", "paddlepaddle": None, "paddleslim": None, "python": None},
        "files": {name: {"bytes": 7, "sha256": "0123456789abcdef" * 4} for name in FILES},
        "fp32_bytes": None,
        "kernels": [],
        "int8_coverage": None,
        "drift": {
            "images": 128,
            "reference": "Paddle, float",
            "cosine_mean": 0.999,
            "cosine_min": 0.98,
            "snr_db": 25.5,
            "top1_agreement": 1,
            "top1_reference": None,
            "top1_deployed": None,
            "max_abs": 0.25,
        },
        "gate": None,
        "created": "2026-01-02T03:04:05Z",
    }
    assert first_problem(document) is None
    return document


def write_manifest(folder: Path, spec: Preprocess = TINY) -> Path:
    """The same as a file."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest(spec)))
    return path


def run(command: list[str], picture: Path, spec: Preprocess = TINY) -> subprocess.CompletedProcess[str]:
    """Runs deit_tensor; the tensor is then in `tensor.f32` beside the picture."""
    paths = [picture, write_manifest(picture.parent, spec), picture.parent / "tensor.f32"]
    return subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, timeout=300)


def by_core(command: list[str], picture: Path, spec: Preprocess = TINY) -> np.ndarray:
    """The input tensor by the C++ core: float32 [1, 3, crop, crop]."""
    ended = run(command, picture, spec)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    return np.fromfile(picture.parent / "tensor.f32", "<f4").reshape(1, 3, spec.crop, spec.crop)


def assert_same(command: list[str], picture: Path, spec: Preprocess = TINY) -> None:
    """Every value of the C++ core's tensor is Python's, to the last bit."""
    np.testing.assert_array_equal(by_core(command, picture, spec), prepare.from_file(picture, spec))


def refusal(command: list[str], picture: Path, spec: Preprocess = TINY) -> tuple[int, str]:
    """Exit code and message; there must be one line, and no output."""
    ended = run(command, picture, spec)
    assert ended.stdout == ""
    assert ended.stderr.startswith("deit_tensor: ")
    assert ended.stderr.count("\n") == 1
    assert not (picture.parent / "tensor.f32").exists()
    return ended.returncode, ended.stderr


def smooth(height: int, width: int, channels: int = 3) -> np.ndarray:
    """A picture without symmetry and with every channel different: uint8 [height, width, channels]."""
    noise = np.random.default_rng(7).integers(0, 256, (5, 7, channels)).astype(np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)


def photograph(height: int, width: int) -> Image.Image:
    """A picture with edges and noise everywhere, as photographs have them."""
    noise = np.random.default_rng(8).integers(-40, 40, (height, width, 3))
    return Image.fromarray(np.clip(smooth(height, width) + noise, 0, 255).astype(np.uint8))


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file of that kind."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
