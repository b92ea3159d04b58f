"""The cases of benches: a bundle in a configuration on a phone, with its raw starts; and which of two are alike.

Read are only the fields that every version of `results.json` has (`schema/cases.schema.json`), so that an old bench can
be held against a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from lite import json_schema
from lite.errors import InputError
from lite.measure.interval import Interval
from lite.phone.statistics import median_of_starts

JSON = "results.json"
USUAL, SOAK, FIXED_CLOCKS = "as usual", "as a soak", "with fixed clocks"
_SCHEMA_FILE = Path(__file__).parents[1] / "schema" / "cases.schema.json"


@dataclass(frozen=True)
class Case:
    """A bundle in a configuration on a phone, as one bench measured it.

    `starts`: latencies in ms of each start of the demo; `begun`: of the bench, UTC; `simulated`: `host.nb` ran, as on
    x86, whose latency is not that of its precision. An old bench knows neither `soak` nor `fixed_clocks`.
    """

    begun: datetime
    serial: str
    phone: str | None
    soc: str | None
    android: str | None
    bundle: str
    model: str
    precision: str
    target: str
    network: str
    threads: int
    cores: str
    soak: bool
    fixed_clocks: bool
    simulated: bool
    engine: str
    starts: Sequence[Sequence[float]]
    notes: Sequence[str]

    @property
    def likeness(self) -> tuple[object, ...]:
        """What two cases must share to be compared; phones that do not say their model are told apart by serial."""
        return (
            self.bundle,
            self.model,
            self.precision,
            self.target,
            self.phone or self.serial,
            self.soc,
            self.threads,
            self.cores,
            self.mode,
            self.simulated,
        )

    @property
    def mode(self) -> str:
        """How it was measured, for people: USUAL or otherwise."""
        unusual = ((self.soak, SOAK), (self.fixed_clocks, FIXED_CLOCKS))
        return ", ".join(words for is_so, words in unusual if is_so) or USUAL

    @property
    def configuration(self) -> str:
        """Threads, cores and what else is unusual, for people."""
        mode = "" if self.mode == USUAL else f", {self.mode}"
        return f"{self.threads} thread{'s' if self.threads > 1 else ''}, {self.cores}{mode}"

    @property
    def device(self) -> str:
        """The phone's model and serial, for people."""
        return f"{self.phone} ({self.serial})" if self.phone else self.serial

    @property
    def name(self) -> str:
        """Bundle and configuration, for people."""
        return f"{self.bundle}, {self.configuration}"

    @property
    def runs(self) -> int:
        """Measured runs of all starts."""
        return sum(len(start) for start in self.starts)

    @property
    def p50(self) -> float:
        """The median of its starts, ms."""
        return self._median[0]

    @property
    def interval(self) -> Interval | None:
        """Of the median, over starts, ms; None for a single start."""
        return self._median[1]

    @cached_property
    def _median(self) -> tuple[float, Interval | None]:
        return median_of_starts(self.starts)


@dataclass(frozen=True)
class BenchCases:
    """What one `results.json` holds: `name` for people, when it was begun (UTC), its cases.

    `failures`: a line for each phone that did not come to its end.
    """

    name: str
    begun: datetime
    cases: Sequence[Case]
    failures: Sequence[str] = ()

    @property
    def title(self) -> str:
        """Name and time, for people."""
        return f"{self.name}, {self.begun:%Y-%m-%d %H:%M}"


def read(path: Path) -> BenchCases:
    """The bench in the file `path`, or in `results.json` of the folder `path`. Raises InputError for what is none."""
    file = path / JSON if path.is_dir() else path
    remedy = "give a results.json of tools/adb_bench.py, or its folder"
    try:
        document = json_schema.read(file)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is no result of a bench", why="it is no JSON", remedy=remedy) from error
    if problem := _problem(document):
        raise InputError(f"{file} is no result of a bench", why=problem, remedy=remedy)
    return of(document, _short_name(file))


def of(document: Mapping[str, Any], name: str) -> BenchCases:
    """The cases of a `results.json` as JSON gave it, which is called `name`."""
    begun = datetime.fromisoformat(document["sessions"][0])
    failures = [
        f"{phone['serial']}: {_reason(phone)}"
        for phone in document["phones"]
        if phone["status"] not in ("ok", "running")
    ]
    return BenchCases(name, begun, list(_cases(document, begun)), failures)


