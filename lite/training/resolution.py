"""The same weights for another input size or other classes."""

from __future__ import annotations

import numpy as np
import paddle
from paddle.nn import functional

from lite.model.state import State
from lite.zoo import PATCH_SIZE, Variant


def interpolate_position_embedding(embedding: np.ndarray, prefix: int, grid: int) -> np.ndarray:
    """Resizes float32 [1, prefix + g*g, dim] to [1, prefix + grid*grid, dim], bicubic over the patch grid.

    The `prefix` embeddings of the class tokens stay. Source: DeiT, section 5 ("fine-tuning at different
    resolution"); `align_corners=False`, as in PaddleClas's `pos_embed` loading.
    """
    old = round((embedding.shape[1] - prefix) ** 0.5)
    if old == grid:
        return embedding
    patches = paddle.to_tensor(embedding[:, prefix:].reshape(1, old, old, -1).transpose(0, 3, 1, 2))
    resized = functional.interpolate(patches, size=[grid, grid], mode="bicubic", align_corners=False).numpy()
    flat = resized.transpose(0, 2, 3, 1).reshape(1, grid * grid, -1)
    return np.concatenate([embedding[:, :prefix], flat], axis=1)


def at_resolution(state: State, variant: Variant, image: int) -> State:
    """The same state dict for pictures of `image` pixels a side: only `pos_embed` changes."""
    resized = interpolate_position_embedding(state["pos_embed"], variant.class_tokens, image // PATCH_SIZE)
    return {**state, "pos_embed": resized}


def with_classes(state: State, classes: int) -> State:
    """The same state with zero heads for `classes` classes, or as it is if it has that many.

    A zero head starts every class even, and leaves the features whole in the first steps.
    """
    heads = [name for name in state if name.startswith("head")]
    if state["head.bias"].shape == (classes,):
        return state
    return {**state, **{name: np.zeros((*state[name].shape[:-1], classes), np.float32) for name in heads}}
