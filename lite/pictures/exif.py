"""The orientation that a camera noted in a picture's EXIF block, by OpenCV 4.6's rule.

OpenCV applies it to JPEG, PNG and TIFF but not to WebP, for which it is read here. android_demo/cpp/src/exif.cpp is
the same rule for the C++ core: reading ends at a known tag whose data lie outside of the block, where EXIF libraries
read on.
"""

from __future__ import annotations

import struct

_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_TEXTS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x8298)  # ImageDescription, Make, Model, …
# XResolution, YResolution, WhitePoint, PrimaryChromaticities, YCbCrCoefficients, ReferenceBlackWhite
_RATIONALS = {0x011A: 1, 0x011B: 1, 0x013E: 2, 0x013F: 6, 0x0211: 3, 0x0214: 6}
_SHORTS = (_ORIENTATION, 0x0128, 0x0213)  # …, ResolutionUnit, YCbCrPositioning


def orientation(block: bytes) -> int:
    """EXIF tag 0x0112 of a block from "II" or "MM" on, with or without "Exif" before it: 1 to 8, 1 being upright.

    1 if there is none or the block is damaged.
    """
    tiff = block.removeprefix(_PREFIX)
    if tiff[:1] != tiff[1:2]:
        return 1
    order = "<" if tiff[:1] == b"I" else ">"
    try:
        magic, directory = struct.unpack_from(f"{order}HI", tiff, 2)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for offset in range(directory + 2, directory + 2 + 12 * entries, 12):
            (tag,) = struct.unpack_from(f"{order}H", tiff, offset)
            if magic != 42 or not _is_readable(tiff, order, tag, offset):
                return 1
            if tag == _ORIENTATION:
                (value,) = struct.unpack_from(f"{order}H", tiff, offset + 8)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _is_readable(tiff: bytes, order: str, tag: int, offset: int) -> bool:
    """Whether the data of the entry at `offset` lie in the block; those of other tags do not matter."""
    if tag in _TEXTS:
        count, place = struct.unpack_from(f"{order}II", tiff, offset + 4)
        # OpenCV looks for text of up to 4 bytes at offset 8 of the block.
        return int((place if count > 4 else 8) + count) <= len(tiff)
    if tag in _RATIONALS:
        (place,) = struct.unpack_from(f"{order}I", tiff, offset + 8)
        return int(place + 8 * _RATIONALS[tag]) <= len(tiff)
    return tag not in _SHORTS or offset + 10 <= len(tiff)
