"""Reads a pickle of names and arrays as data: nothing of it is called, hashed, compared or printed.

Python's own reader calls what the file names, hashes what it holds, and keeps a copy of all bytes. This one knows only
the opcodes that `paddle.save`, `torch.save` and `pickle.dump` write for a dict of arrays, and puts the few classes
below where arrays and dicts would be. What else a format names is in its `Dialect`. Bytes stay in the file and are
known by their place, so that memory is a matter of the number of opcodes, which has a bound. Nothing in here calls
itself, so that depth needs none.

Source of the opcodes: Python's `pickletools`.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import BinaryIO

from lite.errors import InputError
from lite.shown import shown

# The largest DeiT takes 6,000, a training checkpoint of it with its optimizer 27,000.
MAXIMUM_OPCODES = 200_000
MAXIMUM_NAME = 255


class MalformedError(Exception):
    """What no writer of weights writes."""


@dataclass
class Dtype:
    """A NumPy dtype's code such as "f4", and its byte order."""

    code: str
    byte_order: str = "="


@dataclass(frozen=True)
class Span:
    """Bytes that stay in the file; `text` where they are UTF-8 for text of one character a byte."""

    offset: int
    length: int
    text: bool


@dataclass(eq=False, repr=False)
class Array:
    """What the file says of a NumPy array. Nothing of it is checked but what its annotation says."""

    shape: object = ()
    dtype: object = None
    fortran: object = False
    data: object = None


@dataclass(eq=False, repr=False)
class Table:
    """A dict as pairs, whose keys can be anything at all. Python 2's OrderedDict shares the list that it is made of."""

    pairs: list[object] = field(default_factory=list)

    def items(self) -> Iterator[tuple[object, object]]:
        """The pairs. Raises MalformedError for what is none."""
        for pair in self.pairs:
            match pair:
                case [name, value]:
                    yield name, value
                case _:
                    raise MalformedError("no pair")


class _Callable(Enum):
    NDARRAY = auto()
    RECONSTRUCT = auto()
    FROM_BUFFER = auto()
    DTYPE = auto()
    ENCODE = auto()
    ORDERED_DICT = auto()
    TUPLE = auto()


_NAMES = {
    ("numpy", "ndarray"): _Callable.NDARRAY,
    ("numpy", "dtype"): _Callable.DTYPE,
    ("numpy.core.multiarray", "_reconstruct"): _Callable.RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _Callable.RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): _Callable.FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _Callable.FROM_BUFFER,
    ("_codecs", "encode"): _Callable.ENCODE,
    ("collections", "OrderedDict"): _Callable.ORDERED_DICT,
    ("builtins", "tuple"): _Callable.TUPLE,
    ("__builtin__", "tuple"): _Callable.TUPLE,
}


def kind(value: object) -> str:
    """What a value that was read is called in a message."""
    names = {Array: "tensor", Table: "dict", Dtype: "dtype", _Callable: "function", type(None): "None"}
    if isinstance(value, Span):
        return "str" if value.text else "bytes"
    return names.get(type(value)) or type(value).__name__.strip("_").lower()


def by_name(content: object) -> dict[str, object]:
    """The values of a dict of names. Raises InputError for what is none."""
    if not isinstance(content, Table):
        raise InputError(f"it holds no dict of tensors (type {kind(content)})")
    named = {}
    for name, value in content.items():
        if not isinstance(name, str):
            raise InputError(f"it holds a key that is no name (type {kind(name)})")
        named[name] = value
    return named


def load(file: BinaryIO, size: int, dialect: Dialect | None = None) -> object:
    """What the pickle at the place where `file` stands holds; `size` is where the file ends.

    That is None, bool, int (of up to 255 bytes), float, str (of up to 255 bytes; a longer one is a Span), tuple, list,
    Array, Table, Dtype and Span. Raises InputError for a file that wants code, and for one of more than 200,000
    opcodes; MalformedError, EOFError and others for what is damaged.
    """
    return _Reader(file, size, dialect or NUMPY).load()


