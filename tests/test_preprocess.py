"""Preprocessing: what is read and how, what is refused, and the numbers against PIL's."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_image

from lite import zoo
from lite.errors import InputError
from lite.pictures.prepare import decode, from_file, prepare, resize_crop

TINY = zoo.MODELS["deit_tiny"].preprocess
LARGE = zoo.MODELS["deit_base_384"].preprocess


def smooth(height: int, width: int, channels: int = 3) -> np.ndarray:
    """A picture without symmetry and with every channel different: uint8 [height, width, channels]."""
    noise = np.random.default_rng(7).integers(0, 256, (5, 7, channels)).astype(np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)


RGB = smooth(40, 61)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def write(folder: Path, data: bytes, name: str = "picture") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def as_pil_reads(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def grey_levels_apart(ours: np.ndarray, other: np.ndarray) -> int:
    assert ours.shape == other.shape
    return int(np.abs(ours.astype(int) - other.astype(int)).max())


def pil_resize_crop(rgb: np.ndarray, short: int, crop: int) -> np.ndarray:
    height, width = rgb.shape[:2]
    percent = float(short) / min(width, height)
    size = (round(width * percent), round(height * percent))
    resized = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))
    left, top = (size[0] - crop) // 2, (size[1] - crop) // 2
    return resized[top : top + crop, left : left + crop]


MODES = {
    "rgb": Image.fromarray(RGB),
    "grey": Image.fromarray(RGB).convert("L"),
    "one bit": Image.fromarray(RGB).convert("1"),
    "palette": Image.fromarray(RGB).quantize(50),
    "four-bit palette": Image.fromarray(RGB).quantize(9),
    "rgba": Image.fromarray(smooth(40, 61, 4), "RGBA"),
    "grey and alpha": Image.fromarray(smooth(40, 61, 4), "RGBA").convert("LA"),
    "cmyk": Image.fromarray(RGB).convert("CMYK"),
}
KINDS = [
    *[("PNG", mode, {}) for mode in MODES if mode != "cmyk"],
    ("PNG", "palette", {"transparency": 3}),
    *[("JPEG", mode, {"quality": 95}) for mode in ("rgb", "grey")],
    ("JPEG", "rgb", {"progressive": True}),
    ("JPEG", "rgb", {"keep_rgb": True}),
    *[("WEBP", mode, {"lossless": True}) for mode in ("rgb", "rgba")],
    ("WEBP", "rgb", {"quality": 80}),
    *[("BMP", mode, {}) for mode in ("rgb", "grey", "one bit", "palette", "rgba")],
    *[("TIFF", mode, {}) for mode in ("rgb", "grey", "one bit", "palette", "cmyk")],
    ("TIFF", "one bit", {"compression": "group4"}),
    *[("TIFF", "rgb", {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg")],
]


@pytest.mark.parametrize(("kind", "mode", "options"), KINDS)
def test_decode_reads_what_pil_reads(tmp_path: Path, kind: str, mode: str, options: dict) -> None:
    path = write(tmp_path, encoded(MODES[mode], kind, **options))
    rgb = decode(path)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert grey_levels_apart(rgb, as_pil_reads(path)) == 0


def test_cmyk_jpeg_is_within_one_level_of_pil(tmp_path: Path) -> None:
    path = write(tmp_path, encoded(MODES["cmyk"], "JPEG", quality=98))
    assert b"Adobe" in path.read_bytes()
    assert grey_levels_apart(decode(path), as_pil_reads(path)) <= 1
    assert np.abs(decode(path).astype(int) - RGB).mean() < 2


def test_alpha_is_dropped_not_blended(tmp_path: Path) -> None:
    clear = np.dstack([RGB, np.zeros(RGB.shape[:2], np.uint8)])
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        path = write(tmp_path, encoded(Image.fromarray(clear, "RGBA"), kind, **options))
        np.testing.assert_array_equal(decode(path), RGB)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_become_the_nearest_of_eight(tmp_path: Path, suffix: str) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (40, 61, 3)).astype(np.uint16)
    deep[0, :4, 0] = (0, 128, 129, 65535)
    colour = write(tmp_path, cv2.imencode(suffix, deep[..., ::-1])[1].tobytes())
    np.testing.assert_array_equal(decode(colour), np.rint(deep / 257))
    grey = write(tmp_path, cv2.imencode(suffix, deep[..., 0])[1].tobytes())
    np.testing.assert_array_equal(decode(grey), np.repeat(np.rint(deep[..., :1] / 257), 3, axis=2))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write(tmp_path, encoded(Image.fromarray(RGB), kind, exif=exif))
    assert decode(path).shape == ((61, 40, 3) if orientation > 4 else (40, 61, 3))
    assert grey_levels_apart(decode(path), as_pil_reads(path)) == 0


def test_any_other_orientation_leaves_the_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    for kind in ("JPEG", "WEBP"):
        assert decode(write(tmp_path, encoded(Image.fromarray(RGB), kind, exif=exif))).shape == RGB.shape


def test_file_names_may_be_in_any_script_and_without_suffix(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(RGB), "PNG")
    for name in ("猫 и пёс ümläut.jpg", "no-suffix"):
        np.testing.assert_array_equal(decode(write(tmp_path, data, name)), RGB)


def test_bytes_behind_the_end_of_a_jpeg_do_no_harm(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(RGB), "JPEG")
    whole = decode(write(tmp_path, data, "whole.jpg"))
    np.testing.assert_array_equal(decode(write(tmp_path, data + b"trailer" * 99, "more.jpg")), whole)


CUT = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
]


@pytest.mark.parametrize(("kind", "options"), CUT)
def test_cut_files_are_refused_wherever_they_are_cut(tmp_path: Path, kind: str, options: dict) -> None:
    data = encoded(Image.fromarray(smooth(90, 120)), kind, **options)
    decode(write(tmp_path, data, "whole"))
    for length in (1, 2, 10, 30, *range(40, len(data), max(1, len(data) // 25)), len(data) - 1):
        path = write(tmp_path, data[:length], "cut")
        with pytest.raises(InputError, match=f"^[^\n]*{path}[^\n]*$"):
            decode(path)


def test_the_thumbnail_of_a_cut_jpeg_does_not_pass_for_its_end(tmp_path: Path) -> None:
    thumbnail = encoded(Image.fromarray(smooth(12, 16)), "JPEG")
    data = encoded(Image.fromarray(smooth(90, 120)), "JPEG", exif=b"Exif\0\0" + thumbnail)
    decode(write(tmp_path, data, "whole.jpg"))
    with pytest.raises(InputError, match="cut short"):
        decode(write(tmp_path, data[:-100], "cut.jpg"))


def test_png_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    data = bytearray(encoded(Image.fromarray(RGB), "PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(InputError, match="damaged"):
        decode(write(tmp_path, bytes(data)))


def huge_png(width: int, height: int) -> bytes:
    """A PNG header that promises width x height pixels, with hardly any data after it."""
    data = encoded(Image.new("L", (1, 1)), "PNG")
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


REFUSED = {
    "empty": (b"", "is empty"),
    "text named as a picture": (b"not a picture at all\n" * 9, "JPEG, PNG, WebP, BMP or TIFF"),
    "gif": (encoded(MODES["palette"], "GIF"), "JPEG, PNG, WebP, BMP or TIFF"),
    "101 megapixels": (huge_png(10_100, 10_000), "megapixels"),
    "10 gigapixels": (huge_png(100_000, 100_000), "megapixels"),
    "no pixels": (huge_png(0, 5), "damaged|0x5 pixels"),
    "tiff with alpha": (encoded(MODES["rgba"], "TIFF"), "save it as PNG"),
    "float tiff": (encoded(MODES["grey"].convert("F"), "TIFF"), "save it as PNG"),
    "lab tiff": (encoded(MODES["rgb"].convert("LAB"), "TIFF"), "save it as PNG"),
    "animated webp": (
        encoded(MODES["rgb"], "WEBP", save_all=True, append_images=[MODES["rgb"].rotate(180)]),
        "animated",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_that_names_the_file(tmp_path: Path, what: str) -> None:
    data, reason = REFUSED[what]
    path = write(tmp_path, data, "picture.jpg")
    with pytest.raises(InputError, match=reason) as refusal:
        decode(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("tag", "value", "wrong"), [(262, 1, 0), (258, 16, 12)])
def test_sixteen_bit_tiff_that_opencv_would_misread_is_refused(
    tmp_path: Path, tag: int, value: int, wrong: int
) -> None:
    deep = Image.fromarray(np.full((8, 8), 1234, np.uint16))
    data = encoded(deep, "TIFF")
    entry = struct.pack("<HHIHH", tag, 3, 1, value, 0)
    assert data.count(entry) == 1
    decode(write(tmp_path, data))
    with pytest.raises(InputError):
        decode(write(tmp_path, data.replace(entry, struct.pack("<HHIHH", tag, 3, 1, wrong, 0))))


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.jpg: No such file"):
        decode(tmp_path / "missing.jpg")
    with pytest.raises(InputError, match="it is a folder"):
        decode(tmp_path)


def test_a_refusal_leaves_stderr_quiet(tmp_path: Path) -> None:
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF"):
        write(tmp_path, encoded(Image.fromarray(RGB), kind)[:-40], f"cut.{kind.lower()}")
    code = (
        "import sys, pathlib; from lite.pictures.prepare import decode; from lite.errors import InputError\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try: decode(path)\n"
        "    except InputError: print('refused')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert ran.stdout.split() == ["refused"] * 5
    assert ran.stderr == ""


SIZES = [(1, 1), (3, 500), (500, 3), (2, 2), (223, 225), (256, 256), (257, 640), (641, 480), (1111, 777)]


@pytest.mark.parametrize("spec", [TINY, LARGE], ids=["224", "384"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_resize_and_crop_equal_pil_on_any_size(height: int, width: int, spec: zoo.Preprocess) -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)
    ours = resize_crop(rgb, spec.resize_short, spec.crop)
    np.testing.assert_array_equal(ours, pil_resize_crop(rgb, spec.resize_short, spec.crop))


@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
@pytest.mark.parametrize("factor", [0.5, 0.75, 1, 1.2, 1.5, 2, 3, 4, 6, 8])
def test_photographs_equal_pil_from_enlarging_to_eightfold_shrinking(name: str, factor: float) -> None:
    rgb = load_sample_image(name)
    short = round(min(rgb.shape[:2]) / factor)
    np.testing.assert_array_equal(resize_crop(rgb, short, short), pil_resize_crop(rgb, short, short))


def test_a_huge_photograph_equals_pil(tmp_path: Path) -> None:
    path = write(tmp_path, encoded(Image.fromarray(smooth(3000, 4000)), "JPEG"))
    rgb = decode(path)
    assert rgb.shape == (3000, 4000, 3)
    np.testing.assert_array_equal(resize_crop(rgb, 256, 224), pil_resize_crop(rgb, 256, 224))


def test_a_strip_of_a_hundred_thousand_columns_needs_no_giant_picture() -> None:
    strip = np.zeros((1, 100_000, 3), np.uint8)
    strip[:, 49_900:50_100] = (10, 20, 30)
    np.testing.assert_array_equal(resize_crop(strip, 256, 224), np.full((224, 224, 3), (10, 20, 30)))


def test_views_that_are_not_contiguous_give_the_same_numbers() -> None:
    turned = np.rot90(load_sample_image("china.jpg"))
    copied = np.ascontiguousarray(turned)
    np.testing.assert_array_equal(resize_crop(turned, 256, 224), resize_crop(copied, 256, 224))


@pytest.mark.parametrize("spec", [TINY, LARGE], ids=["224", "384"])
def test_the_whole_road_gives_the_numbers_of_paddleclas(tmp_path: Path, spec: zoo.Preprocess) -> None:
    path = tmp_path / "flower.png"
    Image.fromarray(load_sample_image("flower.jpg")).save(path)
    tensor = from_file(path, spec)
    assert tensor.dtype == np.float32
    assert tensor.shape == (1, 3, spec.crop, spec.crop)
    pixels = pil_resize_crop(as_pil_reads(path), spec.resize_short, spec.crop).astype(np.float32)
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    expected = (pixels * np.float32(1.0 / 255.0) - mean) / std
    np.testing.assert_array_equal(tensor[0], expected.transpose(2, 0, 1))


def test_channels_come_out_red_green_blue() -> None:
    red = np.zeros((300, 300, 3), np.uint8)
    red[..., 0] = 255
    tensor = prepare(red, TINY)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    np.testing.assert_allclose(tensor[0].mean(axis=(1, 2)), expected, rtol=1e-5)


def test_prepare_refuses_what_it_cannot_do() -> None:
    for rgb in (RGB[..., 0], RGB.astype(np.float32), np.zeros((0, 5, 3), np.uint8), smooth(9, 9, 4)):
        with pytest.raises(InputError, match="uint8"):
            prepare(rgb, TINY)
    with pytest.raises(InputError, match="bicubic"):
        prepare(RGB, zoo.Preprocess(256, 224, interpolation="bilinear"))
    with pytest.raises(InputError, match="crop 300"):
        prepare(RGB, zoo.Preprocess(256, 300))
