"""Random weights and a picture that every environment makes alike, by numpy's `RandomState`, which never changes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np


def tensor(name: str, shape: Sequence[int]) -> np.ndarray:
    """The tensor called `name`, float32: alive, so that attention is far from even and GELU from linear."""
    values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
    if len(shape) >= 2 and name.endswith(".weight"):
        # [out, in …], as PyTorch has it. Heads answer louder.
        return values * np.float32(
            (2.0 if "head" in name or "classifier" in name else 1.0) / np.sqrt(np.prod(shape[1:]))
        )
    if name.endswith(".weight"):
        return 1 + values * np.float32(0.1)
    if "gamma" in name:
        return np.float32(0.6) + values * np.float32(0.2)
    return values * np.float32(0.1 if name.endswith(".bias") else 0.5)


def state(shapes: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """All tensors of a network by name."""
    return {name: tensor(name, shape) for name, shape in shapes.items()}


def picture(side: int) -> np.ndarray:
    """A picture's tensor, float32 [1, 3, side, side]."""
    return np.random.RandomState(side).standard_normal((1, 3, side, side)).astype(np.float32)


def packed(shapes: Mapping[str, Sequence[int]], block: str) -> dict[str, list[int]]:
    """The shapes with all blocks told by the first; `block` is what its names begin with, its number as {}."""
    first = block.format(0)
    kept = {name: list(shape) for name, shape in shapes.items() if not name.startswith(block.split("{}")[0])}
    for name, shape in shapes.items():
        if name.startswith(first):
            kept[block + name.removeprefix(first)] = list(shape)
    assert set(unpacked(kept)) == set(shapes)
    return kept


def unpacked(shapes: Mapping[str, Sequence[int]], depth: int = 12) -> dict[str, list[int]]:
    """What `packed` was made of."""
    return {
        name.format(block): list(shape)
        for name, shape in shapes.items()
        for block in (range(depth) if "{}" in name else [0])
    }
