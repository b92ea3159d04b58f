"""Pictures in folders: all of them, or with their labels from class folders or a PaddleClas list file.

A labelled source is one of these, tried in this order:

1. a `.txt` file: one `relative/path label` a line, as PaddleClas's val_list.txt; paths are relative to the
   file's folder, the label is the last word, blank lines do not count;
2. a folder with a `val_list.txt`: that file, whatever else is in the folder;
3. a folder of class folders and no pictures beside them: each sub-folder is a class, an empty one too, and
   its pictures are all those below it. If every name is a number, the names are the labels and must be 0 to
   classes - 1; else the labels are the places of the names, sorted by code point, as for ImageNet's synsets.

Hidden files and folders (a leading dot) are passed over; links are followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lite.errors import InputError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
LIST_NAME = "val_list.txt"


def find_pictures(folder: Path) -> list[Path]:
    """Every picture below `folder`, by suffix in either case, sorted by path.

    Raises InputError if `folder` cannot be read or holds no picture.
    """
    pictures = sorted(_pictures(folder, frozenset()))
    if not pictures:
        raise InputError(f"no pictures in {folder}: it needs files ending in {', '.join(SUFFIXES)}")
    return pictures


def is_labelled(source: Path) -> bool:
    """Whether `source` has the form of a labelled source (see the module's text); the labels are not read.

    Raises InputError if it is a folder that cannot be read, or does not exist.
    """
    if _list_file(source):
        return True
    folders, loose = _listing(source)
    return not loose and any(True for folder in folders for _ in _pictures(folder, frozenset()))


def labelled(source: Path, classes: int) -> tuple[list[Path], np.ndarray]:
    """The pictures of a labelled source and the label of each: N paths and int64 [N], 0 to `classes` - 1.

    Class folders come in the order of their labels, list files in their own order. Raises InputError if
    `source` has no such form, if the number of class folders is not `classes`, for a label outside the range,
    and for a listed picture that does not exist.
    """
    list_file = _list_file(source)
    paths, labels = _from_list(list_file, classes) if list_file else _from_folders(source, classes)
    if not paths:
        raise InputError(f"no labelled pictures in {source}: its list or its class folders are empty")
    return paths, np.array(labels, dtype=np.int64)


def _list_file(source: Path) -> Path | None:
    candidate = source if source.suffix.lower() == ".txt" else source / LIST_NAME
    try:
        return candidate if candidate.is_file() else None
    except OSError as failure:
        raise InputError(f"cannot read {candidate}: {failure.strerror}") from None


def _listing(folder: Path) -> tuple[list[Path], list[Path]]:
    """The sub-folders and the pictures right in `folder`, neither sorted, hidden ones left out."""
    folders, pictures = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(Path(entry.path))
                elif entry.name.lower().endswith(SUFFIXES):
                    pictures.append(Path(entry.path))
    except OSError as failure:
        raise InputError(f"cannot read the folder {folder}: {failure.strerror}") from None
    return folders, pictures


def _pictures(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    """Every picture below `folder`; `above` holds the folders on the way down, against links in a circle."""
    real = os.path.realpath(folder)
    if real in above:
        return
    folders, pictures = _listing(folder)
    yield from pictures
    for inner in folders:
        yield from _pictures(inner, above | {real})


def _from_list(list_file: Path, classes: int) -> tuple[list[Path], list[int]]:
    try:
        lines = list_file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as failure:
        raise InputError(f"cannot read the list {list_file} as UTF-8 text: {failure}") from None
    paths, labels = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{list_file}, line {number}"
        name, _, label = line.strip().replace("\t", " ").rpartition(" ")
        if not name or not _is_number(label):
            raise InputError(f"{where}: expected 'relative/path label', a whole number, not {line.strip()!r}")
        if int(label) >= classes:
            raise InputError(f"{where}: label {label} is outside 0 to {classes - 1} of the {classes} classes")
        picture = list_file.parent / name.strip()
        if not picture.is_file():
            raise InputError(f"{where}: no picture {picture}; paths are relative to the list's folder")
        paths.append(picture)
        labels.append(int(label))
    return paths, labels


def _from_folders(source: Path, classes: int) -> tuple[list[Path], list[int]]:
    folders, loose = _listing(source)
    if not folders:
        raise InputError(f"{source} has no labels: it needs one sub-folder per class, or {LIST_NAME}")
    if loose:
        raise InputError(
            f"{source} has pictures ({min(loose).name}) beside its class folders: "
            "move them into their class, or give a list file"
        )
    if len(folders) != classes:
        raise InputError(
            f"{source} has {len(folders)} class folders, the model has {classes} classes: "
            "give one folder per class (empty ones count), or a list file"
        )
    folders.sort(key=lambda folder: folder.name)
    if all(_is_number(folder.name) for folder in folders):
        folders.sort(key=lambda folder: int(folder.name))
        for label, folder in enumerate(folders):
            if int(folder.name) != label:
                raise InputError(
                    f"{source}: numbered class folders must be 0 to {classes - 1}, found {folder.name!r}"
                )
    paths, labels = [], []
    for label, folder in enumerate(folders):
        pictures = sorted(_pictures(folder, frozenset()))
        paths += pictures
        labels += [label] * len(pictures)
    return paths, labels


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
