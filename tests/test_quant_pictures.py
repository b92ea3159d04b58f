"""quant/pictures.py: which pictures calibrate and which check."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lite.errors import InputError
from lite.pictures import composed, digits
from lite.pictures.picture_set import PictureSet
from quant import pictures

LABELS = digits.CLASSES


def class_folders(folder: Path, classes: int, each: int) -> Path:
    """Empty files: what is in a picture does not matter to who gets it."""
    for label in range(classes):
        (folder / f"class{label}").mkdir(parents=True)
        for place in range(each):
            (folder / f"class{label}" / f"{label}_{place}.jpg").touch()
    return folder


def loose(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for place in range(count):
        (folder / f"{place}.png").touch()
    return folder


def choose(*arguments, **options):
    """`pictures.choose`, its promise checked: no picture calibrates and checks."""
    _, calibration, check = pictures.choose(*arguments, **options)
    both = set(map(os.path.realpath, files(calibration))) & set(map(os.path.realpath, files(check)))
    assert not both
    return calibration, check


def files(found: PictureSet) -> list[Path]:
    """The files of those that are files."""
    return [picture.file for picture in found.pictures if picture.file is not None]


def arrays(found: PictureSet) -> list[np.ndarray]:
    return [picture.pixels() for picture in found.pictures]


def test_digits_by_default():
    _, calibration, check = pictures.choose(LABELS, None, None, calibration_pictures=5, check_pictures=7)
    assert (calibration.source, check.source) == ("digits", "digits")
    np.testing.assert_array_equal(arrays(calibration), digits.pictures("calibration", 5))
    np.testing.assert_array_equal(arrays(check), digits.pictures("held_out", 7))
    np.testing.assert_array_equal(check.labels, digits.labels("held_out")[:7])


def test_a_network_that_knows_no_digits_gets_composed_pictures_by_default():
    other = tuple(f"class {index}" for index in range(10))
    heard: list[str] = []
    calibration, check = choose(
        other, None, None, calibration_pictures=5, check_pictures=3, notify=heard.append
    )
    assert (calibration.source, check.source) == ("composed", "composed")
    np.testing.assert_array_equal(arrays(calibration), composed.pictures("calibration", 5))
    np.testing.assert_array_equal(arrays(check), composed.pictures("held_out", 3))
    assert heard == [
        "calibration: 5 of composed; check: 3 of composed, without labels",
        f"calibrating with composed pictures: {composed.REMARK}",
    ]
    # Who asks for one or the other gets it.
    assert choose(LABELS, "composed", None, calibration_pictures=2, check_pictures=2)[0].source == "composed"
    assert choose(other, None, "digits", calibration_pictures=2, check_pictures=2)[1].source == "digits"


def test_digits_have_labels_only_for_the_digits_classes():
    other = tuple(f"class {index}" for index in range(10))
    assert pictures.choose(other, "digits", "digits", check_pictures=3).check.labels is None
    assert pictures.choose(LABELS, "digits", "digits", check_pictures=3).check.labels is not None


def test_more_calibration_digits_than_there_are():
    assert len(pictures.choose(LABELS, None, None, calibration_pictures=128).calibration.pictures) == 128
    with pytest.raises(
        InputError, match="there are 128 bundled calibration pictures, not 129; ask for fewer"
    ):
        pictures.choose(LABELS, "digits", None, calibration_pictures=129)


@pytest.mark.parametrize("count", [2, 3, 8, 40, 200])
def test_a_folder_is_cut_in_two(tmp_path: Path, count: int):
    calibration, check = choose(LABELS, str(loose(tmp_path / "photos", count)), None)
    assert len(calibration.pictures) == min(pictures.CALIBRATION_PICTURES, count - max(1, round(count / 4)))
    assert len(check.pictures) == min(pictures.CHECK_PICTURES, count - len(calibration.pictures))
    assert check.labels is None


def test_a_single_picture_does_both(tmp_path: Path):
    _, calibration, check = pictures.choose(LABELS, str(loose(tmp_path / "photos", 1)), None)
    assert files(calibration) == files(check) == [tmp_path / "photos" / "0.png"]


def test_the_choice_is_fixed_and_mixes_classes(tmp_path: Path):
    folder = str(class_folders(tmp_path / "classes", 10, 20))
    calibration, check = choose(LABELS, folder, None, calibration_pictures=32)
    again = choose(LABELS, folder, None, calibration_pictures=32)
    assert (files(calibration), files(check)) == (files(again[0]), files(again[1]))
    assert len({path.parent for path in files(calibration)}) >= 8


def test_a_picture_that_is_a_link_to_itself_is_a_picture_that_cannot_be_read(tmp_path: Path):
    folder = loose(tmp_path / "photos", 4)
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    calibration, check = choose(LABELS, str(folder), None)
    assert folder / "loop.jpg" in files(calibration) + files(check)


def test_labels_of_class_folders_that_fit(tmp_path: Path):
    folder = str(class_folders(tmp_path / "classes", 10, 6))
    for arguments in ((folder, None), ("digits", folder), (str(loose(tmp_path / "photos", 4)), folder)):
        _, check = choose(LABELS, *arguments, check_pictures=20)
        assert [f"class{label}" for label in check.labels] == [path.parent.name for path in files(check)]
    assert choose(LABELS, folder, None)[1].source == folder


def test_class_folders_of_something_else_are_pictures_without_labels_and_that_is_said(tmp_path: Path):
    folder = str(class_folders(tmp_path / "classes", 4, 6))
    heard: list[str] = []
    _, check = choose(LABELS, folder, None, notify=heard.append)
    assert "has 4 class folders, the model has 10 classes" in heard[0]
    assert heard[1:] == [f"calibration: 18 of {folder}; check: 6 of {folder}, without labels"]
    assert check.labels is None
    assert check.pictures


def test_a_list_names_the_labelled_pictures(tmp_path: Path):
    # The list holds fewer pictures than the folder, and by other spellings.
    folder = loose(tmp_path / "photos", 12)
    lines = [f"./{place}.png {place % 10}" for place in range(8)]
    (folder / "val_list.txt").write_text("\n".join(lines))
    _, check = choose(LABELS, str(folder), None, calibration_pictures=6)
    assert check.pictures
    assert [int(path.stem) % 10 for path in files(check)] == check.labels.tolist()


def test_the_same_folder_given_twice_is_cut_in_two(tmp_path: Path):
    folder = loose(tmp_path / "photos", 8)
    _, check = choose(LABELS, str(folder), f"{folder}/../photos")
    assert len(check.pictures) == 2


def test_a_check_folder_inside_the_calibration_folder(tmp_path: Path):
    folder = class_folders(tmp_path / "classes", 2, 10)
    _, check = choose(LABELS, str(folder), str(folder / "class0"), calibration_pictures=10)
    assert 0 < len(check.pictures) < 10
    with pytest.raises(InputError, match="class0: all of its pictures are calibrated with; give other ones"):
        choose(LABELS, str(folder), str(folder / "class0"), calibration_pictures=20)


def test_folders_that_are_none(tmp_path: Path):
    file = tmp_path / "picture.jpg"
    file.touch()
    (tmp_path / "empty").mkdir()
    for folder in (file, tmp_path / "empty", tmp_path / "missing"):
        for arguments in ((str(folder), None), ("digits", str(folder))):
            with pytest.raises(InputError, match=folder.name):
                pictures.choose(LABELS, *arguments)


def test_what_a_source_holds_out_checks_what_it_trains_on_calibrates(tmp_path: Path):
    class_folders(tmp_path / "data" / "train", 10, 4)
    class_folders(tmp_path / "data" / "val", 10, 2)
    heard: list[str] = []
    data = str(tmp_path / "data")
    for arguments in ((data, None), (data, data)):
        calibration, check = choose(LABELS, *arguments, notify=heard.append)
        assert {path.parent.parent.name for path in files(calibration)} == {"train"}
        assert {path.parent.parent.name for path in files(check)} == {"val"}
        # All of val, and none of train is spared for the check.
        assert (len(calibration.pictures), len(check.pictures)) == (32, 20)
        assert len(choose(LABELS, data, None, calibration_pictures=99)[0].pictures) == 40
        assert [f"class{label}" for label in check.labels] == [path.parent.name for path in files(check)]
    assert heard[-1] == f"calibration: 32 of {data}/train; check: 20 of {data}/val, labelled"
    assert (
        "are not called like the classes and count by their place: 'class0' is '0', 'class1' is '1'"
        in heard[0]
    )


def test_class_folders_name_classes_that_have_no_names(tmp_path: Path):
    class_folders(tmp_path / "data" / "train", 3, 4)
    class_folders(tmp_path / "data" / "val", 2, 4)
    nameless, named = ("class 0", "class 1", "class 2"), ("class0", "class1", "class2")
    for arguments in ((str(tmp_path / "data"), None), ("digits", str(tmp_path / "data" / "train"))):
        heard: list[str] = []
        chosen = pictures.choose(nameless, *arguments, notify=heard.append)
        assert chosen.labels == named
        assert [named[label] for label in chosen.check.labels] == [
            path.parent.name for path in files(chosen.check)
        ]
        assert "the classes are called as the folders of" in heard[0]
    assert pictures.choose(("a", "b", "c"), str(tmp_path / "data"), None).labels == ("a", "b", "c")
