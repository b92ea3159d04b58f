"""lite/pictures/composed.py: pictures that stand in for photographs where nobody gives any."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from lite.errors import InputError
from lite.pictures import composed


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return composed.pictures("calibration", 32)


def test_pictures_are_uint8_colour_of_one_size(pictures: list[np.ndarray]):
    assert {picture.shape for picture in pictures} == {(composed.SIZE, composed.SIZE, 3)}
    assert {picture.dtype for picture in pictures} == {np.dtype(np.uint8)}
    # OpenCV, which writes one as a bundle's golden picture, takes no other.
    assert all(picture.flags.c_contiguous for picture in pictures)
    coloured = [np.ptp(picture.astype(int), axis=2).mean() > 5 for picture in pictures]
    assert sum(coloured) > 16


def test_they_are_the_same_in_every_process(pictures: list[np.ndarray]):
    # However many are asked for: --calib-images 5 takes five of 32.
    program = (
        "import sys; from lite.pictures import composed\n"
        "for picture in composed.pictures('calibration', 5): sys.stdout.buffer.write(picture.tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    five, size = done.stdout, len(pictures[0].tobytes())
    known = {picture.tobytes() for picture in pictures}
    assert len({five[start : start + size] for start in range(0, 5 * size, size)} & known) == 5


def test_crops_of_photographs_come_before_what_is_put_together_or_drawn(pictures: list[np.ndarray]):
    # The half that INT8's rewriting judges by is then of another kind than the half that it looks at.
    drawn = composed.pictures("calibration", 16)
    assert [picture.tobytes() for picture in drawn[:8]] == [pictures[place].tobytes() for place in range(8)]
    assert drawn[8].tobytes() == pictures[16].tobytes()


def test_another_seed_and_the_other_split_give_other_pictures(pictures: list[np.ndarray]):
    known = {picture.tobytes() for picture in pictures}
    assert len(known) == len(pictures)
    assert not known & {picture.tobytes() for picture in composed.pictures("calibration", 16, seed=1)}
    assert not known & {picture.tobytes() for picture in composed.pictures("held_out", 16)}


def test_they_differ_in_light_contrast_and_detail(pictures: list[np.ndarray]):
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in pictures]
    light = [picture.mean() for picture in grey]
    assert min(light) < 50
    assert max(light) > 180
    contrast = sorted(picture.std() for picture in grey)
    assert contrast[3] < 30
    assert contrast[-4] > 60
    detail = sorted(np.abs(cv2.Laplacian(picture, cv2.CV_32F)).mean() for picture in grey)
    assert detail[-4] > 10 * detail[3]
    # None is another one again, in other light.
    small = np.array(
        [cv2.resize(picture, (24, 24), interpolation=cv2.INTER_AREA).ravel() for picture in grey]
    )
    small = small[small.std(axis=1) > 5]
    alike = np.abs(np.corrcoef(small)) - np.eye(len(small))
    assert alike.max() < 0.97


def test_every_photograph_is_in_any_sixteen(pictures: list[np.ndarray]):
    assert [picture.shape for picture in composed.photographs()] == [
        (427, 640, 3),
        (427, 640, 3),
        (600, 512, 3),
    ]
    # A crop of a photograph as it is has the photograph's colours and no others: few are in two of the three.
    colours = [set(map(tuple, (photo // 8).reshape(-1, 3).tolist())) for photo in composed.photographs()]
    best = set()
    for place in (0, 2, 4, 6):
        seen = [tuple(pixel) for pixel in (pictures[place] // 8).reshape(-1, 3)[::97].tolist()]
        best.add(int(np.argmax([sum(pixel in own for pixel in seen) for own in colours])))
    assert len(best) >= 2


def test_a_crop_of_a_photograph_shows_nothing_from_outside(monkeypatch: pytest.MonkeyPatch):
    # A frame that only a window over the edge would bring in: there is none, turned or not.
    inside = np.full((300, 500, 3), 100, np.uint8)
    monkeypatch.setattr(composed, "photographs", lambda: (inside,))
    for seed in range(40):
        assert (composed.crop(np.random.default_rng(seed)) == 100).all()


def test_recolouring_changes_the_light_and_not_the_scene():
    whole = composed.photographs()[0][:256, :256]
    grey = cv2.cvtColor(whole, cv2.COLOR_RGB2GRAY).ravel()
    changed = [composed.recoloured(whole, np.random.default_rng(seed)) for seed in range(20)]
    means = [picture.mean() for picture in changed]
    assert max(means) - min(means) > 60
    for picture in changed:
        assert np.corrcoef(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).ravel(), grey)[0, 1] > 0.5


@pytest.mark.parametrize("count", [257, 10_000])
def test_more_pictures_than_there_are_is_refused(count: int):
    with pytest.raises(InputError, match=f"there are 256 composed pictures, not {count}; ask for fewer"):
        composed.pictures("calibration", count)


def test_an_unknown_split_is_refused():
    with pytest.raises(InputError, match="no split 'train'; choose one of calibration, held_out"):
        composed.pictures("train", 1)
