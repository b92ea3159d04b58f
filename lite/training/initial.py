"""What training starts from: a variant's weights, with a head for the data's classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lite import weights
from lite.errors import InputError
from lite.state import State
from lite.training.resolution import with_classes
from lite.weights import Weights
from lite.zoo import MODELS, Variant


def load(variant: Variant, source: str, classes: int, *, notify: Callable[[str], None]) -> State:
    """The state dict of `source` (as `lite.weights.load`) with heads of `classes` classes.

    A file may hold the same variant at the other input size, since fine-tuning deit_base's weights is how
    deit_base_384's were made. `notify` is told of that and of a head made anew. Raises as `lite.weights.load`.
    """
    loaded = _load(variant, source, notify)
    if loaded.classes != classes:
        notify(f"the weights know {loaded.classes} classes and the data has {classes}: the head is made anew")
    return with_classes(loaded.state, classes)


def _load(variant: Variant, source: str, notify: Callable[[str], None]) -> Weights:
    try:
        return weights.load(variant, source, notify=notify)
    except InputError:
        siblings = [
            replace(other, depth=variant.depth)
            for other in MODELS.values()
            if (other.dim, other.distilled) == (variant.dim, variant.distilled)
            and other.image != variant.image
        ]
        if not siblings or source in ("imagenet", "digits"):
            raise
        try:
            loaded = weights.load(siblings[0], source, notify=notify)
        except InputError:
            loaded = None
        if loaded is None:
            raise
        notify(f"the weights are for {siblings[0].image} pixels; their position embedding is stretched")
        return loaded