class _Reader:
    def __init__(self, file: BinaryIO, size: int, dialect: Dialect):
        self._file, self._size, self._dialect = file, size, dialect
        self._stack: list[object] = []
        # What lies below each mark.
        self._below: list[list[object]] = []
        self._memo: dict[int, object] = {}

    def load(self) -> object:
        for _ in range(MAXIMUM_OPCODES):
            opcode = self._take(1)
            if opcode == pickle.STOP:
                return self._stack.pop()
            action = _ACTIONS.get(opcode)
            if action is None:
                raise MalformedError(f"opcode {opcode!r}")
            action(self)
        raise InputError(f"it holds over {MAXIMUM_OPCODES:,} values, far more than weights do")

    def _take(self, length: int) -> bytes:
        found = self._file.read(length)
        if len(found) < length:
            raise EOFError
        return found

    def _number(self, length: int) -> int:
        return int.from_bytes(self._take(length), "little")

    def push(self, value: object) -> None:
        self._stack.append(value)

    def integer(self, length: int, *, signed: bool = False) -> None:
        self.push(int.from_bytes(self._take(length), "little", signed=signed))

    def long(self) -> None:
        self.integer(self._number(1), signed=True)

    def real(self) -> None:
        self.push(struct.unpack(">d", self._take(8))[0])

    def string(self, digits: int, encoding: str | None) -> None:
        """A string whose length has `digits` bytes; without an encoding it is bytes."""
        length, offset = self._number(digits), self._file.tell()
        if length > self._size - offset:
            raise EOFError
        if encoding and length <= MAXIMUM_NAME:
            self.push(str(self._take(length), encoding))
        else:
            self.push(Span(offset, length, encoding == "utf-8"))
            self._file.seek(offset + length)

    def mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _marked(self) -> list[object]:
        found, self._stack = self._stack, self._below.pop()
        return found

    def tuple(self, length: int | None = None) -> None:
        if length is None:
            found = self._marked()
        else:
            found, self._stack[-length:] = [self._stack[-index] for index in range(length, 0, -1)], []
        self.push(tuple(found))

    def append(self, *, marked: bool) -> None:
        values = self._marked() if marked else [self._stack.pop()]
        target = self._stack[-1]
        if not isinstance(target, list):
            raise MalformedError("no list")
        target.extend(values)

    def set_items(self, *, marked: bool) -> None:
        values = self._marked() if marked else [self._stack.pop(-2), self._stack.pop()]
        target = self._stack[-1]
        if not isinstance(target, Table) or len(values) % 2:
            raise MalformedError("no dict")
        target.pairs.extend(zip(values[::2], values[1::2], strict=True))

    def put(self, digits: int | None) -> None:
        self._memo[len(self._memo) if digits is None else self._number(digits)] = self._stack[-1]

    def get(self, digits: int) -> None:
        self.push(self._memo[self._number(digits)])

    def named(self) -> None:
        lines = [self._file.readline(MAXIMUM_NAME + 1) for _ in range(2)]
        if not all(line.endswith(b"\n") for line in lines):
            raise MalformedError("a name without an end")
        self.push(self._callable(*(str(line[:-1], "utf-8") for line in lines)))

    def stacked_name(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise MalformedError("a name that is no text")
        self.push(self._callable(module, name))

    def _callable(self, module: str, name: str) -> object:
        found = self._dialect.names.get((module, name))
        if found is None:
            raise self._dialect.refusal(module, name)
        return found

    def persistent(self) -> None:
        self.push(self._dialect.persistent(self._stack.pop()))

    def reduce(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(arguments, tuple):
            raise MalformedError("arguments that are no tuple")
        self.push(self._dialect.construct(function, arguments))

    def build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if self._dialect.ignores_state(target, state):
            return
        if not isinstance(state, tuple):
            raise MalformedError("a state that is no tuple")
        if isinstance(target, Array):
            # A version comes first in what NumPy has written since 1.0.
            target.shape, target.dtype, target.fortran, target.data = state[-4:]
        elif isinstance(target, Dtype) and isinstance(state[1], str):
            target.byte_order = state[1]
        else:
            raise MalformedError("a state for what has none")


def _refusal(module: str, name: str) -> InputError:
    if module.split(".")[0] == "torch":
        return InputError("it is a PyTorch checkpoint as a plain pickle", remedy="save it with torch.save")
    return InputError(
        f"it wants to load {shown(f'{module}.{name}')}, which weights do not need, and nothing of it was run",
        remedy="save the weights with paddle.save(model.state_dict(), FILE)",
    )


def _no_persistent(identifier: object) -> object:
    raise MalformedError("an identifier that no writer of weights makes")


def construct(function: object, arguments: tuple[object, ...]) -> object:
    """What stands for a call that a writer of NumPy's arrays makes. Raises MalformedError for any other."""
    match function, arguments:
        case _Callable.RECONSTRUCT, _:
            return Array()
        case _Callable.FROM_BUFFER, (data, dtype, shape, order):
            return Array(shape, dtype, isinstance(order, str) and order == "F", data)
        case _Callable.DTYPE, (str(code), *_):
            return Dtype(code)
        # Protocol 2 has no bytes and writes them as text, which is read as bytes where the array is made.
        case _Callable.ENCODE, (str() | Span(text=True) as text, "latin1"):
            return text
        case _Callable.ORDERED_DICT, ():
            return Table()
        case _Callable.ORDERED_DICT, (list(pairs),):
            return Table(pairs)
        case _Callable.TUPLE, (tuple(values),):
            return values
    raise MalformedError("a call that no writer of weights makes")


@dataclass(frozen=True)
class Dialect:
    """What a format's pickles name beside arrays of NumPy, and what is put where they would be called.

    `names`: (module, name) → what stands for it; `refusal` gives the error for any other. `construct`: what stands for
    a call of one of them with a tuple of arguments. `persistent`: what stands for a persistent identifier.
    `ignores_state`: whether the attributes of what stands there, and these, are left out.
    """

    names: Mapping[tuple[str, str], object]
    refusal: Callable[[str, str], InputError]
    construct: Callable[[object, tuple[object, ...]], object]
    persistent: Callable[[object], object] = _no_persistent
    ignores_state: Callable[[object, object], bool] = lambda target, state: False


NUMPY = Dialect(_NAMES, _refusal, construct)


def _frame(reader: _Reader) -> None:
    # A frame is only a hint of how much to read at once.
    reader._take(8)


def _protocol(reader: _Reader) -> None:
    if reader._number(1) > pickle.HIGHEST_PROTOCOL:
        raise MalformedError("an unknown protocol")


_ACTIONS: dict[bytes, Callable[[_Reader], None]] = {
    pickle.PROTO: _protocol,
    pickle.FRAME: _frame,
    pickle.NONE: lambda reader: reader.push(None),
    pickle.NEWTRUE: lambda reader: reader.push(True),
    pickle.NEWFALSE: lambda reader: reader.push(False),
    pickle.BININT: lambda reader: reader.integer(4, signed=True),
    pickle.BININT1: lambda reader: reader.integer(1),
    pickle.BININT2: lambda reader: reader.integer(2),
    pickle.LONG1: _Reader.long,
    pickle.BINFLOAT: _Reader.real,
    pickle.SHORT_BINBYTES: lambda reader: reader.string(1, None),
    pickle.BINBYTES: lambda reader: reader.string(4, None),
    pickle.BINBYTES8: lambda reader: reader.string(8, None),
    pickle.BYTEARRAY8: lambda reader: reader.string(8, None),
    pickle.SHORT_BINUNICODE: lambda reader: reader.string(1, "utf-8"),
    pickle.BINUNICODE: lambda reader: reader.string(4, "utf-8"),
    pickle.BINUNICODE8: lambda reader: reader.string(8, "utf-8"),
    # Python 2's str, which is bytes.
    pickle.SHORT_BINSTRING: lambda reader: reader.string(1, "latin1"),
    pickle.BINSTRING: lambda reader: reader.string(4, "latin1"),
    pickle.MARK: _Reader.mark,
    pickle.EMPTY_TUPLE: lambda reader: reader.push(()),
    pickle.TUPLE: _Reader.tuple,
    pickle.TUPLE1: lambda reader: reader.tuple(1),
    pickle.TUPLE2: lambda reader: reader.tuple(2),
    pickle.TUPLE3: lambda reader: reader.tuple(3),
    pickle.EMPTY_LIST: lambda reader: reader.push([]),
    pickle.APPEND: lambda reader: reader.append(marked=False),
    pickle.APPENDS: lambda reader: reader.append(marked=True),
    pickle.EMPTY_DICT: lambda reader: reader.push(Table()),
    pickle.SETITEM: lambda reader: reader.set_items(marked=False),
    pickle.SETITEMS: lambda reader: reader.set_items(marked=True),
    pickle.BINPUT: lambda reader: reader.put(1),
    pickle.LONG_BINPUT: lambda reader: reader.put(4),
    pickle.MEMOIZE: lambda reader: reader.put(None),
    pickle.BINGET: lambda reader: reader.get(1),
    pickle.LONG_BINGET: lambda reader: reader.get(4),
    pickle.GLOBAL: _Reader.named,
    pickle.STACK_GLOBAL: _Reader.stacked_name,
    pickle.BINPERSID: _Reader.persistent,
    pickle.REDUCE: _Reader.reduce,
    # Calls a class with arguments, as reduce does a function.
    pickle.NEWOBJ: _Reader.reduce,
    pickle.BUILD: _Reader.build,
}
