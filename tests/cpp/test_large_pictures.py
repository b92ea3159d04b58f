"""A picture of 48 megapixels is read row by row: in a fraction of the memory that its pixels would fill."""

from __future__ import annotations

import os
import resource
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensors import encoded, smooth, write_manifest

from lite.pictures import prepare
from lite.zoo import MODELS

WIDTH, HEIGHT = 8000, 6000
PIXELS = 3 * WIDTH * HEIGHT
# A third of its pixels, for the program, its libraries and all that it allocates.
ENOUGH = PIXELS // 3

pytestmark = pytest.mark.skipif(
    os.environ.get("DEIT_CPP_PRESET") == "sanitize", reason="AddressSanitizer reserves memory of its own"
)


@cache
def picture(kind: str, orientation: int = 1, **options: bool) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    quick = {"compress_level": 1} if kind == "PNG" else {}
    return encoded(Image.fromarray(smooth(HEIGHT, WIDTH)), kind, exif=exif, **quick, **options)


def in_little_memory(
    command: list[str], folder: Path, data: bytes, most: int
) -> subprocess.CompletedProcess[str]:
    """Runs deit_tensor with at most `most` bytes to write to, beside the file's own."""
    (folder / "picture").write_bytes(data)
    paths = [folder / "picture", write_manifest(folder), folder / "tensor.f32"]
    most += len(data)
    return subprocess.run(
        [*command, *map(str, paths)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (most, most)),
    )


@pytest.mark.parametrize(
    ("kind", "orientation"), [("JPEG", 1), ("JPEG", 3), ("JPEG", 6), ("PNG", 1), ("PNG", 8)]
)
def test_a_large_picture_needs_little_memory(
    deit_tensor: list[str], tmp_path: Path, kind: str, orientation: int
) -> None:
    ended = in_little_memory(deit_tensor, tmp_path, picture(kind, orientation), ENOUGH)
    assert (ended.returncode, ended.stderr) == (0, "")
    expected = prepare.from_file(tmp_path / "picture", MODELS["deit_tiny"].preprocess)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "tensor.f32", "<f4"), expected.ravel())


def test_what_must_be_held_whole_is_refused_in_one_line_where_memory_ends(
    deit_tensor: list[str], tmp_path: Path
) -> None:
    ended = in_little_memory(deit_tensor, tmp_path, picture("JPEG", progressive=True), ENOUGH)
    assert ended.returncode == 3
    assert ended.stderr.count("\n") == 1
    assert "there is not enough memory for this picture" in ended.stderr
    assert not (tmp_path / "tensor.f32").exists()
