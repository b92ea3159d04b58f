"""How pictures lie in folders and lists: the one layout that every command understands.

A source is one of these, tried in this order:

1. a list, a `.txt` file: one `relative/path label` a line, as PaddleClas's; paths are relative to the list's
   folder, the label is the last word, a whole number, and blank lines do not count;
2. a folder of two parts, one to train on and one to hold out: `train_list.txt`, or else the folder `train/`, and
   `val_list.txt`, or else `val/`. One of them is enough where nothing else is beside it;
3. a folder of class folders and no pictures beside them: each sub-folder is a class, an empty one too, and its
   pictures are all those below it;
4. any other folder: all pictures below it, without labels.

A part of 2 is itself a list, a folder of class folders or a folder without labels. Hidden files and folders (a
leading dot) are passed over; links are followed, but a folder's pictures count once however many lead to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lite.errors import InputError
from lite.files import check_name
from lite.input_file import LIST_BYTES, read_text
from lite.shown import shown

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
TRAIN, VAL = "train", "val"
_DIGITS = 9  # of a label: more would be a mistake, and more than an int64 holds in the end


@dataclass(frozen=True)
class Layout:
    """Where the parts of a source lie: `train` and `val`, or `whole` where it has no parts.

    `unused` names the sub-folders that are in no part.
    """

    source: str
    whole: Path | None = None
    train: Path | None = None
    val: Path | None = None
    unused: tuple[str, ...] = ()

    def held_out(self) -> Listing:
        """What a network is measured on: the part that is held out, else what there is."""
        return self._read(self.val or self.whole or self.train)

    def to_train(self) -> Listing:
        """What a network learns or calibrates from: the part to train on, else what there is."""
        return self._read(self.train or self.whole or self.val)

    @property
    def has_both_parts(self) -> bool:
        """Whether there is something to train on and something held out."""
        return self.train is not None and self.val is not None

    @property
    def left_out(self) -> str:
        """The sub-folders that are in no part, as words after what is taken."""
        return f"; not used: {', '.join(f'{name}/' for name in self.unused)}" if self.unused else ""

    def _read(self, place: Path | None) -> Listing:
        assert place is not None
        if place == self.whole:
            return read(place, self.source)
        return read(place, str(Path(self.source) / place.name))


@dataclass(frozen=True)
class Listing:
    """Pictures in a fixed order. `source` is what to call them; their names are the paths below `base`.

    `numbers`, int64 [N], are the labels of a list, or places in `classes`, the names of class folders; None without
    labels. For messages `lines` are those of a list, `beside` is a picture beside what could be class folders.
    """

    source: str
    base: Path
    paths: list[Path] = field(repr=False)
    numbers: np.ndarray | None = field(default=None, repr=False)
    classes: tuple[str, ...] | None = field(default=None, repr=False)
    lines: Sequence[int] = field(default=(), repr=False)
    beside: str | None = None

    def name(self, path: Path) -> str:
        """What to call a picture; what is no UTF-8 in it could not be printed, and is replaced."""
        start, text = f"{self.base}{os.sep}", str(path)
        below = text[len(start) :] if text.startswith(start) else os.path.relpath(path, self.base)
        return os.fsencode(below).decode("utf-8", "replace")

    def numbered(self) -> np.ndarray:
        """`numbers`. Raises InputError, saying why, where there are none."""
        if self.numbers is not None:
            return self.numbers
        if self.beside is not None:
            raise InputError(
                f"{self.source} has pictures ({self.beside}) beside its class folders",
                remedy="move them into their class, or give a list file",
            )
        raise InputError(
            f"{self.source} has no labels", why="it needs a folder for each class, or a list file"
        )

    def labels(self, names: Sequence[str]) -> tuple[np.ndarray, bool]:
        """The label of each picture, int64 [N], for a network of the classes `names`, and whether it goes by name.

        Class folders named like classes are these; where none is, they count by their place if there is one for each
        class. Raises InputError where there are no labels, or they do not fit.
        """
        numbers = self.numbered()
        if self.classes is None:
            over = np.flatnonzero(numbers >= len(names))
            if len(over):
                raise InputError(
                    f"{self.source}, line {self.lines[over[0]]}",
                    why=(
                        f"label {numbers[over[0]]} is outside 0 to {len(names) - 1} of the {len(names)} "
                        "classes"
                    ),
                )
            return numbers, True
        used = np.unique(numbers).tolist()
        by_name = _by_name(self.source, {place: self.classes[place] for place in used}, names)
        if by_name:
            return np.array([by_name[number] for number in numbers], dtype=np.int64), True
        if len(self.classes) != len(names):
            raise InputError(
                f"{self.source} has {len(self.classes)} class folders, the model has {len(names)} classes",
                remedy="give one folder per class (empty ones count), or a list file",
            )
        if _are_numbers(self.classes):
            for label, name in enumerate(self.classes):
                if int(name) != label:
                    raise InputError(
                        f"{self.source}",
                        why=f"numbered class folders must be 0 to {len(names) - 1}, found {shown(name)}",
                    )
        return numbers, False


def _by_name(source: str, used: Mapping[int, str], names: Sequence[str]) -> dict[int, int]:
    """The class of each class folder that has pictures, by its name; empty where none is called like a class."""
    index = {name: place for place, name in enumerate(names)}
    found = {place: index[name] for place, name in used.items() if name in index}
    strange = [name for place, name in used.items() if place not in found]
    if found and strange:
        raise InputError(
            f"{source}",
            why=(
                f"the folder {shown(strange[0])} is called like no class of the network, and others are "
                f"({len(found)} of {len(used)})"
            ),
            remedy="rename it or take it out",
        )
    twice = [names[place] for place in found.values() if names.count(names[place]) > 1]
    if twice:
        raise InputError(
            f"{source}", why=f"the network has two classes {shown(twice[0])}", remedy="give a list file"
        )
    return found


def find(source: str) -> Layout:
    """How the pictures of `source`, a folder or a list file, lie; no picture is looked for yet.

    Raises InputError if it cannot be read, has pictures beside its parts, or its name is empty or not UTF-8.
    """
    if not source:
        # A path would make the working folder of it.
        raise InputError("an empty name is no source of pictures", remedy="name a folder or a list file")
    check_name(source)
    place = Path(source).absolute()
    if place.suffix.lower() == ".txt" and not place.is_dir():
        return Layout(source, whole=place)
    folders, loose = _listing(place)
    inner = {folder.name for folder in folders}
    lists = {part: place / f"{part}_list.txt" for part in (TRAIN, VAL)}
    parts = {part: path for part, path in lists.items() if _is_file(path)}
    by_list = bool(parts)
    if by_list or {TRAIN, VAL} <= inner or (inner and inner <= {TRAIN, VAL}):
        parts |= {part: place / part for part in (TRAIN, VAL) if part in inner and part not in parts}
    if not parts:
        return Layout(source, whole=place)
    if by_list:
        # What no list names was left out of it on purpose.
        return Layout(source, train=parts.get(TRAIN), val=parts.get(VAL))
    if loose:
        raise InputError(
            f"{source} has pictures ({min(loose).name}) beside {' and '.join(f'{part}/' for part in parts)}",
            remedy="move them into one of these, or give one of these",
        )
    unused = tuple(sorted(inner - parts.keys()))
    return Layout(source, train=parts.get(TRAIN), val=parts.get(VAL), unused=unused)


def read(place: Path, source: str | None = None) -> Listing:
    """The pictures of a list, of class folders (each in the order of paths) or below any other folder.

    `source` is what to call it. Raises InputError if it cannot be read or holds no picture, for a class folder whose
    name is not UTF-8, and for a picture of a list that is not there.
    """
    source = source or str(place)
    if place.suffix.lower() == ".txt" and not place.is_dir():
        return _from_list(place, source)
    folders, loose = _listing(place)
    if loose or not folders:
        beside = min(loose).name if loose and folders else None
        return Listing(source, place, _below(place, source), beside=beside)
    names = sorted(folder.name for folder in folders)
    for name in names:
        # They become class names, and class names a text file.
        check_name(name)
    if _are_numbers(names):
        names.sort(key=int)
    number = {name: index for index, name in enumerate(names)}
    paths = _below(place, source)
    depth = len(place.parts)
    labels = np.array([number[path.parts[depth]] for path in paths], dtype=np.int64)
    return Listing(source, place, paths, labels, tuple(names))


def _below(folder: Path, source: str) -> list[Path]:
    pictures = sorted(_pictures(folder))
    if not pictures:
        raise InputError(f"no pictures in {source}", why=f"it needs files ending in {', '.join(SUFFIXES)}")
    return pictures


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as failure:
        raise InputError(f"cannot read {path}", why=failure.strerror) from None


def _listing(folder: Path) -> tuple[list[Path], list[Path]]:
    """The sub-folders and the pictures right in `folder`, neither sorted, hidden ones left out."""
    folders, pictures = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if _is_folder(entry):
                    folders.append(Path(entry.path))
                elif entry.name.lower().endswith(SUFFIXES):
                    pictures.append(Path(entry.path))
    except OSError as failure:
        raise InputError(f"cannot read the folder {folder}", why=failure.strerror) from None
    return folders, pictures


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself


def _pictures(folder: Path) -> Iterator[Path]:
    """Every picture below `folder`, of each folder once: by its own place, else by the first link that leads to it."""
    seen: set[tuple[int, int]] = set()
    waiting, links = [folder], list[Path]()
    while waiting or links:
        # What no link leads to comes first, so that links into the tree find it seen.
        place = waiting.pop() if waiting else links.pop(0)
        try:
            facts = place.stat()
        except OSError as failure:
            raise InputError(f"cannot read the folder {place}", why=failure.strerror) from None
        if (facts.st_dev, facts.st_ino) in seen:
            continue
        seen.add((facts.st_dev, facts.st_ino))
        folders, pictures = _listing(place)
        yield from pictures
        for inner in sorted(folders):
            (links if inner.is_symlink() else waiting).append(inner)


def _from_list(list_file: Path, source: str) -> Listing:
    try:
        lines = read_text(list_file, LIST_BYTES, "the list").splitlines()
    except UnicodeDecodeError as failure:
        raise InputError(f"cannot read the list {list_file} as UTF-8 text", why=str(failure)) from None
    paths, labels, numbers = [], [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{list_file}, line {number}"
        name, _, label = line.strip().replace("\t", " ").rpartition(" ")
        if not name or not _are_numbers([label]) or len(label) > _DIGITS:
            raise InputError(
                f"{where}",
                why=f"expected 'relative/path label', the label a whole number, not {shown(line.strip())}",
            )
        picture = list_file.parent / name.strip()
        if not _is_file(picture):
            raise InputError(
                f"{where}", why=f"no picture {picture}", remedy="paths are relative to the list's folder"
            )
        paths.append(picture)
        labels.append(int(label))
        numbers.append(number)
    if not paths:
        raise InputError(f"no pictures in the list {source}", why="it needs lines of 'relative/path label'")
    return Listing(source, list_file.parent, paths, np.array(labels, dtype=np.int64), None, numbers)


def _are_numbers(names: Sequence[str]) -> bool:
    return all(name.isascii() and name.isdigit() for name in names)
