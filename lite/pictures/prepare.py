"""Picture file to input tensor, by one algorithm that the C++ core repeats number for number.

1. Decode with OpenCV 4.6 to 8-bit RGB. JPEG, PNG, WebP, BMP and TIFF, told by content and not by name; of
   several pages or frames the first (animated WebP is refused).
   - Orientation: EXIF tag 0x0112, all eight values. OpenCV applies it for JPEG, PNG (eXIf) and TIFF; for
     WebP it does not, so it is applied here, read by the same rule, which ends reading
     at a known tag whose data lie outside of the block, where EXIF libraries read on.
   - HEIC and AVIF, which phones write, are refused by name, as in the C++ core.
   - Grey, 1-bit and palette pictures become RGB. Alpha is dropped, not blended, as PaddleClas (OpenCV's
     colour mode) and PIL's convert("RGB") do. TIFF with alpha is refused: OpenCV multiplies it in.
   - 16 bits become 8 by (v + 128) // 257, the nearest grey level. (OpenCV's own colour mode, hence
     PaddleClas, and PIL's RGB take a PNG's v >> 8, at most one level away; PIL clips 16-bit grey.)
   - CMYK JPEG: OpenCV takes the samples as inverted, as Adobe writes them and PIL reads them; its
     r = k - ((255 - c) * k >> 8) is within one level of PIL's.
   - TIFF that OpenCV reads wrongly or not at all is refused: Lab, float, signed, 9 to 15 bits, 16 bits
     in planes or with 0 as white.
   - Cut files: OpenCV leaves the missing rows of a cut baseline JPEG to chance, without an error, so a JPEG
     must hold an end-of-image marker after its first scan. PNG chunks are checked against their
     checksums, BMP and TIFF are as long as they say; the decoders refuse the rest.
   - A JPEG damaged before its end is read, with made-up pixels after the damage. The C++ core warns, with the
     picture's name and libjpeg's count of warnings. OpenCV keeps that count to itself: here libjpeg's first
     warning is a line on stderr, such as "Corrupt JPEG data: …", without a name.
2. Size after resizing: p = resize_short / min(w, h) in float64; each side rounded(side * p), halves to even.
   (PaddleClas's ResizeImage.)
3. Resize: PIL's antialiased bicubic (a = -0.5) in PIL's own fixed point. Along one axis, source pixels s,
   target pixels t, scale = s / t, f = max(scale, 1), output i: centre c = (i + 0.5) * scale; taps j from
   max(trunc(c - 2f + 0.5), 0) up to, not including, min(trunc(c + 2f + 0.5), s); weight
   cubic((j - c + 0.5) * (1 / f)), divided by their sum, times 2^22, rounded half away from zero; all this in
   float64. cubic(x): |x| < 1: (1.5|x| - 2.5)x^2 + 1; |x| < 2: ((|x| - 5)|x| + 8)|x| * -0.5 + 2; else 0.
   Value: clip((sum(weight * pixel) + 2^21) >> 22, 0, 255), which fits int32. First along x to uint8, then
   along y. Only the pixels of the crop are computed.
4. Centre crop: offset (side - crop) // 2 on either axis. (PaddleClas's CropImage.)
5. (float32(v) * float32(1 / 255) - mean) / std, each step rounded to float32 (no fused multiply-add); RGB
   planes, NCHW. (PaddleClas's NormalizeImage.)

Why not cv2.resize: it has no antialiased bicubic, and DeiT was trained on PIL's. Grey levels away from Pillow
12.3's bicubic, mean / max, on nine photographs (scikit-image's astronaut, chelsea, coffee, hubble_deep_field,
motorcycle_left, retina, rocket; scikit-learn's china, flower), whole pictures:

    short side to 256   this code 0 / 0, INTER_AREA 0.78 / 29, INTER_LINEAR 1.65 / 135,
                        INTER_AREA to twice the size then INTER_CUBIC 2.12 / 98, INTER_CUBIC 2.49 / 154
    2x larger           this code 0 / 0, INTER_AREA 2.03 / 87, INTER_LINEAR 0.99 / 41, INTER_CUBIC 0.52 / 22
    8x smaller          this code 0 / 0, INTER_AREA 1.37 / 30, INTER_LINEAR 6.55 / 179, INTER_CUBIC 7.61 / 202

Time of step 3 and 4 on one x86 thread, 256 then 224: hubble_deep_field (1000x872) 5 ms, with PIL 6 ms.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from lite.errors import InputError
from lite.input_file import PICTURE_BYTES, read_bytes
from lite.shown import shown
from lite.zoo import Preprocess

MAX_PIXELS = 100_000_000
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_TIFF_MODES = ("1", "L", "P", "RGB", "CMYK", "I;16", "I;16B")
# TIFF tags
_PHOTOMETRIC, _PLANAR, _BITS, _OFFSETS, _BYTE_COUNTS = 262, 284, 258, 273, 279
# Brands of ISO media files, of the first box.
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_WEIGHT_BITS = 22
# Outputs per matrix product: their taps overlap, so a few share one dense block; 8 was fastest of 4 to 16.
_BLOCK = 8
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_EXIF_TEXTS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x8298)  # ImageDescription, Make, Model, …
# XResolution, YResolution, WhitePoint, PrimaryChromaticities, YCbCrCoefficients, ReferenceBlackWhite
_EXIF_RATIONALS = {0x011A: 1, 0x011B: 1, 0x013E: 2, 0x013F: 6, 0x0211: 3, 0x0214: 6}
_EXIF_SHORTS = (_ORIENTATION, 0x0128, 0x0213)  # …, ResolutionUnit, YCbCrPositioning


# OpenCV's warnings about damaged TIFF would stand beside the InputError that says the same.
cv2.setLogLevel(2)


def from_file(path: Path, spec: Preprocess) -> np.ndarray:
    """Reads a picture file as the network's input: float32 [1, 3, crop, crop]. Raises InputError."""
    return prepare(decode(path), spec)


