"""Confidence intervals: what a share seen on some pictures, or a mean of some values, says about all like them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A confidence interval; `confidence` is the coverage it really has at least, 0 to 1."""

    low: float
    high: float
    confidence: float

    def as_dict(self) -> dict[str, float]:
        """As JSON values."""
        return asdict(self)


@lru_cache(maxsize=4096)
def of_count(count: int, total: int) -> Interval:
    """Wilson's 95 % interval of a share of which `count` of `total` were seen (Wilson 1927), 0 to 1.

    Its coverage is CONFIDENCE on average over shares (Brown, Cai and DasGupta 2001). Pictures must be independent:
    frames of one film are not. Raises ValueError unless 0 <= count <= total and total > 0.
    """
    # Imported late: a quarter of the time in which a command starts.
    from scipy import stats

    found = stats.binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(float(found.low), float(found.high), CONFIDENCE)


def of_share(share: float, total: int) -> Interval:
    """`of_count` for a share of `total` pictures, which is rounded to whole pictures."""
    return of_count(round(share * total), total)


def of_known(share: float | None, total: int) -> Interval | None:
    """`of_share`, None for a share that is unknown."""
    return None if share is None else of_share(share, total)


def of_mean(values: np.ndarray) -> Interval:
    """Student's 95 % interval of the mean of two or more independent values (Student 1908)."""
    from scipy import stats

    mean = float(values.mean())
    half = float(
        stats.t.ppf((1 + CONFIDENCE) / 2, values.size - 1) * values.std(ddof=1) / math.sqrt(values.size)
    )
    return Interval(mean - half, mean + half, CONFIDENCE)


def or_none(found: Interval | None) -> dict[str, float] | None:
    """An interval as JSON values, null where it is unknown."""
    return None if found is None else found.as_dict()