def read_all(paths: Sequence[Path]) -> list[BenchCases]:
    """Each of `paths` as `read`, those of one name told apart by a number."""
    found = [read(path) for path in paths]
    names = [one.name for one in found]
    return [
        one if names.count(one.name) == 1 else replace(one, name=f"{one.name} [{place}]")
        for place, one in enumerate(found, 1)
    ]


def counterpart(case: Case, among: Sequence[Case]) -> Case | None:
    """The case of `among` that is like `case`, of the same phone, else of another of its model; None without one."""
    alike = [one for one in among if one.likeness == case.likeness]
    return next((one for one in alike if one.serial == case.serial), alike[0] if alike else None)


def difference(case: Case, among: Sequence[Case]) -> str:
    """Why nothing of `among` is like `case`, in words."""
    same = [one for one in among if one.bundle == case.bundle]
    if not same:
        return f"no bundle {case.bundle} there"
    for name, words in (
        ("model", "the bundle's model is {}"),
        ("precision", "the bundle's precision is {}"),
        ("target", "the bundle's target is {}"),
        ("phone", "the phone is {}"),
        ("soc", "the phone's SoC is {}"),
        ("threads", "threads are {}"),
        ("cores", "cores are {}"),
        ("mode", "it was measured {}"),
    ):
        kept = [one for one in same if getattr(one, name) == getattr(case, name)]
        if not kept:
            others = sorted({str(getattr(one, name)) for one in same})
            return f"{words.format(', '.join(others))} there"
        same = kept
    if all(one.simulated != case.simulated for one in same):
        return "one of both ran host.nb, the other model.nb"
    return "a phone that tells no model is held against itself alone"


def notes(case: Case, base: Case) -> list[str]:
    """What differs between two cases that are alike, and may be why one is slower."""
    found = []
    if case.serial != base.serial:
        found.append(
            f"another phone of the model ({base.serial}): how phones of one model differ is not in the interval"
        )
    if case.network != base.network:
        found.append("the network's file is another one")
    for name, words in (("engine", "the engine was {}"), ("android", "Android was {}")):
        then = getattr(base, name)
        if then != getattr(case, name):
            found.append(f"{words.format(then)}, now {getattr(case, name)}")
    return found


def _cases(document: Mapping[str, Any], begun: datetime) -> Iterator[Case]:
    bundles = {one["name"]: one for one in document["bundles"]}
    plan = document.get("plan", {})
    for phone in document["phones"]:
        facts = phone["facts"] or {}
        for row in phone["measurements"]:
            bundle, used = bundles[row["bundle"]], row["used"]
            yield Case(
                begun=begun,
                serial=phone["serial"],
                phone=facts.get("model"),
                soc=facts.get("soc"),
                android=facts.get("android_version"),
                bundle=row["bundle"],
                model=bundle["model"],
                precision=bundle["precision"],
                target=bundle["target"],
                network=bundle["model_nb"]["sha256"],
                threads=row["threads"],
                cores=_cores(row),
                soak=bool(plan.get("soak")),
                fixed_clocks=bool(plan.get("fixed_clocks")),
                simulated=used["file"].endswith("/host.nb") and bundle["precision"] != "fp32",
                engine=used["engine"],
                starts=[one["latencies_ms"] for one in row["rounds"]],
                notes=row["notes"],
            )


def _cores(row: Mapping[str, Any]) -> str:
    # big, middle or little, whatever their mask is on the phone; an old bench does not have it.
    if row.get("cores"):
        return f"{row['cores']} cores"
    return f"CPU mask {row['cpu_mask']}" if row["cpu_mask"] else str(row["power_mode"])


def _reason(phone: Mapping[str, Any]) -> str:
    error = phone["error"] or {}
    return f"{phone['status']}: {error.get('why') or error.get('what') or 'no reason given'}"


def _short_name(file: Path) -> str:
    file = file.absolute()
    return file.parent.name if file.name == JSON else file.stem


def _problem(document: Any) -> str | None:
    if found := json_schema.problem(document, _SCHEMA_FILE):
        return found
    known = {one["name"] for one in document["bundles"]}
    rows = {row["bundle"] for phone in document["phones"] for row in phone["measurements"]}
    if rows <= known and _is_time(document["sessions"][0]):
        return None
    return "its bundles or times do not fit together"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
