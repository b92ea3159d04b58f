"""Whether a phone slowed itself down while it measured, and how one can tell."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from lite.phone.sensors import Sample
from lite.phone.statistics import slow_down

# Clocks move by themselves; below this share of the first half's they were held down.
_HELD_DOWN = 0.85
_FEWEST = 4
# android.os.PowerManager: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown.
_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")


def reasons(
    before: Sample | None, during: Sequence[Sample], after: Sample | None, latencies: Sequence[float]
) -> list[str]:
    """Why the run counts as throttled or slowed down, in words; empty if nothing says so.

    `latencies`: of one process, ms, in their order. Samples that are missing or hide things prove nothing.
    """
    samples = [*during, *([after] if after else [])]
    found = [_lower_limits(before, samples), _status(samples), _slower_clock(during)]
    share = slow_down(latencies)
    if share is not None:
        found.append(
            f"slowed down: the last third ran {share:.0%} slower than the first, by heat or by other work"
        )
    return [reason for reason in found if reason]


def _lower_limits(before: Sample | None, samples: Sequence[Sample]) -> str | None:
    if before is None:
        return None
    lowered: dict[int, int] = {}
    for sample in samples:
        for cpu, limit in sample.limits.items():
            if limit < min(before.limits.get(cpu, limit), lowered.get(cpu, limit + 1)):
                lowered[cpu] = limit
    if not lowered:
        return None
    worst = min(lowered, key=lambda cpu: lowered[cpu] / before.limits[cpu])
    return (
        f"throttled: the system lowered the top clock of {len(lowered)} CPUs, CPU {worst} from "
        f"{before.limits[worst] / 1000:.0f} to {lowered[worst] / 1000:.0f} MHz"
    )


def _status(samples: Sequence[Sample]) -> str | None:
    worst = max((sample.thermal_status or 0 for sample in samples), default=0)
    return f"throttled: Android's thermal status was {_STATUS[min(worst, 6)]}" if worst else None


def _slower_clock(during: Sequence[Sample]) -> str | None:
    fastest = [max(sample.frequencies.values()) for sample in during if sample.frequencies]
    if len(fastest) < _FEWEST:
        return None
    first, last = (median(half) for half in (fastest[: len(fastest) // 2], fastest[len(fastest) // 2 :]))
    if last >= _HELD_DOWN * first:
        return None
    return f"throttled: the fastest CPU's clock fell from {first / 1000:.0f} to {last / 1000:.0f} MHz"
