"""What training starts from: a variant's weights, with a head for the data's classes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import paddle
from paddle.nn import functional

from lite import labels as class_names
from lite.errors import InputError
from lite.model import weights
from lite.model.state import State
from lite.model.weights import Weights
from lite.zoo import MODELS, PATCH_SIZE, Variant


def load(
    variant: Variant,
    source: str,
    classes: tuple[str, ...],
    *,
    sha256: str | None = None,
    notify: Callable[[str], None],
) -> State:
    """The state dict of `source` (with `sha256` as `lite.model.weights.load`) with heads for the data's `classes`.

    A file may hold the same variant at the other input size, since fine-tuning deit_base's weights is how
    deit_base_384's were made. `notify` is told of that, of a head made anew, and of one whose
    classes have other names beside the file. Raises as `lite.model.weights.load`.
    """
    loaded = _load(variant, source, sha256, notify)
    if loaded.classes != len(classes):
        notify(
            f"the weights know {loaded.classes} classes and the data has {len(classes)}: the head is made anew"
        )
    elif differs := class_names.difference(loaded.path, classes):
        notify(f"{differs}: training begins with the head as it is")
    return with_classes(_with_all_heads(loaded, variant, notify), len(classes))


def _with_all_heads(loaded: Weights, variant: Variant, notify: Callable[[str], None]) -> State:
    """The state with a distillation head where the variant has one and the weights (of Hugging Face) have not."""
    if loaded.variant.answers == variant.answers:
        return loaded.state
    notify("the weights have no head for the distillation token: it begins as the class head does")
    return {
        **loaded.state,
        **{f"head_dist.{kind}": loaded.state[f"head.{kind}"] for kind in ("weight", "bias")},
    }


def _load(variant: Variant, source: str, sha256: str | None, notify: Callable[[str], None]) -> Weights:
    try:
        return weights.load(variant, source, sha256=sha256, notify=notify)
    except InputError:
        siblings = [
            replace(other, depth=variant.depth)
            for other in MODELS.values()
            if (other.dim, other.distilled, other.layer_scale, other.preprocess.mean)
            == (variant.dim, variant.distilled, variant.layer_scale, variant.preprocess.mean)
            and other.image != variant.image
        ]
        if not siblings or source in ("imagenet", "digits"):
            raise
        loaded = None
        with suppress(InputError):
            loaded = weights.load(siblings[0], source, sha256=sha256, notify=notify)
        if loaded is None:
            raise
        notify(f"the weights are for {siblings[0].image} pixels; their position embedding is stretched")
        return loaded


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
    prefix = variant.positions - variant.grid**2
    resized = interpolate_position_embedding(state["pos_embed"], prefix, image // PATCH_SIZE)
    return {**state, "pos_embed": resized}


def with_classes(state: State, classes: int) -> State:
    """The same state with zero heads for `classes` classes, or as it is if it has that many.

    A zero head starts every class even, and leaves the features whole in the first steps.
    """
    heads = [name for name in state if name.startswith("head")]
    if state["head.bias"].shape == (classes,):
        return state
    return {**state, **{name: np.zeros((*state[name].shape[:-1], classes), np.float32) for name in heads}}
