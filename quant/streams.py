"""A DeiT block in numpy, over float activations and over INT8-simulated ones side by side.

Activations of all calibration pictures lie in files of a work folder, mapped into memory, so that memory does
not grow with the number of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.special import erf

from lite.zoo import LAYER_NORM_EPSILON, PATCH_SIZE

CHUNK = 8
LEVELS = 127.0


def array(folder: Path, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A float32 array of that shape in a new file of `folder`."""
    return np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.float32, shape=shape)


def chunks(count: int) -> Iterator[slice]:
    """Slices of a few pictures each."""
    return (slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


def layer_norm(tokens: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """[..., channels] normalised over the channels."""
    centred = tokens - tokens.mean(-1, keepdims=True)
    variance = np.square(centred).mean(-1, keepdims=True)
    return centred / np.sqrt(variance + np.float32(LAYER_NORM_EPSILON)) * weight + bias


def gelu(values: np.ndarray, *, tanh: bool) -> np.ndarray:
    """GELU, exact or in its tanh approximation (Hendrycks and Gimpel, 2016)."""
    if tanh:
        inner = np.float32(0.7978845608) * (values + np.float32(0.044715) * values * values * values)
        return np.float32(0.5) * values * (1 + np.tanh(inner))
    return np.float32(0.5) * values * (1 + erf(values * np.float32(2**-0.5)))


def softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def patches(pixels: np.ndarray) -> np.ndarray:
    """Picture tensors [N, 3, H, W] → patches [N, patches, 3 * 16 * 16], in the order of the conv's weight."""
    count, _, height, width = pixels.shape
    rows, columns = height // PATCH_SIZE, width // PATCH_SIZE
    cut = pixels.reshape(count, 3, rows, PATCH_SIZE, columns, PATCH_SIZE).transpose(0, 2, 4, 1, 3, 5)
    return cut.reshape(count, rows * columns, -1)


def fake_quantize(values: np.ndarray, largest: float) -> np.ndarray:
    """Rounds to symmetric int8 with one scale; `largest` stands for 127. float32 in and out."""
    step = np.float32(max(largest, 1e-12) / LEVELS)
    return np.clip(np.rint(values / step), -LEVELS, LEVELS) * step


def attention(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int) -> np.ndarray:
    """Mixed values [N, queries, dim] of q [N, queries, dim], k and v [N, tokens, dim], in float."""
    split = [
        part.reshape(len(part), part.shape[1], heads, -1).transpose(0, 2, 1, 3)
        for part in (query, key, value)
    ]
    weights = softmax(split[0] @ split[1].transpose(0, 1, 3, 2))
    return (weights @ split[2]).transpose(0, 2, 1, 3).reshape(query.shape)
