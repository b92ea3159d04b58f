"""Pickles that no writer of weights writes, by the opcode, and a program that reads some as a command would.

`python tests/hostile_pickles.py FILE…` prints what `read_state` says of each file and the memory that it took, as JSON.
"""

from __future__ import annotations

import json
import pickle
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

START = b"\x80\x04"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
DTYPE = b"cnumpy\ndtype\n"
ENCODE = b"c_codecs\nencode\n"
ORDERED = b"ccollections\nOrderedDict\n"


def text(value: str) -> bytes:
    """Pushes a str."""
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def raw(value: bytes) -> bytes:
    """Pushes bytes."""
    return b"B" + len(value).to_bytes(4, "little") + value


def dtype(code: bytes = text("f4"), order: bytes = text("<")) -> bytes:
    """Pushes a dtype of that code and byte order, each of which can be anything."""
    return DTYPE + code + b"\x89\x88\x87R(K\x03" + order + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def array(data: bytes = raw(bytes(4)), shape: bytes = b"K\x01\x85", of: bytes = dtype()) -> bytes:
    """Pushes an array of that shape, dtype and data, each of which can be anything."""
    return RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01" + shape + of + b"\x89" + data + b"tb"


def state(*pairs: tuple[bytes, bytes]) -> bytes:
    """A whole pickle of a dict."""
    return START + b"}(" + b"".join(name + value for name, value in pairs) + b"u."


def deep(count: int) -> bytes:
    """Pushes an empty tuple in `count` tuples."""
    return b")" + b"\x85" * count


def doubled(count: int) -> bytes:
    """Pushes a tuple whose whole text has 2 to the power `count` empty tuples, and which takes a line in the file."""
    return b")" + b"q\xf0h\xf0\x86" * count


# What takes for ever or no end of the stack to hash, print or compare.
NESTED = {"deep": deep(190_000), "doubled": doubled(200), "a list in itself": b"]q\xf1h\xf1a"}


def nested_everywhere() -> Iterator[tuple[str, bytes]]:
    """Each place of the format with each of NESTED in it."""
    for how, nested in NESTED.items():
        places = {
            "all there is": START + nested + b".",
            "a key": state((nested, array())),
            "a key of a dict inside": state((text("a"), b"}" + nested + b"Ns")),
            "a value": state((text("a"), nested)),
            "a shape": state((text("a"), array(shape=nested))),
            "a size in a shape": state((text("a"), array(shape=nested + b"\x85"))),
            "data": state((text("a"), array(data=nested))),
            "a dtype": state((text("a"), array(of=nested))),
            "a dtype's code": state((text("a"), array(of=dtype(code=nested)))),
            "a byte order": state((text("a"), array(of=dtype(order=nested)))),
            "a dtype's state": START + DTYPE + text("f4") + b"\x85R" + nested + b"b.",
            "an array's state": START + RECONSTRUCT + b")R" + nested + b"b.",
            "a text to encode": START + ENCODE + nested + text("latin1") + b"\x86R.",
            "an encoding": START + ENCODE + text("a") + nested + b"\x86R.",
            "arguments": START + RECONSTRUCT + nested + b"R.",
            "a function": START + nested + b")R.",
            "a module's name": START + nested + text("a") + b"\x93.",
            "an OrderedDict's pairs": START + ORDERED + nested + b"\x85R.",
            "the name table": state((text("a"), array()), (text("StructuredToParameterName@@"), nested)),
            "the slices": state((text("a"), array()), (text("UnpackBigParamInfor@@"), nested)),
            "a sliced name": state((text("a"), array()), (text("UnpackBigParamInfor@@"), b"}" + nested + b"Ns")),
            "a slice": state(
                (text("a"), array()),
                (
                    text("UnpackBigParamInfor@@"),
                    b"}" + text("b") + b"}" + text("OriginShape") + b"K\x01\x85s"
                    + text("slices") + b"]" + nested + b"ass",
                ),
            ),
        }  # fmt: skip
        for place, content in places.items():
            yield f"{how} as {place}", content


