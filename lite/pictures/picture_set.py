"""A picture, and pictures in a fixed order with what is known of them: the words of everything that takes pictures."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from lite import labels as class_names
from lite.errors import InputError
from lite.input_file import PICTURE_BYTES, read_bytes
from lite.pictures import composed as composed_pictures
from lite.pictures import folders, prepare
from lite.pictures.folders import Listing
from lite.shown import shown
from lite.zoo import Preprocess

DIGITS, COMPOSED = "digits", "composed"
_SEED = 2026


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture by its name: a `file`, or its pixels in `array`, uint8 RGB [H, W, 3].

    A file is small to send to another process, which reads it there.
    """

    name: str
    file: Path | None = None
    array: np.ndarray | None = field(default=None, repr=False)

    def pixels(self) -> np.ndarray:
        """Decoded: uint8 RGB [H, W, 3]. Raises InputError for a file that cannot be read as a picture."""
        if self.file is not None:
            return prepare.decode(self.file)
        assert self.array is not None
        return self.array

    def tensor(self, spec: Preprocess) -> np.ndarray:
        """The network's input, float32 [1, 3, crop, crop]. Raises InputError as `pixels` does."""
        return prepare.prepare(self.pixels(), spec)

    def digest(self) -> bytes:
        """SHA-256 of the file or of the pixels. Raises InputError for a file that cannot be read."""
        if self.file is None:
            return hashlib.sha256(np.ascontiguousarray(self.array).tobytes()).digest()
        return hashlib.sha256(read_bytes(self.file, PICTURE_BYTES, "the picture")).digest()

    def digest_or_none(self) -> bytes | None:
        """The same, None for a file that is not there, no regular file, or cannot be read."""
        try:
            return self.digest()
        except InputError:
            return None


