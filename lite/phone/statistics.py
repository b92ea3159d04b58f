"""What raw latencies say, and how far they can be trusted: percentiles, intervals, noise, slow-down.

Only numbers go in, so everything here can be computed again from the raw samples in `results.json`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lite.measure.interval import CONFIDENCE, Interval

# A run whose middle 80 % spreads over more than this share of its median says little about small gains.
NOISY_SPREAD = 0.10
# A slow-down by less than this is not worth a word, however sure it is.
SLOWER = 0.05
_SURE = 0.01
_FEWEST_FOR_TREND = 12


@dataclass(frozen=True)
class Summary:
    """Latencies of one configuration, milliseconds; `spread` is (p90 - p10) / p50.

    `median_interval` is None where there are too few samples for one.
    """

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    min: float
    max: float
    stddev: float
    spread: float
    median_interval: Interval | None

    @property
    def noisy(self) -> bool:
        """Whether the spread is over NOISY_SPREAD."""
        return self.spread > NOISY_SPREAD

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def summarize(latencies: Sequence[float]) -> Summary:
    """Summary of one or more latencies in ms; percentiles as numpy's default, stddev of the sample (n - 1).

    Raises ValueError for none, or for one that is no positive number.
    """
    values = np.asarray(latencies, dtype=np.float64)
    if values.size == 0 or not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError("latencies must be positive numbers, one or more")
    p10, p50, p90, p99 = (float(value) for value in np.percentile(values, [10, 50, 90, 99]))
    return Summary(
        count=int(values.size),
        mean=float(values.mean()),
        p50=p50,
        p90=p90,
        p99=p99,
        min=float(values.min()),
        max=float(values.max()),
        stddev=float(values.std(ddof=1)) if values.size > 1 else 0.0,
        spread=(p90 - p10) / p50,
        median_interval=median_interval(values),
    )


def median_interval(values: Sequence[float] | np.ndarray, confidence: float = CONFIDENCE) -> Interval | None:
    """Interval of the median from two order statistics; None where `values` are too few for `confidence`.

    Between the k-th smallest and the k-th largest of n lies the median with probability
    1 - 2 P(B < k), B binomial (n, 1/2), whatever the distribution (David and Nagaraja, Order Statistics,
    3rd edition, section 7.1). The largest k that reaches `confidence` is taken; it takes 6 values for 95 %.
    Samples must be independent: a run that throttles is not covered, see `slow_down`.
    """
    # Imported late, here and below: a quarter of the time in which a command starts.
    from scipy import stats

    ordered = np.sort(np.asarray(values, dtype=np.float64))
    count = ordered.size
    rank = int(stats.binom.ppf((1 - confidence) / 2, count, 0.5))
    # ppf gives the first rank at or over the tail's share, so one or none too many.
    while rank > 0 and 1 - 2 * stats.binom.cdf(rank - 1, count, 0.5) < confidence:
        rank -= 1
    if rank == 0:
        return None
    covered = float(1 - 2 * stats.binom.cdf(rank - 1, count, 0.5))
    return Interval(float(ordered[rank - 1]), float(ordered[count - rank]), covered)


def slow_down(latencies: Sequence[float]) -> float | None:
    """By what share the last third of a run is slower than its first (of medians), if that is no chance.

    None under 12 samples, below SLOWER, and where a one-sided Mann-Whitney test of the two thirds
    (Mann and Whitney 1947) leaves more than 1 % for chance.
    """
    values = np.asarray(latencies, dtype=np.float64)
    if values.size < _FEWEST_FOR_TREND:
        return None
    third = values.size // 3
    first, last = values[:third], values[-third:]
    share = float(np.median(last) / np.median(first) - 1)
    if share < SLOWER:
        return None
    from scipy import stats

    chance = stats.mannwhitneyu(last, first, alternative="greater").pvalue
    return share if chance < _SURE else None


@dataclass(frozen=True)
class SpeedUp:
    """How many times faster than the base; `interval` is None with a single round, which cannot tell."""

    ratio: float
    interval: Interval | None
    rounds: int

    @property
    def certain(self) -> bool:
        """Whether the interval lies on one side of 1: faster or slower beyond chance."""
        return self.interval is not None and not self.interval.low <= 1 <= self.interval.high

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "certain": self.certain}


def speed_up(
    base: Sequence[Sequence[float]], other: Sequence[Sequence[float]], confidence: float = CONFIDENCE
) -> SpeedUp:
    """Speed-up of `other` over `base`, from latencies in ms by round; both ran once in each round.

    Geometric mean over rounds of the ratio of the two medians (Fleming and Wallace 1986), with Student's
    interval of the mean of the log ratios. Rounds are the samples, not single runs: runs of one process share
    its memory layout and the phone's temperature, and an interval from them would be far too narrow
    (Kalibera and Jones, Rigorous Benchmarking in Reasonable Time, 2013). Pairing takes out what both share.

    Raises ValueError for no rounds, or another number of them.
    """
    if not base or len(base) != len(other):
        raise ValueError(f"rounds must pair up: {len(base)} and {len(other)}")
    logs = np.log([np.median(one) / np.median(two) for one, two in zip(base, other, strict=True)])
    mean, rounds = float(logs.mean()), int(logs.size)
    if rounds < 2:
        return SpeedUp(math.exp(mean), None, rounds)
    from scipy import stats

    half = float(stats.t.ppf((1 + confidence) / 2, rounds - 1) * logs.std(ddof=1) / math.sqrt(rounds))
    return SpeedUp(math.exp(mean), Interval(math.exp(mean - half), math.exp(mean + half), confidence), rounds)
