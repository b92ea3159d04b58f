"""quant/sets.py: which pictures calibrate and which check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lite import zoo
from lite.errors import InputError
from lite.evaluate import Picture
from lite.pictures import digits
from lite.weights import Weights
from quant import sets

VARIANT = zoo.find("deit_tiny")


def weights(labels: tuple[str, ...] = digits.CLASSES) -> Weights:
    return Weights(VARIANT, "file", Path("mine.pdparams"), "0" * 64, {}, labels)


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
    """`sets.choose`, its promise checked: no picture calibrates and checks."""
    calibration, check = sets.choose(*arguments, **options)
    both = [
        one for one in calibration.pictures for other in check.pictures if one is other or _same(one, other)
    ]
    assert not both
    return calibration, check


def _same(one: Picture, other: Picture) -> bool:
    return isinstance(one, Path) and isinstance(other, Path) and one.samefile(other)


def test_digits_by_default():
    calibration, check = sets.choose(weights(), None, None, calibration_pictures=5, check_pictures=7)
    assert (calibration.source, check.source) == ("digits", "digits")
    np.testing.assert_array_equal(calibration.pictures, digits.pictures("calibration", 5))
    np.testing.assert_array_equal(check.pictures, digits.pictures("held_out", 7))
    np.testing.assert_array_equal(check.labels, digits.labels("held_out")[:7])


def test_digits_have_labels_only_for_the_digits_classes():
    other = weights(tuple(f"class {index}" for index in range(10)))
    assert sets.choose(other, "digits", "digits", check_pictures=3)[1].labels is None
    assert sets.digits_check(weights(), 2).labels is not None


def test_more_calibration_digits_than_there_are():
    assert len(sets.choose(weights(), None, None, calibration_pictures=128)[0].pictures) == 128
    with pytest.raises(
        InputError, match="there are 128 bundled calibration pictures, not 129; ask for fewer"
    ):
        sets.choose(weights(), "digits", None, calibration_pictures=129)


@pytest.mark.parametrize("count", [2, 3, 8, 40, 200])
def test_a_folder_is_cut_in_two(tmp_path: Path, count: int):
    calibration, check = choose(weights(), str(loose(tmp_path / "photos", count)), None)
    assert len(calibration.pictures) == min(sets.CALIBRATION_PICTURES, count - max(1, round(count / 4)))
    assert len(check.pictures) == min(sets.CHECK_PICTURES, count - len(calibration.pictures))
    assert check.labels is None


def test_a_single_picture_does_both(tmp_path: Path):
    calibration, check = sets.choose(weights(), str(loose(tmp_path / "photos", 1)), None)
    assert calibration.pictures == tuple(check.pictures) == (tmp_path / "photos" / "0.png",)


def test_the_choice_is_fixed_and_mixes_classes(tmp_path: Path):
    folder = str(class_folders(tmp_path / "classes", 10, 20))
    calibration, check = choose(weights(), folder, None, calibration_pictures=32)
    again = choose(weights(), folder, None, calibration_pictures=32)
    assert (calibration.pictures, check.pictures) == (again[0].pictures, again[1].pictures)
    assert len({path.parent for path in calibration.pictures}) >= 8


def test_labels_of_class_folders_that_fit(tmp_path: Path):
    folder = str(class_folders(tmp_path / "classes", 10, 6))
    for arguments in ((folder, None), ("digits", folder), (str(loose(tmp_path / "photos", 4)), folder)):
        _, check = choose(weights(), *arguments, check_pictures=20)
        assert [f"class{label}" for label in check.labels] == [path.parent.name for path in check.pictures]
    assert choose(weights(), folder, None)[1].source == folder


def test_class_folders_of_something_else_are_pictures_without_labels(tmp_path: Path):
    folder = str(class_folders(tmp_path / "classes", 4, 6))
    _, check = choose(weights(), folder, None)
    assert check.labels is None
    assert check.pictures


def test_a_list_names_the_labelled_pictures(tmp_path: Path):
    # The list holds fewer pictures than the folder, and by other spellings.
    folder = loose(tmp_path / "photos", 12)
    lines = [f"./{place}.png {place % 10}" for place in range(8)]
    (folder / "val_list.txt").write_text("\n".join(lines))
    _, check = choose(weights(), str(folder), None, calibration_pictures=6)
    assert check.pictures
    assert [int(path.stem) % 10 for path in check.pictures] == check.labels.tolist()


def test_the_same_folder_given_twice_is_cut_in_two(tmp_path: Path):
    folder = loose(tmp_path / "photos", 8)
    _, check = choose(weights(), str(folder), f"{folder}/../photos")
    assert len(check.pictures) == 2


def test_a_check_folder_inside_the_calibration_folder(tmp_path: Path):
    folder = class_folders(tmp_path / "classes", 2, 10)
    _, check = choose(weights(), str(folder), str(folder / "class0"), calibration_pictures=10)
    assert 0 < len(check.pictures) < 10
    with pytest.raises(InputError, match="class0: all of its pictures are calibrated with; give other ones"):
        choose(weights(), str(folder), str(folder / "class0"), calibration_pictures=20)


def test_folders_that_are_none(tmp_path: Path):
    file = tmp_path / "picture.jpg"
    file.touch()
    (tmp_path / "empty").mkdir()
    for folder in (file, tmp_path / "empty", tmp_path / "missing"):
        for arguments in ((str(folder), None), ("digits", str(folder))):
            with pytest.raises(InputError, match=folder.name):
                sets.choose(weights(), *arguments)
