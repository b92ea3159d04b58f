"""Classifies picture files with any backend, on all cores of this computer."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from lite.engines import workers
from lite.engines.workers import EngineJob
from lite.errors import ConversionError, InputError, ToolkitError
from lite.measure import csv_tables
from lite.measure.accuracy import Guess, guesses
from lite.measure.classifier import Classifier
from lite.pictures import folders
from lite.pictures.picture_set import Picture


@dataclass(frozen=True)
class Prediction:
    """One picture: its likeliest classes, likeliest first, or why it could not be read."""

    path: str
    guesses: Sequence[Guess] = ()
    error: ToolkitError | None = None


def expand(arguments: Iterable[str]) -> list[Path | Prediction]:
    """The picture files of `arguments` (files, folders with all below them, list files, glob patterns), each once.

    What holds no picture becomes a Prediction with its `error`.
    """
    found: dict[Path, None] = {}
    listed: list[Path | Prediction] = []
    for argument in arguments:
        try:
            paths = _files(argument)
        except InputError as error:
            listed.append(Prediction(argument, error=error))
            continue
        except OSError as error:
            unreadable = InputError(f"cannot read {argument}", why=error.strerror, remedy="check the path")
            listed.append(Prediction(argument, error=unreadable))
            continue
        new = [path for path in dict.fromkeys(paths) if path not in found]
        listed += new
        found.update(dict.fromkeys(new))
    return listed


def classify(
    classifier: Classifier,
    pictures: Sequence[Path | Prediction],
    *,
    count: int,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Prediction]:
    """The `count` likeliest classes of each picture, by softmax over the logits; errors are kept as they are.

    `processes` is one a core by default; `on_progress` gets the pictures done and all that are to be run. Raises
    InputError for a network that cannot be opened, ConversionError for one that answers NaN or infinity or takes
    its process down.
    """
    paths = [Picture(str(picture), picture) for picture in pictures if isinstance(picture, Path)]
    job = EngineJob.of(classifier.engine, classifier.preprocess, len(classifier.labels))
    with workers.local(processes) as pool:
        found = pool.submit_all(job, paths).result(on_progress)
    places = iter(range(len(paths)))
    predictions = []
    for picture in pictures:
        if isinstance(picture, Prediction):
            predictions.append(picture)
        elif (place := next(places)) in found.unreadable:
            predictions.append(Prediction(str(picture), error=found.unreadable[place]))
        else:
            guesses = _guesses(classifier, picture, found.logits[place], count)
            predictions.append(Prediction(str(picture), guesses))
    return predictions


def document(classifier: Classifier, predictions: Iterable[Prediction]) -> dict[str, Any]:
    """All of it as JSON values; probabilities are 0 to 1."""
    return {
        "origin": str(classifier.origin),
        "model": classifier.model,
        "precision": classifier.precision,
        "backend": classifier.backend,
        "pictures": [
            {
                "picture": one.path,
                "classes": [
                    {"class": guess.label, "probability": guess.probability} for guess in one.guesses
                ],
                "error": one.error.as_dict() if one.error else None,
            }
            for one in predictions
        ],
    }


def as_csv(predictions: Iterable[Prediction]) -> str:
    """A line for each guess, likeliest first: picture, rank from 1, class, probability, error.

    A picture that could not be read has one line, with its error.
    """
    rows: list[tuple[object, ...]] = []
    for one in predictions:
        if one.error is not None:
            rows.append((one.path, None, None, None, " ".join(str(one.error).split())))
        for rank, guess in enumerate(one.guesses, start=1):
            rows.append((one.path, rank, guess.label, f"{guess.probability:.6f}", None))
    return csv_tables.table(("picture", "rank", "class", "probability", "error"), rows, line_end="\n")


def _guesses(classifier: Classifier, path: Path, logits: np.ndarray, count: int) -> list[Guess]:
    if not np.isfinite(logits).all():
        raise ConversionError(
            f"{classifier.engine.path} answers NaN or infinity for {path}",
            remedy="make it again with --force",
        )
    return guesses(logits, classifier.labels, count)


def _files(argument: str) -> list[Path]:
    if not argument:
        raise InputError("an empty name is no picture", remedy="name a file or a folder")
    path = Path(argument)
    if path.is_dir() or (path.suffix.lower() == ".txt" and path.is_file()):
        return folders.read(path).paths
    if path.exists() or not glob.has_magic(argument):
        return [path]
    files = [match for match in sorted(_matches(path)) if match.is_file()]
    if not files:
        raise InputError(f"no picture matches {argument}")
    return files


def _matches(pattern: Path) -> list[Path]:
    """What is called like `pattern`. Hidden files are not, and `**` follows no links, which can lead to each other."""
    # Path.glob takes no absolute pattern.
    start = Path(pattern.anchor)
    below = str(pattern.relative_to(start))
    if "**" not in below:
        return [Path(match) for match in glob.iglob(str(pattern))]  # noqa: PTH207
    try:
        found = list(start.glob(below))
    except (ValueError, NotImplementedError) as error:
        raise InputError(f"cannot read the pattern {pattern}", why=str(error)) from error
    named = [part for part in pattern.parts if part.startswith(".")]
    return [match for match in found if all(_is_named(part, named) for part in match.parts)]


def _is_named(part: str, hidden: Sequence[str]) -> bool:
    return not part.startswith(".") or any(fnmatchcase(part, one) for one in hidden)
