"""Reads which classes a dex file defines, and its strings (Android's "Dalvik executable format", 035 and later)."""

from __future__ import annotations

import struct

# header_item: the sizes and offsets of string_ids, type_ids and class_defs.
_STRINGS, _TYPES, _CLASSES = 0x38, 0x40, 0x60
_CLASS_BYTES = 32


def strings(dex: bytes) -> list[str]:
    """All strings: names of classes, methods and fields, and literals."""
    count, start = struct.unpack_from("<2I", dex, _STRINGS)
    return [_string(dex, offset) for offset in struct.unpack_from(f"<{count}I", dex, start)]


def classes(dex: bytes) -> set[str]:
    """The classes that the file itself defines, such as com.example.deit.screen.MainActivity."""
    names = strings(dex)
    count, start = struct.unpack_from("<2I", dex, _TYPES)
    types = struct.unpack_from(f"<{count}I", dex, start)
    count, start = struct.unpack_from("<2I", dex, _CLASSES)
    defined = [struct.unpack_from("<I", dex, start + _CLASS_BYTES * place)[0] for place in range(count)]
    return {names[types[one]][1:-1].replace("/", ".") for one in defined}


def _string(dex: bytes, offset: int) -> str:
    # Its length as a uleb128, then modified UTF-8 up to a zero byte.
    while dex[offset] & 0x80:
        offset += 1
    return dex[offset + 1 : dex.index(0, offset + 1)].decode("utf-8", "replace")
