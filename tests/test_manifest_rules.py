"""Python's reader of manifest.json: the vectors that the C++ core and the app are held to, and any change of one."""

from __future__ import annotations

import json

import pytest

from lite import bundle
from lite.errors import InputError
from lite.manifest import first_problem, parse
from tests.manifest_vectors import VECTORS, edited, texts


def verdict(text: str) -> str | None:
    """Why Python refuses a manifest, or None."""
    try:
        document = parse(text)
    except ValueError as error:
        return str(error)
    return first_problem(document)


def test_every_vector_is_taken_or_refused_in_its_words() -> None:
    wrong = []
    for name, text, words in texts():
        said = verdict(text)
        if (said is None) != (words is None) or (words and words not in (said or "")):
            wrong.append(f"{name}: {said!r} where it should be {words!r}")
        assert said is None or ("\n" not in said and len(said) < 300)
    assert not wrong, "\n".join(wrong)


def test_the_vectors_hold_both_kinds() -> None:
    taken = [words is None for _, _, words in texts()]
    assert sum(taken) > 100
    assert len(taken) - sum(taken) > 1000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 200_000, "nested too deep"),
        ('{"schema": ' + "9" * 5000 + "}", "beyond float64"),
        ("", "is no JSON"),
        ('{"schema": 1} {}', "is no JSON"),
    ],
)
def test_what_is_no_manifest(text: str, words: str) -> None:
    assert words in (verdict(text) or "")


def test_a_byte_order_mark_is_let_pass() -> None:
    assert verdict("\ufeff" + edited({})) is None


def test_the_refusal_names_the_file(tmp_path) -> None:
    (tmp_path / "manifest.json").write_text(edited({"input/std/1": "NaN"}))
    with pytest.raises(InputError) as caught:
        bundle.read(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'manifest.json'} cannot be read: it is no JSON (NaN is")
    (tmp_path / "manifest.json").write_text(edited({"input/std/1": "58.4"}))
    with pytest.raises(InputError, match=r"input/std/1: must be a number from 0\.001 to 1; make the bundle"):
        bundle.read(tmp_path)


def test_the_base_is_a_whole_manifest() -> None:
    assert json.loads(edited({})) == VECTORS["base"]
