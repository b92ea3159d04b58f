"""Statistics of latencies: against numpy, against values worked out by hand, and by how often they are right."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from lite.phone.statistics import median_of_starts, slow_down, speed_up, summarize


def test_summary_is_numpys() -> None:
    values = np.random.default_rng(0).lognormal(3, 0.1, 101)
    found = summarize([values[:30].tolist(), values[30:].tolist()])
    assert found.count == 101
    assert (found.p90, found.p99) == pytest.approx(tuple(np.percentile(values, [90, 99])))
    medians = np.median(values[:30]), np.median(values[30:])
    assert (
        found.p50 == median_of_starts([values[:30], values[30:]])[0] == pytest.approx(np.prod(medians) ** 0.5)
    )
    assert summarize([values.tolist()]).p50 == pytest.approx(np.median(values))
    assert (found.mean, found.stddev) == pytest.approx((values.mean(), values.std(ddof=1)))
    assert (found.min, found.max) == (values.min(), values.max())


def test_single_latency_has_no_spread_and_no_interval() -> None:
    found = summarize([[89.123456]])
    # Also to the last bit: no p50 is above the longest run.
    assert found.mean == found.p50 == found.p99 == found.max == 89.123456
    assert (found.stddev, found.spread) == (0, 0)
    assert (found.within_starts, found.between_starts, found.median_interval) == (None, None, None)
    assert summarize([[12.5], [12.6]]).within_starts is None


@pytest.mark.parametrize("latencies", [[], [1.0, 0.0], [1.0, -2.0], [float("nan")], [float("inf"), 1.0]])
def test_what_is_no_latency_is_refused(latencies: list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        summarize([[20.0, 21.0], latencies])
    with pytest.raises(ValueError, match="positive"):
        summarize([])


def test_interval_of_the_median_by_hand() -> None:
    """Starts of 10 and 40 ms: the mean of the logarithms is that of 20, and t of one degree of freedom is 12.706."""
    level, found = median_of_starts([[10.0, 9.0, 11.0], [40.0]])
    assert level == pytest.approx(20)
    assert found is not None
    half = 12.7062 * np.log(4) / np.sqrt(2) / np.sqrt(2)
    assert (found.low, found.high) == pytest.approx((20 / np.exp(half), 20 * np.exp(half)), rel=1e-4)
    assert found.confidence == 0.95


def test_starts_of_two_kinds_have_an_interval_around_their_median() -> None:
    """Six of ten starts at 10 ms: the median of all runs is theirs, and the interval leaves it out."""
    levels = [10.0, 10.8, 10.01, 10.79, 10.0, 10.81, 10.01, 10.8, 10.0, 10.01]
    found = summarize([[level * share for share in (0.999, 1.0, 1.001)] for level in levels])
    bounds = found.median_interval
    assert bounds is not None
    assert bounds.low < found.p50 < bounds.high
    assert np.median(levels) < bounds.low


def test_one_start_has_no_interval_however_long_it_is() -> None:
    assert median_of_starts([list(range(1, 1001))]) == (pytest.approx(500.5), None)


def test_one_run_more_in_a_start_does_not_make_it_count_more() -> None:
    short = median_of_starts([[20.0], [21.0], [22.0]])
    assert short == median_of_starts([[20.0] * 500, [21.0], [22.0]])


def test_spread_within_starts_and_between_them_are_told_apart() -> None:
    random = np.random.default_rng(1)
    calm = [(level * np.exp(random.normal(0, 0.001, 400))).tolist() for level in (20.0, 21.0, 22.0)]
    found = summarize(calm)
    assert found.within_starts == pytest.approx(0.001, rel=0.1)
    assert found.between_starts == pytest.approx(np.log([20, 21, 22]).std(ddof=1), rel=0.02)
    noisy = [(20 * np.exp(random.normal(0, 0.05, 400))).tolist() for _ in range(3)]
    found = summarize(noisy)
    assert found.within_starts == pytest.approx(0.05, rel=0.1)
    assert found.between_starts is not None
    assert found.between_starts < 0.01
    assert (found.starts, found.count) == (3, 1200)


def test_one_hiccup_does_not_make_a_start_spread() -> None:
    assert summarize([[20.0] * 19 + [90.0]]).within_starts == 0


def test_noise_is_a_spread_over_a_tenth() -> None:
    calm = [20 + 0.01 * step for step in range(100)]
    assert not summarize([calm]).noisy
    assert summarize([[20.0, 24.0] * 50]).noisy
    outlier = [20.0] * 99 + [90.0]
    assert not summarize([outlier]).noisy, "one hiccup is what p99 and max are for"


def test_a_run_that_slows_down_is_seen() -> None:
    random = np.random.default_rng(2)
    throttled = np.concatenate([20 + random.normal(0, 0.3, 30), 26 + random.normal(0, 0.3, 30)])
    assert slow_down(throttled.tolist()) == pytest.approx(0.3, abs=0.03)


def test_a_steady_or_short_or_faster_run_is_not() -> None:
    random = np.random.default_rng(3)
    steady = (20 + random.normal(0, 1.5, 60)).tolist()
    assert slow_down(steady) is None
    assert slow_down([20.0] * 5 + [40.0] * 5) is None
    assert slow_down([40.0] * 20 + [20.0] * 20) is None
    slightly = np.concatenate([np.full(30, 20.0), np.full(30, 20.5)]) + random.normal(0, 0.01, 60)
    assert slow_down(slightly.tolist()) is None, "2.5 % is below what is worth a word"


def test_false_alarms_of_slow_down_are_rare() -> None:
    random = np.random.default_rng(4)
    alarms = sum(slow_down((20 + random.normal(0, 3, 50)).tolist()) is not None for _ in range(300))
    assert alarms <= 6


def test_speed_up_is_the_mean_ratio() -> None:
    base = [[20.0, 20.0, 21.0], [30.0, 30.0, 30.0]]
    other = [[10.0, 10.0, 99.0], [15.0, 15.0, 15.0]]
    found = speed_up(base, other)
    assert found.ratio == pytest.approx(2)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((2, 2))
    assert found.certain


def test_one_round_gives_no_interval() -> None:
    found = speed_up([[20.0, 21.0]], [[10.0, 10.5]])
    assert found.interval is None
    assert not found.certain
    with pytest.raises(ValueError, match="pair up"):
        speed_up([[1.0]], [])


def test_interval_of_the_speed_up_holds_it_although_rounds_differ() -> None:
    """Each process is faster or slower by 5 % as a whole, which single runs would not show."""
    random = np.random.default_rng(5)
    holds = 0
    for _ in range(400):
        effects = np.exp(random.normal(0, 0.05, (2, 5)))
        base, other = (
            [(level * effect * np.exp(random.normal(0, 0.01, 20))).tolist() for effect in row]
            for level, row in zip((30.0, 20.0), effects, strict=True)
        )
        found = speed_up(base, other)
        assert found.interval is not None
        holds += found.interval.low <= 1.5 <= found.interval.high
    assert 0.91 < holds / 400 < 0.99


def test_equal_networks_are_not_called_faster() -> None:
    random = np.random.default_rng(6)
    rounds = [(20 + random.normal(0, 0.5, 20)).tolist() for _ in range(10)]
    assert not speed_up(rounds[:5], rounds[5:]).certain


def test_starts_that_are_alike_have_an_interval_of_no_width() -> None:
    found = summarize([[2.0, 3.0], [2.0, 3.0]])
    assert (found.starts, found.between_starts) == (2, 0)
    assert found.median_interval is not None
    assert asdict(found.median_interval) == pytest.approx({"low": 2.5, "high": 2.5, "confidence": 0.95})
