"""Intervals of shares against published ones, and at the ends, where others collapse."""

from __future__ import annotations

import numpy as np
import pytest

from lite.measure import interval


def test_the_interval_is_wilsons():
    # Newcombe 1998, table I, method 3, and the formula in Wilson 1927 at an end: 1 / (1 + z^2 / n).
    nine = interval.of_count(9, 10)
    assert (nine.low, nine.high) == (pytest.approx(0.596, abs=1e-3), pytest.approx(0.982, abs=1e-3))
    all_of_them = interval.of_count(400, 400)
    assert all_of_them.low == pytest.approx(400 / (400 + 1.959964**2))
    assert all_of_them.high == 1
    one = interval.of_share(1.0, 1)
    assert (one.low, one.high, one.confidence) == (pytest.approx(0.2065, abs=1e-4), 1, 0.95)


def test_a_share_counts_whole_pictures():
    for total in (3, 7, 400, 50_000):
        for count in (0, 1, total // 3, total):
            assert interval.of_share(count / total, total) == interval.of_count(count, total)
    assert interval.of_known(None, 5) is None


def test_the_interval_covers_what_it_says():
    seen = np.random.default_rng(0).binomial(60, 0.9, 2000)
    inside = [
        interval.of_count(int(count), 60).low <= 0.9 <= interval.of_count(int(count), 60).high
        for count in seen
    ]
    assert 0.93 < np.mean(inside) < 0.98
