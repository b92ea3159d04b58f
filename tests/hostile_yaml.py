"""YAML that nobody writes, by a seed: pieces of the language, nested and repeated values, files of ours damaged."""

from __future__ import annotations

import random

_KEYS = [
    "name", "skip", "paddleslim", "rewrite", "split_gelu", "batches", "stages", "batch", "augment", "rand_augment",
    "optimizer", "betas", "algo", "seed", "<<", "k" * 300, "\\e[2J",
]  # fmt: skip
_VALUES = [
    "1", "1e400", ".nan", ".inf", "0x10", "1:2", "2026-01-01", "~", "=", "yes", "٣", "²", "rand-m9-n9-inc1", "x" * 300,
    "!!int ''", "!!set {a}", "!!binary a", '"\\e[2J"', '"\\0"', "9" * 300, "-1", "''",
]  # fmt: skip
_PIECES = [
    "&a ", "*a", "&b ", "*b", "[", "]", "{", "}", ": ", "- ", "\n", "\n  ", "\n    ", "<<: ", "? ", ", ", "!!int ",
    "!!set ", "!!omap ", "!!pairs ", "!!binary ", "!!null ", "!!map ", "!!seq ", "!x ", "%YAML 1.1\n---\n", "...",
    "|\n", ">-\n", "'", '"', "\\", "#", "\t", "\0", "\x1b", "\ufeff", "\u2028", *_KEYS, *_VALUES,
]  # fmt: skip


def invented(seed: int) -> bytes:
    """Pieces of the language in any order."""
    chance = random.Random(seed)
    return "".join(chance.choices(_PIECES, k=chance.randrange(1, 25))).encode()


def nested(seed: int) -> bytes:
    """A mapping of values in values in which anchors stand and are repeated."""
    chance, anchors = random.Random(seed), 0

    def value(depth: int) -> str:
        nonlocal anchors
        if anchors and chance.random() < 0.3:
            return f"*n{chance.randrange(anchors)} "
        anchor = ""
        if chance.random() < 0.4:
            anchor, anchors = f"&n{anchors} ", anchors + 1
        if depth == 0 or chance.random() < 0.3:
            return anchor + chance.choice(_VALUES)
        inner = [value(depth - 1) for _ in range(chance.randrange(1, 8))]
        if chance.random() < 0.5:
            return f"{anchor}[{', '.join(inner)}]"
        return anchor + "{" + ", ".join(f"{chance.choice(_KEYS)}: {each}" for each in inner) + "}"

    keys = chance.sample(_KEYS, chance.randrange(1, 9))
    return "".join(f"{key}: {value(chance.randrange(8))}\n" for key in keys).encode()


def damaged(text: str, seed: int) -> bytes:
    """A file of ours in which bytes are something else; without comments, most of which is what would be hit."""
    chance = random.Random(seed)
    content = bytearray("\n".join(line.partition("#")[0] for line in text.splitlines()).encode())
    for _ in range(chance.randrange(1, 6)):
        content[chance.randrange(len(content))] = chance.choice(
            [*b"[]{}:&*!-?|>%@'\"\n\t ,09e.~=", *range(256)]
        )
    return bytes(content)
