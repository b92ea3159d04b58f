"""Which pictures a bundle is validated with: the bundled held-out digits, a folder, or a list file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from lite.errors import InputError
from lite.evaluate import Picture
from lite.pictures.folders import LIST_NAME, find_pictures, is_labelled, labelled

DIGITS = "digits"
_SEED = 2026


@dataclass(frozen=True)
class PictureSet:
    """Pictures in a fixed order with the names to call them by; `labels` int64 [N] where they are known."""

    source: str
    pictures: Sequence[Picture]
    names: Sequence[str]
    labels: np.ndarray | None = None

    def take(self, indices: Sequence[int]) -> PictureSet:
        """The pictures at `indices`."""
        return PictureSet(
            self.source,
            [self.pictures[index] for index in indices],
            [self.names[index] for index in indices],
            None if self.labels is None else self.labels[list(indices)],
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over path, size and time of change of each file, or its pixels; labels do not count."""
        whole = hashlib.sha256()
        for picture in self.pictures:
            whole.update(_identity(picture) + b"\n")
        return whole.hexdigest()


def load(
    images: str, labels: Sequence[str], *, limit: int | None = None, notify: Callable[[str], None]
) -> PictureSet:
    """The pictures of `images` ("digits", a folder, or a list file) for a network of the classes `labels`.

    Class folders named like classes are these classes, in whatever order; other class folders count by their
    place (see `lite/pictures/folders.py`) if there are as many as classes, else the pictures are taken without labels
    and `notify` says so. `limit` takes some at random, always the same (of the digits, which are mixed
    already, the first). Raises InputError for a source without pictures and for a list that does not fit.
    """
    if images == DIGITS:
        return _digits(labels, limit)
    source = Path(images).absolute()
    paths, truth = _folder(source, labels, notify)
    base = source if source.is_dir() else source.parent
    found = PictureSet(images, paths, [_name(path, base) for path in paths], truth)
    if limit is None or limit >= len(paths):
        return found
    chosen = np.random.default_rng(_SEED).permutation(len(paths))[:limit]
    return found.take(sorted(chosen.tolist()))


def _digits(labels: Sequence[str], limit: int | None) -> PictureSet:
    # Imported here because it brings scikit-learn, which takes a second.
    from lite.pictures import digits

    pictures = digits.pictures("held_out", limit)
    truth = digits.labels("held_out")[: len(pictures)] if tuple(labels) == digits.CLASSES else None
    return PictureSet(DIGITS, pictures, [f"held-out digit {index}" for index in range(len(pictures))], truth)


def _folder(
    source: Path, labels: Sequence[str], notify: Callable[[str], None]
) -> tuple[list[Path], np.ndarray | None]:
    if not source.is_dir() or (source / LIST_NAME).is_file():
        return labelled(source, len(labels))
    if not is_labelled(source):
        return find_pictures(source), None
    paths = find_pictures(source)
    number = {label: index for index, label in enumerate(labels)}
    folders = [path.relative_to(source).parts[0] for path in paths]
    if number.keys() >= set(folders) and len(number) == len(labels):
        return paths, np.array([number[folder] for folder in folders], dtype=np.int64)
    try:
        return labelled(source, len(labels))
    except InputError as error:
        notify(f"the folders of {source} are not taken as labels: {error}")
        return paths, None


def _name(path: Path, base: Path) -> str:
    # A name that is no UTF-8 could not be printed.
    return os.fsencode(os.path.relpath(path, base)).decode("utf-8", "replace")


def _identity(picture: Picture) -> bytes:
    if isinstance(picture, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).digest()
    try:
        facts = picture.stat()
    except OSError:
        return os.fsencode(picture) + b"\0missing"
    return os.fsencode(picture) + f"\0{facts.st_size}\0{facts.st_mtime_ns}".encode()
