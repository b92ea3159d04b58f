"""`predictions.csv`: what both networks make of each picture, one row a picture, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lite.measure import drift

COLUMNS = (
    "picture", "class", "reference", "reference_probability", "deployed", "deployed_probability", "flipped", "cosine",
)  # fmt: skip
# A spreadsheet takes text that begins so for a formula (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(names, classes, deployed, reference, truth))
    return text.getvalue()


def _rows(
    names: Sequence[str],
    classes: Sequence[str],
    deployed: np.ndarray,
    reference: np.ndarray | None,
    truth: np.ndarray | None,
) -> Iterator[list[Any]]:
    cosines = None if reference is None else drift.cosines(reference, deployed)
    for place, name in enumerate(names):
        after, sure = _first(deployed[place])
        row: list[Any] = [_text(name), "" if truth is None else _text(classes[int(truth[place])])]
        if reference is None or cosines is None:
            yield [*row, "", "", _text(classes[after]), f"{sure:.6f}", "", ""]
            continue
        before, sure_before = _first(reference[place])
        yield [
            *row,
            _text(classes[before]),
            f"{sure_before:.6f}",
            _text(classes[after]),
            f"{sure:.6f}",
            int(before != after),
            f"{cosines[place]:.7f}",
        ]


def _first(logits: np.ndarray) -> tuple[int, float]:
    powers = np.exp(logits.astype(np.float64) - logits.max())
    place = int(logits.argmax())
    return place, float(powers[place] / powers.sum())


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