def greedy() -> Iterator[tuple[str, bytes]]:
    """Files that ask for far more memory or time than they are large."""
    names = [text(f"layer.{index}") for index in range(2000)]
    million = raw(bytes(1_000_000)) + b"q\x01"
    shape = b"J" + (250_000).to_bytes(4, "little") + b"\x85"
    one = START + b"]" + million + b"a"
    shared = b"".join(name + array(b"h\x01", shape) for name in names)
    yield "one buffer under 2,000 names", one + b"}(" + shared + b"u."
    same = b"".join(name + b"h\x02" for name in names[1:])
    yield (
        "one array under 2,000 names",
        START + b"}(" + names[0] + array(million, shape) + b"q\x02" + same + b"u.",
    )
    halves = b"J" + (500_000).to_bytes(4, "little") + b"\x85"
    of_half = b"".join(name + array(b"h\x01", halves, dtype(text("f2"))) for name in names)
    yield "one float16 buffer under 2,000 names", one + b"}(" + of_half + b"u."
    letters = START + b"]" + text("a" * 1_000_000) + b"q\x01a"
    encoded = ENCODE + b"h\x01" + text("latin1") + b"\x86R"
    yield "one text encoded 2,000 times", letters + b"(" + encoded * 2000 + b"t."
    yield (
        "one text under 2,000 names",
        letters + b"}(" + b"".join(name + array(encoded, shape) for name in names) + b"u.",
    )
    pairs = START + b"]q\x01(" + b"](K\x01K\x01e" * 10_000 + b"e" + ORDERED + b"q\x02h\x01\x85q\x03"
    yield "one list made 40,000 OrderedDicts", pairs + b"h\x02h\x03R" * 40_000 + b"."
    many = b"](K\x01K\x01eq\x05a](" + b"h\x05" * 60_000 + b"eq\x01a"
    shared = START + b"]" + many + ORDERED + b"q\x02ah\x01\x85q\x03a"
    yield (
        "one list made 30,000 dicts of 60,000 names",
        shared + b"}(" + b"".join(text(str(n)) + b"h\x02h\x03R" for n in range(30_000)) + b"u.",
    )
    inside = START + b"]}q\x01(" + b"K\x01K\x01" * 30_000 + b"ua}("
    yield (
        "one dict under 20,000 names",
        inside + b"".join(text(str(n)) + b"h\x01" for n in range(20_000)) + b"u.",
    )
    yield "5,000,000 lists", START + b"]" * 5_000_000 + b"."
    yield "5,000,000 marks", START + b"(" * 5_000_000 + b"."
    yield "5,000,000 dicts in dicts", START + (b"}" + text("a")) * 5_000_000 + b"."
    yield (
        "an int of 20 MB",
        START + b"\x8b" + (20_000_000).to_bytes(4, "little") + b"\x7f" * 20_000_000 + b".",
    )
    yield "a name of a function of 20 MB", START + b"c" + b"a" * 20_000_000 + b"."
    yield "a key of 20 MB", state((text("a" * 20_000_000), array()))
    yield (
        "names of four bytes a letter",
        state(*((text(f"{index:06}" + "\N{PILE OF POO}" + "a" * 240), b"N") for index in range(60_000))),
    )
    wide = text("a" * 40_000_000 + "\N{PILE OF POO}")
    yield "a text of four bytes a letter", state((text("a"), array(wide)))
    ascii_shape = b"J" + (20_000_000).to_bytes(4, "little") + b"\x85"
    half_text = array(
        ENCODE + text("a" * 40_000_000) + text("latin1") + b"\x86R", ascii_shape, dtype(text("f2"))
    )
    yield "float16 as text", state((text("a"), half_text))
    yield "a shape of 100,000 sizes", state((text("a"), array(shape=b"(" + b"K\x01" * 100_000 + b"t")))
    yield "a shape of 10^18", state((text("a"), array(shape=b"\x8a\x0800000000\x85")))
    yield "a shape of 2^2000", state((text("a"), array(shape=b"\x8a\xfa" + b"\x7f" * 250 + b"\x85")))


def odd() -> Iterator[tuple[str, bytes]]:
    """Wrong in kind."""
    for attribute in ("items", "get", "values", "keys", "pairs", "__class__", "__dict__"):
        yield (
            f"an OrderedDict with {attribute}",
            (START + ORDERED + b")R" + b"}" + text(attribute) + b"Nsb" + text("a") + array() + b"s."),
        )
        yield (
            f"an OrderedDict with slot {attribute}",
            (START + ORDERED + b")RN}" + text(attribute) + b"Ns\x86b" + text("a") + array() + b"s."),
        )
    for size in (b"N", b"\x88", b"G" + bytes(8), text("1"), b"J\xff\xff\xff\xff", b"]"):
        yield f"a size {size!r}", state((text("a"), array(shape=size + b"\x85")))
    for hostile in (
        "\x1b[2J\x1b]0;owned\x07",
        "a\nerror: b",
        "\u202egnp.exe",
        "\r",
        "\x00",
        "a" * 255,
        "'" * 255,
    ):
        yield f"a key {hostile!r:.20}", state((text(hostile), b"N"))
        yield f"a checkpoint's key {hostile!r:.20}", state((text(hostile), b"}" + text("a") + array() + b"s"))
        yield f"a dtype {hostile!r:.20}", state((text("a"), array(of=dtype(text(hostile)))))
        yield f"a shape's key {hostile!r:.20}", state((text(hostile), array(shape=b"K\x07\x85")))
        yield f"a module {hostile!r:.20}", START + text(hostile) + text(hostile) + b"\x93."
    yield "a lone half of a letter", START + b"}\x8c\x03\xed\xa0\x80Ns."


