"""The expected number of flips against what noise of a known kind makes; what few pictures cannot say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from lite.measure import margins
from lite.measure.margins import Margins


def measured(reference: np.ndarray, deployed: np.ndarray) -> Margins:
    found = margins.measure(reference.astype(np.float32), deployed.astype(np.float32))
    assert found is not None
    return found


def expected(found: Margins) -> tuple[float, float]:
    """Expected number of flips, and the standard deviation of their number."""
    chances = found.probabilities
    assert chances is not None
    return float(chances.sum()), float(np.sqrt((chances * (1 - chances)).sum()))


@pytest.mark.parametrize(("classes", "level"), [(2, 0.5), (10, 0.1), (10, 0.5), (10, 1.0), (1000, 0.1)])
def test_gaussian_noise_flips_as_many_as_expected(classes, level):
    rng = np.random.default_rng(classes)
    reference = rng.normal(size=(3000, classes))
    found = measured(reference, reference + level * rng.normal(size=reference.shape))
    count, deviation = expected(found)
    assert found.noise == pytest.approx(level * 2**0.5, rel=0.05)
    assert count > 50
    assert abs(found.flipped.sum() - count) < 3 * deviation


def test_the_expected_number_is_no_count_of_what_was_seen():
    # Over many draws of the noise, expected and seen agree on average; the first varies less by far.
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(300, 10))
    reference[np.arange(300), rng.integers(0, 10, 300)] += 3
    found = [measured(reference, reference + 0.2 * rng.normal(size=reference.shape)) for _ in range(40)]
    counts, seen = [expected(one)[0] for one in found], [int(one.flipped.sum()) for one in found]
    assert np.mean(counts) == pytest.approx(np.mean(seen), abs=4 * np.std(seen) / 40**0.5)
    assert np.std(counts) < 0.5 * np.std(seen)


def test_with_two_classes_it_is_phi_of_margin_over_noise():
    rng = np.random.default_rng(2)
    reference = rng.normal(size=(4000, 2))
    found = measured(reference, reference + 0.4 * rng.normal(size=reference.shape))
    assert found.probabilities is not None
    gaussian = ndtr(-found.margins / found.noise)
    assert np.abs(found.probabilities - gaussian).max() < 0.05
    assert found.probability == pytest.approx(gaussian.mean(), rel=0.05)


def test_a_few_pictures_that_come_off_far_worse_are_expected_again():
    # One picture in fifty has twenty times the noise: that is what flips, where a Gaussian would see next to nothing.
    rng = np.random.default_rng(3)
    reference = rng.normal(size=(4000, 10))
    reference[np.arange(4000), rng.integers(0, 10, 4000)] += 6
    scale = np.where(rng.random(4000) < 0.02, 4.0, 0.2)
    found = measured(reference, reference + scale[:, None] * rng.normal(size=reference.shape))
    count, deviation = expected(found)
    assert found.flipped.sum() > 25
    assert abs(found.flipped.sum() - count) < 3 * deviation
    assert ndtr(-found.margins / found.noise).sum() < 0.2 * count


def test_figures_by_hand():
    # Ten pictures of three classes, margin 2 but for one of 0.5; the only error lowers a lead by 1.
    reference = np.tile([3.0, 1.0, 0.0], (10, 1))
    reference[4] = [0.0, 1.0, 1.5]
    deployed = reference.copy()
    deployed[7, :2] += (-0.5, 0.5)
    found = measured(reference, deployed)
    assert found.classes.tolist() == [0] * 4 + [2] + [0] * 5
    assert found.margins.tolist() == [2.0] * 4 + [0.5] + [2.0] * 5
    assert found.errors.tolist() == [0.0] * 7 + [-1.0] + [0.0] * 2
    assert not found.flipped.any()
    assert found.noise == pytest.approx(0.1**0.5)
    assert found.probabilities is not None
    # Of the nine other pictures' errors one changes the fifth picture.
    assert found.probabilities.tolist() == [0.0] * 4 + [1 / 9] + [0.0] * 5
    first, second = margins.by_class(found, ("a", "b", "c"))
    assert (first.label, first.images, first.margin_median, first.flips) == ("c", 1, 0.5, 0)
    assert (first.flip_probability, first.flips_expected) == (1 / 9, 1 / 9)
    assert (second.label, second.images, second.margin_median, second.flips_expected) == ("a", 9, 2.0, 0.0)
    assert second.margin_noise == pytest.approx((1 / 9) ** 0.5)


def test_pictures_of_which_one_class_lies_behind_many_are_overtaken_by_any():
    # The second class never moves, the third does.
    reference = np.tile([1.0, 0.9, 0.8], (20, 1))
    deployed = reference.copy()
    deployed[::2, 2] = 1.1
    found = measured(reference, deployed)
    assert found.flipped.sum() == 10
    assert expected(found)[0] == pytest.approx(10)
    assert found.noise == 0.0


def test_the_same_outputs_do_not_flip():
    reference = np.zeros((50, 4))
    found = measured(reference, reference)
    assert (found.noise, found.probability, int(found.flipped.sum())) == (0.0, 0.0, 0)


def test_few_pictures_and_a_single_class_say_nothing():
    rng = np.random.default_rng(5)
    reference = rng.normal(size=(margins.FEWEST - 1, 3))
    found = measured(reference, reference + 0.1)
    assert found.probabilities is None
    assert found.probability is None
    rows = margins.by_class(found, ("a", "b", "c"))
    assert {row.flip_probability for row in rows} == {None}
    assert sum(row.images for row in rows) == margins.FEWEST - 1
    assert margins.measure(np.zeros((20, 1), np.float32), np.ones((20, 1), np.float32)) is None


def test_by_class_adds_up():
    rng = np.random.default_rng(6)
    reference = rng.normal(size=(500, 20))
    found = measured(reference, reference + 0.3 * rng.normal(size=reference.shape))
    rows = margins.by_class(found, [str(index) for index in range(20)])
    assert sum(row.images for row in rows) == 500
    assert sum(row.flips for row in rows) == found.flipped.sum()
    assert sum(row.flips_expected or 0 for row in rows) == pytest.approx(expected(found)[0])
    chances = [row.flip_probability or 0 for row in rows]
    assert chances == sorted(chances, reverse=True)
    assert all(row.label == str(row.index) for row in rows)


def test_classes_that_lie_near_come_first():
    rng = np.random.default_rng(0)
    near, far = np.array([2.0, 1.9, 0]), np.array([0, 2.0, 5.0])
    reference = np.stack([near if place % 2 else far for place in range(400)]).astype(np.float32)
    deployed = reference + rng.normal(scale=0.1, size=reference.shape).astype(np.float32)
    first, second = margins.by_class(margins.measure(reference, deployed), ("near", "middle", "far"))
    assert (first.label, second.label) == ("near", "far")
    assert first.margin_median == pytest.approx(0.1, abs=1e-6)
    assert first.flips_expected == pytest.approx(first.flips, rel=0.3)
    assert second.flip_probability < 1e-9
