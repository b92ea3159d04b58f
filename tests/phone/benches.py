"""Results of benches with latencies that are made up: phones, bundles and days as a test wants them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from measurements import measurement, outcome

from lite import bundle
from lite.phone import results
from lite.phone.binaries import Binaries
from lite.phone.facts import Facts
from lite.phone.plan import BenchPlan, Candidate, Configuration
from lite.phone.session import PhoneJob

MAKER = {"abis": ("arm64-v8a",), "cores": 8, "cpu_parts": (), "features": (), "free_bytes": 1, "own_bytes": 0}


def facts(serial: str, model: str | None = "Pixel 6", soc: str | None = "Google Tensor") -> Facts:
    return Facts(
        serial=serial, model=model, soc=soc, android_version="14", sdk=34, opencl=None, root=False, **MAKER
    )


def document(
    folder: Path,
    *,
    serial: str = "A1",
    model: str | None = "Pixel 6",
    soc: str | None = "Google Tensor",
    threads: Iterable[int] = (1,),
    begun: str = "2026-01-02T03:04:05+00:00",
) -> dict[str, Any]:
    """A whole results.json of the bundle in `folder` on one phone; `with_starts` gives it latencies."""
    candidate = Candidate(bundle.read(folder), "/data/local/tmp/b", host=False)
    measured = [measurement(candidate, 20, 2, configuration=Configuration(one)) for one in threads]
    for one in measured:
        one.used["file"] = "/data/local/tmp/b/model.nb"
    made = outcome(*measured)
    made.serial, made.facts = serial, facts(serial, model, soc)
    job = PhoneJob([candidate.bundle], BenchPlan(threads=tuple(threads)), Binaries(None, None))
    return results.document([made], job, begun=begun)


def with_starts(made: dict[str, Any], *starts: Iterable[float], row: int = 0) -> dict[str, Any]:
    """A copy in which a case of the first phone has these latencies, ms, by start."""
    made = copy.deepcopy(made)
    measured = made["phones"][0]["measurements"][row]
    start = measured["rounds"][0]
    measured["rounds"] = [start | {"latencies_ms": [float(value) for value in one]} for one in starts]
    return made


def around(level: float, *shares: float) -> list[list[float]]:
    """Starts whose medians are `level` by each of `shares`."""
    return [list(level * share * np.linspace(0.99, 1.01, 5)) for share in shares]


def together(*made: dict[str, Any]) -> dict[str, Any]:
    """One results.json with the phones of all."""
    return made[0] | {"phones": [phone for one in made for phone in one["phones"]]}


def write(path: Path, made: dict[str, Any]) -> Path:
    """The file `path` with the results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made))
    return path


def scaled(made: dict[str, Any], by: float) -> dict[str, Any]:
    """As if every run had taken `by` times as long."""
    return mapped(made, lambda latency: latency * by)


def mapped(made: dict[str, Any], change: Callable[[float], float]) -> dict[str, Any]:
    made = copy.deepcopy(made)
    for phone in made["phones"]:
        for row in phone["measurements"]:
            for one in row["rounds"]:
                one["latencies_ms"] = [change(latency) for latency in one["latencies_ms"]]
    return made
