"""Text from outside, as messages repeat it: short, in one line, with nothing in it that a terminal would obey."""

from __future__ import annotations

import reprlib

LONGEST = 200


def printable(text: str) -> str:
    """`text` in one line: white space becomes one space, what cannot be seen is escaped as Python's repr does.

    That is control characters, those that turn the direction of writing, and bytes of names that are not UTF-8.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in " ".join(text.split())
    )


def shortened(text: str, longest: int = LONGEST) -> str:
    """`text` with at most `longest` characters, … where its middle was."""
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def shown(value: object, longest: int = LONGEST) -> str:
    """A value as Python writes it, with at most `longest` characters; of nested values only the outer ones."""
    return shortened(_REPR.repr(shortened(value, longest) if isinstance(value, str) else value), longest)


class _Repr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, LONGEST + 2, LONGEST

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write one of many digits.
        return repr(x) if x.bit_length() <= 128 else f"a number of {x.bit_length():,} bits"


_REPR = _Repr()
