"""The program of a `.nb`, whole: what the loader reads of it, as values that can be changed and written back.

`lite/nb/reader.py` gives what most questions need; here nothing is left out. Names are those of Paddle-Lite's
`framework.fbs`; slots are the fields' places in its tables. An operator's inputs, outputs and attributes, which
the loader searches by name, are written sorted by it.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from flatbuffers import Builder

from lite.files import new_file
from lite.nb.flatbuffer import BOOL, FLOAT32, INT32, INT64, Buffer, DamagedError, View

HEADER = struct.Struct("<H16sQ")
KERNEL_ATTRIBUTE = "__@kernel_type_attr@__"

# AttrType's numbers, for attributes that are added.
INT, FLOAT, STRING, BOOLEAN = 0, 1, 2, 6
_SCALARS = {0: INT32, 1: FLOAT32, 6: BOOL, 8: INT32, 9: INT64}
_VECTORS = {3: INT32, 4: FLOAT32, 7: BOOL, 10: INT32, 11: INT64}
_TEXT, _TEXTS = 2, 5


@dataclass(frozen=True)
class Attribute:
    """An operator's attribute: AttrType's number and the value, a tuple for its vectors."""

    type: int
    value: Any


@dataclass(frozen=True)
class Operator:
    """One operator as it is stored; its kernel is the attribute `KERNEL_ATTRIBUTE`."""

    type: str
    inputs: dict[str, tuple[str, ...]] = field(hash=False)
    outputs: dict[str, tuple[str, ...]] = field(hash=False)
    attributes: dict[str, Attribute] = field(hash=False)
    is_target: bool = False

    @property
    def names(self) -> list[str]:
        """All variables that it reads and writes, in this order."""
        return [name for side in (self.inputs, self.outputs) for names in side.values() for name in names]


@dataclass(frozen=True)
class Variable:
    """A variable as it is declared. `kind` and `data_type` are VarType's numbers.

    `dims` and `data_type` are None for one that is no tensor (what feed and fetch read and write).
    """

    name: str
    kind: int
    data_type: int | None
    dims: tuple[int, ...] | None
    lod_level: int
    persistable: bool
    need_check_feed: bool


@dataclass(frozen=True)
class ProgramBlock:
    """Variables, and operators in running order."""

    idx: int
    parent_idx: int
    forward_block_idx: int
    variables: tuple[Variable, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True)
class ProgramDesc:
    """All of ProgramDesc; `version` is None where the file has none."""

    blocks: tuple[ProgramBlock, ...]
    version: int | None
    op_versions: tuple[tuple[str, int], ...]


def parse(data: bytes) -> ProgramDesc:
    """Reads a program's flatbuffer.

    Raises DamagedError, struct.error or ValueError where it is damaged or holds what no opt writes.
    """
    root = Buffer(data).root()
    version, versions = root.table(1), root.table(2)
    pairs = versions.tables(0) if versions else []
    return ProgramDesc(
        tuple(_block(view) for view in root.tables(0)),
        version.number(0, INT64) if version else None,
        tuple((pair.text(0), _inner(pair, 1, "an operator's version").number(0)) for pair in pairs),
    )


def read(path: Path) -> ProgramDesc:
    """The program of the `.nb` at `path`, which `lite.nb.reader.read` has accepted."""
    with path.open("rb") as file:
        _, _, length = HEADER.unpack(file.read(HEADER.size))
        return parse(file.read(length))


def write(
    program: ProgramDesc,
    source: Path,
    out: Path,
    copy_params: Callable[[BinaryIO, BinaryIO], None] = shutil.copyfileobj,
) -> None:
    """Writes `program` as the `.nb` `out`, with the header and the parameters of the `.nb` `source`, byte by byte.

    `copy_params` copies the parameters from where the first file stands to the second. `out` is written under a
    temporary name and renamed, and may be `source`. Raises InputError where it cannot be.
    """
    data = serialize(program)
    with (
        new_file(out, remedy="choose another folder") as part,
        source.open("rb") as old,
        part.open("wb") as new,
    ):
        meta_version, opt_version, length = HEADER.unpack(old.read(HEADER.size))
        new.write(HEADER.pack(meta_version, opt_version, len(data)))
        new.write(data)
        old.seek(length, os.SEEK_CUR)
        copy_params(old, new)


def serialize(program: ProgramDesc) -> bytes:
    """The program's flatbuffer: the same program gives the same bytes."""
    return _Writer().program(program)


def _block(view: View) -> ProgramBlock:
    return ProgramBlock(
        view.number(0),
        view.number(1),
        view.number(4, default=-1),
        tuple(_variable(each) for each in view.tables(2)),
        tuple(_operator(each) for each in view.tables(3)),
    )


def _variable(view: View) -> Variable:
    kind = view.table(1)
    if kind is None:
        raise DamagedError("a variable has no type")
    if any(kind.table(slot) for slot in (1, 3, 4, 5)):
        raise DamagedError("a variable is neither tensor nor feed nor fetch, which no DeiT has")
    lod_tensor = kind.table(2)
    tensor = lod_tensor.table(0) if lod_tensor else None
    return Variable(
        view.text(0),
        kind.number(0),
        tensor.number(0) if tensor else None,
        tensor.numbers(1, INT64) if tensor else None,
        lod_tensor.number(1) if lod_tensor else 0,
        bool(view.number(2, BOOL)),
        bool(view.number(3, BOOL)),
    )


