"""Bounded, schema-less reading of a flatbuffer that may be hostile.

Fields are reached by slot number through `flatbuffers`' generic Table; no generated code is needed. Every
access is checked, and a budget of as many steps as the buffer has bytes stops offsets that point at the
same bytes again and again.
"""

from __future__ import annotations

from typing import Any

from flatbuffers import number_types
from flatbuffers.table import Table

INT32 = number_types.Int32Flags
INT64 = number_types.Int64Flags
UINT8 = number_types.Uint8Flags
FLOAT32 = number_types.Float32Flags
BOOL = number_types.BoolFlags
_OFFSET_BYTES = 4


class DamagedError(ValueError):
    """The bytes are not what they should be; the message says in what, to be read after "the file: "."""


class Buffer:
    """The bytes of one flatbuffer and what is left of the reading budget."""

    def __init__(self, data: bytes):
        self.data = data
        self._budget = len(data)

    def spend(self, steps: int) -> None:
        """Takes `steps` from the budget; honest files never need more than one step a byte."""
        self._budget -= steps
        if self._budget < 0:
            raise DamagedError("its tables overlap")

    def check(self, position: int) -> int:
        """Gives `position` back; DamagedError where it is outside of the buffer."""
        # Python would read a negative one from the buffer's end, flatbuffers raise TypeError over 4 GiB.
        if not 0 <= position <= len(self.data):
            raise DamagedError("an offset points outside of it")
        return position

    def root(self) -> View:
        """The root table.

        Raises DamagedError or struct.error (here and in all of `View`) where this is no flatbuffer.
        """
        return View(self, Table(self.data, 0).Indirect(0))


class View:
    """One table of a flatbuffer; fields are named by their slot (their place in the schema's table)."""

    def __init__(self, buffer: Buffer, position: int):
        buffer.spend(1)
        self._buffer = buffer
        self._table = Table(buffer.data, buffer.check(position))
        buffer.check(position - self._table.Get(number_types.SOffsetTFlags, position))

    def _offset(self, slot: int) -> int:
        return self._table.Offset(_OFFSET_BYTES + 2 * slot)

    def number(self, slot: int, flags: Any = INT32, default: Any = 0) -> Any:
        """The scalar in `slot`, or `default` where the writer left it out."""
        offset = self._offset(slot)
        return self._table.Get(flags, self._table.Pos + offset) if offset else default

    def numbers(self, slot: int, flags: Any) -> tuple[Any, ...]:
        """The vector of scalars in `slot`, () where there is none."""
        offset = self._offset(slot)
        if not offset:
            return ()
        self._buffer.spend(self._table.VectorLen(offset) * flags.bytewidth)
        return tuple(self._table.GetVectorAsNumpy(flags, offset).tolist())

    def byte_length(self, slot: int) -> int:
        """Bytes of the byte vector in `slot`, all of which lie inside the buffer."""
        offset = self._offset(slot)
        if not offset:
            return 0
        length = self._table.VectorLen(offset)
        self._buffer.check(self._table.Vector(offset) + length)
        return length

    def text(self, slot: int) -> str:
        """The string in `slot`, "" where there is none. UnicodeDecodeError where it is not UTF-8."""
        offset = self._offset(slot)
        return self._text_at(self._table.Pos + offset) if offset else ""

    def texts(self, slot: int) -> tuple[str, ...]:
        """The vector of strings in `slot`, () where there is none."""
        return tuple(self._text_at(position) for position in self._elements(slot))

    def table(self, slot: int) -> View | None:
        """The table in `slot`, None where there is none."""
        offset = self._offset(slot)
        return View(self._buffer, self._table.Indirect(self._table.Pos + offset)) if offset else None

    def tables(self, slot: int) -> list[View]:
        """The vector of tables in `slot`, [] where there is none."""
        return [View(self._buffer, self._table.Indirect(position)) for position in self._elements(slot)]

    def _elements(self, slot: int) -> range:
        offset = self._offset(slot)
        if not offset:
            return range(0)
        count, start = self._table.VectorLen(offset), self._table.Vector(offset)
        self._buffer.spend(count)
        return range(start, self._buffer.check(start + _OFFSET_BYTES * count), _OFFSET_BYTES)

    def _text_at(self, position: int) -> str:
        start = self._buffer.check(self._table.Indirect(position))
        length = self._table.Get(number_types.UOffsetTFlags, start)
        start += _OFFSET_BYTES
        self._buffer.spend(length)
        return self._buffer.data[start : self._buffer.check(start + length)].decode()
