"""What the C++ core reads and refuses, against Python on the same files: tensors to the last bit."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensors import assert_same, by_core, encoded, photograph, refusal, run, smooth

from lite.errors import InputError
from lite.pictures.prepare import MAX_PIXELS, decode
from lite.zoo import Preprocess

RGB = smooth(40, 61)
PICTURE = Image.fromarray(RGB)
ALPHA = Image.fromarray(smooth(40, 61, 4), "RGBA")
KINDS = {
    "rgb": encoded(PICTURE, "PNG"),
    "grey": encoded(PICTURE.convert("L"), "PNG"),
    "one bit": encoded(PICTURE.convert("1"), "PNG"),
    "palette": encoded(PICTURE.quantize(50), "PNG"),
    "palette with transparency": encoded(PICTURE.quantize(50), "PNG", transparency=3),
    "four-bit palette": encoded(PICTURE.quantize(9), "PNG"),
    "rgba": encoded(ALPHA, "PNG"),
    "grey and alpha": encoded(ALPHA.convert("LA"), "PNG"),
    "jpeg": encoded(PICTURE, "JPEG", quality=95),
    "grey jpeg": encoded(PICTURE.convert("L"), "JPEG"),
    "progressive": encoded(PICTURE, "JPEG", progressive=True),
    "rgb jpeg": encoded(PICTURE, "JPEG", keep_rgb=True),
    "cmyk jpeg": encoded(PICTURE.convert("CMYK"), "JPEG", quality=98),
    "restarts": encoded(PICTURE, "JPEG", restart_marker_blocks=2),
    "optimized": encoded(PICTURE, "JPEG", optimize=True),
    "webp": encoded(PICTURE, "WEBP", quality=90),
    "webp of low quality": encoded(PICTURE, "WEBP", quality=5),
    "lossless webp": encoded(PICTURE, "WEBP", lossless=True),
    "grey webp": encoded(PICTURE.convert("L"), "WEBP"),
    "webp with alpha": encoded(ALPHA, "WEBP", quality=80),
    "lossless webp with alpha": encoded(ALPHA, "WEBP", lossless=True, exact=True),
    "webp with a profile and XMP": encoded(PICTURE, "WEBP", icc_profile=b"profile" * 9, xmp=b"<x/>"),
}
# Left, top, steps to the right and down of an interlaced PNG's passes.
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *, interlace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*parts) for parts in chunks)


def write(folder: Path, data: bytes, name: str = "picture") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def with_exif(kind: str, exif: bytes) -> bytes:
    """The picture with an EXIF block from its byte order on."""
    if kind == "WEBP":
        return encoded(PICTURE, "WEBP", quality=90, exif=exif)
    if kind == "PNG":
        whole = KINDS["rgb"]
        return whole[:33] + chunk(b"eXIf", exif) + whole[33:]
    block = b"Exif\0\0" + exif
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(block) + 2) + block + KINDS["jpeg"][2:]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(deit_tensor: list[str], tmp_path: Path, kind: str) -> None:
    assert_same(deit_tensor, write(tmp_path, KINDS[kind]))


@pytest.mark.parametrize("colour", [0, 2, 4, 6], ids=["grey", "rgb", "grey and alpha", "rgba"])
def test_sixteen_bits_become_the_nearest_of_eight(
    deit_tensor: list[str], tmp_path: Path, colour: int
) -> None:
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    samples = np.random.default_rng(1).integers(0, 65536, (256, 256, channels)).astype(">u2")
    if colour == 0:
        # All levels there are.
        samples = np.arange(65536).reshape(256, 256, 1).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    path = write(tmp_path, png(256, 256, 16, colour, rows))
    assert_same(deit_tensor, path)
    # A square with levels as they are, on a scale from 0 to 1.
    plain = Preprocess(256, 256, mean=(0, 0, 0), std=(1, 1, 1))
    levels = np.rint(by_core(deit_tensor, path, plain)[0, 0] * 255)
    np.testing.assert_array_equal(levels, np.rint(samples[..., 0] / 257))


@pytest.mark.parametrize("size", [(40, 61), (3, 2), (1, 1)])
@pytest.mark.parametrize(
    ("depth", "colour"), [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (8, 4), (8, 6), (16, 6)]
)
def test_interlaced(
    deit_tensor: list[str], tmp_path: Path, depth: int, colour: int, size: tuple[int, int]
) -> None:
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    samples = np.random.default_rng(2).integers(0, 1 << depth, (*size, channels))
    rows = b"".join(packed(samples[top::down, left::across], depth) for left, top, across, down in ADAM7)
    path = write(tmp_path, png(size[1], size[0], depth, colour, rows, interlace=1))
    assert_same(deit_tensor, path)
    tensor = by_core(deit_tensor, path)
    np.testing.assert_array_equal(
        tensor,
        by_core(deit_tensor, write(tmp_path, png(size[1], size[0], depth, colour, packed(samples, depth)))),
    )


def packed(samples: np.ndarray, depth: int) -> bytes:
    """Rows of a PNG: a filter byte, 0 for none, and the samples without gaps between them."""
    if samples.size == 0:
        return b""
    bits = samples.reshape(len(samples), -1, 1) >> np.arange(depth)[::-1] & 1
    return b"".join(b"\0" + np.packbits(row.astype(np.uint8)).tobytes() for row in bits)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("order", ["II", "MM"])
def test_exif_orientation(
    deit_tensor: list[str], tmp_path: Path, kind: str, orientation: int, order: str
) -> None:
    ends = "<" if order == "II" else ">"
    block = order.encode() + struct.pack(f"{ends}HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    path = write(tmp_path, with_exif(kind, block))
    assert decode(path).shape == ((61, 40, 3) if orientation in range(5, 9) else (40, 61, 3))
    assert_same(deit_tensor, path)


def test_exif_behind_the_pixels_of_a_png(deit_tensor: list[str], tmp_path: Path) -> None:
    block = b"MM" + struct.pack(">HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    whole = KINDS["rgb"]
    path = write(tmp_path, whole[:-12] + chunk(b"eXIf", block) + whole[-12:])
    assert decode(path).shape == (61, 40, 3)
    assert_same(deit_tensor, path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_turns_as_in_python(deit_tensor: list[str], tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif.update({0x010F: "Maker of cameras", 0x0112: 6, 0x011A: 72.0, 0x0131: "Program", 0x013E: (0.3, 0.3)})
    whole = exif.tobytes()[6:]
    random = np.random.default_rng(5)
    shapes = set()
    for _ in range(60):
        block = bytearray(whole[: random.choice([len(whole), random.integers(8, len(whole))])])
        for _ in range(random.integers(0, 4)):
            block[random.integers(2, len(block))] = random.choice([0, 1, 3, 6, 8, 16, 255])
        path = write(tmp_path, with_exif(kind, bytes(block)))
        shapes.add(decode(path).shape)
        assert_same(deit_tensor, path)
    assert len(shapes) == 2


def test_only_the_first_app1_segment_counts(deit_tensor: list[str], tmp_path: Path) -> None:
    block = b"MM" + struct.pack(">HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    turned = with_exif("JPEG", block)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x/>"
    segment = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
    assert_same(deit_tensor, write(tmp_path, turned[:2] + segment + turned[2:]))
    assert_same(deit_tensor, write(tmp_path, turned[:-2] + b"\xff\xd9 and more behind"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_refused(deit_tensor: list[str], tmp_path: Path, kind: str) -> None:
    whole = KINDS[kind]
    for length in {0, 1, 7, 8, 20, len(whole) // 3, len(whole) // 2, len(whole) - 13, len(whole) - 1}:
        path = write(tmp_path, whole[:length])
        with pytest.raises(InputError):
            decode(path)
        code, message = refusal(deit_tensor, path)
        assert code == 3
        assert str(path) in message


def test_a_thumbnails_end_is_not_the_pictures(deit_tensor: list[str], tmp_path: Path) -> None:
    thumbnail = b"Exif\0\0" + encoded(PICTURE.resize((8, 6)), "JPEG")
    head = KINDS["jpeg"][:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    path = write(tmp_path, head + KINDS["jpeg"][2:-2])
    code, message = refusal(deit_tensor, path)
    assert (code, "cut short" in message) == (3, True)
    assert_same(deit_tensor, write(tmp_path, head + KINDS["jpeg"][2:]))


@pytest.mark.parametrize("kind", ["rgb", "palette", "rgba"])
def test_any_damaged_byte_of_a_png_is_refused(deit_tensor: list[str], tmp_path: Path, kind: str) -> None:
    whole = KINDS[kind]
    # Behind the last checksum there is nothing to damage.
    for place in np.random.default_rng(6).integers(0, len(whole), 25):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path = write(tmp_path, bytes(damaged))
        with pytest.raises(InputError):
            decode(path)
        assert refusal(deit_tensor, path)[0] == 3


def test_a_jpeg_damaged_before_its_end_is_read_with_a_warning_where_python_reads_it(
    deit_tensor: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Behind the damage, versions of libjpeg-turbo differ in what they make up.
    whole = encoded(photograph(160, 200), "JPEG", quality=80)
    read = warned = 0
    for place in np.random.default_rng(9).integers(2, len(whole) - 2, 40):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path = write(tmp_path, bytes(damaged))
        capfd.readouterr()
        try:
            decode(path)
        except InputError:
            assert refusal(deit_tensor, path)[0] == 3
            continue
        # OpenCV's libjpeg says the first of its warnings itself.
        theirs = capfd.readouterr().err
        ended = run(deit_tensor, path)
        assert ended.returncode == 0
        assert np.isfinite(np.fromfile(tmp_path / "tensor.f32", "<f4")).all()
        (tmp_path / "tensor.f32").unlink()
        assert ended.stderr.count("\n") == (theirs != "")
        assert theirs.strip() in ended.stderr
        read += 1
        warned += theirs != ""
    assert 0 < warned < read < 40


def test_the_warning_counts_what_libjpeg_stepped_over(deit_tensor: list[str], tmp_path: Path) -> None:
    # Restart markers let the decoder find its way again, so that it can stumble twice.
    whole = bytearray(encoded(photograph(160, 200), "JPEG", quality=80, restart_marker_rows=2))
    counts = []
    for marker in (b"\xff\xd1", b"\xff\xd3"):
        # A marker that is no restart, in the middle of the data before one.
        place = whole.index(marker) - 60
        whole[place : place + 2] = b"\xff\x01"
        path = write(tmp_path, bytes(whole))
        ended = run(deit_tensor, path)
        assert ended.returncode == 0
        assert ended.stderr.startswith(f"deit_tensor: warning: {path}: the JPEG is damaged and was read")
        found = re.search(r"warnings of libjpeg: (\d+), the first 'Corrupt JPEG data: ", ended.stderr)
        assert found is not None
        counts.append(int(found[1]))
    assert 0 < counts[0] < counts[1]


OTHERS = {
    "text": b"no picture at all, but long enough to be one",
    **{kind: encoded(PICTURE, kind) for kind in ("BMP", "TIFF", "GIF")},
    "two components": KINDS["jpeg"].replace(b"\xff\xc0\x00\x11", b"\xff\xc0\x00\x0e"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_files_are_refused(deit_tensor: list[str], tmp_path: Path, other: str) -> None:
    code, message = refusal(deit_tensor, write(tmp_path, OTHERS[other]))
    assert code == 3
    assert "JPEG" in message


def ftyp(*brands: bytes, size: int | None = None) -> bytes:
    """The first box of an ISO media file, as phones write it, and something behind it."""
    content = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return struct.pack(">I", size or 4 + len(content)) + content + b"\0\0\0\x08mdatavif"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (ftyp(b"heic", b"mif1", b"heic"), "HEIC"),
        (ftyp(b"mif1", b"mif1", b"heic", b"hevc"), "HEIC"),
        (ftyp(b"msf1"), "HEIC"),
        (encoded(PICTURE, "AVIF"), "AVIF"),
        (ftyp(b"mif1", b"miaf", b"avif"), "AVIF"),
        (ftyp(b"isom", b"mp42"), None),
        (ftyp(b"isom", size=0), None),
    ],
)
def test_what_phones_write_is_refused_by_name(
    deit_tensor: list[str], tmp_path: Path, data: bytes, name: str | None
) -> None:
    path = write(tmp_path, data)
    code, message = refusal(deit_tensor, path)
    with pytest.raises(InputError) as refused:
        decode(path)
    assert code == 3
    for said in (message, str(refused.value)):
        assert (f"a picture in {name}" in said) == (name is not None)
        assert "JPEG" in said


def test_an_animated_webp_is_refused(deit_tensor: list[str], tmp_path: Path) -> None:
    data = encoded(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(180)])
    code, message = refusal(deit_tensor, write(tmp_path, data))
    assert (code, "animated" in message) == (3, True)


def test_a_damaged_webp_is_read_or_refused_as_in_python(deit_tensor: list[str], tmp_path: Path) -> None:
    ends = set()
    for options in ({"quality": 80}, {"lossless": True}, {"quality": 60, "exif": b"II*\0" + bytes(40)}):
        whole = encoded(photograph(60, 70), "WEBP", **options)
        for place in np.random.default_rng(11).integers(0, len(whole), 25):
            damaged = bytearray(whole)
            damaged[place] ^= 0x55
            path = write(tmp_path, bytes(damaged))
            try:
                decode(path)
            except InputError:
                assert refusal(deit_tensor, path)[0] == 3, (options, place)
                ends.add("refused")
            else:
                assert_same(deit_tensor, path)
                (tmp_path / "tensor.f32").unlink()
                ends.add("read")
    assert ends == {"refused", "read"}


def test_missing_and_foreign_paths(deit_tensor: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for path, words in ((tmp_path / "none.jpg", "No such file"), (folder, "not a file")):
        code, message = refusal(deit_tensor, path)
        assert (code, words in message) == (3, True)
    code, message = refusal(deit_tensor, write(tmp_path, b""))
    assert (code, "is empty" in message) == (3, True)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_more_than_the_limit_of_pixels(deit_tensor: list[str], tmp_path: Path, kind: str) -> None:
    side = int(MAX_PIXELS**0.5)
    for width, height, refused in ((side + 1, side, True), (60_000, 60_000, True), (side, side, False)):
        if kind == "PNG":
            data = png(width, height, 8, 0, b"")
        else:
            whole = bytearray(encoded(PICTURE.convert("L"), "JPEG"))
            frame = whole.index(b"\xff\xc0")
            whole[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
            data = bytes(whole)
        path = write(tmp_path, data)
        if kind == "JPEG" and not refused:
            continue
        code, message = refusal(deit_tensor, path)
        assert code == 3
        assert ("megapixels" in message) == refused
        with pytest.raises(InputError):
            decode(path)
