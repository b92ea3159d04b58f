"""How likely a flip is: what is expected is what noise does, whatever the margins."""

from __future__ import annotations

import numpy as np
import pytest

from lite.measure import interval, margins

PICTURES = 20_000


@pytest.mark.parametrize("classes", [2, 10, 300])
@pytest.mark.parametrize("noise", [0.05, 0.4])
def test_as_many_flips_are_expected_as_gaussian_noise_makes(classes: int, noise: float):
    rng = np.random.default_rng(classes)
    reference = rng.normal(size=(PICTURES, classes)).astype(np.float32)
    deployed = reference + rng.normal(scale=noise, size=reference.shape).astype(np.float32)
    found = margins.measure(reference, deployed)
    assert found is not None
    expected, seen = found.probabilities.sum(), found.flipped.sum()
    # The noise is measured on the margin between two classes, whose errors add up.
    assert found.noise == pytest.approx(noise * np.sqrt(2), rel=0.05)
    assert abs(expected - seen) < 0.05 * seen + 4 * np.sqrt(seen)


def test_no_noise_flips_nothing_and_few_pictures_say_nothing():
    logits = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    found = margins.measure(logits, logits)
    assert found.noise == 0.0
    assert found.probability == 0.0
    assert margins.measure(logits[:9], logits[:9]).probability is None
    assert margins.measure(logits[:, :1], logits[:, :1]) is None


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


def test_the_interval_is_wilsons():
    # 9 of 10: 0.596 to 0.982, as in Newcombe 1998's method 3; at the ends it does not collapse.
    found = interval.of_count(9, 10)
    assert (found.low, found.high) == (pytest.approx(0.596, abs=1e-3), pytest.approx(0.982, abs=1e-3))
    whole = interval.of_share(1.0, 400)
    assert 0.99 < whole.low < 0.991
    assert whole.high == 1
    assert interval.of_known(None, 4) is None
