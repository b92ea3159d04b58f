"""What each augmentation does to a picture, a batch and its labels."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from PIL import Image

from lite.training.rand_augment import (
    AREA,
    FILL,
    OPERATIONS,
    RandAugment,
    random_box,
    random_erasing,
    random_flip,
    random_resized_crop,
)
from lite.training.settings import Mix
from lite.training.stage_run import cutmix, mix, mixup

WHOLE = (1.0, 1.0)


def gradient(height: int = 32, width: int = 48) -> np.ndarray:
    """uint8 RGB whose red grows to the right and green downwards, blue is constant."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack(
        [columns * 255 // (width - 1), rows * 255 // (height - 1), np.full_like(rows, 90)], -1
    ).astype(np.uint8)


def test_boxes_have_the_area_and_shape_asked_for():
    rng = np.random.default_rng(0)
    for _ in range(300):
        left, top, right, bottom = random_box(200, 160, (0.08, 1.0), (3 / 4, 4 / 3), rng)
        assert 0 <= left < right <= 200
        assert 0 <= top < bottom <= 160
        assert 0.07 <= (right - left) * (bottom - top) / (200 * 160) <= 1.0
        assert 0.72 <= (right - left) / (bottom - top) <= 1.38


def test_a_shape_that_does_not_fit_takes_the_largest_in_the_middle():
    assert random_box(400, 10, WHOLE, (3 / 4, 4 / 3), np.random.default_rng(0)) == (193, 0, 206, 10)
    assert random_box(10, 400, WHOLE, (3 / 4, 4 / 3), np.random.default_rng(0)) == (0, 193, 10, 206)


