"""Where pictures to train on come from: class folders, PaddleClas's lists, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from training_data import BLUE, RED, write_colours, write_pictures

from lite.errors import InputError
from lite.training.sources import find_pictures


def test_a_tenth_of_each_class_is_held_out_and_never_trained_on(tmp_path: Path):
    found = find_pictures(str(write_colours(tmp_path / "colours")), seed=1)
    assert found.classes == ("blue", "red")
    assert (len(found.paths), len(found.held_out_paths)) == (36, 4)
    assert not set(found.paths) & set(found.held_out_paths)
    assert found.held_out_labels.tolist() == [0, 0, 1, 1]
    for path, label in zip(found.paths, found.labels, strict=True):
        assert Path(path).parent.name == found.classes[label]
    assert find_pictures(str(tmp_path / "colours"), seed=1).held_out_paths == found.held_out_paths
    assert find_pictures(str(tmp_path / "colours"), seed=2).held_out_paths != found.held_out_paths


def test_train_and_val_folders(tmp_path: Path):
    write_colours(tmp_path / "data" / "train", 3)
    write_colours(tmp_path / "data" / "val", 2)
    found = find_pictures(str(tmp_path / "data"), seed=1)
    assert (len(found.paths), len(found.held_out_paths)) == (6, 4)
    assert all("/val/" in path for path in found.held_out_paths)


def test_numbered_classes_are_in_the_order_of_numbers(tmp_path: Path):
    for number in range(11):
        write_pictures(tmp_path / "data" / str(number), 2, BLUE)
    assert find_pictures(str(tmp_path / "data"), seed=1).classes == tuple(map(str, range(11)))


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """As PaddleClas has them: train_list.txt and val_list.txt beside the pictures' folder."""
    write_colours(tmp_path / "flowers" / "jpg", 4)
    for name, places in (("train_list.txt", (0, 1, 2)), ("val_list.txt", (3,))):
        lines = [
            f"jpg/{colour}/{place:03}.png {label}"
            for place in places
            for label, colour in enumerate(("blue", "red"))
        ]
        (tmp_path / "flowers" / name).write_text("\n".join(lines) + "\n")
    return tmp_path / "flowers"


def test_list_files(lists: Path, tmp_path: Path):
    found = find_pictures(str(lists), seed=1)
    assert found.classes == ("0", "1")
    assert [Path(path).parent.name for path in found.paths] == ["blue", "red"] * 3
    assert found.held_out_labels.tolist() == [0, 1]
    names = tmp_path / "names.txt"
    names.write_text("cornflower\npoppy\n")
    assert find_pictures(str(lists), 1, names).classes == ("cornflower", "poppy")
    alone = find_pictures(str(lists / "train_list.txt"), seed=1)
    # val_list.txt is not named: one of three of each class is held out.
    assert (len(alone.paths), len(alone.held_out_paths)) == (4, 2)


def test_what_cannot_be_trained_on_is_refused(tmp_path: Path, lists: Path):
    write_pictures(tmp_path / "one" / "class", 3, RED)
    for name in ("train/a", "train/b", "val/a", "val/c"):
        write_pictures(tmp_path / "split" / name, 2, RED)
    write_colours(tmp_path / "empty", 3)
    (tmp_path / "empty" / "green").mkdir()
    write_pictures(tmp_path / "single" / "a", 1, RED)
    write_pictures(tmp_path / "single" / "b", 3, RED)
    write_colours(tmp_path / "loose", 2)
    shutil.copy(tmp_path / "loose" / "red" / "000.png", tmp_path / "loose")
    (lists / "gap_list.txt").write_text("jpg/blue/000.png 0\njpg/red/000.png 2\n")
    (lists / "far_list.txt").write_text("jpg/blue/000.png 0\njpg/red/000.png 999999999\n")
    (lists / "missing_list.txt").write_text("jpg/blue/000.png 0\njpg/blue/999.png 1\n")
    (tmp_path / "three.txt").write_text("a\nb\nc\n")
    for data, names, words in (
        ("nowhere", None, "nowhere: No such file"),
        ("one", None, "1 class folders"),
        ("split", None, "train and .*val hold different classes"),
        ("empty", None, "class green has no picture"),
        ("single", None, "class a has one picture"),
        ("loose", None, r"has pictures \(000.png\) beside its class folders"),
        ("empty", "three.txt", "--labels names the classes of list files"),
        ("flowers", "three.txt", "have 3 lines, the data 2 classes"),
        ("flowers/gap_list.txt", None, "class 1 has no picture"),
        ("flowers/far_list.txt", None, "class 1 has no picture .999999998 of 1000000000 classes have none"),
        ("flowers/missing_list.txt", None, "line 2: no picture"),
    ):
        with pytest.raises(InputError, match=words):
            find_pictures(str(tmp_path / data), 1, tmp_path / names if names else None)
