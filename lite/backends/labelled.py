"""The labelled pictures that a classifier is scored on, and whether they are ImageNet's validation set."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from lite.errors import InputError
from lite.pictures import picture_set
from lite.pictures.picture_set import PictureSet
from lite.weights import imagenet_labels
from lite.zoo import IMAGENET_CLASSES

IMAGENET_VAL = 50_000
_VAL_NAME = re.compile(r"(.*/)?ILSVRC2012_val_\d{8}\.(JPEG|jpe?g|png)")


def load(data: str, labels: Sequence[str], *, limit: int | None = None) -> PictureSet:
    """The pictures of `data` with their labels: a folder of class folders, a PaddleClas list file, or "digits".

    Class folders named like classes are these; others count by their place, and there must be one for each class.
    Raises InputError for a source that is not there, has no labels, or has others than the network.
    """
    reasons: list[str] = []
    found = picture_set.load(data, labels, limit=limit, notify=reasons.append)
    if found.labels is not None:
        return found
    if data == picture_set.DIGITS:
        raise InputError(
            f"the digits have the classes 0 to 9, the network others ({labels[0]}, …); give --data DIR"
        )
    why = reasons[0] if reasons else f"{data} has no class folders and no {picture_set.LIST_NAME}"
    raise InputError(f"no labels to score by: {why}")


def empty_classes(pictures: PictureSet, labels: Sequence[str]) -> list[str]:
    """The classes without a picture."""
    assert pictures.labels is not None
    counts = np.bincount(pictures.labels, minlength=len(labels))
    return [label for label, count in zip(labels, counts, strict=True) if count == 0]


def imagenet_share(pictures: PictureSet, labels: Sequence[str]) -> float | None:
    """The share of ImageNet's validation set that `pictures` are, 0 to 1; None where they are something else.

    They are of it if the network has ImageNet's 1,000 class names and every file has the name that ILSVRC 2012
    gives its validation pictures, `ILSVRC2012_val_00000001.JPEG` to `…50000.JPEG`, each once.
    """
    if len(labels) != IMAGENET_CLASSES or tuple(labels) != imagenet_labels():
        return None
    if not all(_VAL_NAME.fullmatch(name) for name in pictures.names):
        return None
    different = {name.rpartition("/")[2] for name in pictures.names}
    return len(different) / IMAGENET_VAL if len(different) == len(pictures.names) else None
