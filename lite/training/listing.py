"""Finds the pictures to train on: class folders as ImageNet's, or list files as PaddleClas writes them.

`DATA` is one of these, tried in this order:

1. a `.txt` file of `relative/path label` lines; a tenth of each class is held out;
2. a folder with `train_list.txt`, and `val_list.txt` to hold out (without it, a tenth of each class);
3. a folder with `train/CLASS/…` and `val/CLASS/…`;
4. a folder with `CLASS/…`; a tenth of each class is held out.

How lists and class folders are read is said in `lite/pictures/picture_set.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lite.errors import InputError
from lite.pictures.picture_set import labelled
from lite.training.sources import Pictures
from lite.weights import read_labels

TRAIN_LIST, VAL_LIST = "train_list.txt", "val_list.txt"
_HELD_OUT_SHARE = 0.1
_ANY_LABEL = 2**31


def find(data: Path, seed: int, names: Path | None = None) -> Pictures:
    """The pictures of `data`; `seed` decides which are held out where nothing says it.

    `names` is a file of class names, one a line, for list files (without it classes are called by number).
    Raises InputError for data of another form, fewer than two classes, a class without a picture, and
    training and held-out data of different classes.
    """
    listed = data if data.suffix.lower() == ".txt" else data / TRAIN_LIST
    if listed.is_file():
        validation = data / VAL_LIST
        return _from_lists(listed, validation if validation.is_file() else None, seed, names)
    if names is not None:
        raise InputError(f"--labels names the classes of list files; the folders of {data} name their own")
    return _from_folders(data, seed)


def _from_lists(listed: Path, validation: Path | None, seed: int, names: Path | None) -> Pictures:
    paths, labels = labelled(listed, _ANY_LABEL)
    count = int(labels.max()) + 1
    classes = read_labels(names, count) if names else tuple(str(label) for label in range(count))
    _check_classes(listed, classes, labels)
    if validation is None:
        return _split(listed, classes, paths, labels, seed)
    return _pictures(classes, (paths, labels), labelled(validation, count))


def _from_folders(data: Path, seed: int) -> Pictures:
    split = (data / "train").is_dir() and (data / "val").is_dir()
    root = data / "train" if split else data
    classes = _class_names(root)
    if split and _class_names(data / "val") != classes:
        raise InputError(f"{data}: train and val hold different classes; give both the same folders")
    paths, labels = labelled(root, len(classes))
    _check_classes(root, classes, labels)
    if split:
        return _pictures(classes, (paths, labels), labelled(data / "val", len(classes)))
    return _split(data, classes, paths, labels, seed)


def _class_names(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one that holds a folder for each class")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(names) < 2:
        raise InputError(f"{folder}: {len(names)} class folders; give a folder that holds one for each class")
    if all(name.isascii() and name.isdigit() for name in names):
        names.sort(key=int)
    return tuple(names)


def _check_classes(source: Path, classes: tuple[str, ...], labels: np.ndarray) -> None:
    if len(classes) < 2:
        raise InputError(f"{source}: all pictures are of one class; give two or more")
    empty = np.flatnonzero(np.bincount(labels, minlength=len(classes)) == 0)
    if len(empty):
        raise InputError(
            f"{source}: class {classes[empty[0]]} has no picture ({len(empty)} of {len(classes)} classes have "
            "none); give it pictures or take the class out"
        )


def _split(
    source: Path, classes: tuple[str, ...], paths: list[Path], labels: np.ndarray, seed: int
) -> Pictures:
    """Holds out a tenth of each class, at least one picture."""
    rng = np.random.default_rng(seed)
    kept: list[int] = []
    held: list[int] = []
    for label, name in enumerate(classes):
        order = rng.permutation(np.flatnonzero(labels == label))
        if len(order) < 2:
            raise InputError(
                f"{source}: class {name} has one picture, which can't be both trained on and held out"
            )
        count = max(1, round(len(order) * _HELD_OUT_SHARE))
        held += order[:count].tolist()
        kept += order[count:].tolist()
    return _pictures(
        classes,
        ([paths[index] for index in kept], labels[kept]),
        ([paths[index] for index in held], labels[held]),
    )


def _pictures(
    classes: tuple[str, ...], train: tuple[list[Path], np.ndarray], held: tuple[list[Path], np.ndarray]
) -> Pictures:
    return Pictures(classes, list(map(str, train[0])), train[1], list(map(str, held[0])), held[1])
