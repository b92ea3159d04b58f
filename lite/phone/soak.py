"""What a phone sustains: how fast it runs after minutes at work, against its first minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lite.phone.statistics import SLOWER

FIRST_SECONDS = 60.0
# Parts of a soak whose medians say from when on it was slower.
_PARTS = 60


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


def ends(latencies: Sequence[float] | np.ndarray) -> np.ndarray:
    """When each of the runs ended, in seconds after the first began; latencies in ms, one after the other."""
    found: np.ndarray = np.cumsum(np.asarray(latencies, dtype=np.float64)) / 1000
    return found


def sustained(latencies: Sequence[float]) -> Sustained:
    """Of one start's latencies in ms, one or more, in their order."""
    values = np.asarray(latencies, dtype=np.float64)
    begins = ends(values) - values / 1000
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
