"""The interval of the median holds it as often as it says, in benches that are simulated; the one before it did not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from interval_coverage import BETWEEN, NOISES, coverage


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("noise", NOISES)
def test_five_starts_hold_the_median_in_93_of_100_benches(noise: str, between: float) -> None:
    """Whatever the noise of the runs, from starts that are alike to starts 5 % apart."""
    held, _ = coverage(NOISES[noise], between)
    assert 0.93 <= held < 0.98


def test_more_starts_do_so_too() -> None:
    assert 0.93 <= coverage(NOISES["tail"], 0.03, starts=10, benches=1000)[0] < 0.98
    assert 0.93 <= coverage(NOISES["calm"], 0.03, starts=2, benches=1000)[0] < 0.98


def test_all_runs_alike_hold_it_in_six_of_ten_where_starts_are_3_percent_apart() -> None:
    """And in one of ten with one start, which is why there is no interval of one."""
    _, five = coverage(NOISES["calm"], 0.03, benches=1000)
    assert 0.45 < five < 0.65
    held, one = coverage(NOISES["calm"], 0.03, starts=1, runs=50, benches=1000)
    assert held == 0
    assert one < 0.15
