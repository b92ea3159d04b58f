"""What is trained on: pictures in files, or the bundled digits. Both give augmented and held-out pictures.

Every random choice comes from the generator that is passed in, so a picture's view depends on nothing else.

Of a source with a part to train on and one to hold out each is what it is; of any other a tenth of each class is held
out. Class folders name the classes; those of lists are called by their number, or by a file of names. How pictures may
lie is said in `lite/pictures/folders.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from lite import labels as class_names
from lite.errors import InputError
from lite.pictures import digits, folders, prepare
from lite.pictures.folders import TRAIN, VAL, Listing
from lite.training.rand_augment import random_flip, random_resized_crop
from lite.training.settings import Augment
from lite.zoo import Preprocess, find

DEIT = find("deit_tiny").preprocess


def at_size(spec: Preprocess, image: int) -> Preprocess:
    """`spec` for pictures of `image` pixels a side, in the same proportion to what is resized."""
    if image == spec.crop:
        return spec
    return replace(spec, resize_short=round(image * spec.resize_short / spec.crop), crop=image)


def normalise(rgb: np.ndarray, spec: Preprocess) -> np.ndarray:
    """uint8 RGB [H, W, 3] → float32 [3, H, W] with the mean and std of `spec`, no resizing."""
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    return ((rgb.astype(np.float32) / np.float32(255.0) - mean) / std).transpose(2, 0, 1)


@dataclass(frozen=True)
class Pictures:
    """Picture files to train on and to hold out; `labels` and `held_out_labels` are int64 [N], indices of `classes`.

    `spec` is how the network's pictures become tensors wherever else it runs.
    """

    classes: tuple[str, ...]
    paths: list[str] = field(repr=False)
    labels: np.ndarray = field(repr=False)
    held_out_paths: list[str] = field(repr=False)
    held_out_labels: np.ndarray = field(repr=False)
    spec: Preprocess = DEIT

    def view(self, index: int, image: int, augment: Augment, rng: np.random.Generator) -> np.ndarray:
        """A random resized crop, flipped by chance: uint8 RGB [image, image, 3]. Raises InputError for no picture."""
        picture = prepare.decode(Path(self.paths[index]))
        cropped = random_resized_crop(picture, image, augment.crop_area, augment.crop_ratio, rng)
        return random_flip(cropped, augment.flip, rng)

    def held_out(self, index: int, image: int) -> np.ndarray:
        """A held-out picture, short side resized and centre cut: float32 [3, image, image]; raises as `view`."""
        return prepare.from_file(Path(self.held_out_paths[index]), at_size(self.spec, image))[0]

    def fingerprint(self) -> str:
        """SHA-256 of class names, file names with their folder's, and labels: data may be moved as a whole."""
        names = ("/".join(path.rsplit("/", 2)[-2:]) for path in self.paths)
        digest = hashlib.sha256("\n".join((*self.classes, "", *names)).encode(errors="surrogateescape"))
        digest.update(self.labels.tobytes())
        return digest.hexdigest()


class Digits:
    """The bundled digits: turned, scaled and shifted a little, each time in other colours; never mirrored."""

    classes = digits.CLASSES

    def __init__(self, spec: Preprocess = DEIT) -> None:
        self.spec = spec
        self._originals, self.labels = digits.raw("train"), digits.labels("train")
        self._held_out, self.held_out_labels = digits.pictures("held_out"), digits.labels("held_out")

    def view(self, index: int, image: int, augment: Augment, rng: np.random.Generator) -> np.ndarray:
        """A digit with its own small affine change, in place of crop and flip: uint8 RGB [image, image, 3]."""
        size = at_size(self.spec, image).resize_short
        picture = digits.render(self._originals[index], size, *digits.colours(rng))
        turn = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(-12, 12), rng.uniform(0.85, 1.15))
        turn[:, 2] += rng.uniform(-0.08, 0.08, 2) * image - (size - image) // 2
        return cv2.warpAffine(picture, turn, (image, image), borderMode=cv2.BORDER_REPLICATE)

    def held_out(self, index: int, image: int) -> np.ndarray:
        """A held-out digit, prepared: float32 [3, image, image]."""
        return prepare.prepare(self._held_out[index], at_size(self.spec, image))[0]

    def fingerprint(self) -> str:
        """The bundled digits never change."""
        return "digits"


Source = Pictures | Digits

_HELD_OUT_SHARE = 0.1


def find_pictures(
    data: str,
    seed: int,
    names: Path | None = None,
    *,
    spec: Preprocess = DEIT,
    notify: Callable[[str], None] = lambda message: None,
) -> Pictures:
    """The pictures of `data`, prepared by `spec`; `seed` decides which are held out where nothing says it.

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
        raise _no_picture(train, classes[empty[0]], len(empty), len(classes))
    if layout.val is None:
        found = _split(train, classes, labels, seed)
    else:
        held, held_labels = _labelled(_fitting(layout.held_out(), train), classes)
        found = _pictures(classes, train.paths, labels, held.paths, held_labels)
    return replace(found, spec=spec)


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
    numbers = train.numbered()
    count = int(numbers.max()) + 1
    if count < 2:
        raise InputError(f"{train.source}", why="all pictures are of one class", remedy="give two or more")
    if count > len(numbers):
        # Before anything is made for each class: one label may be a very large number.
        there = np.unique(numbers)
        gap = np.flatnonzero(there != np.arange(len(there)))[:1]
        raise _no_picture(train, str(gap[0] if len(gap) else len(there)), count - len(there), count)
    return (
        class_names.read(names, count, "the data") if names else tuple(str(label) for label in range(count))
    )


def _no_picture(train: Listing, name: str, without: int, classes: int) -> InputError:
    return InputError(
        f"{train.source}",
        why=f"class {name} has no picture ({without} of {classes} classes have none)",
        remedy="give it pictures or take the class out",
    )


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
