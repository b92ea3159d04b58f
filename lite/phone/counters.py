"""Processor counters of a run on the phone, by Android's `simpleperf stat`: instructions, cycles, cache misses.

Counted are whole processes. Two starts that differ in the number of runs tell what a run takes: what loading and
warming up take is in both.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from lite.phone import demo
from lite.phone.demo import Bench
from lite.phone.measure import Phone, timing
from lite.phone.plan import Candidate, Configuration

EVENTS = (
    "cpu-cycles", "instructions", "cache-references", "cache-misses", "branch-misses", "page-faults",
    "context-switches", "cpu-migrations",
)  # fmt: skip
FEW, MANY = 5, 25
_PROGRAM = "simpleperf"
# As cmd_stat.cpp of simpleperf writes it: 6595722690,cpu-cycles,4.511040,GHz,(100%),
_ROW = re.compile(r"^(\d+),([a-z][\w-]*)(?::u)?,.*\((\d+)%\),?\s*$", re.MULTILINE)
_SECONDS = 30.0


@dataclass(frozen=True)
class Counters:
    """What one run takes, by event; `missing`: why there is nothing, in words, or None.

    `shared`: events that the processor counted only part of the time, so that simpleperf has scaled them up.
    `modelled`: instructions of a run by the bundle's instruction model, for `core`.
    """

    bundle: str
    configuration: Configuration
    per_run: Mapping[str, float] = field(default_factory=dict)
    shared: Sequence[str] = ()
    modelled: float | None = None
    core: str | None = None
    missing: str | None = None


def parse(text: str) -> tuple[dict[str, int], list[str]]:
    """Counts by event of what `simpleperf stat --csv` printed, and which of them were counted part of the time."""
    rows = _ROW.findall(text)
    return {name: int(count) for count, name, _ in rows}, [name for _, name, share in rows if share != "100"]


def measure(phone: Phone, candidate: Candidate, configuration: Configuration) -> Counters:
    """Counts two starts of a bundle on the phone. Raises DemoError, PhoneError or StoppedError."""
    cost = (None if candidate.host else candidate.bundle.manifest.get("cost")) or {}
    result = partial(
        Counters, candidate.name, configuration, modelled=cost.get("instructions"), core=cost.get("core")
    )
    there = phone.device.run(f"command -v {_PROGRAM}", _SECONDS)
    if there.code:
        return result(missing="there is no simpleperf on the phone (Android has it from 9 on)")
    found = []
    for repeats in (FEW, MANY):
        phone.check_stop()
        phone.say(f"counters of {candidate.name}, {configuration}: {repeats} runs")
        request = timing(candidate, configuration, Bench(0, repeats))
        file = f"{phone.folder}/counters.csv"
        with phone.stages.stage("counters"):
            _, finished = demo.watched(
                phone.device, phone.folder, request, timeout=phone.plan.timeout,
                around=lambda command, file=file: _around(command, file),  # type: ignore[misc]
            )  # fmt: skip
        phone.check()
        found.append(parse(finished.stdout))
    (few, shared), (many, also) = found
    names = [name for name in EVENTS if name in few and name in many]
    if not names:
        remedy = "adb shell setprop security.perf_harden 0 allows them, where the processor has any"
        return result(missing=f"simpleperf counted nothing: {remedy}")
    per_run = {name: max(0.0, (many[name] - few[name]) / (MANY - FEW)) for name in names}
    return result(per_run=per_run, shared=[name for name in names if name in {*shared, *also}])


def _around(command: str, file: str) -> str:
    """A text for the shell: the events that the phone can count, each asked for alone first; then the command.

    One that cannot be counted would keep simpleperf from starting. Without any the command runs as it is.
    """
    place = shlex.quote(file)
    return (
        f"rm -f {place}; e=; for n in {' '.join(EVENTS)}; do "
        f"{_PROGRAM} stat -e $n -o /dev/null true >/dev/null 2>&1 && e=${{e:+$e,}}$n; done; "
        f'if [ "$e" ]; then {_PROGRAM} stat --csv -e $e -o {place} {command}; else {command}; fi; code=$?; '
        f"cat {place} 2>/dev/null; rm -f {place}; exit $code"
    )
