"""quant/pictures.py: calibration pictures are read once, before PaddleSlim starts, and reach it unchanged."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lite import zoo
from lite.errors import InputError
from lite.pictures import prepare
from lite.pictures.picture_set import PictureSet
from quant.pictures import cropped
from quant.program.ptq import TensorDataset

SPEC = zoo.find("deit_tiny").preprocess


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (300, 280, 3)).astype(np.uint8)


def test_cropped_pictures_give_the_same_tensors(tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    cv2.imwrite(str(file), picture(1))
    cut = cropped(PictureSet.of("here", (picture(0), file)), SPEC, tmp_path)
    # Read before, so that PaddleSlim's two passes need no file.
    file.unlink()
    seen = []
    samples = TensorDataset(
        cut.pictures,
        replace(SPEC, resize_short=SPEC.crop),
        lambda place, count: seen.append((place, count)),
    )
    upright = cv2.cvtColor(picture(1), cv2.COLOR_BGR2RGB)
    for index, original in enumerate((picture(0), upright)):
        (values,) = samples[index]
        np.testing.assert_array_equal(values, prepare.prepare(original, SPEC)[0])
    assert len(samples) == 2
    assert seen == [(1, 2), (2, 2)]


def test_unreadable_and_alike_pictures_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.jpg"):
        cropped(PictureSet.of("here", (picture(0), tmp_path / "text.jpg")), SPEC, tmp_path)
    with pytest.raises(InputError, match=r"gone\.jpg"):
        cropped(PictureSet.of("here", (tmp_path / "gone.jpg",)), SPEC, tmp_path)
    with pytest.raises(InputError, match="all 3 calibration pictures are alike"):
        cropped(PictureSet.of("here", (picture(0),) * 3), SPEC, tmp_path)
    # A single one has no other to differ from, and two of three may be the same.
    assert len(cropped(PictureSet.of("here", (picture(0),)), SPEC, tmp_path).pictures) == 1
    assert (
        len(cropped(PictureSet.of("here", (picture(0), picture(0), picture(1))), SPEC, tmp_path).pictures)
        == 3
    )


def test_no_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="here: no pictures; give a folder that holds some"):
        PictureSet.of("here", ())


def test_first_gives_the_first() -> None:
    pictures = tuple(picture(seed) for seed in range(3))
    some = PictureSet.of("here", pictures)
    assert [item.array is pictures[place] for place, item in enumerate(some.first(2).pictures)] == [
        True,
        True,
    ]
    assert some.first(2).source == "here"
    assert len(some.first(None).pictures) == 3


def test_memory_holds_crops_and_one_decoded_picture(tmp_path: Path) -> None:
    """What stays of a picture is its crop (0.15 MB), not the 7.7 MB it decodes to."""
    photo = cv2.resize(picture(0), (1600, 1600))
    files = []
    for place in range(24):
        photo[0, 0] = place
        files.append(tmp_path / f"{place}.jpg")
        cv2.imwrite(str(files[-1]), photo)
    decoded, crop = photo.nbytes, 3 * SPEC.crop**2
    for count in (4, 24):
        tracemalloc.start()
        cut = cropped(PictureSet.of("here", (picture(1), *files[:count])), SPEC, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert all(item.array.nbytes == crop for item in cut.pictures)
        assert peak < count * crop + 10 * decoded
        # The bound means something: all of the 24 decoded would be over it.
        assert count < 24 or count * decoded > count * crop + 10 * decoded


def test_digest_is_of_contents_and_order(tmp_path: Path) -> None:
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    cv2.imwrite(str(one), picture(0))
    cv2.imwrite(str(other), picture(1))
    digests = [
        PictureSet.of("here", pictures).sha256
        for pictures in ((one, other), (other, one), (one,), (one, one), (picture(0), other))
    ]
    assert len(set(digests)) == len(digests)
    # Where they lie is no part of it.
    moved = tmp_path / "moved.png"
    one.rename(moved)
    assert PictureSet.of("there", (moved, other)).sha256 == digests[0]
    content = bytearray(other.read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)
    assert PictureSet.of("there", (moved, other)).sha256 != digests[0]
    with pytest.raises(InputError, match=r"cannot read the picture .*one\.png"):
        _ = PictureSet.of("here", (one,)).sha256
