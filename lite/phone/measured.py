"""What one phone gave: rounds of raw latencies with the phone's state around them, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lite.phone import statistics
from lite.phone.engine_profile import KernelTime
from lite.phone.golden import Golden
from lite.phone.plan import Candidate, Configuration
from lite.phone.sensors import Sample
from lite.phone.statistics import SpeedUp, Summary


@dataclass(frozen=True)
class Cooldown:
    """A wait for the processor to cool: how long (s), how warm it was then (°C), whether that was cool enough.

    `sensor` is what was looked at: processor, or battery where the phone hides the processor's; None for neither.
    """

    seconds: float
    celsius: float | None
    sensor: str | None
    reached: bool


@dataclass(frozen=True)
class Round:
    """One start of the demo: what it said (`latencies` in ms), and the phone's state around it."""

    latencies: Sequence[float]
    load_ms: float
    first_run_ms: float
    peak_rss_kib: int | None
    before: Sample
    during: Sequence[Sample]
    after: Sample
    cooldown: Cooldown | None
    throttled: Sequence[str]

    @property
    def samples(self) -> list[Sample]:
        """In the order of time."""
        return [self.before, *self.during, self.after]


@dataclass
class Measurement:
    """One bundle in one configuration, to be run `planned` times.

    `used` is what the engine says it made of the configuration; `kernels` what its own profile says of the last round,
    where it is a profile build.
    """

    candidate: Candidate
    configuration: Configuration
    planned: int
    rounds: list[Round] = field(default_factory=list)
    used: dict[str, Any] = field(default_factory=dict)
    kernels: Sequence[KernelTime] = ()

    @property
    def latencies(self) -> list[float]:
        """Of all rounds, ms."""
        return [latency for one in self.rounds for latency in one.latencies]

    @property
    def summary(self) -> Summary:
        """Of all rounds."""
        return statistics.summarize(self.latencies)

    @property
    def samples(self) -> list[Sample]:
        """What the phone showed around and in all rounds."""
        return [sample for one in self.rounds for sample in one.samples]

    @property
    def throttled(self) -> list[str]:
        """Why it counts as throttled, each reason once."""
        return list(dict.fromkeys(reason for one in self.rounds for reason in one.throttled))

    @property
    def complete(self) -> bool:
        """Whether all planned runs are measured."""
        return len(self.latencies) >= self.planned

    @property
    def _missing(self) -> list[str]:
        return [] if self.complete else [f"{len(self.latencies)} of {self.planned} runs"]

    @property
    def simulated(self) -> bool:
        """Whether `host.nb` ran, which computes the bundle's precision in fp32: its latency is not that precision's."""
        return self.candidate.host and self.candidate.bundle.manifest["precision"] != "fp32"

    @property
    def notes(self) -> list[str]:
        """What whoever quotes the number should know."""
        summary = self.summary
        found = [*self._missing, *self.throttled]
        precision = self.candidate.bundle.manifest["precision"]
        if self.simulated:
            found.append(
                f"not {precision}'s latency: on x86 host.nb runs, which computes {precision} in fp32"
            )
        if self.kernels:
            found.append(
                "the engine is a profile build: its own timing of each operator is in these latencies"
            )
        if summary.noisy:
            found.append(f"noisy: p10 to p90 is {summary.spread:.0%} of the median")
        if summary.median_interval is None:
            found.append(f"{summary.count} runs are too few for an interval")
        warm = [one.cooldown for one in self.rounds if one.cooldown and not one.cooldown.reached]
        if warm:
            hottest = max((one.celsius for one in warm if one.celsius is not None), default=None)
            found.append(
                "not cooled down: the phone hides its temperatures"
                if hottest is None
                else f"not cooled down: started at {hottest:.0f} °C"
            )
        if any(one.cooldown and one.cooldown.sensor == "battery" for one in self.rounds):
            found.append("waited for the battery to be cool: the processor's temperature cannot be read")
        wanted, used = self.configuration, self.used
        if used and used["threads"] != wanted.threads:
            threads = f"{used['threads']} thread{'s' if used['threads'] > 1 else ''}"
            found.append(f"{threads} in place of {wanted.threads}: the engine takes no more")
        if used and wanted.cpu_mask is None and used["power_mode"] != wanted.power_mode:
            found.append(f"power mode {wanted.power_mode} is not this engine's: {used['power_mode']}")
        return found


@dataclass(frozen=True)
class BundleComparison:
    """Two bundles in one configuration: how much faster `measurement` is than `base`."""

    base: Measurement
    measurement: Measurement

    @property
    def simulated(self) -> bool:
        """Whether one of both only simulates its precision, so that this is no speed-up of it."""
        return self.base.simulated or self.measurement.simulated

    @property
    def speed_up(self) -> SpeedUp:
        """From the rounds that both have."""
        pairs = list(zip(self.base.rounds, self.measurement.rounds, strict=False))
        return statistics.speed_up(
            [one.latencies for one, _ in pairs], [other.latencies for _, other in pairs]
        )


@dataclass
class PhoneFigures:
    """What came out so far; whole measurements only where nothing went wrong.

    Rounds and golden figures are added by one thread; others look at a `snapshot`.
    """

    golden: list[Golden] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    def snapshot(self) -> PhoneFigures:
        """What is there now, without what was begun and never measured; it stays as it is."""
        rows = [replace(one, rounds=list(one.rounds)) for one in list(self.measurements)]
        return PhoneFigures(list(self.golden), [row for row in rows if row.rounds])

    def measurement(self, candidate: Candidate, configuration: Configuration, planned: int) -> Measurement:
        """The one of this bundle and configuration: what an earlier session began, or a new one."""
        for one in self.measurements:
            if (one.candidate.name, one.configuration) == (candidate.name, configuration):
                return one
        self.measurements.append(Measurement(candidate, configuration, planned))
        return self.measurements[-1]

    def add_golden(self, found: Golden) -> None:
        """Adds a golden figure in place of an earlier one of the same bundle and input."""
        same = [one for one in self.golden if (one.bundle, one.input) != (found.bundle, found.input)]
        self.golden = [*same, found]

    def comparisons(self, base: str) -> list[BundleComparison]:
        """Each other bundle against the one named `base`, in each configuration that both have rounds of."""
        measured = [one for one in self.measurements if one.rounds]
        bases = {one.configuration: one for one in measured if one.candidate.name == base}
        return [
            BundleComparison(bases[one.configuration], one)
            for one in measured
            if one.candidate.name != base and one.configuration in bases
        ]
