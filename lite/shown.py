"""What messages, tables and reports show: text from outside with nothing that a terminal obeys, figures as they are.

In messages text is short. Figures are not rounded to what they are not: all, nothing, alike.
"""

from __future__ import annotations

import re
import reprlib

LONGEST = 200
# Control characters, line ends of Unicode, what turns the direction of writing, bytes of names that are not UTF-8.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONG_WORD = re.compile(rf"\S{{{LONGEST + 1},}}")


def escaped(text: str, keep: str = "") -> str:
    """`text` for a table, a page or a cell: what would be obeyed and not shown is escaped as Python's repr does.

    The characters of `keep` stay, such as the line ends of a text that has more than one line.
    """
    return _OBEYED.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def printable(text: str) -> str:
    """`text` for a message, in one line: white space becomes one space, all that cannot be seen is escaped.

    That is more than `escaped` does, since a message is ours and needs no letters that are not seen.
    """
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in line)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def shortened(text: str, longest: int = LONGEST) -> str:
    """`text` with at most `longest` characters, … where its middle was."""
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def line(text: str, longest: int = 2000) -> str:
    """A message as `printable` gives it; a word of more than 200 characters, which is nobody's own, is shortened.

    `longest` is above what any message says in its own words. Other text that a message repeats is made shorter where
    the message is made, by `shown`.
    """
    bounded = shortened(printable(shortened(text, longest)), longest)
    return _LONG_WORD.sub(lambda found: shortened(found[0]), bounded)


def shown(value: object, longest: int = LONGEST) -> str:
    """A value as Python writes it, with at most `longest` characters; of nested values only the outer ones."""
    return shortened(_REPR.repr(shortened(value, longest) if isinstance(value, str) else value), longest)


def percent(share: float, digits: int = 2) -> str:
    """A share, 1 for 100 %, as text; 100 % and 0 % only where nothing is missing or there."""
    text = f"{share:.{digits}%}"
    if share < 1.0 and float(text[:-1]) == 100.0:
        return f"> {100 - 10**-digits:.{digits}f}%"
    if share > 0.0 and float(text[:-1]) == 0.0:
        return f"< {10**-digits:.{digits}f}%"
    # Without the sign of a little less than nothing.
    return text.lstrip("-") if float(text[:-1]) == 0.0 else text


def cosine(value: float) -> str:
    """A cosine as text; 1 only where nothing is missing."""
    return "> 0.99999" if 0.999995 <= value < 1.0 else f"{value:.5f}"


def pictures(count: int) -> str:
    """So many pictures, as text."""
    return f"{count} picture" + ("" if count == 1 else "s")


def expected(count: float) -> str:
    """So many pictures, which need not be whole, as text: two digits, never as a power of ten."""
    return f"{count:.0f}" if count >= 99.5 else f"{count:.2g}"


class _Repr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, LONGEST + 2, LONGEST

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write one of many digits.
        return repr(x) if x.bit_length() <= 128 else f"a number of {x.bit_length():,} bits"


_REPR = _Repr()
