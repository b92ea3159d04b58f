"""The bundled pictures and the bundled weights."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from lite import zoo
from lite.errors import ToolkitError
from lite.model import weights
from lite.model.network import DeiT
from lite.pictures import digits, prepare


def identities(split: str) -> set[bytes]:
    return {picture.tobytes() for picture in digits.raw(split)}


def test_nothing_held_out_is_trained_or_calibrated_on():
    held_out = {picture.tobytes() for picture in digits.pictures("held_out")}
    assert len(held_out) == len(digits.labels("held_out")) == 400
    assert not held_out & {picture.tobytes() for picture in digits.pictures("calibration")}
    assert len(digits.raw("train")) + len(digits.raw("held_out")) == 1797
    assert identities("calibration") <= identities("train")


def test_pictures_are_the_same_every_time_and_in_colour():
    first, again = digits.pictures("calibration", 3), digits.pictures("calibration", 3)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.shape == (256, 256, 3)
        assert one.dtype == np.uint8
    assert any((picture[..., 0] != picture[..., 2]).any() for picture in first)


def test_the_centre_crop_holds_the_whole_digit():
    ink, paper = np.full(3, 255, np.uint8), np.zeros(3, np.uint8)
    full = digits.render(np.ones((8, 8), np.float32), 256, ink, paper)
    assert full[16:240, 16:240].sum() == full.sum()


def test_labels_are_in_the_order_of_the_pictures():
    # The mean of all ones is far from the mean of all zeros in the middle, where a zero is hollow.
    raw, labels = digits.raw("held_out"), digits.labels("held_out")
    assert raw[labels == 1][:, 3:5, 3:5].mean() > 3 * raw[labels == 0][:, 3:5, 3:5].mean()


def test_the_bundled_weights_know_the_held_out_digits():
    variant = zoo.find("deit_tiny")
    loaded = weights.load(variant, "digits", notify=print)
    network = DeiT(variant, loaded.classes)
    network.set_state_dict(loaded.state)
    network.eval()
    right = []
    with paddle.no_grad():
        for picture, label in zip(digits.pictures("held_out"), digits.labels("held_out"), strict=True):
            pixels = paddle.to_tensor(prepare.prepare(picture, variant.preprocess))
            right.append(int(network(pixels).argmax()) == label)
    assert np.mean(right) >= 0.97


@pytest.mark.parametrize("split", ["test", ""])
def test_an_unknown_split_is_refused(split: str):
    with pytest.raises(ToolkitError, match="train, calibration, held_out"):
        digits.labels(split)
