"""Goes on with a bench that ended early: reads what it measured, and checks that it is the same bench."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lite import json_schema
from lite.bundle import Bundle
from lite.errors import InputError
from lite.phone import push, results
from lite.phone.demo import KernelTime
from lite.phone.diagnostics import Diagnostics
from lite.phone.facts import Facts, check_same
from lite.phone.golden import Golden
from lite.phone.measured import Cooldown, Measurement, PhoneFigures, Round, RunClock
from lite.phone.plan import BenchPlan, Candidate, Configuration, is_same_case
from lite.phone.reconnect import Loss
from lite.phone.sensors import Sample

# Another of these would make other measurements of the same name.
_OPTIONS = {
    "threads": "--threads",
    "power_modes": "--power-mode",
    "cores": "--cores",
    "warmup": "--warmup",
    "repeats": "--repeats",
    "rounds": "--rounds",
    "min_seconds": "--min-seconds",
    "soak": "--soak",
    "fixed_clocks": "--fixed-clocks",
    "cooldown_celsius": "--cooldown-temp",
}
_AFRESH = "give the same again, or measure afresh without --resume into another --out"


@dataclass(frozen=True)
class Earlier:
    """A bench's results, to be gone on with; they fit the plan and bundles that they were read for."""

    document: Mapping[str, Any]
    bundles: Sequence[Bundle]

    @property
    def sessions(self) -> list[str]:
        """When it was begun, and each time it was gone on with: UTC, ISO 8601."""
        return list(self.document["sessions"])

    def measured(self, serial: str) -> PhoneFigures:
        """What the phone has measured by then; nothing for one that was not among its phones."""
        phone = self._phone(serial)
        if phone is None:
            return PhoneFigures()
        golden = [
            Golden(**{name: value for name, value in one.items() if name != "passed"})
            for one in phone["golden"]
        ]
        by_name = {bundle.name: bundle for bundle in self.bundles}
        measured = [_measurement(row, by_name[row["bundle"]]) for row in phone["measurements"]]
        for row in phone.get("diagnostics", {}).get("engine_profiles", ()):
            for one, its in zip(phone["measurements"], measured, strict=True):
                if is_same_case(one, row):
                    its.kernels = [KernelTime(**kernel) for kernel in row["kernels"]]
        return PhoneFigures(golden, measured)

    def facts(self, serial: str) -> Facts | None:
        """What the phone was then; None where it did not tell."""
        known = (self._phone(serial) or {}).get("facts")
        if known is None:
            return None
        try:
            return Facts.from_dict(known)
        except (TypeError, KeyError, ValueError) as error:
            raise InputError(
                f"the facts of {serial} are none of this version", remedy="measure without --resume"
            ) from error

    def diagnostics(self, serial: str) -> Diagnostics:
        """What was looked at beside latency."""
        return Diagnostics.of((self._phone(serial) or {}).get("diagnostics"))

    def others(self, serials: Sequence[str]) -> list[Mapping[str, Any]]:
        """The results of phones that are not among `serials`, as they were."""
        return [phone for phone in self.document["phones"] if phone["serial"] not in serials]

    def check_phone(self, facts: Facts) -> None:
        """Raises PhoneError where another phone has that serial now, or another Android."""
        if earlier := self.facts(facts.serial):
            check_same(earlier, facts)

    def losses(self, serial: str) -> list[Loss]:
        """When the phone was lost by then."""
        return [Loss(**one) for one in (self._phone(serial) or {"losses": []})["losses"]]

    def _phone(self, serial: str) -> Mapping[str, Any] | None:
        return next((one for one in self.document["phones"] if one["serial"] == serial), None)


def read(folder: Path, plan: BenchPlan, bundles: Sequence[Bundle], base: str | None) -> Earlier:
    """The bench in `folder`. Raises InputError where there is none, or it was one of other options or bundles."""
    path = folder / results.JSON
    if not path.exists():
        raise InputError(f"there is no bench to go on with in {folder}", remedy="name its folder with --out")
    try:
        document = json_schema.read(path, "results")
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read {path}", why=str(error), remedy="measure without --resume") from error
    if problem := results.problem(document):
        raise InputError(
            f"{path} is no result of this version", why=problem, remedy="measure without --resume"
        )
    wanted = json.loads(json.dumps(asdict(plan)))
    pairs = [(option, document["plan"][name], wanted[name]) for name, option in _OPTIONS.items()]
    for option, then, now in [*pairs, ("--compare", document["base"], base)]:
        if then != now:
            raise InputError(
                f"the bench in {folder} is another one",
                why=f"{option} was {_words(then)} and is {_words(now)}",
                remedy=_AFRESH,
            )
    measured, wished = (
        _identities(ones) for ones in (document["bundles"], [results.of_bundle(one) for one in bundles])
    )
    rows = {row["bundle"] for phone in document["phones"] for row in phone["measurements"]}
    if measured != wished or not rows <= set(wished):
        raise InputError(
            f"the bench in {folder} is of other bundles",
            why=f"it measured {', '.join(measured)}"
            + ("" if set(measured) != set(wished) else ", which have changed"),
            remedy=_AFRESH,
        )
    return Earlier(document, bundles)


def _words(value: Any) -> str:
    if value is None or value == []:
        return "not given"
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _identities(bundles: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {one["name"]: (one["created"], one["model_nb"]) for one in bundles}


def _measurement(row: Mapping[str, Any], bundle: Bundle) -> Measurement:
    host = row["used"]["file"].endswith(f"/{bundle.host_nb.name}")
    candidate = Candidate(bundle, f"{push.FOLDER}/{row['bundle']}", host)
    configuration = Configuration(row["threads"], row["power_mode"], row["cpu_mask"], row["cores"])
    rounds = [_round(one) for one in row["rounds"]]
    return Measurement(
        candidate,
        configuration,
        row["planned"],
        row["planned_starts"],
        rounds,
        dict(row["used"]),
        soak=row["sustained"] is not None,
    )


def _round(values: Mapping[str, Any]) -> Round:
    looks = {
        "before": Sample.from_dict(values["before"]),
        "during": [Sample.from_dict(one) for one in values["during"]],
        "after": Sample.from_dict(values["after"]),
        "cooldown": Cooldown(**values["cooldown"]) if values["cooldown"] else None,
        "clocks": [RunClock(**one) for one in values["clocks"]],
    }
    return Round(**{**values, **looks})