def test_the_crop_is_pillows_bicubic():
    picture = gradient()
    seen = random_resized_crop(picture, 16, WHOLE, (1.5, 1.5), np.random.default_rng(0))
    expected = Image.fromarray(picture).resize((16, 16), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(seen, np.asarray(expected))


def test_flips_mirror_left_and_right():
    picture, rng = gradient(), np.random.default_rng(0)
    np.testing.assert_array_equal(random_flip(picture, 1.0, rng), picture[:, ::-1])
    np.testing.assert_array_equal(random_flip(picture, 0.0, rng), picture)


def test_rand_augment_reads_timms_notation():
    assert RandAugment.parse("rand-m9-mstd0.5-inc1") == RandAugment(9.0, 0.5, 2)
    assert RandAugment.parse("rand-m7-n3-inc1") == RandAugment(7.0, 0.0, 3)
    for wrong in ("rand-m9", "augmix-m3", "rand-m11-inc1", "rand-m9-mstd0.5-inc0", ""):
        with pytest.raises(ValueError, match="rand-m|magnitude"):
            RandAugment.parse(wrong)


def test_rand_augment_changes_most_pictures_and_repeats():
    picture, augment = gradient(), RandAugment(9.0, 0.5)
    seen = [augment(picture, np.random.default_rng(seed)) for seed in range(200)]
    assert {view.shape for view in seen} == {picture.shape}
    changed = sum((view != picture).any() for view in seen)
    # Two operations, each half of the time: 3/4 of the pictures, but for those that an operation leaves alone.
    assert 0.55 < changed / 200 < 0.85
    np.testing.assert_array_equal(seen[7], augment(picture, np.random.default_rng(7)))


def by(name: str, strength: float, seed: int = 0, picture: np.ndarray | None = None) -> np.ndarray:
    image = Image.fromarray(gradient() if picture is None else picture)
    return np.asarray(OPERATIONS[name](image, strength, np.random.default_rng(seed)))


def test_there_are_timms_fifteen_operations_that_grow():
    assert len(OPERATIONS) == 15
    noise = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    # "Increasing": a stronger one is further away from the picture.
    for name in set(OPERATIONS) - {"auto_contrast", "equalize", "invert"}:
        # A smooth picture has nothing to sharpen, and noise nothing that is further away for being moved further.
        picture = noise if name == "sharpness" else gradient()
        weak, strong = (
            np.abs(by(name, strength, 0, picture) - picture.astype(int)).mean() for strength in (0.3, 0.9)
        )
        assert strong > weak, name


def test_operations_do_what_they_are_called():
    picture = gradient()
    np.testing.assert_array_equal(by("invert", 0.9), 255 - picture)
    np.testing.assert_array_equal(by("posterize", 0.9), picture & 0b10000000)  # 4 - int(3.6) = 1 bit
    np.testing.assert_array_equal(by("solarize", 0.5), np.where(picture < 128, picture, 255 - picture))
    added = np.where(picture < 128, np.minimum(255, picture.astype(int) + 99), picture)
    np.testing.assert_array_equal(by("solarize_add", 0.9), added)
    moved = by("translate_x", 1.0, seed=0)
    filled = (moved == FILL).all(axis=(0, 2)).sum()
    assert abs(filled - 0.45 * 48) <= 1.5
    assert {tuple(by("translate_y", 0.5, seed)[0, 0]) == FILL for seed in range(8)} == {
        True,
        False,
    }  # both ways
    rotated = by("rotate", 1.0)
    assert (rotated[0, 0] == FILL).all()
    assert abs(int(rotated[16, 24, 0]) - int(picture[16, 24, 0])) < 12  # about the middle


def test_magnitudes_spread_around_the_mean(monkeypatch: pytest.MonkeyPatch):
    strengths: list[float] = []

    def note(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
        strengths.append(strength)
        return image

    for name in OPERATIONS:
        monkeypatch.setitem(OPERATIONS, name, note)
    augment, rng = RandAugment(5.0, 0.5), np.random.default_rng(0)
    for _ in range(1000):
        augment(gradient(4, 4), rng)
    assert 900 < len(strengths) < 1100
    assert abs(np.mean(strengths) - 0.5) < 0.01
    assert abs(np.std(strengths) - 0.05) < 0.01


def test_erasing_puts_noise_in_one_rectangle():
    pixels, areas, rng = np.full((3, 64, 64), 9.0, np.float32), [], np.random.default_rng(0)
    for _ in range(200):
        erased = random_erasing(pixels, 1.0, rng)
        hit = (erased != pixels).any(axis=0)
        rows, columns = np.flatnonzero(hit.any(axis=1)), np.flatnonzero(hit.any(axis=0))
        assert hit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert hit.sum() == len(rows) * len(columns)
        areas.append(hit.mean())
        noise = erased[:, hit]
        assert abs(noise.mean()) < 0.5
        assert 0.5 < noise.std() < 1.5
    assert AREA[0] * 0.8 < min(areas)
    assert 0.2 < max(areas) < AREA[1] * 1.1
    assert (pixels == 9.0).all()
    untouched = sum(random_erasing(pixels, 0.25, rng) is pixels for _ in range(1000))
    assert 700 < untouched < 800


def batch() -> tuple[paddle.Tensor, paddle.Tensor]:
    """Four pictures whose every pixel is the picture's number, and their labels as weights."""
    pixels = paddle.arange(4, dtype="float32").reshape([4, 1, 1, 1]).expand([4, 3, 16, 16])
    return pixels, paddle.nn.functional.one_hot(paddle.arange(4), 4)


def test_mixup_mixes_labels_as_it_mixes_pixels():
    pixels, targets = mixup(*batch(), 0.7)
    np.testing.assert_allclose(pixels[0].numpy(), 0.3 * 3, rtol=1e-6)
    np.testing.assert_allclose(targets.numpy()[0], [0.7, 0, 0, 0.3], rtol=1e-6)
    np.testing.assert_allclose(targets.numpy()[1], [0, 0.7, 0.3, 0], rtol=1e-6)


def test_cutmix_labels_count_the_pixels():
    rng, shares = np.random.default_rng(0), []
    for _ in range(50):
        pixels, targets = cutmix(*batch(), 0.6, rng)
        own = (pixels.numpy()[0] == 0).mean()
        assert set(np.unique(pixels.numpy()[0])) <= {0.0, 3.0}
        np.testing.assert_allclose(targets.numpy()[0], [own, 0, 0, 1 - own], atol=1e-6)
        shares.append(own)
    # A rectangle over the edge is cut, so more is kept than 0.6; never less, but for whole pixels.
    assert min(shares) >= 0.6
    assert max(shares) > 0.7


def test_half_of_the_batches_get_mixup_and_half_cutmix():
    rng, cut = np.random.default_rng(0), 0
    for _ in range(200):
        pixels, targets = mix(*batch(), Mix(mixup=0.8, cutmix=1.0), rng)
        np.testing.assert_allclose(targets.sum(-1).numpy(), 1.0, rtol=1e-5)
        values = np.unique(pixels.numpy()[0])
        cut += bool(set(values) <= {0.0, 3.0})
    assert 75 < cut < 130
    pixels, targets = batch()
    same = mix(pixels, targets, Mix(), rng)
    assert same[0] is pixels
    assert same[1] is targets
