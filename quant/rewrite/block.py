"""A DeiT block in numpy, over float activations and over INT8-simulated ones side by side.

Pictures go through it a few at a time, as many chunks side by side as this process has cores.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.special import erf

from lite.zoo import PATCH_SIZE

CHUNK = 8
Item = TypeVar("Item")
Result = TypeVar("Result")
LEVELS = 127.0


def in_order(items: Iterable[Item], work: Callable[[Item], Result]) -> Iterator[Result]:
    """What `work` makes of each item, in order; as many at a time as this process has cores.

    numpy lets other threads run while it computes. At most two results a core wait to be taken.
    """
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as executor:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(executor.submit(work, item))
                if len(waiting) > 2 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # After an error or Ctrl-C nobody wants the others.
            executor.shutdown(cancel_futures=True)


def each(count: int, work: Callable[[slice], Result]) -> Iterator[Result]:
    """What `work` makes of each slice of a few pictures, as `in_order`."""
    return in_order((slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)), work)


def layer_norm(tokens: np.ndarray, weight: np.ndarray, bias: np.ndarray, epsilon: float) -> np.ndarray:
    """[..., channels] normalised over the channels."""
    normed = tokens - tokens.mean(-1, keepdims=True)
    variance = np.square(normed).mean(-1, keepdims=True)
    normed /= np.sqrt(variance + np.float32(epsilon))
    normed *= weight
    normed += bias
    return normed


def gelu(values: np.ndarray, *, tanh: bool) -> np.ndarray:
    """GELU, exact or in its tanh approximation (Hendrycks and Gimpel, 2016)."""
    if tanh:
        inner = np.float32(0.044715) * values
        inner *= values
        inner *= values
        inner += values
        inner *= np.float32(0.7978845608)
        np.tanh(inner, out=inner)
    else:
        inner = values * np.float32(2**-0.5)
        erf(inner, out=inner)
    inner += 1
    inner *= np.float32(0.5) * values
    return inner


def softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    powers = scores - scores.max(-1, keepdims=True)
    np.exp(powers, out=powers)
    powers /= powers.sum(-1, keepdims=True)
    return powers


def patches(pixels: np.ndarray) -> np.ndarray:
    """Picture tensors [N, 3, H, W] → patches [N, patches, 3 * 16 * 16], in the order of the conv's weight."""
    count, _, height, width = pixels.shape
    rows, columns = height // PATCH_SIZE, width // PATCH_SIZE
    cut = pixels.reshape(count, 3, rows, PATCH_SIZE, columns, PATCH_SIZE).transpose(0, 2, 4, 1, 3, 5)
    return cut.reshape(count, rows * columns, -1)


def fake_quantize(values: np.ndarray, largest: float) -> np.ndarray:
    """Rounds float32 to symmetric int8 with one scale; `largest` stands for 127."""
    whole = to_levels(values, largest)
    whole *= level(largest)
    return whole


def to_levels(values: np.ndarray, largest: float) -> np.ndarray:
    """How many levels each value is, whole numbers in float32; `largest` stands for 127."""
    whole = values / level(largest)
    np.rint(whole, out=whole)
    return np.clip(whole, -LEVELS, LEVELS, out=whole)


def level(largest: float) -> np.float32:
    """What one level of int8 stands for where `largest` stands for 127."""
    return np.float32(max(largest, 1e-12) / LEVELS)


def attention(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int) -> np.ndarray:
    """Mixed values [N, queries, dim] of q [N, queries, dim], k and v [N, tokens, dim], in float."""
    mixed = np.empty(query.shape, np.result_type(query, key, value))
    # Picture by picture: one weight for each two tokens, of all heads, is much memory.
    for out, *parts in zip(mixed, query, key, value, strict=True):
        q, k, v = (part.reshape(len(part), heads, -1).transpose(1, 0, 2) for part in parts)
        weights = softmax(q @ k.transpose(0, 2, 1))
        np.matmul(weights, v, out=out.reshape(len(out), heads, -1).transpose(1, 0, 2))
    return mixed


@dataclass(frozen=True)
class Activations:
    """An activation over the calibration pictures.

    `low`, `high` float32 [pictures, channels]: each picture's least and greatest. `rows` float32 [n, channels] is a
    sample and `owners` int [n] the picture of each row.
    """

    low: np.ndarray
    high: np.ndarray
    rows: np.ndarray
    owners: np.ndarray

    @property
    def largest(self) -> np.ndarray:
        """The greatest magnitude per channel, float32 [channels]."""
        return np.maximum(np.abs(self.low), np.abs(self.high)).max(axis=0)

    def half(self, pictures: np.ndarray) -> Activations:
        """The part of the pictures where `pictures`, bool [pictures], is set."""
        kept = pictures[self.owners]
        return Activations(self.low[pictures], self.high[pictures], self.rows[kept], self.owners[kept])