@dataclass(frozen=True)
class PictureSet:
    """Pictures in a fixed order. `source` says where they come from.

    `labels` is int64 [N] where they are known. `classes` are names for the labels, by the class folders, where the
    network has none. Raises InputError for no pictures at all.
    """

    source: str
    pictures: Sequence[Picture] = field(repr=False)
    labels: np.ndarray | None = field(default=None, repr=False)
    classes: tuple[str, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.pictures:
            raise InputError(f"{self.source}", why="no pictures", remedy="give a folder that holds some")

    @classmethod
    def of(
        cls, source: str, contents: Iterable[Path | np.ndarray], labels: np.ndarray | None = None
    ) -> PictureSet:
        """Files, called by their names, and pixels, uint8 RGB [H, W, 3], called by their place."""
        pictures = [
            Picture(content.name, content)
            if isinstance(content, Path)
            else Picture(f"picture {place}", array=content)
            for place, content in enumerate(contents)
        ]
        return cls(source, pictures, labels)

    @cached_property
    def names(self) -> list[str]:
        """What to call each picture."""
        return [picture.name for picture in self.pictures]

    def take(self, indices: Sequence[int]) -> PictureSet:
        """The pictures at `indices`."""
        return PictureSet(
            self.source,
            [self.pictures[index] for index in indices],
            None if self.labels is None else self.labels[list(indices)],
            self.classes,
        )

    def first(self, count: int | None) -> PictureSet:
        """The first `count` pictures, or all there are."""
        return self.take(range(len(self.pictures))[:count])

    def shuffled(self) -> PictureSet:
        """All of them in a random order, always the same for as many, so that classes are mixed."""
        return self.take(np.random.default_rng(_SEED).permutation(len(self.pictures)).tolist())

    @property
    def described(self) -> str:
        """How many from where, and whether their labels are known."""
        known = "labelled" if self.labels is not None else "without labels"
        return f"{len(self.pictures)} of {self.source}, {known}"

    @property
    def sha256(self) -> str:
        """Digest over the pictures' contents, in order. Raises InputError for a file that can't be read."""
        whole = hashlib.sha256()
        for picture in self.pictures:
            whole.update(picture.digest())
        return whole.hexdigest()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over each picture's content, in order; neither names, times nor labels count.

        Every file is read. One that cannot be counts as such, and as another once it can.
        """
        # Hashing and reading leave Python to the others.
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            digests = pool.map(Picture.digest_or_none, self.pictures)
            whole = hashlib.sha256()
            for digest in digests:
                whole.update(b"\0" if digest is None else b"\1" + digest)
        return whole.hexdigest()


def load(
    source: str,
    labels: Sequence[str],
    *,
    limit: int | None = None,
    labelled: bool = False,
    notify: Callable[[str], None],
) -> PictureSet:
    """The pictures of `source` that a network of the classes `labels` is measured on.

    `source` is a folder or a list file (`lite/pictures/folders.py`; of two parts the one held out), or "digits".
    `limit` takes some at random, always the same (of the digits, which are mixed already, the first). Class folders
    that do not fit are left out of account, and `notify` says why; with `labelled` that is an InputError, as are
    pictures without labels. Raises InputError for a source without pictures and for a list that does not fit, too.
    """
    if source == DIGITS:
        found = digits("held_out", labels, limit)
        if labelled and found.labels is None:
            raise InputError(
                f"the digits have the classes 0 to 9, the network others ({labels[0]}, …)",
                remedy="give a folder of its own",
            )
        return found
    layout = folders.find(source)
    found = of_listing(layout.held_out(), labels, labelled=labelled, notify=notify)
    if limit is not None and limit < len(found.pictures):
        chosen = np.random.default_rng(_SEED).permutation(len(found.pictures))[:limit]
        found = found.take(sorted(chosen.tolist()))
    if layout.whole is None:
        notify(f"pictures: {found.described}{layout.left_out}")
    return found


def of_listing(
    listing: Listing, labels: Sequence[str], *, labelled: bool = False, notify: Callable[[str], None]
) -> PictureSet:
    """The pictures of a listing with the labels that they have for a network of the classes `labels`.

    Where these are no names and there is a class folder for each, the set's `classes` are the folders' names. `notify`
    hears that folders count by their place, and why they are no labels; with `labelled` that is an InputError, as are
    pictures without labels. Raises InputError for a list that does not fit.
    """
    pictures = [Picture(listing.name(path), path) for path in listing.paths]
    if listing.numbers is None and listing.beside is None and not labelled:
        return PictureSet(listing.source, pictures)
    try:
        numbers, by_name = listing.labels(labels)
    except InputError as error:
        if labelled or (listing.numbers is not None and listing.classes is None):
            raise
        notify(f"the folders of {listing.source} are not taken as labels: {error}")
        return PictureSet(listing.source, pictures)
    if by_name or listing.classes is None:
        return PictureSet(listing.source, pictures, numbers)
    if not class_names.are_names(labels):
        return PictureSet(listing.source, pictures, numbers, listing.classes)
    pairs = [
        f"{shown(folder)} is {shown(label)}" for folder, label in zip(listing.classes, labels, strict=True)
    ]
    notify(
        f"the folders of {listing.source} are not called like the classes and count by their place: {_some(pairs)}"
    )
    return PictureSet(listing.source, pictures, numbers)


def named(labels: Sequence[str], pictures: PictureSet, *, notify: Callable[[str], None]) -> tuple[str, ...]:
    """The class names by the folders of `pictures`, which `notify` hears, where `labels` are none; else `labels`."""
    if pictures.classes is None:
        return tuple(labels)
    notify(f"the classes are called as the folders of {pictures.source}: {_some(pictures.classes)}")
    return pictures.classes


def digits(split: str, labels: Sequence[str], count: int | None = None) -> PictureSet:
    """The first `count` bundled digits of a split, with labels for a network that knows the digits."""
    # Imported here because it brings scikit-learn, which takes a second.
    from lite.pictures import digits as bundled

    arrays = bundled.pictures(split, count)
    truth = bundled.labels(split)[: len(arrays)] if tuple(labels) == bundled.CLASSES else None
    called = split.replace("_", "-")
    pictures = [Picture(f"{called} digit {place}", array=array) for place, array in enumerate(arrays)]
    return PictureSet(DIGITS, pictures, truth)


def composed(split: str, count: int) -> PictureSet:
    """The first `count` composed pictures of a split (`lite/pictures/composed.py`). Raises InputError as that does."""
    arrays = composed_pictures.pictures(split, count)
    called = split.replace("_", "-")
    found = [Picture(f"{called} composed picture {place}", array=array) for place, array in enumerate(arrays)]
    return PictureSet(COMPOSED, found)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f", … {names[-1]}" if len(names) > 3 else "")
