"""What raw latencies say, and how far they can be trusted: percentiles, intervals, noise, slow-down, what is sustained.

Only numbers go in, so everything here can be computed again from the raw samples in `results.json`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lite.measure.interval import Interval, of_mean

# A run whose middle 80 % spreads over more than this share of its median says little about small gains.
NOISY_SPREAD = 0.10
# A slow-down by less than this is not worth a word, however sure it is.
SLOWER = 0.05
_SURE = 0.01
_FEWEST_FOR_TREND = 12
# In standard deviations, of a normal distribution.
_P10_TO_P90 = 2 * 1.2815515655446004
FIRST_SECONDS = 60.0
# Parts of a soak whose medians say from when on it was slower.
_PARTS = 60


@dataclass(frozen=True)
class Summary:
    """Latencies of one configuration over all its starts, milliseconds; `spread` is (p90 - p10) / p50.

    `p50` is the starts' geometric mean of their medians, of which `median_interval` is the interval; of one start its
    median. All others are of all runs alike.
    `within_starts` and `between_starts`: relative standard deviations, 0.03 for 3 %: of the runs of a start around its
    median, and of the starts' medians around each other. `within_starts` is None where no start has two runs,
    `between_starts` and `median_interval` for one start.
    """

    starts: int
    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    min: float
    max: float
    stddev: float
    spread: float
    within_starts: float | None
    between_starts: float | None
    median_interval: Interval | None

    @property
    def noisy(self) -> bool:
        """Whether the spread is over NOISY_SPREAD."""
        return self.spread > NOISY_SPREAD


def summarize(starts: Sequence[Sequence[float]]) -> Summary:
    """Summary of latencies in ms by start; percentiles as numpy's default, stddev of the sample (n - 1).

    Raises ValueError for no start, a start without runs, or a latency that is no positive number.
    """
    rows = [np.asarray(one, dtype=np.float64) for one in starts]
    values = np.concatenate(rows) if rows else np.empty(0)
    if not (all(row.size for row in rows) and rows and np.isfinite(values).all() and (values > 0).all()):
        raise ValueError("latencies must be positive numbers, one or more of each start")
    p10, p90, p99 = (float(value) for value in np.percentile(values, [10, 90, 99]))
    p50, median_interval = median_of_starts(rows)
    deviations = [_relative_deviation(row) for row in rows if row.size > 1]
    return Summary(
        starts=len(rows),
        count=int(values.size),
        mean=float(values.mean()),
        p50=p50,
        p90=p90,
        p99=p99,
        min=float(values.min()),
        max=float(values.max()),
        stddev=float(values.std(ddof=1)) if values.size > 1 else 0.0,
        spread=(p90 - p10) / p50,
        within_starts=float(np.median(deviations)) if deviations else None,
        between_starts=float(log_medians(rows).std(ddof=1)) if len(rows) > 1 else None,
        median_interval=median_interval,
    )


def _relative_deviation(values: np.ndarray) -> float:
    """The standard deviation that a normal distribution with these p10 and p90 has, as a share of the median.

    So one hiccup in a start of ten runs, which p99 and max are for, does not make the whole start noisy.
    """
    p10, p50, p90 = np.percentile(values, [10, 50, 90])
    return float((p90 - p10) / p50 / _P10_TO_P90)


def log_medians(starts: Sequence[Sequence[float] | np.ndarray]) -> np.ndarray:
    """Of latencies in ms by start the logarithm of each start's median, float64 [starts]."""
    logs: np.ndarray = np.log([np.median(one) for one in starts])
    return logs


def median_of_starts(starts: Sequence[Sequence[float] | np.ndarray]) -> tuple[float, Interval | None]:
    """The median of starts, in ms as their latencies, and its interval; None for one start.

    The geometric mean of the starts' medians, with Student's interval of the mean of their logarithms. Starts are the
    samples, not single runs: runs of one start share its memory layout, its clocks and the phone's warmth, so that an
    interval from them says nothing of the next start (Kalibera and Jones, Rigorous Benchmarking in Reasonable Time,
    2013). Nor is the median of all runs what that interval is of: where starts fall into two kinds it lies in one of
    them, and the interval may leave it out. How often the interval holds the median is simulated in
    tests/phone/test_coverage.py. Of two kinds of starts five may all be of one, and no interval knows of the other.
    """
    if len(starts) == 1:
        # By way of its logarithm it would be above the longest run at times.
        return float(np.median(starts[0])), None
    return _of_logs(log_medians(starts))


