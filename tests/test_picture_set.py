"""Which label a picture gets, and which pictures a limit takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lite.errors import InputError
from lite.pictures import digits, picture_set

COUNT = 30


def unheard(message: str) -> None:
    pytest.fail(f"unexpected: {message}")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Class folders named like the digits; what is in the files does not matter here."""
    for index in range(COUNT):
        path = tmp_path / "photos" / str(index % 10) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(index))
    return tmp_path / "photos"


def test_class_folders_are_taken_by_name_whatever_their_order(photos):
    pictures = picture_set.load(str(photos), tuple(reversed(digits.CLASSES)), notify=unheard)
    assert [9 - int(name.split("/")[0]) for name in pictures.names] == list(pictures.labels)
    some = picture_set.load(str(photos), digits.CLASSES, limit=7, notify=unheard)
    assert len(set(some.names)) == 7
    assert some.names == picture_set.load(str(photos), digits.CLASSES, limit=7, notify=unheard).names
    assert [int(name.split("/")[0]) for name in some.names] == list(some.labels)


def test_class_folders_that_do_not_fit_are_no_labels_and_a_list_must_fit(photos, tmp_path):
    heard: list[str] = []
    pictures = picture_set.load(str(photos), ("cat", "dog"), notify=heard.append)
    assert pictures.labels is None
    assert len(pictures.pictures) == COUNT
    assert "10 class folders, the model has 2 classes" in heard[0]
    path = next((photos / "1").iterdir())
    (tmp_path / "mine.txt").write_text(f"{path} 1\n")
    assert list(picture_set.load(str(tmp_path / "mine.txt"), ("cat", "dog"), notify=unheard).labels) == [1]
    with pytest.raises(InputError, match="label 1 is outside"):
        picture_set.load(str(tmp_path / "mine.txt"), ("cat",), notify=unheard)


def test_the_digest_knows_files_and_pixels_but_not_labels(photos):
    first = picture_set.load(str(photos), digits.CLASSES, notify=unheard)
    assert (
        first.digest == picture_set.load(str(photos), tuple(reversed(digits.CLASSES)), notify=unheard).digest
    )
    (photos / "3" / "3.png").write_text("another")
    assert first.digest != picture_set.load(str(photos), digits.CLASSES, notify=unheard).digest
    (photos / "3" / "3.png").unlink()
    (photos / "3" / "3.png").symlink_to("nowhere")
    assert picture_set.load(str(photos), digits.CLASSES, notify=unheard).digest
    one, two = (picture_set.load("digits", digits.CLASSES, limit=limit, notify=unheard) for limit in (1, 2))
    assert one.digest != two.digest
    assert list(two.labels) == list(digits.labels("held_out")[:2])
    assert picture_set.load("digits", ("cat",), limit=1, notify=unheard).labels is None


def test_a_name_that_is_no_text_can_be_printed(tmp_path):
    (tmp_path / b"gr\xf6sse.png".decode("utf-8", "surrogateescape")).write_text("")
    pictures = picture_set.load(str(tmp_path), digits.CLASSES, notify=unheard)
    assert pictures.names == ["gr\ufffdsse.png"]
    assert pictures.digest
