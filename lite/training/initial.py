"""What training starts from: a variant's weights, with a head for the data's classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lite import labels as class_names
from lite.errors import InputError
from lite.model import weights
from lite.model.state import State
from lite.model.weights import Weights
from lite.training.resolution import with_classes
from lite.zoo import MODELS, Variant


def load(variant: Variant, source: str, classes: tuple[str, ...], *, notify: Callable[[str], None]) -> State:
    """The state dict of `source` (as `lite.model.weights.load`) with heads for the data's `classes`.

    A file may hold the same variant at the other input size, since fine-tuning deit_base's weights is how
    deit_base_384's were made. `notify` is told of that, of a head made anew, and of one whose
    classes have other names beside the file. Raises as `lite.model.weights.load`.
    """
    loaded = _load(variant, source, notify)
    if loaded.classes != len(classes):
        notify(
            f"the weights know {loaded.classes} classes and the data has {len(classes)}: the head is made anew"
        )
    elif differs := class_names.difference(loaded.path, classes):
        notify(f"{differs}: training begins with the head as it is")
    return with_classes(loaded.state, len(classes))


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
