"""What a bench looks at beside latency, on request: profile, cost, counters, trace; each in starts of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lite.phone import cost, counters, diagnosis, profile, trace
from lite.phone.facts import Facts
from lite.phone.measure import Phone
from lite.phone.measured import PhoneFigures
from lite.phone.plan import Candidate, Configuration

_KEY = ("bundle", "threads", "power_mode", "cpu_mask", "cores")


@dataclass(frozen=True)
class DiagnosticsPlan:
    """What is asked for. `cost_seconds`: how long each run for it, None for none; `trace`: the file, None for none."""

    profile: bool = False
    cost_seconds: float | None = None
    counters: bool = False
    trace: Path | None = None


@dataclass
class Diagnostics:
    """What came out so far, as JSON values (see the results' schema): rows by bundle and configuration.

    `cache`: bytes of the phone's largest cache, None where it hides that or was not asked.
    """

    cache: int | None = None
    profiles: list[dict[str, Any]] = field(default_factory=list)
    costs: list[dict[str, Any]] = field(default_factory=list)
    counters: list[dict[str, Any]] = field(default_factory=list)
    traces: list[dict[str, Any]] = field(default_factory=list)
    engine_profiles: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any] | None) -> Diagnostics:
        """What an earlier session's results have, to be gone on with."""
        known = {name: value for name, value in (values or {}).items() if name != "int8"}
        return cls(**known)


def of_int8(
    figures: PhoneFigures, base: str | None, facts: Facts | None, cache: int | None
) -> list[diagnosis.Diagnosis]:
    """Why INT8 is not faster, for each comparison with the bundle `base` that leaves something to explain."""
    compared = figures.comparisons(base) if base and facts else []
    found = [diagnosis.diagnose(one, facts, cache) for one in compared if facts]
    return [one for one in found if one is not None]


def run(
    phone: Phone,
    candidates: Sequence[Candidate],
    plan: DiagnosticsPlan,
    figures: PhoneFigures,
    into: Diagnostics,
) -> None:
    """Looks at each bundle, once all are measured; what `into` has already is not looked at again.

    Profile and trace are of the plan's first configuration, cost and counters of each. Raises InputError, DemoError,
    PhoneError or StoppedError; what was found before is kept.
    """
    configurations = phone.plan.configurations(phone.clusters)
    _keep_engine_profiles(figures, into)
    if len(candidates) > 1:
        into.cache = diagnosis.largest_cache(phone.device)
    first = configurations[0]
    for candidate in candidates:
        for one in configurations:
            if plan.counters and _is_new(into.counters, candidate, one):
                into.counters.append(counters.measure(phone, candidate, one).as_dict())
                phone.measured()
            if plan.cost_seconds is not None and _is_new(into.costs, candidate, one):
                latency = figures.measurement(candidate, one, phone.plan).summary.p50
                into.costs.append(cost.measure(phone, candidate, one, latency, plan.cost_seconds).as_dict())
                phone.measured()
        if plan.trace is not None and _is_new(into.traces, candidate, first):
            out = _trace_file(plan.trace, candidate, len(candidates))
            into.traces.append(trace.record(phone, candidate, first, out).as_dict())
            phone.measured()
        if plan.profile and _is_new(into.profiles, candidate, first):
            into.profiles.append(profile.measure(phone, candidate, first).as_dict())
            phone.measured()


def _keep_engine_profiles(figures: PhoneFigures, into: Diagnostics) -> None:
    """What a profile build of the engine said beside the measured runs."""
    new = [
        {
            "bundle": one.candidate.name,
            **asdict(one.configuration),
            "kernels": [kernel.as_dict() for kernel in one.kernels],
        }
        for one in figures.measurements
        if one.kernels
    ]
    earlier = [row for row in into.engine_profiles if not any(_same(row, one) for one in new)]
    into.engine_profiles[:] = [*earlier, *new]


def _same(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(row[name] == other[name] for name in _KEY)


def _is_new(rows: Sequence[Mapping[str, Any]], candidate: Candidate, configuration: Configuration) -> bool:
    key = {"bundle": candidate.name, **asdict(configuration)}
    return not any(_same(row, key) for row in rows)


def _trace_file(asked: Path, candidate: Candidate, count: int) -> Path:
    """The file that was asked for, with the bundle's name before its ending where there are several bundles."""
    return asked if count == 1 else asked.with_name(f"{asked.stem}-{candidate.name}{asked.suffix}")
