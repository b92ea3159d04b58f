"""Measurements of phones with latencies that are made up: what the tests of results and of reports are about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lite import bundle
from lite.phone.golden import Golden
from lite.phone.measured import Measurement, Round, RunClock
from lite.phone.plan import Candidate, Configuration
from lite.phone.sensors import Sample
from lite.phone.session import Outcome

USED = {
    "file": "b/host.nb", "bytes": 9, "threads": 1, "power_mode": "no-bind", "cpu_mask": "3", "deit": "0.1.0",
    "engine": "v2.13-rc", "opt": "v2.13-rc",
}  # fmt: skip


def sample(at: float, celsius: float | None = 40.0) -> Sample:
    zones = {} if celsius is None else {"cpu": celsius}
    return Sample(
        at,
        zones,
        celsius,
        {0: 2_000_000},
        {0: 2_000_000},
        {0: "schedutil"},
        80,
        30.0,
        "Charging",
        uptime=at - 500,
    )


def round_of(latencies: Any, at: float = 1000.0, celsius: float | None = 40.0, **fields: Any) -> Round:
    values = {
        "cooldown": None, "throttled": [], "during": [sample(at + 1, celsius)], "load_ms": 60.0,
        "first_run_ms": 90.0, "peak_rss_kib": 100_000, "began_s": 500.5, "clocks": [RunClock(0, 1, 2_000_000)],
    } | fields  # fmt: skip
    return Round(list(latencies), before=sample(at, celsius), after=sample(at + 2, celsius), **values)


def measurement(candidate: Candidate, level: float, rounds: int = 3, **options: Any) -> Measurement:
    random = np.random.default_rng(int(level))
    made = Measurement(
        candidate, options.pop("configuration", Configuration(1)), 12 * rounds, rounds, used=dict(USED)
    )
    made.rounds += [
        round_of(level + random.normal(0, 0.2, 12), 1000 + 10 * number, **options) for number in range(rounds)
    ]
    return made


def outcome(*measurements: Measurement, **fields: Any) -> Outcome:
    made = Outcome("phone-1", **({"status": "ok"} | fields))
    made.measured.measurements += measurements
    name = measurements[0].candidate.name if measurements else "b"
    made.measured.golden.append(Golden(name, "tensor", "max_abs", 1, 0.9999, 1e-5, 1e-5, 1e-3, True))
    return made


def renamed(made: Path, link: Path) -> bundle.Bundle:
    """The bundle in a folder of another name."""
    link.mkdir()
    for path in made.iterdir():
        (link / path.name).hardlink_to(path)
    return bundle.read(link)
