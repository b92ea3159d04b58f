"""The C++ core's input tensors against Python's, to the last bit, and what it allocates."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensors import TINY, assert_same, encoded, photograph, smooth, write_manifest

from lite import zoo
from lite.zoo import Preprocess

LARGE = zoo.MODELS["deit_base_384"].preprocess
# height, width
SIZES = [(1, 1), (2, 2), (1, 500), (500, 1), (3, 500), (5, 7), (223, 225), (256, 256), (257, 640), (641, 480)]


@pytest.mark.parametrize("spec", [TINY, LARGE], ids=["224", "384"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_size(deit_tensor: list[str], tmp_path: Path, height: int, width: int, spec: Preprocess) -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(rgb).save(path)
    assert_same(deit_tensor, path, spec)


# Short side after resizing and crop, in pixels, for a picture of 300x417.
@pytest.mark.parametrize(
    ("short", "crop"), [(300, 300), (1, 1), (7, 2), (31, 31), (299, 298), (600, 401), (1200, 300)]
)
def test_any_scale(deit_tensor: list[str], tmp_path: Path, short: int, crop: int) -> None:
    path = tmp_path / "picture.png"
    photograph(300, 417).save(path)
    assert_same(deit_tensor, path, Preprocess(short, crop, mean=(0.1, 0.2, 0.7), std=(0.3, 1.0, 0.01)))


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_twelve_megapixels(deit_tensor: list[str], tmp_path: Path, options: dict) -> None:
    path = tmp_path / "picture.jpg"
    photograph(3000, 4000).save(path, quality=85, **options)
    assert_same(deit_tensor, path)


def test_a_strip_of_a_hundred_thousand_columns(deit_tensor: list[str], tmp_path: Path) -> None:
    rgb = np.random.default_rng(4).integers(0, 256, (1, 100_000, 3)).astype(np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(rgb).save(path)
    assert_same(deit_tensor, path)


@pytest.mark.parametrize("width", [640, 333])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_chroma_subsampling(deit_tensor: list[str], tmp_path: Path, subsampling: str, width: int) -> None:
    path = tmp_path / "picture.jpg"
    photograph(401, width).save(path, quality=90, subsampling=subsampling)
    assert_same(deit_tensor, path)


@pytest.mark.parametrize(
    ("written", "factors", "width", "height"), [("4:2:2", 0x12, 320, 800), ("4:2:0", 0x41, 1280, 200)]
)
def test_subsampling_that_pil_does_not_write(
    deit_tensor: list[str], tmp_path: Path, written: str, factors: int, width: int, height: int
) -> None:
    # Blocks of the same number in another arrangement: 4:4:0 of 4:2:2, and 4:1:1 of 4:2:0.
    data = bytearray(encoded(photograph(400, 640), "JPEG", quality=90, subsampling=written))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    data[frame + 11] = factors
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    assert_same(deit_tensor, path)


def test_the_second_picture_of_a_size_allocates_nothing(host_build: Path, tmp_path: Path) -> None:
    for size in ((480, 640), (50, 40)):
        picture = tmp_path / "picture.png"
        photograph(*size).save(picture)
        command = [str(host_build / "preprocess_times"), picture, write_manifest(tmp_path), "3"]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        figures = json.loads(ended.stdout)
        first, *rest = figures["allocations"]
        assert first > 0
        assert rest == [0, 0]
        assert min(figures["decode_ms"] + figures["run_ms"]) > 0


@pytest.mark.parametrize("size", [(300, 400), (3, 5), (1, 1), (2, 700), (700, 1), (257, 333)])
def test_alpha_stride_and_reuse_change_nothing(
    host_build: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    picture = tmp_path / "picture.png"
    photograph(*size).save(picture)
    command = [str(host_build / "preprocessor_checks"), picture, write_manifest(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_output_that_cannot_be_written(deit_tensor: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.fromarray(smooth(30, 40)).save(picture)
    folder = tmp_path / "tensor.f32"
    folder.mkdir()
    for out in (tmp_path / "missing" / "tensor.f32", folder):
        command = [*deit_tensor, str(picture), str(write_manifest(tmp_path)), str(out)]
        ended = subprocess.run(command, capture_output=True, text=True)
        assert ended.returncode == 7
        assert ended.stderr.startswith("deit_tensor: cannot write")
        assert ended.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "picture.png", "tensor.f32"]


def test_usage(deit_tensor: list[str]) -> None:
    ended = subprocess.run([*deit_tensor, "picture.png"], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (
        2,
        "deit_tensor: usage: deit_tensor PICTURE MANIFEST OUT.f32\n",
    )
