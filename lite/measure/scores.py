"""Scores a classifier on labelled pictures: top-1, top-5, the confusion matrix, the classes that come off worst."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from lite import zoo
from lite.engines import workers
from lite.engines.workers import EngineJob, none_readable
from lite.errors import ConversionError, ToolkitError
from lite.measure import accuracy, interval
from lite.measure.accuracy import ClassAccuracy
from lite.measure.classifier import Classifier
from lite.model.weights import imagenet_labels
from lite.pictures.picture_set import PictureSet
from lite.zoo import IMAGENET_CLASSES

SCHEMA = 1
IMAGENET_VAL = 50_000
_VAL_NAME = re.compile(r"(.*/)?ILSVRC2012_val_\d{8}\.(JPEG|jpe?g|png)")


@dataclass(frozen=True)
class Scores:
    """Logits float32 [N, classes] of the pictures that could be read; `unreadable`: names, and why."""

    classifier: Classifier
    pictures: PictureSet
    logits: np.ndarray = field(repr=False)
    unreadable: Sequence[tuple[str, ToolkitError]]
    imagenet_share: float | None

    @property
    def truth(self) -> np.ndarray:
        """The label of each picture, int64 [N]."""
        assert self.pictures.labels is not None
        return self.pictures.labels

    def top_k(self, k: int) -> float | None:
        """Top-k accuracy, 0 to 1; None where k says nothing (see `accuracy.known_top_k`)."""
        return accuracy.known_top_k(self.logits, self.truth, k)

    @cached_property
    def confusion(self) -> np.ndarray:
        """int64 [classes, classes]: pictures by their label (row) and by the class they were given (column)."""
        classes = len(self.classifier.labels)
        matrix = np.zeros((classes, classes), dtype=np.int64)
        np.add.at(matrix, (self.truth, self.logits.argmax(axis=1)), 1)
        return matrix

    @cached_property
    def classes(self) -> list[ClassAccuracy]:
        """Accuracy of every class that has pictures, the worst first."""
        return accuracy.by_class(self.logits, None, self.truth, self.classifier.labels)

    def confusions(self, count: int | None = None) -> list[tuple[str, str, int]]:
        """Label, class given instead, pictures: the commonest mistakes first."""
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        rows, columns = np.nonzero(wrong)
        order = np.argsort(-wrong[rows, columns], kind="stable")[:count]
        names = self.classifier.labels
        return [(names[rows[at]], names[columns[at]], int(wrong[rows[at], columns[at]])) for at in order]


def score(
    classifier: Classifier,
    pictures: PictureSet,
    *,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Scores:
    """Runs labelled pictures through the classifier, on all cores (or `processes` of them).

    Raises InputError if none can be read or the network cannot be opened, ConversionError for NaN or infinity in an
    output and for an engine that fails.
    """
    job = EngineJob.of(classifier.engine, classifier.preprocess, len(classifier.labels))
    with workers.local(processes) as pool:
        found = pool.submit_all(job, pictures.pictures).result(on_progress)
    # Pairs, for two pictures may have one name: those that are no UTF-8.
    names = [(pictures.names[place], error) for place, error in sorted(found.unreadable.items())]
    readable = [place for place in range(len(pictures.pictures)) if place not in found.unreadable]
    if not readable:
        raise none_readable([error for _, error in names])
    logits = found.logits[readable]
    broken = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if len(broken):
        raise ConversionError(
            f"{classifier.engine.path} answers NaN or infinity for {pictures.names[readable[broken[0]]]}",
            remedy="it is not usable",
        )
    measured = pictures.take(readable)
    return Scores(classifier, measured, logits, names, imagenet_share(measured, classifier.labels))


def document(found: Scores, *, seconds: float) -> dict[str, Any]:
    """All of it as JSON values; unknown is null, shares are 0 to 1.

    `confusion` lists [label's index, given class's index, pictures] for every pair that occurs.
    """
    classifier = found.classifier
    rows, columns = np.nonzero(found.confusion)
    return {
        "schema": SCHEMA,
        "origin": str(classifier.origin),
        "model": classifier.model,
        "weights": {"source": classifier.source, "sha256": classifier.sha256},
        "backend": classifier.backend,
        "precision": classifier.precision,
        "options": asdict(classifier.options),
        "images": {
            "source": found.pictures.source,
            "measured": len(found.truth),
            "unreadable": [{"picture": name, "error": error.as_dict()} for name, error in found.unreadable],
            "imagenet_val_share": found.imagenet_share,
        },
        "top1": found.top_k(1),
        "top1_interval": interval.or_none(interval.of_known(found.top_k(1), len(found.truth))),
        "top5": found.top_k(5),
        "top5_interval": interval.or_none(interval.of_known(found.top_k(5), len(found.truth))),
        "published": published(found),
        "labels": list(classifier.labels),
        "empty_classes": empty_classes(found.pictures, classifier.labels),
        "classes": [
            {
                "label": one.label,
                "images": one.images,
                "top1": one.top1_deployed,
                "top1_interval": interval.or_none(one.interval("top1_deployed")),
            }
            for one in found.classes
        ],
        "confusion": [
            [int(row), int(column), int(found.confusion[row, column])]
            for row, column in zip(rows, columns, strict=True)
        ],
        "seconds": seconds,
    }


def published(found: Scores) -> dict[str, float] | None:
    """PaddleClas's figures (and the paper's) on ImageNet val; None for other data and for unknown models."""
    if found.imagenet_share is None:
        return None
    figures = zoo.find(found.classifier.model).published
    if figures is None:
        return None
    names = ("top1", "top5", "reference_top1", "reference_top5")
    return {name: getattr(figures, name) for name in names}


def empty_classes(pictures: PictureSet, labels: Sequence[str]) -> list[str]:
    """The classes without a picture."""
    assert pictures.labels is not None
    counts = np.bincount(pictures.labels, minlength=len(labels))
    return [label for label, count in zip(labels, counts, strict=True) if count == 0]


def imagenet_share(pictures: PictureSet, labels: Sequence[str]) -> float | None:
    """The share of ImageNet's validation set that `pictures` are, 0 to 1; None where they are something else.

    They are of it if the network has ImageNet's 1,000 class names and every file has the name that ILSVRC 2012
    gives its validation pictures, `ILSVRC2012_val_00000001.JPEG` to `…50000.JPEG`, each once.
    """
    if len(labels) != IMAGENET_CLASSES or tuple(labels) != imagenet_labels():
        return None
    if not all(_VAL_NAME.fullmatch(name) for name in pictures.names):
        return None
    different = {name.rpartition("/")[2] for name in pictures.names}
    return len(different) / IMAGENET_VAL if len(different) == len(pictures.names) else None