_LONG = [*(text(letter * 255) for letter in "a'\x1b\n "), text("\N{PILE OF POO}" * 60), raw(b"a" * 999)]
_NUMBERS = [
    b"K\x00",
    b"K\x01",
    b"J" + b"\xff" * 4,
    b"J\xff\xff\xff\x7f",
    b"\x8a\xfa" + b"\x7f" * 250,
    b"G" + b"\x7f" * 8,
]
_PIECES = [
    bytes([code[0]])
    for name in pickle.__all__
    if isinstance(code := getattr(pickle, name), bytes) and len(code) == 1
]


def _nested(chance: random.Random) -> list[bytes]:
    # All the depth that a file can have takes a third of a second to read.
    return list(NESTED.values()) if chance.random() < 0.02 else [deep(2000), *list(NESTED.values())[1:]]


def invented(seed: int) -> bytes:
    """A program of opcodes and of pieces that belong together, in any order."""
    chance = random.Random(seed)
    pieces = [
        *_PIECES, *_nested(chance), *_LONG, *_NUMBERS, array(), dtype(), text("a"), text("latin1"), raw(b"abcd"),
        ORDERED + b")R", DTYPE, RECONSTRUCT, ENCODE,
        b"h\x00", b"q\x00", b"h\x01", b"q\x01", b"(", b"t", b"}", b"]", b"R", b"b", b"s",
        b"a", text("UnpackBigParamInfor@@"), text("slices"), text("OriginShape"), b"K\x01", b"cbuiltins\ntuple\n",
    ]  # fmt: skip
    middle = b"".join(chance.choices(pieces, k=chance.randrange(1, 40)))
    return (
        START
        + chance.choice([b"", b"}", b"}(", b"}" + text("a")])
        + middle
        + chance.choice([b"", b"s", b"u"])
        + b"."
    )


def spoiled(seed: int) -> bytes:
    """A state in the form that Paddle writes, in which some of the parts are something else."""
    chance = random.Random(seed)
    often = chance.choice([0.005, 0.02, 0.1])
    odd = [
        *_nested(chance),
        *_LONG,
        *_NUMBERS,
        *(b"N", b"\x88", b"]", b"}", b")", b"h\x01", b"h\x02"),
        ORDERED + b")R",
    ]

    def part(usual: bytes) -> bytes:
        return chance.choice(odd) if chance.random() < often else usual

    def tensor() -> bytes:
        code, count = chance.choice([("f2", 8), ("f4", 4), ("f8", 2)])
        of = part(dtype(part(text(code)), part(text(chance.choice("<>=|")))))
        encoded = ENCODE + part(text("\xff" * 16)) + part(text("latin1")) + part(b"\x86") + b"R"
        data = part(chance.choice([raw(bytes(16)), encoded]))
        return part(array(data, part(part(b"K" + bytes([count])) + b"\x85"), of))

    def table(*pairs: tuple[bytes, bytes]) -> bytes:
        return b"}(" + b"".join(part(key) + part(value) for key, value in pairs) + b"u"

    names = [text(f"layer.{number}") for number in range(chance.randrange(1, 6))]
    slices = table(
        (text("OriginShape"), b"K\x08\x85"), (text("slices"), b"](" + part(names[0]) + part(names[-1]) + b"e")
    )
    pairs = [(name, tensor()) for name in names]
    if chance.random() < 0.3:
        pairs += [
            (text("UnpackBigParamInfor@@"), table((names[0], slices))),
            (text("StructuredToParameterName@@"), b"}"),
        ]
    return START + b"](" + part(array()) + b"q\x01](K\x01K\x01eq\x02e" + table(*pairs) + b"."


def damaged(whole: bytes, seed: int) -> bytes:
    """`whole` with bytes changed, left out, put in, or a stretch of it put elsewhere."""
    chance, content = random.Random(seed), bytearray(whole)
    for _ in range(chance.randrange(1, 5)):
        at, length = chance.randrange(2, len(content)), chance.randrange(1, 12)
        match chance.randrange(5):
            case 0:
                content[at] ^= 1 << chance.randrange(8)
            case 1:
                content[at] = chance.randrange(256)
            case 2:
                del content[at : at + length]
            case 3:
                content[at:at] = content[(start := chance.randrange(2, len(content))) : start + length]
            case 4:
                content[at:at] = chance.choice(_PIECES)
    return bytes(content)


def memory() -> int:
    """The most memory that this process has had at once, in bytes."""
    # Not getrusage, whose maximum has that of the program that started this one in it.
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def _main(files: list[str]) -> None:
    from lite.errors import InputError
    from lite.model.pdparams import read_state

    for file in files:
        before = memory()
        try:
            said: object = {name: list(value.shape) for name, value in read_state(Path(file)).items()}
        except InputError as error:
            said = str(error)
        print(json.dumps({"said": said, "memory": memory() - before}), flush=True)


if __name__ == "__main__":
    np.zeros(1)
    _main(sys.argv[1:])
