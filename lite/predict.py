"""Classifies picture files with a bundle's `host.nb`, on all cores of this computer."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lite import report, workers
from lite.bundle import Bundle
from lite.errors import ConversionError, InputError
from lite.evaluate import Engine
from lite.pictures import find_pictures
from lite.report import Guess
from lite.workers import Job


@dataclass(frozen=True)
class Prediction:
    """One picture: its likeliest classes, likeliest first, or why it could not be read."""

    path: str
    guesses: Sequence[Guess] = ()
    error: str | None = None


def expand(arguments: Iterable[str]) -> list[Path | Prediction]:
    """The picture files of `arguments` (files, folders, glob patterns), each once, in order.

    What holds no picture becomes a Prediction with its `error`.
    """
    found: dict[Path, None] = {}
    listed: list[Path | Prediction] = []
    for argument in arguments:
        try:
            paths = _files(argument)
        except InputError as error:
            listed.append(Prediction(argument, error=str(error)))
            continue
        listed += [path for path in paths if path not in found]
        found.update(dict.fromkeys(paths))
    return listed


def classify(
    made: Bundle,
    pictures: Sequence[Path | Prediction],
    *,
    count: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Prediction]:
    """The `count` likeliest classes of each picture, by softmax over the logits; errors are kept as they are.

    `on_progress` gets the pictures done and all that are to be run. Raises InputError for a `host.nb` that cannot
    be opened, ConversionError for one that answers NaN or infinity or takes its process down.
    """
    paths = [picture for picture in pictures if isinstance(picture, Path)]
    job = Job.of(Engine("lite", made.host_nb.absolute()), made.preprocess, len(made.labels))
    with workers.local() as hands:
        found = hands.submit_all(job, paths).result(on_progress)
    places = iter(range(len(paths)))
    predictions = []
    for picture in pictures:
        if isinstance(picture, Prediction):
            predictions.append(picture)
        elif (place := next(places)) in found.unreadable:
            predictions.append(Prediction(str(picture), error=found.unreadable[place]))
        else:
            guesses = _guesses(made, picture, found.logits[place], count)
            predictions.append(Prediction(str(picture), guesses))
    return predictions


def _guesses(made: Bundle, path: Path, logits: np.ndarray, count: int) -> list[Guess]:
    if not np.isfinite(logits).all():
        raise ConversionError(
            f"{made.host_nb} answers NaN or infinity for {path}; make the bundle again with tools/opt.py --force"
        )
    return report.guesses(logits, made.labels, count)


def _files(argument: str) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        return find_pictures(path)
    if path.exists() or not glob.has_magic(argument):
        return [path]
    # Path.glob takes no absolute pattern.
    matches = [Path(match) for match in sorted(glob.iglob(argument, recursive=True))]  # noqa: PTH207
    files = [match for match in matches if match.is_file()]
    if not files:
        raise InputError(f"no picture matches {argument}")
    return files
