"""By how much one of two cases is slower, from their starts, and how many more starts would settle it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lite.measure.interval import CONFIDENCE, Interval
from lite.phone.statistics import log_medians

# The chance that so many starts settle it, if their spread and the ratio stay as they are.
POWER = 0.8
MOST_STARTS = 1000


@dataclass(frozen=True)
class Spread:
    """Starts of one case: how many, and mean and standard deviation of the logarithms of their medians (of ms)."""

    starts: int
    mean: float
    deviation: float | None

    @classmethod
    def of(cls, starts: Sequence[Sequence[float]]) -> Spread:
        """Of latencies in ms by start; the deviation is None for a single one. Raises ValueError for none."""
        if not starts or not all(len(start) for start in starts):
            raise ValueError("a case needs a start, and each start a run")
        logs = log_medians(starts)
        return cls(int(logs.size), float(logs.mean()), float(logs.std(ddof=1)) if logs.size > 1 else None)


@dataclass(frozen=True)
class Ratio:
    """Time of a case by that of its base: 1.05 is 5 % slower. `interval` is None where one of both has one start."""

    value: float
    interval: Interval | None
    base: Spread
    case: Spread

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 1."""
        return self.interval is not None and not self.interval.low <= 1 <= self.interval.high

    @property
    def change(self) -> str:
        """As people say it: `+3.1 %`, with its interval."""
        bounds = self.interval
        return percent(self.value) + (f" ({percent(bounds.low)} to {percent(bounds.high)})" if bounds else "")


def percent(ratio: float) -> str:
    """`+3.1 %` of 1.031."""
    return f"{100 * (ratio - 1):+.1f} %"


def ratio(base: Sequence[Sequence[float]], case: Sequence[Sequence[float]]) -> Ratio:
    """Of two cases' latencies in ms by start, which ran apart from each other, on another day even.

    Geometric means of the starts' medians, with Welch's interval of the difference of the logarithms (Welch 1947;
    degrees of freedom by Satterthwaite 1946). Starts are the samples, as in `statistics.speed_up`, but do not pair.
    Raises ValueError for a case without starts.
    """
    one, two = Spread.of(base), Spread.of(case)
    difference = two.mean - one.mean
    error, freedom = _error(one, two, two.starts)
    if error is None:
        return Ratio(math.exp(difference), None, one, two)
    half = float(_quantile((1 + CONFIDENCE) / 2, freedom) * error)
    bounds = Interval(math.exp(difference - half), math.exp(difference + half), CONFIDENCE)
    return Ratio(math.exp(difference), bounds, one, two)


def starts_needed(found: Ratio, limit: float, *, base_too: bool = False) -> int | None:
    """Starts of the case (with `base_too` of both) that tell on which side of the ratio `limit` it lies.

    With a chance of POWER, where ratio and spread stay as they are (Chow, Shao, Wang and Lokhnygina, Sample Size
    Calculations in Clinical Research, 3rd edition, section 3.2). None where MOST_STARTS are too few, or where one start
    of a case tells no spread.
    """
    distance = abs(math.log(found.value / limit))
    for starts in range(max(2, found.case.starts + 1), MOST_STARTS + 1):
        base = Spread(starts, 0.0, found.base.deviation) if base_too else found.base
        error, freedom = _error(base, found.case, starts)
        if error is None:
            return None
        if distance >= (_quantile((1 + CONFIDENCE) / 2, freedom) + _quantile(POWER, freedom)) * error:
            return starts
    return None


def _error(base: Spread, case: Spread, starts: int) -> tuple[float | None, float]:
    """Standard error of the difference of the means with `starts` of the case, and its degrees of freedom."""
    if base.deviation is None or case.deviation is None:
        return None, math.inf
    one, two = base.deviation**2 / base.starts, case.deviation**2 / starts
    if one + two == 0:
        return 0.0, math.inf
    return math.sqrt(one + two), (one + two) ** 2 / (one**2 / (base.starts - 1) + two**2 / (starts - 1))


def _quantile(share: float, freedom: float) -> float:
    # Imported late: a quarter of the time in which a command starts.
    from scipy import stats

    return float(stats.t.ppf(share, freedom))
