"""No text in a CSV file becomes a formula, and numbers stay numbers, in every table that is written."""

from __future__ import annotations

import csv
import io

import pytest

from lite.measure import csv_tables
from lite.measure.classifier import Prediction, as_csv
from lite.report.report import Guess

FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-x.png", "@SUM(A1)", "＝1"]  # noqa: RUF001


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("text", FORMULAS)
def test_text_does_not_become_a_formula(text):
    (row,) = rows(csv_tables.table(("a", "b"), [(text, f"in the middle {text}")]))
    assert row["a"] == "'" + text
    assert row["b"] == f"in the middle {text}"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("\tx", r"'\tx"), ("\r=1", r"'\r=1"), ("\n=1", r"'\n=1"), ("\x1b[2J\x00", r"\x1b[2J\x00"), ("a\nb", r"a\nb"),
        ("\x9bm\x7f", r"\x9bm\x7f"), ("\u202egnp", r"\u202egnp"), ("caf\udce9", r"caf\udce9"),
        ("Fußgänger 犬 💩\xa0می‌خواهم C:\\x", "Fußgänger 犬 💩\xa0می‌خواهم C:\\x"),
    ],
)  # fmt: skip
def test_control_characters_are_escaped_and_other_text_is_as_it_was(text, cell):
    (row,) = rows(csv_tables.table(("a",), [(text,)]))
    assert row["a"] == cell


def test_numbers_stay_numbers():
    (row,) = rows(csv_tables.table(("a", "b", "c", "d"), [(-1.5, True, None, 1e-17)]))
    assert [float(row["a"]), row["b"], row["c"], float(row["d"])] == [-1.5, "1", "", 1e-17]


def test_predictions_of_pictures_and_classes_with_such_names():
    found = [Prediction("=1.png", [Guess("@cat", 0.5)]), Prediction("-b.png", error="no picture")]
    first, second = rows(as_csv(found))
    assert (first["picture"], first["class"], first["probability"]) == ("'=1.png", "'@cat", "0.500000")
    assert (second["picture"], second["error"]) == ("'-b.png", "no picture")
