"""Measures one phone: golden pictures first, then every configuration in rounds, with the sensors beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lite.phone import demo, golden, sensors
from lite.phone.clusters import Cluster
from lite.phone.demo import Bench, DemoRequest, kernel_times
from lite.phone.device import Device
from lite.phone.link import PhoneError
from lite.phone.measured import Cooldown, Measurement, PhoneFigures, Round, RunClock
from lite.phone.plan import BenchPlan, Candidate, Configuration
from lite.phone.sensors import Sample
from lite.phone.statistics import sustained
from lite.stages import Stages

TENSOR = "golden.f32"
_COOLDOWN_POLL = 2.0


class StoppedError(Exception):
    """The user wants no more."""


@dataclass
class Phone:
    """A phone with all that is needed on it, in `folder`.

    `say` gets one line a step, `measured` is called after each round, `stop` ends it early, and `check` raises where
    a round that has ended must not count. `clusters` are the phone's kinds of cores.
    """

    device: Device
    folder: str
    plan: BenchPlan
    stages: Stages
    say: Callable[[str], None] = lambda text: None
    stop: threading.Event = field(default_factory=threading.Event)
    measured: Callable[[], None] = lambda: None
    check: Callable[[], None] = lambda: None
    clusters: Sequence[Cluster] = ()

    def check_golden(self, candidate: Candidate, into: PhoneFigures) -> None:
        """Feeds the golden tensor, then all golden pictures; keeps the figures in `into` either way.

        Raises GoldenMismatchError, DemoError or PhoneError.
        """
        files = candidate.bundle.golden_pictures().files
        for fed in ("tensor", "picture"):
            self.check_stop()
            self.say(f"golden {fed} of {candidate.name}")
            request = DemoRequest(
                candidate.folder,
                candidate.host,
                tensor=f"{candidate.folder}/{TENSOR}" if fed == "tensor" else None,
                images=[f"{candidate.folder}/{path.name}" for path in files] if fed == "picture" else (),
            )
            with self.stages.stage("golden"):
                document = demo.run(self.device, self.folder, request, timeout=self.plan.timeout)
            found = golden.compare(candidate, _logits(document), fed=fed)
            into.add_golden(found)
            golden.check(found)

    def measure(self, candidates: Sequence[Candidate], into: PhoneFigures) -> None:
        """Every configuration, the candidates taking turns round by round; every round is added to `into` at once.

        Turns go back and forth (A B, B A, …), so that a phone which warms up steadily favours none. Rounds that `into`
        has already are not run again.
        Raises NoSuchCoresError before anything is run, GoldenMismatchError, DemoError, PhoneError or StoppedError; what
        was measured before is kept.
        """
        configurations = self.plan.configurations(self.clusters)
        # A limit that one round lowered is low for all that come after it.
        top = sensors.ceilings(sample for one in into.measurements for sample in one.samples)
        for place, configuration in enumerate(configurations):
            row = [into.measurement(candidate, configuration, self.plan) for candidate in candidates]
            for number in range(self.plan.rounds):
                for measurement in row if number % 2 == 0 else reversed(row):
                    if len(measurement.rounds) > number:
                        continue
                    self.check_stop()
                    step = place * self.plan.rounds + number + 1
                    self.say(
                        f"{measurement.candidate.name}, {configuration}: "
                        f"{step} of {len(configurations) * self.plan.rounds}{self._how_long()}"
                    )
                    measurement.rounds.append(self._round(measurement, number, top))
                    top = sensors.ceilings(measurement.rounds[-1].samples, top)
                    self.measured()

    def _how_long(self) -> str:
        return f", a soak of {self.plan.min_seconds / 60:g} min" if self.plan.soak else ""

    def _round(self, measurement: Measurement, number: int, top: Mapping[int, int]) -> Round:
        candidate, configuration = measurement.candidate, measurement.configuration
        cooldown = self._cool_down()
        runs = Bench(self.plan.warmup, self.plan.repeats_of(number), self.plan.seconds_of_start)
        request = timing(candidate, configuration, runs)
        timeout = self.plan.timeout + self.plan.seconds_of_start
        with self.stages.stage("sensors"):
            before = sensors.read(self.device)
        with self.stages.stage("run"), self._sampling() as during:
            document, finished = demo.watched(self.device, self.folder, request, timeout=timeout)
        with self.stages.stage("sensors"):
            after = sensors.read(self.device)
        self.check()
        golden.check(golden.compare(candidate, _logits(document), fed="tensor"))
        used = {
            **{name: document[name] for name in ("file", "bytes", "threads", "power_mode", "cpu_mask")},
            **document["versions"],
        }
        self._check_same(measurement, used)
        measurement.used = used
        # Rounds of a profile build stay among the others, whatever engine an interrupted bench goes on with.
        measurement.kernels = kernel_times(f"{finished.stdout}\n{finished.stderr}") or measurement.kernels
        bench = document["bench"]
        latencies = bench["latencies_ms"]
        clocks = [RunClock(**one) for one in bench["clocks"]]
        reasons = sensors.reasons(
            before,
            during,
            after,
            # A soak has words of its own for that.
            () if self.plan.soak else latencies,
            earlier=top,
            cpu_mask=document["cpu_mask"],
            clocks=[(one.cpu, one.khz) for one in clocks],
        )
        if self.plan.soak and (found := sustained(latencies)).throttled:
            reasons.append(f"slowed down: {found}")
        return Round(
            latencies,
            document["load_ms"],
            bench["first_run_ms"],
            document["peak_rss_kib"],
            before,
            during,
            after,
            cooldown,
            reasons,
            bench["began_s"],
            clocks,
        )

    def _check_same(self, measurement: Measurement, used: Mapping[str, Any]) -> None:
        """Raises PhoneError where an earlier session measured the rest with another demo, engine or network."""
        earlier = measurement.used
        for name in ("deit", "engine", "opt", "bytes") if earlier else ():
            if earlier[name] != used[name]:
                raise PhoneError(
                    self.device.serial,
                    f"the rounds of {measurement.candidate.name} that are there are of another {name} "
                    f"({earlier[name]}, now {used[name]})",
                    "measure afresh without --resume into another --out",
                )

    @contextmanager
    def _sampling(self) -> Iterator[list[Sample]]:
        """The list that samples go to while the block runs."""
        samples: list[Sample] = []
        done = threading.Event()

        def sample() -> None:
            while not done.wait(self.plan.sample_seconds):
                try:
                    samples.append(sensors.read(self.device, services=False))
                except PhoneError:
                    return  # the run beside it tells what is wrong

        thread = threading.Thread(target=sample, daemon=True)
        if self.plan.sample_seconds > 0:
            thread.start()
        try:
            yield samples
        finally:
            done.set()
            if thread.is_alive():
                thread.join()

    def _cool_down(self) -> Cooldown | None:
        wanted = self.plan.cooldown_celsius
        if wanted is None:
            return None
        began = time.monotonic()
        with self.stages.stage("cool-down"):
            while True:
                celsius, sensor = _warmth(sensors.read(self.device))
                seconds = time.monotonic() - began
                if celsius is None or celsius <= wanted or seconds >= self.plan.cooldown_limit:
                    return Cooldown(seconds, celsius, sensor, celsius is not None and celsius <= wanted)
                self.say(f"cooling down: {sensor} {celsius:.1f} °C, wanted {wanted:g}")
                if self.stop.wait(_COOLDOWN_POLL):
                    raise StoppedError

    def check_stop(self) -> None:
        """Raises StoppedError where the bench has been told to stop."""
        if self.stop.is_set():
            raise StoppedError


def timing(candidate: Candidate, configuration: Configuration, runs: Bench) -> DemoRequest:
    """A start that times a bundle in a configuration, on the golden picture's tensor."""
    return DemoRequest(
        candidate.folder,
        candidate.host,
        tensor=f"{candidate.folder}/{TENSOR}",
        threads=configuration.threads,
        power_mode=configuration.power_mode,
        cpu_mask=configuration.cpu_mask,
        bench=runs,
    )


def _warmth(sample: Sample) -> tuple[float | None, str | None]:
    """°C of the processor, or of the battery where the phone hides that, and which of both."""
    for sensor, celsius in (("processor", sample.processor), ("battery", sample.battery_celsius)):
        if celsius is not None:
            return celsius, sensor
    return None, None


def _logits(document: dict[str, Any]) -> np.ndarray:
    """Float64 [N, classes]."""
    return np.array([picture["logits"] for picture in document["pictures"]], dtype=np.float64)
