"""predictions.csv: a row a picture, and nothing that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io

import numpy as np

from lite.measure import csv_tables

CLASSES = ("cat", "=dog", "ox, big")
REFERENCE = np.array([[2, 0, 0], [0, 3, 2.9]], np.float32)
DEPLOYED = np.array([[2, 0.1, 0], [0, 2.9, 3]], np.float32)


def rows(**given: object) -> list[dict[str, str]]:
    values = {"deployed": DEPLOYED, "reference": REFERENCE, "truth": np.array([0, 1]), **given}
    text = csv_tables.predictions_table(["a.png", "-b, c.png"], CLASSES, **values)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_each_picture_has_its_classes_and_whether_they_differ():
    first, second = rows()
    assert list(first) == list(csv_tables.PREDICTION_COLUMNS)
    assert (first["picture"], first["class"], first["deployed"], first["flipped"]) == (
        "a.png",
        "cat",
        "cat",
        "0",
    )
    assert (second["reference"], second["deployed"], second["flipped"]) == ("'=dog", "ox, big", "1")
    assert second["picture"] == "'-b, c.png"
    expected = np.exp(2) / (np.exp(2) + np.exp(0.1) + 1)
    assert float(first["deployed_probability"]) == np.round(expected, 6)
    assert 0.99 < float(second["cosine"]) < 1


def test_what_is_unknown_is_empty():
    first, _ = rows(reference=None, truth=None)
    unknown = ("class", "reference", "reference_probability", "flipped", "cosine")
    assert [first[name] for name in unknown] == [""] * 5
    assert first["deployed"] == "cat"