def _of_logs(logs: np.ndarray) -> tuple[float, Interval | None]:
    """Mean and Student's interval of logarithms, as what they are the logarithms of; no interval of a single one."""
    found = of_mean(logs) if logs.size > 1 else None
    bounds = found and Interval(math.exp(found.low), math.exp(found.high), found.confidence)
    return math.exp(float(logs.mean())), bounds


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
    # Imported late: a quarter of the time in which a command starts.
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


def speed_up(base: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> SpeedUp:
    """Speed-up of `other` over `base`, from latencies in ms by round; both ran once in each round.

    Geometric mean over rounds of the ratio of the two medians (Fleming and Wallace 1986), with Student's
    interval of the mean of the log ratios. Rounds are the samples, as in `median_of_starts`; pairing takes out what
    both share.

    Raises ValueError for no rounds, or another number of them.
    """
    if not base or len(base) != len(other):
        raise ValueError(f"rounds must pair up: {len(base)} and {len(other)}")
    return SpeedUp(*_of_logs(log_medians(base) - log_medians(other)), len(base))


@dataclass(frozen=True)
class Sustained:
    """Medians in ms of the first minute's runs, or the first third's of a shorter soak, and of the last third's.

    `first_seconds` and `last_seconds` are how long these are. `since`: seconds after which it was slower than the first
    runs by more than 5 % and stayed so; None where it was not so at the end.
    """

    first_ms: float
    first_seconds: float
    sustained_ms: float
    last_seconds: float
    since: float | None

    @property
    def slower(self) -> float:
        """By what share of the first figure the sustained one is longer; below 0 where it is shorter."""
        return self.sustained_ms / self.first_ms - 1

    @property
    def throttled(self) -> bool:
        """Whether it is slower by more than 5 %."""
        return self.slower > SLOWER

    def __str__(self) -> str:
        """For people."""
        text = f"sustained {self.sustained_ms:.1f} ms over the last {self.last_seconds:.0f} s, "
        first = f"the first {self.first_seconds:.0f} s ({self.first_ms:.1f} ms)"
        if abs(self.slower) <= SLOWER:
            return f"{text}as fast as {first}"
        if self.slower < 0:
            return f"{text}{-self.slower:.0%} faster than {first}"
        since = f", slower from {self.since:.0f} s on" if self.since is not None else ""
        return f"{text}{self.slower:.0%} slower than {first}{since}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "slower": self.slower}


def run_ends(latencies: Sequence[float] | np.ndarray) -> np.ndarray:
    """When each of the runs ended, in seconds after the first began; latencies in ms, one after the other."""
    found: np.ndarray = np.cumsum(np.asarray(latencies, dtype=np.float64)) / 1000
    return found


def sustained(latencies: Sequence[float]) -> Sustained:
    """Of one start's latencies in ms, one or more, in their order."""
    values = np.asarray(latencies, dtype=np.float64)
    begins = run_ends(values) - values / 1000
    total = float(begins[-1] + values[-1] / 1000)
    first_seconds = min(FIRST_SECONDS, total / 3)
    first = float(np.median(values[begins <= first_seconds]))
    last = values[begins >= 2 * total / 3]
    # A run may take longer than a third of so short a soak.
    sustained_ms = float(np.median(last if last.size else values[-1:]))
    return Sustained(first, first_seconds, sustained_ms, total / 3, _since(begins, values, first, total))


def _since(begins: np.ndarray, values: np.ndarray, first: float, total: float) -> float | None:
    edges = np.linspace(0, total, min(_PARTS, values.size) + 1)[:-1]
    since = None
    for edge, part in zip(edges, np.split(values, np.searchsorted(begins, edges)[1:]), strict=True):
        if part.size and np.median(part) <= (1 + SLOWER) * first:
            since = None
        elif part.size and since is None:
            since = float(edge)
    return since
