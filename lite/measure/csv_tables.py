"""Tables as CSV (RFC 4180), for programs and for spreadsheets: `predictions.csv`, a row a picture, and `classes.csv`.

`classes.csv` has accuracy by true class, and margins by the class that the reference puts first.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from lite.measure import drift
from lite.measure.accuracy import SHARES, ClassAccuracy, softmax
from lite.measure.margins import ClassMargins
from lite.shown import escaped

# A spreadsheet runs a cell that begins so as a formula, and its text may be anyone's: the name of a picture or a class.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, line_end: str = "\r\n") -> str:
    """The heading and the rows as text; None is an empty cell, a truth value 1 or 0.

    Text that a spreadsheet would take for a formula has an apostrophe put before it, and control characters in it are
    escaped. Numbers are as Python writes them, so that nothing is lost.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return escaped(f"'{value}" if value.startswith(_FORMULA) else value)
    return value


PREDICTIONS = "predictions.csv"
PREDICTION_COLUMNS = (
    "picture", "class", "reference", "reference_probability", "deployed", "deployed_probability", "flipped", "cosine",
)  # fmt: skip


def predictions_table(
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
    return table(PREDICTION_COLUMNS, _rows(names, classes, deployed, reference, truth))


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
    place = int(logits.argmax())
    return place, round(float(softmax(logits)[place]), 6)


CLASSES = "classes.csv"
_NEAR = ("images", "margin_median", "margin_noise", "flip_probability", "flips_expected", "flips")
CLASS_COLUMNS = (
    "class",
    "labelled",
    *(f"{share}{bound}" for share in SHARES for bound in ("", "_low", "_high")),
    "predicted",
    *_NEAR[1:],
)


def classes_table(
    classes: Sequence[str], accuracies: Sequence[ClassAccuracy], margins: Sequence[ClassMargins]
) -> str:
    """A row for each of `classes`, in their order, as CSV (RFC 4180); what is unknown is empty.

    `labelled`: pictures with this label, of which `top1_…` are shares, with their 95 % intervals; `predicted`: pictures
    that the reference puts into this class, of which the rest is, as in `lite.measure.margins.ClassMargins`.
    """
    right = {one.index: one for one in accuracies}
    near = {one.index: one for one in margins}
    rows = (
        (label, *_accuracy(right.get(index)), *_margins(near.get(index)))
        for index, label in enumerate(classes)
    )
    return table(CLASS_COLUMNS, rows)


def _accuracy(one: ClassAccuracy | None) -> list[object]:
    if one is None:
        return [None] * (1 + 3 * len(SHARES))
    cells: list[object] = [one.images]
    for share in SHARES:
        bounds = one.interval(share)
        cells += [getattr(one, share), bounds and bounds.low, bounds and bounds.high]
    return cells


def _margins(one: ClassMargins | None) -> list[object]:
    return [None if one is None else getattr(one, name) for name in _NEAR]