def _operator(view: View) -> Operator:
    return Operator(
        view.text(0),
        _arguments(view.tables(1)),
        _arguments(view.tables(2)),
        {item.text(0): _attribute(item) for item in view.tables(3)},
        bool(view.number(4, BOOL)),
    )


def _arguments(views: list[View]) -> dict[str, tuple[str, ...]]:
    return {view.text(0): view.texts(1) for view in views}


def _attribute(view: View) -> Attribute:
    # AttrType's number and, two slots on, the value's own field.
    kind = view.number(1)
    slot = kind + 2
    if kind in _SCALARS:
        value = view.number(slot, _SCALARS[kind])
        return Attribute(kind, bool(value) if _SCALARS[kind] is BOOL else value)
    if kind in _VECTORS:
        return Attribute(kind, view.numbers(slot, _VECTORS[kind]))
    if kind == _TEXT:
        return Attribute(kind, view.text(slot))
    if kind == _TEXTS:
        return Attribute(kind, view.texts(slot))
    raise DamagedError(f"an attribute has type {kind}, which no opt writes")


def _inner(view: View, slot: int, what: str) -> View:
    inner = view.table(slot)
    if inner is None:
        raise DamagedError(f"{what} is missing")
    return inner


class _Writer:
    """Tables from the inside out, as flatbuffers' builder wants them."""

    def __init__(self) -> None:
        self.builder = Builder(2**16)

    def program(self, program: ProgramDesc) -> bytes:
        fields = [(0, self.tables(self.block, program.blocks))]
        if program.version is not None:
            fields.append((1, self.table(1, numbers=[(INT64, 0, program.version, 0)])))
        pairs = self.tables(self.version, sorted(program.op_versions))
        fields.append((2, self.table(1, [(0, pairs)])))
        self.builder.Finish(self.table(3, fields))
        return bytes(self.builder.Output())

    def version(self, pair: tuple[str, int]) -> int:
        name = self.builder.CreateString(pair[0])
        return self.table(2, [(0, name), (1, self.table(1, numbers=[(INT32, 0, pair[1], 0)]))])

    def block(self, block: ProgramBlock) -> int:
        variables = self.tables(self.variable, block.variables)
        operators = self.tables(self.operator, block.operators)
        places = [
            (INT32, 0, block.idx, 0),
            (INT32, 1, block.parent_idx, 0),
            (INT32, 4, block.forward_block_idx, -1),
        ]
        return self.table(5, [(2, variables), (3, operators)], places)

    def variable(self, variable: Variable) -> int:
        name, fields = self.builder.CreateString(variable.name), []
        if variable.dims is not None:
            dims = self.vector(variable.dims, INT64)
            tensor = self.table(2, [(1, dims)], [(INT32, 0, variable.data_type or 0, 0)])
            fields = [(2, self.table(2, [(0, tensor)], [(INT32, 1, variable.lod_level, 0)]))]
        kind = self.table(6, fields, [(INT32, 0, variable.kind, 0)])
        flags = [(BOOL, 2, variable.persistable, False), (BOOL, 3, variable.need_check_feed, False)]
        return self.table(4, [(0, name), (1, kind)], flags)

    def operator(self, operator: Operator) -> int:
        fields = [
            (0, self.builder.CreateString(operator.type)),
            (1, self.tables(self.argument, _sorted(operator.inputs))),
            (2, self.tables(self.argument, _sorted(operator.outputs))),
            (3, self.tables(self.attribute, _sorted(operator.attributes))),
        ]
        return self.table(5, fields, [(BOOL, 4, operator.is_target, False)])

    def argument(self, item: tuple[str, tuple[str, ...]]) -> int:
        name, values = item
        return self.table(2, [(0, self.builder.CreateString(name)), (1, self.texts(values))])

    def attribute(self, item: tuple[str, Attribute]) -> int:
        name, (kind, value) = item[0], (item[1].type, item[1].value)
        fields, slot = [(0, self.builder.CreateString(name))], kind + 2
        if kind == _TEXT:
            fields.append((slot, self.builder.CreateString(value)))
        elif kind == _TEXTS:
            fields.append((slot, self.texts(value)))
        elif kind in _VECTORS:
            fields.append((slot, self.vector(value, _VECTORS[kind])))
        numbers = [(_SCALARS[kind], slot, value, 0)] if kind in _SCALARS else []
        return self.table(16, fields, [(INT32, 1, kind, 0), *numbers])

    def table(
        self,
        slots: int,
        offsets: Sequence[tuple[int, int]] = (),
        numbers: Sequence[tuple[Any, int, Any, Any]] = (),
    ) -> int:
        """A table of so many slots: (slot, offset) of what is written already, (type, slot, value, default)."""
        self.builder.StartObject(slots)
        for slot, offset in offsets:
            self.builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        for number in numbers:
            self.builder.PrependSlot(*number)
        return self.builder.EndObject()

    def tables(self, write: Callable[[Any], int], items: Sequence[Any]) -> int:
        return self._vector_of([write(item) for item in items])

    def texts(self, values: Sequence[str]) -> int:
        return self._vector_of([self.builder.CreateString(value) for value in values])

    def _vector_of(self, offsets: list[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def vector(self, values: Sequence[Any], flags: Any) -> int:
        self.builder.StartVector(flags.bytewidth, len(values), flags.bytewidth)
        for value in reversed(values):
            self.builder.Prepend(flags, value)
        return self.builder.EndVector()


def _sorted(items: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(items.items(), key=lambda item: item[0].encode())
