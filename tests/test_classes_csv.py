"""classes.csv: a row for each class, those without pictures too, of figures that numpy gives."""

from __future__ import annotations

import csv
import io

import numpy as np

from lite.measure import accuracy, csv_tables, interval, margins

RNG = np.random.default_rng(0)
REFERENCE = RNG.normal(size=(1500, 3)).astype(np.float32)
DEPLOYED = REFERENCE + 0.3 * RNG.normal(size=REFERENCE.shape).astype(np.float32)
LABELS = RNG.integers(0, 2, 1500)
# Two classes of one name, as ImageNet has.
CLASSES = ("crane", "crane", 'größer, "zwei"')
MARGINS = margins.measure(REFERENCE, DEPLOYED)
NEAR = margins.by_class(MARGINS, CLASSES)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_for_each_class_even_without_pictures():
    right = accuracy.by_class(DEPLOYED, REFERENCE, LABELS, CLASSES)
    found = rows(csv_tables.classes_table(CLASSES, right, NEAR))
    assert [row["class"] for row in found] == list(CLASSES)
    assert [int(row["labelled"] or 0) for row in found] == [*np.bincount(LABELS), 0]
    assert {value for name, value in found[2].items() if name.startswith("top1_")} == {""}
    for index in (0, 1):
        mine = np.equal(LABELS, index)
        same = DEPLOYED.argmax(1) == REFERENCE.argmax(1)
        for name, answers in (
            ("top1_deployed", DEPLOYED.argmax(1) == index),
            ("top1_reference", REFERENCE.argmax(1) == index),
            ("top1_agreement", same),
        ):
            share = answers[mine].mean()
            bounds = interval.of_count(int(answers[mine].sum()), int(mine.sum()))
            shown = [float(found[index][f"{name}{bound}"]) for bound in ("", "_low", "_high")]
            assert shown == [share, bounds.low, bounds.high]


def test_margins_are_by_the_references_class():
    found = rows(csv_tables.classes_table(CLASSES, [], NEAR))
    assert [row["top1_deployed"] for row in found] == ["", "", ""]
    assert [int(row["predicted"]) for row in found] == np.bincount(REFERENCE.argmax(1)).tolist()
    assert sum(int(row["flips"]) for row in found) == MARGINS.flipped.sum()
    for index, row in enumerate(found):
        mine = np.equal(MARGINS.classes, index)
        assert float(row["flip_probability"]) == MARGINS.probabilities[mine].mean()
        assert float(row["margin_median"]) == np.median(MARGINS.margins[mine])


def test_what_is_unknown_is_empty():
    found = rows(csv_tables.classes_table(CLASSES, accuracy.by_class(DEPLOYED, None, LABELS, CLASSES), []))
    assert found[0]["top1_deployed"]
    unknown = ("top1_reference", "top1_agreement_low", "predicted", "flips")
    assert {found[0][name] for name in unknown} == {""}
    few = margins.by_class(margins.measure(REFERENCE[:5], DEPLOYED[:5]), CLASSES)
    row = rows(csv_tables.classes_table(CLASSES, [], few))[few[0].index]
    assert (row["flip_probability"], int(row["predicted"])) == ("", few[0].images)
