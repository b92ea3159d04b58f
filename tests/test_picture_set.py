"""Which label a picture gets, and which pictures a limit takes."""

from __future__ import annotations

import os
import pickle
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


def test_what_is_said_of_the_pictures_is_what_a_limit_takes(photos, tmp_path):
    (tmp_path / "data").mkdir()
    photos.rename(tmp_path / "data" / "val")
    heard: list[str] = []
    picture_set.load(str(tmp_path / "data"), digits.CLASSES, limit=7, notify=heard.append)
    assert heard == [f"pictures: 7 of {tmp_path}/data/val, labelled"]


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


def test_the_digest_is_of_contents_and_not_of_sizes_times_or_names(photos, tmp_path):
    def digest(folder: Path) -> str:
        return picture_set.load(str(folder), digits.CLASSES, notify=unheard).digest

    first = digest(photos)
    path = photos / "3" / "3.png"
    before = path.stat()
    path.write_text("X")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert digest(photos) != first
    path.write_text("3")
    assert digest(photos) == first
    assert digest(photos.rename(tmp_path / "moved")) == first


def test_a_name_that_is_no_text_can_be_printed(tmp_path):
    (tmp_path / b"gr\xf6sse.png".decode("utf-8", "surrogateescape")).write_text("")
    pictures = picture_set.load(str(tmp_path), digits.CLASSES, notify=unheard)
    assert pictures.names == ["gr\ufffdsse.png"]
    assert pictures.digest


def test_the_part_that_is_held_out_is_taken_and_said(tmp_path):
    for name in ("train/cat/a.png", "train/dog/b.png", "val/cat/c.png", "val/dog/d.png", "test/e.png"):
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    heard: list[str] = []
    source = str(tmp_path / "pets")
    found = picture_set.load(source, ("dog", "cat"), notify=heard.append)
    assert (found.source, found.names, list(found.labels)) == (
        f"{source}/val",
        ["cat/c.png", "dog/d.png"],
        [1, 0],
    )
    assert heard == [f"pictures: 2 of {source}/val, labelled; not used: test/"]
    (tmp_path / "pets" / "val_list.txt").write_text("val/dog/d.png 0\n")
    assert picture_set.load(source, ("dog", "cat"), notify=heard.append).names == ["val/dog/d.png"]
    assert heard[-1] == f"pictures: 1 of {source}/val_list.txt, labelled"


def test_folders_count_by_their_place_with_a_word_or_give_the_names(photos):
    heard: list[str] = []
    found = picture_set.load(str(photos), tuple("abcdefghij"), notify=heard.append)
    assert [int(name.split("/")[0]) for name in found.names] == list(found.labels)
    assert found.classes is None
    assert heard == [
        f"the folders of {photos} are not called like the classes and count by their place: "
        "'0' is 'a', '1' is 'b', '2' is 'c', … '9' is 'j'"
    ]
    nameless = tuple(f"class {index}" for index in range(10))
    found = picture_set.load(str(photos), nameless, notify=unheard)
    assert found.classes == digits.CLASSES
    assert picture_set.named(nameless, found, notify=heard.append) == digits.CLASSES
    assert "the classes are called as the folders of" in heard[-1]


def test_a_file_is_sent_to_another_process_as_its_path(photos):
    found = picture_set.load(str(photos), digits.CLASSES, notify=unheard)
    for picture in found.pictures:
        picture.digest()
        assert len(pickle.dumps(picture)) < 400
