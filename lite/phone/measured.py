"""What one phone gave: rounds of raw latencies with the phone's state around them, and what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from lite.phone import statistics
from lite.phone.demo import KernelTime
from lite.phone.golden import Golden
from lite.phone.plan import BenchPlan, Candidate, Configuration
from lite.phone.sensors import SLOW_CLOCK, Sample, ceilings
from lite.phone.statistics import SpeedUp, Summary, Sustained, sustained


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
class RunClock:
    """The clock of the CPU on which a measured run, counted from 0, came to its end."""

    run: int
    cpu: int
    khz: int


@dataclass(frozen=True)
class Round:
    """One start of the demo: what it said, and the phone's state around it.

    `began_s`: when the measured runs began, by the phone's time since it was started (see Sample.uptime); `clocks`:
    in the order of the runs, empty where the phone hides them.
    """

    latencies_ms: Sequence[float]
    load_ms: float
    first_run_ms: float
    peak_rss_kib: int | None
    before: Sample
    during: Sequence[Sample]
    after: Sample
    cooldown: Cooldown | None
    throttled: Sequence[str]
    began_s: float | None = None
    clocks: Sequence[RunClock] = ()

    @property
    def samples(self) -> list[Sample]:
        """In the order of time."""
        return [self.before, *self.during, self.after]


@dataclass
class Measurement:
    """One bundle in one configuration, to be run `planned` times or more in `planned_starts`.

    `used` is what the engine says it made of the configuration; `soak` tells that its start is one; `kernels` is what
    the engine's own profile says of the last round that a profile build ran; empty where none did.
    """

    candidate: Candidate
    configuration: Configuration
    planned: int
    planned_starts: int = 1
    rounds: list[Round] = field(default_factory=list)
    used: dict[str, Any] = field(default_factory=dict)
    soak: bool = False
    kernels: Sequence[KernelTime] = ()

    @property
    def summary(self) -> Summary:
        """Of all rounds."""
        return statistics.summarize([one.latencies_ms for one in self.rounds])

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
        """Whether all planned runs and starts are measured."""
        return not self._missing

    @property
    def _missing(self) -> list[str]:
        runs = sum(len(one.latencies_ms) for one in self.rounds)
        if runs < self.planned:
            return [f"{runs} of {self.planned} runs"]
        if len(self.rounds) < self.planned_starts:
            return [f"{len(self.rounds)} of {self.planned_starts} starts"]
        return []

    @property
    def sustained(self) -> Sustained | None:
        """What a soak says; None for what is none."""
        return sustained(self.rounds[0].latencies_ms) if self.soak and self.rounds else None

    @property
    def _slow_clock(self) -> list[str]:
        """A clock that was seldom at the most that the CPU can, of the CPU on which most runs ended."""
        clocks = [clock for one in self.rounds for clock in one.clocks]
        if not clocks:
            return []
        cpu = Counter(clock.cpu for clock in clocks).most_common(1)[0][0]
        top = ceilings(self.samples).get(cpu)
        khz = median(clock.khz for clock in clocks if clock.cpu == cpu)
        if top is None or khz >= SLOW_CLOCK * top:
            return []
        return [f"slow clock: CPU {cpu} ran at {khz / 1000:.0f} of {top / 1000:.0f} MHz in half of the runs"]

    @property
    def simulated(self) -> bool:
        """Whether `host.nb` ran, which computes the bundle's precision in fp32: its latency is not that precision's."""
        return self.candidate.host and self.candidate.bundle.manifest["precision"] != "fp32"

    @property
    def notes(self) -> list[str]:
        """What whoever quotes the number should know."""
        summary = self.summary
        found = [*self._missing, *self.throttled, *self._slow_clock]
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
            found.append("one start: no interval")
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
            [one.latencies_ms for one, _ in pairs], [other.latencies_ms for _, other in pairs]
        )


@dataclass
class PhoneFigures:
    """What came out so far; whole measurements only where nothing went wrong.

    Rounds and golden figures are added by one thread; others look at a `snapshot`.
    """

    golden: list[Golden] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """How many there are."""
        return sum(len(one.rounds) for one in list(self.measurements))

    def snapshot(self) -> PhoneFigures:
        """What is there now, without what was begun and never measured; it stays as it is."""
        rows = [replace(one, rounds=list(one.rounds)) for one in list(self.measurements)]
        return PhoneFigures(list(self.golden), [row for row in rows if row.rounds])

    def measurement(self, candidate: Candidate, configuration: Configuration, plan: BenchPlan) -> Measurement:
        """The one of this bundle and configuration: what an earlier session began, or a new one."""
        for one in self.measurements:
            if (one.candidate.name, one.configuration) == (candidate.name, configuration):
                return one
        self.measurements.append(
            Measurement(candidate, configuration, plan.repeats, plan.rounds, soak=plan.soak)
        )
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