def decode(path: Path) -> np.ndarray:
    """Reads a picture file, upright: uint8 RGB [H, W, 3] (step 1 of the module's text).

    Raises InputError, naming the file, if it is missing, no plain file, empty, cut short, damaged, over MAX_PIXELS,
    or of a kind that OpenCV does not read or reads wrongly.
    """
    return decode_bytes(read_bytes(path, PICTURE_BYTES), path)


def decode_bytes(data: bytes, path: Path | str, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """`decode` of a file's contents; errors call them `path`, and more than `max_pixels` are refused."""
    if not data:
        raise InputError(f"{path} is empty", remedy="copy or download it again")
    orientation = _check(path, data, max_pixels)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        picture = None
    if picture is None:
        raise InputError(
            f"OpenCV cannot decode {path}",
            why="it is cut short, damaged or animated",
            remedy="copy it again or save it as a still JPEG or PNG",
        )
    if picture.dtype == np.uint16:
        picture = ((picture.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if picture.dtype != np.uint8:
        raise InputError(
            f"{path} has {picture.dtype} samples", remedy="save it with 8 or 16 unsigned bits a channel"
        )
    return _upright(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), orientation)


def prepare(rgb: np.ndarray, spec: Preprocess) -> np.ndarray:
    """Turns a picture, uint8 RGB [H, W, 3], into the network's input: float32 [1, 3, crop, crop].

    Raises InputError for another shape or dtype, for interpolation other than bicubic and for a crop over
    the short side.
    """
    if spec.interpolation != "bicubic":
        raise InputError(
            f"interpolation {shown(spec.interpolation)} is not supported", remedy="use 'bicubic'"
        )
    cropped = resize_crop(rgb, spec.resize_short, spec.crop)
    levels = np.arange(256, dtype=np.float32) * np.float32(1 / 255)
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    # A table of the 256 levels gives the very numbers of the formula, and faster.
    return np.stack([((levels - mean[c]) / std[c])[cropped[..., c]] for c in range(3)])[None]


def resize_crop(rgb: np.ndarray, resize_short: int, crop: int) -> np.ndarray:
    """Resizes the short side to `resize_short` pixels and cuts the centre: uint8 [crop, crop, 3].

    `rgb` is uint8 [H, W, 3]. Raises InputError for another shape or dtype and for `crop` over `resize_short`.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
        raise InputError(f"a picture must be uint8 [H, W, 3], not {rgb.dtype} {list(rgb.shape)}")
    if not 0 < crop <= resize_short:
        raise InputError(f"crop {crop} must be between 1 and resize_short, which is {resize_short}")
    height, width = rgb.shape[:2]
    percent = resize_short / min(height, width)
    left, across = _taps(width, round(width * percent), crop)
    top, down = _taps(height, round(height * percent), crop)
    # Rows that no pixel of the crop reads need no resizing along x.
    used = rgb[top[0] : top[-1] + down.shape[1]]
    narrow = _combine(cv2.transpose(np.ascontiguousarray(used)), left, across)
    return _combine(np.ascontiguousarray(narrow.transpose(1, 0, 2)), top - top[0], down)


def _taps(source: int, target: int, crop: int) -> tuple[np.ndarray, np.ndarray]:
    """First source pixel (int64 [crop]) and weights (float64 [crop, taps], whole numbers) of each output."""
    scale = source / target
    stretch = max(scale, 1.0)
    centre = (np.arange(crop) + (target - crop) // 2 + 0.5) * scale
    first = np.maximum((centre - 2 * stretch + 0.5).astype(np.int64), 0)
    stop = np.minimum((centre + 2 * stretch + 0.5).astype(np.int64), source)
    position = first[:, None] + np.arange((stop - first).max())
    x = np.abs((position - centre[:, None] + 0.5) * (1.0 / stretch))
    near, far = (1.5 * x - 2.5) * x * x + 1, ((x - 5) * x + 8) * x * -0.5 + 2
    weights = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    weights[position >= stop[:, None]] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    return first, np.copysign(np.floor(np.abs(weights) * 2**_WEIGHT_BITS + 0.5), weights)


def _combine(rows: np.ndarray, first: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sums of `rows` (uint8 [N, M, 3]) along the first axis: uint8 [len(first), M, 3].

    Weights and pixels are whole numbers and the sums stay below 2^53, so float64 products are exact.
    """
    flat = rows.reshape(len(rows), -1)
    combined = np.empty((len(first), flat.shape[1]), np.uint8)
    taps = weights.shape[1]
    for begin in range(0, len(first), _BLOCK):
        offsets = first[begin : begin + _BLOCK] - first[begin]
        band = np.zeros((len(offsets), offsets[-1] + taps))
        for line, offset in enumerate(offsets):
            band[line, offset : offset + taps] = weights[begin + line]
        # After the last row the weights are zero.
        block = flat[first[begin] : first[begin] + band.shape[1]].astype(np.float64)
        sums = band[:, : len(block)] @ block
        levels = np.floor((sums + 2 ** (_WEIGHT_BITS - 1)) * 2.0**-_WEIGHT_BITS)
        combined[begin : begin + _BLOCK] = np.clip(levels, 0, 255)
    return combined.reshape(len(first), *rows.shape[1:])


def _check(path: Path | str, data: bytes, max_pixels: int) -> int:
    """Refuses what must not reach OpenCV; gives the EXIF orientation that OpenCV will not apply (1: none)."""
    if kind := _phone_format(data):
        raise InputError(
            f"{path} is a picture in {kind}",
            why="OpenCV does not read that",
            remedy="save it as JPEG, PNG or WebP (a phone's camera can take JPEG)",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data), formats=_FORMATS)
        orientation = exif_orientation(picture.info.get("exif", b"")) if picture.format == "WEBP" else 1
        cut = _is_cut(picture, data)
        plain = picture.format != "TIFF" or _tiff_is_plain(picture)
        if picture.format == "PNG":
            picture.verify()
    except Image.DecompressionBombError:
        raise InputError(
            f"{path} is over {max_pixels // 10**6} megapixels", remedy="make it smaller"
        ) from None
    # PIL answers damaged headers with a dozen built-in exceptions.
    except Exception:
        raise InputError(
            f"{path} is not a readable JPEG, PNG, WebP, BMP or TIFF picture",
            why="it is cut short, damaged or of another kind",
            remedy="copy it again or save it as one of these",
        ) from None
    width, height = picture.size
    if not 0 < width * height <= max_pixels:
        raise InputError(
            f"{path} has {width}x{height} pixels", remedy=f"give 1 to {max_pixels // 10**6} megapixels"
        )
    if cut:
        raise InputError(f"{path} is cut short, its end is missing", remedy="copy or download it again")
    if not plain:
        raise InputError(
            f"{path} is a TIFF that OpenCV reads wrongly ({picture.mode})",
            remedy="save it as PNG, or as 8-bit RGB TIFF without alpha",
        )
    return orientation


def _phone_format(data: bytes) -> str | None:
    """AVIF or HEIC by the brands in an ISO media file's first box; None for others."""
    if len(data) < 12 or data[4:8] != b"ftyp":
        return None
    box = data[: int.from_bytes(data[:4], "big")]
    # After the first brand stands its version.
    brands = {box[at : at + 4] for at in (8, *range(16, len(box) - 3, 4))}
    return "AVIF" if brands & _AVIF else "HEIC" if brands & _HEIC else None


def _is_cut(picture: Image.Image, data: bytes) -> bool:
    """Whether the file is shorter than its header says; PNG, WebP and compressed data show it in decoding."""
    if data[:2] == b"\xff\xd8":
        return not _has_end(data)
    if picture.format == "BMP":
        return int.from_bytes(data[2:6], "little") > len(data)
    if picture.format == "TIFF":
        tags = picture.tag_v2  # type: ignore[attr-defined]
        return int(np.add(tags.get(_OFFSETS, 0), tags.get(_BYTE_COUNTS, 0)).max()) > len(data)
    return False


def _has_end(data: bytes) -> bool:
    """Whether a JPEG has an end-of-image marker after its first scan; one in a thumbnail does not count."""
    position = 2
    while found := _JPEG_MARKER.search(data, position):
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
        if found[1] == b"\xda":
            return data.find(b"\xff\xd9", position) >= 0
    return False


def _tiff_is_plain(picture: Image.Image) -> bool:
    """Whether OpenCV 4.6 reads this TIFF right: no alpha, and 16 bits only interleaved with 0 as black."""
    tags = picture.tag_v2  # type: ignore[attr-defined]
    bits = max(tags.get(_BITS, (1,)))
    interleaved = bits == 16 and tags.get(_PLANAR, 1) == 1 and tags.get(_PHOTOMETRIC) != 0
    return picture.mode in _TIFF_MODES and (bits <= 8 or interleaved)


def _upright(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """Turns and mirrors a picture as EXIF's orientation (1-8) says; any other value leaves it as it is."""
    if orientation in (5, 6, 7, 8):
        rgb = rgb.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(rgb)


def exif_orientation(block: bytes) -> int:
    """EXIF tag 0x0112 of a block from "II" or "MM" on, with or without "Exif" before it: 1 to 8, 1 being upright.

    1 if there is none or the block is damaged.
    """
    tiff = block.removeprefix(_EXIF)
    if tiff[:1] != tiff[1:2]:
        return 1
    order = "<" if tiff[:1] == b"I" else ">"
    try:
        magic, directory = struct.unpack_from(f"{order}HI", tiff, 2)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for offset in range(directory + 2, directory + 2 + 12 * entries, 12):
            (tag,) = struct.unpack_from(f"{order}H", tiff, offset)
            if magic != 42 or not _is_readable_exif(tiff, order, tag, offset):
                return 1
            if tag == _ORIENTATION:
                (value,) = struct.unpack_from(f"{order}H", tiff, offset + 8)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _is_readable_exif(tiff: bytes, order: str, tag: int, offset: int) -> bool:
    """Whether the data of the entry at `offset` lie in the block; those of other tags do not matter."""
    if tag in _EXIF_TEXTS:
        count, place = struct.unpack_from(f"{order}II", tiff, offset + 4)
        # OpenCV looks for text of up to 4 bytes at offset 8 of the block.
        return int((place if count > 4 else 8) + count) <= len(tiff)
    if tag in _EXIF_RATIONALS:
        (place,) = struct.unpack_from(f"{order}I", tiff, offset + 8)
        return int(place + 8 * _EXIF_RATIONALS[tag]) <= len(tiff)
    return tag not in _EXIF_SHORTS or offset + 10 <= len(tiff)
