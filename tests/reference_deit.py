"""DeiT in float64 numpy, written from the paper and PaddleClas's parameter names alone.

Nothing here comes from `lite/`, so that a mistake there (the order of q, k and v, the layout of a weight, where
the scale goes) shows.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erf, softmax

State = dict[str, np.ndarray]


def logits(state: State, pixels: np.ndarray, heads: int) -> np.ndarray:
    """Logits [classes] of one picture [3, H, W]; the mean of both heads where there are two."""
    state = {name: value.astype(np.float64) for name, value in state.items()}
    prefix = [state["cls_token"][0]] + ([state["dist_token"][0]] if "dist_token" in state else [])
    position = state["pos_embed"][0]
    if len(position) == len(_patches(state, pixels)):
        # DeiT III: class tokens have no position.
        tokens = np.concatenate([*prefix, _patches(state, pixels) + position])
    else:
        tokens = np.concatenate([*prefix, _patches(state, pixels)]) + position
    depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    for index in range(depth):
        tokens = _block(state, f"blocks.{index}.", tokens, heads)
    tokens = _norm(state, "norm", tokens)
    answers = [_linear(state, "head", tokens[0])]
    if "dist_token" in state:
        answers.append(_linear(state, "head_dist", tokens[1]))
    return np.mean(answers, axis=0)


def tokens(state: State, pixels: np.ndarray, blocks: int, heads: int) -> list[np.ndarray]:
    """What enters the first block and leaves each of the first `blocks`, [tokens, dim]; no distillation."""
    state = {name: value.astype(np.float64) for name, value in state.items()}
    stream = [np.concatenate([state["cls_token"][0], _patches(state, pixels)]) + state["pos_embed"][0]]
    for index in range(blocks):
        stream.append(_block(state, f"blocks.{index}.", stream[-1], heads))
    return stream


def _patches(state: State, pixels: np.ndarray) -> np.ndarray:
    weight, bias = state["patch_embed.proj.weight"], state["patch_embed.proj.bias"]
    size = weight.shape[-1]
    rows, columns = pixels.shape[1] // size, pixels.shape[2] // size
    return np.stack(
        [
            np.tensordot(
                weight,
                pixels[:, row * size : (row + 1) * size, column * size : (column + 1) * size].astype(
                    np.float64
                ),
                axes=3,
            )
            + bias
            for row in range(rows)
            for column in range(columns)
        ]
    )


def _block(state: State, prefix: str, tokens: np.ndarray, heads: int) -> np.ndarray:
    dim = tokens.shape[1]
    size = dim // heads
    packed = _linear(state, f"{prefix}attn.qkv", _norm(state, f"{prefix}norm1", tokens))
    mixed = np.empty_like(tokens)
    for head in range(heads):
        query, key, value = (
            packed[:, part * dim + head * size : part * dim + (head + 1) * size] for part in range(3)
        )
        weights = softmax(query @ key.T / np.sqrt(size), axis=-1)
        mixed[:, head * size : (head + 1) * size] = weights @ value
    one = np.ones(dim)
    mixed = _linear(state, f"{prefix}attn.proj", mixed)
    tokens = tokens + state.get(f"{prefix}gamma_1", one) * mixed
    hidden = _linear(state, f"{prefix}mlp.fc1", _norm(state, f"{prefix}norm2", tokens))
    hidden = hidden * 0.5 * (1.0 + erf(hidden / np.sqrt(2.0)))
    return tokens + state.get(f"{prefix}gamma_2", one) * _linear(state, f"{prefix}mlp.fc2", hidden)


def _linear(state: State, name: str, values: np.ndarray) -> np.ndarray:
    return values @ state[f"{name}.weight"] + state[f"{name}.bias"]


def _norm(state: State, name: str, values: np.ndarray) -> np.ndarray:
    mean, variance = values.mean(-1, keepdims=True), values.var(-1, keepdims=True)
    return (values - mean) / np.sqrt(variance + 1e-6) * state[f"{name}.weight"] + state[f"{name}.bias"]
