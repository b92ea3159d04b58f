"""The rewrite of a block's attention: scales into weights, keys centred, weights rounded."""

from __future__ import annotations

import numpy as np

from lite.model.deploy import State
from quant.rewrite import block
from quant.rewrite.block import each, fake_quantize
from quant.rewrite.rewriting import Rewriting


def attention(work: Rewriting, index: int) -> None:
    """Rewrites norm1, q, k, v and proj, and adds the branch to the activations."""
    name = f"blocks.{index}.attn"
    layers = [f"{name}.{part}" for part in "qkv"]
    norm = f"blocks.{index}.norm1"
    limit = work.equalize_norm(norm, layers, last=False)
    if work.switches.centre_keys:
        _centre_keys(work, name, norm)
    rounded = [layer for layer in layers if layer not in work.kept]
    if rounded:
        work.ranges[f"{name}.qkv"] = limit
        work.round(rounded, lambda part: fake_quantize(work.normed(norm, part), limit))

    def mix(part: slice) -> tuple[np.ndarray, np.ndarray]:
        normed = work.normed(norm, part)
        quantized = fake_quantize(normed, limit)
        query, key, values = (
            work.linear(layer, normed if layer in work.kept else quantized) for layer in layers
        )
        work.mixed[part] = block.attention(query, key, values, work.variant.heads)
        heads = work.variant.heads, work.variant.head_dim
        if index == work.last:
            query = query[:, : work.variant.class_tokens]
        return tuple(np.abs(keys.reshape(-1, *heads)).max((0, 2)) for keys in (query, key))

    queries, keys = zip(*each(work.count, mix), strict=True)
    room = work.switches.class_tokens if index == work.last else 1.0
    work.ranges[f"{name}.query"] = [float(value) * room for value in np.max(queries, axis=0)]
    work.ranges[f"{name}.key"] = [float(value) for value in np.max(keys, axis=0)]
    proj = f"{name}.proj"
    stats = work.look_at(lambda part: work.mixed[part], last=index == work.last)
    scale = work.search_scale(proj, stats, work.state[f"{proj}.weight"])
    value = layers[2]
    if f"{value}.weight" in work.unrounded:
        work.unrounded[f"{value}.weight"] = work.unrounded[f"{value}.weight"] / scale
    for kind in ("weight", "bias"):
        work.state[f"{value}.{kind}"] = work.state[f"{value}.{kind}"] / scale
    work.scale_rows(proj, scale)
    reach = work.note_range(proj, float((stats.largest / scale).max()) * room)
    work.add_branch(proj, lambda part: fake_quantize(work.mixed[part] / scale, reach))


def _centre_keys(work: Rewriting, attention: str, norm: str) -> None:
    def extremes(part: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        normed = work.normed(norm, part)
        key = work.linear(f"{attention}.k", normed)
        query = np.abs(work.linear(f"{attention}.q", normed))
        return key.min((0, 1)), key.max((0, 1)), query.max((0, 1))

    lows, highs, queries = zip(*each(work.count, extremes), strict=True)
    centre_keys(work.state, attention, np.min(lows, 0), np.max(highs, 0), np.max(queries, 0))


def centre_keys(state: State, attention: str, low: np.ndarray, high: np.ndarray, query: np.ndarray) -> None:
    """Shifts the keys of `attention` (blocks.N.attn) to the middle of their range, and scales them against the queries.

    `low`, `high` and `query`, float32 [dim], are the keys' least and greatest values and the queries' greatest
    magnitudes. Changes the weights and biases in `state`.
    """
    half = (high - low) / 2
    scale = np.sqrt(np.maximum(half, 1e-6) / np.maximum(query, 1e-6)).astype(np.float32)
    q, k = f"{attention}.q", f"{attention}.k"
    state[f"{k}.bias"] = (state[f"{k}.bias"] - (low + high) / 2) / scale
    state[f"{k}.weight"] = state[f"{k}.weight"] / scale
    for kind in ("weight", "bias"):
        state[f"{q}.{kind}"] = state[f"{q}.{kind}"] * scale
