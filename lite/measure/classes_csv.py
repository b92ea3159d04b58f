"""`classes.csv`: accuracy by true class and margins by the reference's first class, one row a class."""

from __future__ import annotations

from collections.abc import Sequence

from lite import csv_text
from lite.measure.accuracy import SHARES, ClassAccuracy
from lite.measure.margins import ClassMargins

NAME = "classes.csv"
_NEAR = ("images", "margin_median", "margin_noise", "flip_probability", "flips_expected", "flips")
COLUMNS = (
    "class",
    "labelled",
    *(f"{share}{bound}" for share in SHARES for bound in ("", "_low", "_high")),
    "predicted",
    *_NEAR[1:],
)


def table(
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
    return csv_text.table(COLUMNS, rows)


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
