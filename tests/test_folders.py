"""How pictures lie: which layout a source has, what is found in it, and where labels come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lite.errors import InputError
from lite.pictures import folders


def found(source: Path) -> list[Path]:
    """All the pictures of a folder without labels, or with."""
    return folders.read(source).paths


def is_labelled(source: Path) -> bool:
    return folders.find(str(source)).held_out().numbers is not None


def labelled(source: Path, classes: int) -> tuple[list[Path], np.ndarray]:
    """The pictures and labels for a network whose classes have no names."""
    listing = folders.find(str(source)).held_out()
    return listing.paths, listing.labels([f"class {index}" for index in range(classes)])[0]


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def test_finds_every_picture_below_sorted_and_by_suffix_in_either_case(tmp_path: Path) -> None:
    make(tmp_path, "b.JPEG", "a.png", "deep/er/c.WebP", "deep/d.tif", "ü.bmp", "e.TIFF", "z.jpg")
    make(tmp_path, "notes.txt", ".hidden.jpg", ".cache/f.jpg", "jpg", "g.gif")
    expected = ["a.png", "b.JPEG", "deep/d.tif", "deep/er/c.WebP", "e.TIFF", "z.jpg", "ü.bmp"]
    assert names(found(tmp_path), tmp_path) == expected


def test_follows_links_but_not_in_circles(tmp_path: Path) -> None:
    make(tmp_path / "elsewhere", "a.jpg")
    make(tmp_path / "here", "b.jpg")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "here")
    assert names(found(tmp_path / "here"), tmp_path) == ["here/b.jpg", "here/link/a.jpg"]


@pytest.mark.parametrize("seed", range(40))
def test_folders_that_link_to_each_other_list_each_picture_once(tmp_path: Path, seed: int) -> None:
    """Any graph of folders and links: what is found is what there is to reach, once, by its own place if it has one."""
    rng = np.random.default_rng(seed)
    places = [tmp_path / "here", tmp_path / "else" / "where"]
    for place in places:
        place.mkdir(parents=True)
    for number in range(int(rng.integers(1, 12))):
        places.append(places[rng.integers(len(places))] / f"{number}")
        places[-1].mkdir()
    for number, place in enumerate(places):
        make(place, f"{number}.jpg")
    for number in range(int(rng.integers(0, 40))):
        link = places[rng.integers(len(places))] / f"link{number}"
        link.symlink_to(places[rng.integers(len(places))])
    (places[0] / "loop.jpg").symlink_to(places[0] / "loop.jpg")
    (places[0] / "gone").symlink_to(places[0] / "nowhere")
    reachable, todo = set(), [places[0]]
    while todo:
        if (folder := todo.pop().resolve()) not in reachable:
            reachable.add(folder)
            todo += [inner for inner in folder.iterdir() if inner.is_dir()]
    pictures = [path for path in found(places[0]) if path.name != "loop.jpg"]
    assert sorted(path.resolve() for path in pictures) == sorted(
        path for folder in reachable for path in folder.glob("*.jpg") if not path.is_symlink()
    )
    own = {path for path in pictures if path.resolve() == path}
    assert own == {path for path in pictures if path.resolve().is_relative_to(places[0])}
    assert pictures == sorted(pictures)


def test_many_folders_that_all_link_to_all_are_found_at_once(tmp_path: Path) -> None:
    # By every way there is, that would be 10^18 pictures.
    for name in range(20):
        make(tmp_path / f"{name}", "a.jpg")
        for other in range(20):
            (tmp_path / f"{name}" / f"to{other}").symlink_to(tmp_path / f"{other}")
    paths, labels = labelled(tmp_path, 20)
    assert sorted(labels) == list(range(20))
    assert [path.parent.name for path in paths] == [str(label) for label in labels]


def test_missing_empty_and_foreign_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: No such file"):
        found(tmp_path / "nowhere")
    with pytest.raises(InputError, match="an empty name is no source"):
        folders.find("")
    with pytest.raises(InputError, match="no pictures in"):
        found(tmp_path)
    make(tmp_path, "a.jpg")
    for call in (found, is_labelled, lambda path: labelled(path, 2)):
        with pytest.raises(InputError, match="Not a directory"):
            call(tmp_path / "a.jpg")


def test_class_folders_are_numbered_in_the_order_of_their_names(tmp_path: Path) -> None:
    make(tmp_path, "n02/b.jpg", "n02/a.jpg", "n10/c.jpg", "n01/deep/d.jpg", ".git/e.jpg", "readme.txt")
    assert is_labelled(tmp_path)
    paths, labels = labelled(tmp_path, 3)
    assert names(paths, tmp_path) == ["n01/deep/d.jpg", "n02/a.jpg", "n02/b.jpg", "n10/c.jpg"]
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 1, 2]


def test_numbers_as_names_are_the_labels(tmp_path: Path) -> None:
    for label in range(12):
        make(tmp_path, f"{label}/a.jpg")
    paths, labels = labelled(tmp_path, 12)
    assert sorted(labels) == list(range(12))
    assert [path.parent.name for path in paths] == [str(label) for label in labels]


def test_numbers_that_do_not_start_at_zero_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "1/a.jpg", "2/a.jpg", "3/a.jpg")
    with pytest.raises(InputError, match="must be 0 to 2, found '1'"):
        labelled(tmp_path, 3)
    make(tmp_path / "twice", "0/a.jpg", "00/a.jpg")
    with pytest.raises(InputError, match=r"must be 0 to 1, found '00?'"):
        labelled(tmp_path / "twice", 2)


def test_an_empty_class_folder_keeps_its_place(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.jpg", "emu/b.jpg")
    (tmp_path / "dog").mkdir()
    assert labelled(tmp_path, 3)[1].tolist() == [0, 2]


def test_another_number_of_folders_than_classes_is_refused_with_both_numbers(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.jpg", "dog/b.jpg")
    with pytest.raises(InputError, match="2 class folders, the model has 10 classes"):
        labelled(tmp_path, 10)


def test_pictures_beside_class_folders_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.jpg", "dog/b.jpg", "stray.jpg")
    assert not is_labelled(tmp_path)
    with pytest.raises(InputError, match=r"stray\.jpg"):
        labelled(tmp_path, 2)


def test_a_plain_folder_is_not_labelled(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    assert not is_labelled(tmp_path)
    with pytest.raises(InputError, match="has no labels: it needs a folder for each class, or a list file"):
        labelled(tmp_path, 2)


def test_empty_class_folders_are_not_labelled(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "dog").mkdir()
    with pytest.raises(InputError, match="no pictures in"):
        labelled(tmp_path, 2)


def test_a_list_file_gives_paths_and_labels_in_its_order(tmp_path: Path) -> None:
    make(tmp_path, "val/b.JPEG", "val/a.JPEG", "val/with space.JPEG")
    text = "val/b.JPEG 65\n\nval/a.JPEG\t970\r\nval/with space.JPEG 0\n"
    for name, bom in (("val_list.txt", ""), ("mine.txt", "\ufeff")):
        (tmp_path / name).write_text(bom + text, encoding="utf-8")
    for source in (tmp_path, tmp_path / "val_list.txt", tmp_path / "mine.txt"):
        assert is_labelled(source)
        paths, labels = labelled(source, 1000)
        assert names(paths, tmp_path) == ["val/b.JPEG", "val/a.JPEG", "val/with space.JPEG"]
        assert labels.tolist() == [65, 970, 0]
        assert labels.dtype == np.int64


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a.jpg 0\na.jpg 10\n", "line 2: label 10 is outside 0 to 9 of the 10 classes"),
        ("a.jpg -1\n", "line 1: expected"),
        ("a.jpg cat\n", "line 1: expected"),
        ("a.jpg\n", "line 1: expected 'relative/path label', the label a whole number, not 'a.jpg'"),
        ("b.jpg 1\n", "line 1: no picture .*b.jpg"),
        ("\n", "no pictures in the list"),
        ("a.jpg 9999999999\n", "line 1: expected"),
    ],
)
def test_bad_lines_are_refused_with_their_number(tmp_path: Path, text: str, reason: str) -> None:
    make(tmp_path, "a.jpg")
    (tmp_path / "val_list.txt").write_text(text)
    with pytest.raises(InputError, match=reason):
        labelled(tmp_path, 10)


def test_a_list_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "val_list.txt").write_bytes(b"a.jpg 0\n\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        labelled(tmp_path, 10)


def parts(source: Path) -> tuple[str, str]:
    """What is called to train on, and what to hold out."""
    layout = folders.find(str(source))
    return tuple(Path(part.source).name for part in (layout.to_train(), layout.held_out()))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("train/cat/a.jpg", "val/cat/b.jpg"), ("train", "val")),
        (("train/cat/a.jpg", "val/b.jpg"), ("train", "val")),
        (("train/cat/a.jpg", "val/cat/b.jpg", "test/c.jpg"), ("train", "val")),
        # One of them alone is taken for both, and so is a list.
        (("train/cat/a.jpg",), ("train", "train")),
        (("val/cat/a.jpg",), ("val", "val")),
        (("a.jpg", "train_list.txt"), ("train_list.txt", "train_list.txt")),
        (("a.jpg", "val_list.txt"), ("val_list.txt", "val_list.txt")),
        (("a.jpg", "train_list.txt", "val_list.txt"), ("train_list.txt", "val_list.txt")),
        # A list is a part before a folder is.
        (("a.jpg", "train/cat/a.jpg", "val/b.jpg", "val_list.txt"), ("train", "val_list.txt")),
        # Classes may be called so, too.
        (("train/a.jpg", "bus/b.jpg"), ("data", "data")),
        (("a.jpg", "deep/b.jpg"), ("data", "data")),
    ],
)
def test_the_parts_of_a_source(tmp_path: Path, files: tuple[str, ...], expected: tuple[str, str]) -> None:
    make(tmp_path / "data", *files)
    for path in (tmp_path / "data").glob("*.txt"):
        path.write_text("a.jpg 0\n")
    assert parts(tmp_path / "data") == expected
    unused = folders.find(str(tmp_path / "data")).left_out
    assert unused == ("; not used: test/" if "test/c.jpg" in files else "")


def test_pictures_beside_train_and_val_belong_to_neither(tmp_path: Path) -> None:
    make(tmp_path, "train/cat/a.jpg", "val/cat/b.jpg", "stray.jpg")
    with pytest.raises(InputError, match=r"has pictures \(stray.jpg\) beside train/ and val/"):
        folders.find(str(tmp_path))


def test_folders_called_like_the_classes_are_these_and_never_by_halves(tmp_path: Path) -> None:
    make(tmp_path, "dog/a.jpg", "cat/b.jpg")
    (tmp_path / "strange and empty").mkdir()
    listing = folders.read(tmp_path)
    labels, by_name = listing.labels(("emu", "dog", "cat"))
    assert ([path.parent.name for path in listing.paths], labels.tolist()) == (["cat", "dog"], [2, 1])
    assert by_name
    (tmp_path / "strange and empty").rmdir()
    labels, by_name = folders.read(tmp_path).labels(("Felis", "Canis"))
    assert (labels.tolist(), by_name) == ([0, 1], False)
    # By its place dog would be a horse.
    with pytest.raises(InputError, match="the folder 'dog' is called like no class .*1 of 2"):
        folders.read(tmp_path).labels(("cat", "horse"))
    with pytest.raises(InputError, match="two classes 'cat'"):
        folders.read(tmp_path).labels(("cat", "cat", "dog"))
