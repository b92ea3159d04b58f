"""`predictions.csv`: what both networks make of each picture, one row a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lite import csv_text
from lite.measure import drift

NAME = "predictions.csv"
COLUMNS = (
    "picture", "class", "reference", "reference_probability", "deployed", "deployed_probability", "flipped", "cosine",
)  # fmt: skip


def table(
    names: Sequence[str],
    classes: Sequence[str],
    deployed: np.ndarray,
    reference: np.ndarray | None,
    truth: np.ndarray | None,
) -> str:
    """The rows with a heading, as CSV (RFC 4180), in the order of the pictures.

    `names` of the pictures, `classes` of the network; logits float32 [N, classes], `reference` None where there is
    none; `truth` int [N] where it is known. What is not known is empty, `flipped` is 0 or 1, probabilities are softmax.
    """
    return csv_text.table(COLUMNS, _rows(names, classes, deployed, reference, truth))


def _rows(
    names: Sequence[str],
    classes: Sequence[str],
    deployed: np.ndarray,
    reference: np.ndarray | None,
    truth: np.ndarray | None,
) -> Iterator[tuple[object, ...]]:
    cosines = None if reference is None else drift.cosines(reference, deployed)
    for place, name in enumerate(names):
        label = None if truth is None else classes[int(truth[place])]
        after, sure = _first(deployed[place])
        if reference is None or cosines is None:
            yield name, label, None, None, classes[after], sure, None, None
            continue
        before, sure_before = _first(reference[place])
        cosine = round(float(cosines[place]), 7)
        yield name, label, classes[before], sure_before, classes[after], sure, before != after, cosine


def _first(logits: np.ndarray) -> tuple[int, float]:
    """The first class and its probability, to six places."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    place = int(logits.argmax())
    return place, round(float(powers[place] / powers.sum()), 6)
