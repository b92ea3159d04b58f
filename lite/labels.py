"""The names of a network's classes: a file of them, one a line, and what stands in where nobody gives any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from lite.errors import InputError
from lite.input_file import read_text
from lite.shown import shown


def beside(weights: Path) -> Path:
    """Where the class names of a file of weights lie: `x.labels.txt` beside `x.pdparams`; tools/train.py writes it."""
    return weights.with_suffix(".labels.txt")


def as_text(names: Iterable[str]) -> str:
    """What a file of class names holds: one a line."""
    return "".join(f"{name}\n" for name in names)


def read(path: Path, classes: int, of: str = "the weights") -> tuple[str, ...]:
    """Reads the `classes` class names of `of` from `path`, UTF-8, one a line. Raises InputError if they do not fit."""
    try:
        text = read_text(path, what="labels")
    except UnicodeDecodeError as error:
        raise InputError(f"labels {path} are not UTF-8 text", remedy="save the file as UTF-8") from error
    lines = [line.strip() for line in text.rstrip().split("\n")] if text.strip() else []
    if len(lines) != classes:
        raise InputError(
            f"labels {path} have {len(lines)} lines, {of} {classes} classes", remedy="one a line"
        )
    if "" in lines:
        raise InputError(
            f"labels {path}", why=f"line {lines.index('') + 1} is empty", remedy="one class name a line"
        )
    return tuple(lines)


def of(weights: Path, classes: int) -> tuple[str, ...] | None:
    """The names that lie beside a file of weights; None where none do. Raises InputError if they do not fit."""
    path = beside(weights)
    if not path.exists():
        return None
    try:
        return read(path, classes)
    except InputError as error:
        remedy = f"{error.remedy}; it lies beside the weights: mend it, or take it away"
        raise InputError(error.what, why=error.why, remedy=remedy) from None


def difference(weights: Path, classes: Sequence[str]) -> str | None:
    """In which class the names beside a file of weights are not the data's `classes`; None where that is not known.

    Data of list files may call its classes by their numbers only, which says nothing.
    """
    if tuple(classes) == tuple(str(index) for index in range(len(classes))):
        return None
    for index, (theirs, ours) in enumerate(zip(of(weights, len(classes)) or classes, classes, strict=True)):
        if theirs != ours:
            return f"class {index} is {shown(theirs)} in {beside(weights).name} and {shown(ours)} in the data"
    return None


def numbered(classes: int) -> tuple[str, ...]:
    """What stands in for names: "class 0", "class 1" and so on."""
    return tuple(f"class {index}" for index in range(classes))


def remark(labels: Sequence[str], notify: Callable[[str], None]) -> None:
    """Says so through `notify` where nobody has given the classes names."""
    if not are_names(labels):
        notify(
            f"the classes have no names and are called {', '.join(labels[:2])}, …; give --labels FILE, or put the "
            "names into NAME.labels.txt beside the weights NAME.pdparams"
        )


def are_names(labels: Sequence[str]) -> bool:
    """Whether `labels` are names, and not what stands in for them."""
    return tuple(labels) != numbered(len(labels))
