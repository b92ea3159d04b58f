"""Finds the pictures to train on, and those to hold out: how they may lie is said in `lite/pictures/folders.py`.

Of a source with a part to train on and one to hold out each is what it is; of any other a tenth of each class is held
out. Class folders name the classes; those of lists are called by their number, or by a file of names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from lite import labels as class_names
from lite.errors import InputError
from lite.pictures import folders
from lite.pictures.folders import TRAIN, VAL, Listing
from lite.training.sources import Pictures

_HELD_OUT_SHARE = 0.1


def find(
    data: str,
    seed: int,
    names: Path | None = None,
    *,
    notify: Callable[[str], None] = lambda message: None,
) -> Pictures:
    """The pictures of `data`; `seed` decides which are held out where nothing says it.

    `names` is a file of class names, one a line, for list files. `notify` hears of sub-folders in no part. Raises
    InputError for data without labels, fewer than two classes, a class without a picture, and training and held-out
    data of different classes.
    """
    layout = folders.find(data)
    if layout.whole is None and layout.train is None:
        raise InputError(
            f"{data} has pictures to hold out and none to train on",
            why="it needs train/ or train_list.txt beside them",
        )
    if layout.unused:
        notify(f"{data}: only {TRAIN}/ and {VAL}/ are taken{layout.left_out}")
    train = layout.to_train()
    classes = _classes(train, names)
    train, labels = _labelled(train, classes)
    empty = np.flatnonzero(np.bincount(labels, minlength=len(classes)) == 0)
    if len(empty):
        raise InputError(
            f"{train.source}",
            why=(
                f"class {classes[empty[0]]} has no picture ({len(empty)} of {len(classes)} classes have none)"
            ),
            remedy="give it pictures or take the class out",
        )
    if layout.val is None:
        return _split(train, classes, labels, seed)
    held, held_labels = _labelled(_fitting(layout.held_out(), train), classes)
    return _pictures(classes, train.paths, labels, held.paths, held_labels)


def _classes(train: Listing, names: Path | None) -> tuple[str, ...]:
    """What the classes are called."""
    if train.classes is not None:
        if names is not None:
            raise InputError(
                "--labels names the classes of list files",
                remedy=f"the folders of {train.source} name their own",
            )
        classes = train.classes
        if len(classes) < 2:
            raise InputError(
                f"{train.source}",
                why=f"{len(classes)} class folders",
                remedy="give a folder that holds one for each class",
            )
        return classes
    count = int(train.numbered().max()) + 1
    if count < 2:
        raise InputError(f"{train.source}", why="all pictures are of one class", remedy="give two or more")
    return class_names.read(names, count) if names else tuple(str(label) for label in range(count))


def _labelled(listing: Listing, classes: tuple[str, ...]) -> tuple[Listing, np.ndarray]:
    """The listing, class folders in the order of their classes, and the label of each picture."""
    labels, _ = listing.labels(classes)
    if listing.classes is None:
        return listing, labels
    order = np.argsort(labels, kind="stable")
    return replace(listing, paths=[listing.paths[place] for place in order]), labels[order]


def _fitting(held: Listing, train: Listing) -> Listing:
    """The held-out pictures, where they have labels, and class folders if both have them are the same."""
    if held.numbers is None:
        raise InputError(
            f"{held.source}",
            why="no class folders",
            remedy=f"what is held out needs labels as {train.source} has",
        )
    if train.classes is not None and held.classes is not None and train.classes != held.classes:
        raise InputError(
            f"{train.source} and {held.source} hold different classes", remedy="give both the same folders"
        )
    return held


def _split(train: Listing, classes: tuple[str, ...], labels: np.ndarray, seed: int) -> Pictures:
    """Holds out a tenth of each class, at least one picture."""
    rng = np.random.default_rng(seed)
    kept: list[int] = []
    held: list[int] = []
    for label, name in enumerate(classes):
        order = rng.permutation(np.flatnonzero(labels == label))
        if len(order) < 2:
            raise InputError(
                f"{train.source}",
                why=f"class {name} has one picture, which can't be both trained on and held out",
            )
        count = max(1, round(len(order) * _HELD_OUT_SHARE))
        held += order[:count].tolist()
        kept += order[count:].tolist()
    paths = train.paths
    return _pictures(
        classes,
        [paths[place] for place in kept],
        labels[kept],
        [paths[place] for place in held],
        labels[held],
    )


def _pictures(
    classes: tuple[str, ...],
    train: list[Path],
    labels: np.ndarray,
    held: list[Path],
    held_labels: np.ndarray,
) -> Pictures:
    # Text takes a third of a Path, and ImageNet has 1.28 million of them.
    return Pictures(classes, list(map(str, train)), labels, list(map(str, held)), held_labels)
