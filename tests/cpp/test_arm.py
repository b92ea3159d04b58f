"""The core on ARM, 64 and 32 bits, under qemu's emulation: the same tensors as on x86_64.

The 32 bits stand in for Android's armeabi-v7a, which needs the NDK.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from core_build import build
from PIL import Image
from tensors import by_core, encoded, photograph, refusal, smooth

# The machine that an ELF file is for, its bits, and what runs it.
ARCHITECTURES = {
    "arm64": (183, 64, ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"]),
    "armhf": (40, 32, ["qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf"]),
}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def deit_tensor_arm(request: pytest.FixtureRequest) -> list[str]:
    """deit_tensor built for ARM, and run by qemu with the C library of the cross compiler."""
    machine, bits, emulator = ARCHITECTURES[request.param]
    program = build(request.param) / "deit_tensor"
    head = program.read_bytes()[:20]
    assert (head[:4], head[4] * 32, int.from_bytes(head[18:20], "little")) == (b"\x7fELF", bits, machine)
    return [*emulator, str(program)]


PICTURES = {
    "photograph": lambda: encoded(photograph(480, 643), "JPEG", quality=90),
    "portrait": lambda: encoded(photograph(643, 480), "JPEG", subsampling="4:2:2"),
    "full chroma": lambda: encoded(photograph(300, 301), "JPEG", subsampling="4:4:4"),
    "progressive": lambda: encoded(photograph(300, 400), "JPEG", progressive=True),
    "grey": lambda: encoded(photograph(300, 400).convert("L"), "JPEG"),
    "cmyk": lambda: encoded(photograph(300, 400).convert("CMYK"), "JPEG"),
    "huge": lambda: encoded(Image.fromarray(smooth(3000, 4000)), "JPEG"),
    "tiny": lambda: encoded(photograph(1, 1), "PNG"),
    "strip": lambda: encoded(photograph(3, 500), "PNG"),
    "png": lambda: encoded(photograph(333, 257), "PNG"),
    "palette": lambda: encoded(photograph(60, 50).quantize(20), "PNG"),
    "alpha": lambda: encoded(Image.fromarray(smooth(60, 50, 4), "RGBA"), "PNG"),
    "sixteen bits": lambda: sixteen_bits(),
    "turned": lambda: encoded(photograph(100, 70), "JPEG", exif=turned(6)),
    "webp": lambda: encoded(photograph(333, 257), "WEBP", quality=80, exif=turned(7)),
    "lossless webp": lambda: encoded(photograph(300, 211), "WEBP", lossless=True),
}


def sixteen_bits() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 65536, (90, 80)).astype(np.uint16)).save(
        buffer, "PNG"
    )
    return buffer.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("picture", PICTURES)
def test_the_tensors_of_x86_64(
    deit_tensor_arm: list[str], deit_tensor: list[str], tmp_path: Path, picture: str
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(PICTURES[picture]())
    np.testing.assert_array_equal(by_core(deit_tensor_arm, path), by_core(deit_tensor, path))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_refusals_in_the_same_words(
    deit_tensor_arm: list[str], deit_tensor: list[str], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(photograph(40, 50), kind)[:-20])
    assert refusal(deit_tensor_arm, path) == refusal(deit_tensor, path)


def test_a_chunk_whose_length_leads_back(
    deit_tensor_arm: list[str], deit_tensor: list[str], tmp_path: Path
) -> None:
    data = encoded(photograph(40, 50), "PNG")
    end = data.rindex(b"IEND") - 4
    path = tmp_path / "picture"
    # With the 12 bytes around it the length is 2**32: nothing, where sums have 32 bits.
    path.write_bytes(data[:end] + (0xFFFFFFF4).to_bytes(4, "big") + b"junk" + bytes(40))
    code, message = refusal(deit_tensor_arm, path)
    assert (code, message) == refusal(deit_tensor, path)
    assert code == 3
    assert "cut short or damaged" in message
