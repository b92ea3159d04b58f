"""What a bench found, as `results.json` (see `schema/results.schema.json`), `results.csv` and `report.html`.

Raw samples are kept; each derived figure can be computed from them again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from lite import json_schema
from lite.bundle import Bundle
from lite.errors import InputError
from lite.files import make_folder, remove_parts, write_text
from lite.measure import csv_tables
from lite.phone import diagnostics, report
from lite.phone.measured import BundleComparison, Measurement, PhoneFigures
from lite.phone.plan import flattened, is_same_case
from lite.phone.session import Outcome, PhoneJob

SCHEMA = 2
JSON, CSV, REPORT = FILES = ("results.json", "results.csv", "report.html")
_SCHEMA_FILE = Path(__file__).parent / "schema" / "results.schema.json"
# An earlier bench's, when another one writes to its folder.
PREVIOUS = "results.previous.json"
# Not among what is temporary: it may hold the only copy.
_LAST_RESORT = "adb-bench-"


def document(
    outcomes: Sequence[Outcome],
    job: PhoneJob,
    *,
    begun: str | None = None,
    base: str | None = None,
    adb_server: int | None = None,
) -> dict[str, Any]:
    """All of a bench as JSON has it: milliseconds, °C, kHz, KiB; unknown is null, times are UTC.

    `begun`: when, default now; `base`: the bundle that the others are held against; `adb_server`: its protocol's
    version. It can be made while phones are at work: it has what they have measured by then.
    """
    earlier = job.earlier
    found = {
        "schema": SCHEMA,
        "created": now(),
        "sessions": [*(earlier.sessions if earlier else []), begun or now()],
        "versions": {
            "python": platform.python_version(),
            "adbutils": version("adbutils"),
            "adb_server": adb_server,
            "paddlelite": version("paddlelite"),
        },
        "plan": asdict(job.plan),
        "base": base,
        "bundles": [of_bundle(bundle) for bundle in job.bundles],
        "phones": [
            *(_phone(outcome, base) for outcome in outcomes),
            *(earlier.others([outcome.serial for outcome in outcomes]) if earlier else []),
        ],
    }
    return dict(json.loads(json.dumps(found)))


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def problem(results: Any) -> str | None:
    """What is wrong with results as JSON gave them, in one short line, or None."""
    return json_schema.problem(results, _SCHEMA_FILE)


def write(out: Path, results: Mapping[str, Any]) -> None:
    """Writes the three files into the folder `out`, each whole or not at all.

    Raises InputError where they cannot be written.
    """
    check(results)
    write_figures(out, results)
    write_report(out, results)


def check(results: Mapping[str, Any]) -> None:
    """Raises AssertionError, which is a fault of this tool's own, for what is not as the schema says."""
    if found := problem(results):
        raise AssertionError(f"{JSON} would not be what its schema says: {found}")


def write_figures(out: Path, results: Mapping[str, Any]) -> None:
    """Writes results.json and results.csv into the folder `out`. Raises InputError where they cannot be written."""
    write_text(out / JSON, as_text(results))
    write_text(out / CSV, table(results))


def as_text(results: Mapping[str, Any]) -> str:
    """`results` as results.json has them."""
    return json.dumps(results, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def write_report(out: Path, results: Mapping[str, Any]) -> None:
    """Writes report.html into the folder `out`. Raises InputError where it cannot be written."""
    write_text(out / REPORT, report.render(results))


def of_bundle(bundle: Bundle) -> dict[str, Any]:
    """What the results say of a bundle."""
    manifest = bundle.manifest
    return {
        "name": bundle.name,
        "path": str(bundle.path.absolute()),
        **{name: manifest[name] for name in ("model", "precision", "target", "versions", "created")},
        "recipe": (manifest["recipe"] or {}).get("name"),
        "classes": manifest["weights"]["classes"],
        "model_nb": manifest["files"]["model.nb"],
    }


def _phone(outcome: Outcome, base: str | None) -> dict[str, Any]:
    measured = outcome.measured.snapshot()
    error = outcome.error
    return {
        "serial": outcome.serial,
        "facts": asdict(outcome.facts) if outcome.facts else None,
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "error": None if error is None else error.as_dict(),
        "seconds": {"total": outcome.seconds, **outcome.stages.seconds},
        "pushed": asdict(outcome.pushed) if outcome.pushed else None,
        "losses": [asdict(one) for one in list(outcome.losses)],
        "conditions": outcome.conditions.as_dict() if outcome.conditions else None,
        "golden": [one.as_dict() for one in measured.golden],
        "measurements": [_measurement(one) for one in measured.measurements],
        "speed_ups": [_speed_up(one) for one in measured.comparisons(base)] if base else [],
        "diagnostics": _diagnostics(outcome, measured, base),
    }


def _diagnostics(outcome: Outcome, measured: PhoneFigures, base: str | None) -> dict[str, Any]:
    found = outcome.diagnostics
    int8 = diagnostics.of_int8(measured, base, outcome.facts, found.cache)
    return {
        **asdict(found),
        "engine_profiles": diagnostics.engine_profiles(measured),
        "int8": [flattened(one) for one in int8],
    }


def _measurement(one: Measurement) -> dict[str, Any]:
    return {
        "bundle": one.candidate.name,
        **asdict(one.configuration),
        "planned": one.planned,
        "planned_starts": one.planned_starts,
        "complete": one.complete,
        "used": one.used,
        "summary": asdict(one.summary),
        "sustained": found.as_dict() if (found := one.sustained) else None,
        "noisy": one.summary.noisy,
        "throttled": one.throttled,
        "notes": one.notes,
        "rounds": [asdict(each) for each in one.rounds],
    }


def _speed_up(one: BundleComparison) -> dict[str, Any]:
    return {
        "bundle": one.measurement.candidate.name,
        "base": one.base.candidate.name,
        **asdict(one.measurement.configuration),
        **one.speed_up.as_dict(),
        "simulated": one.simulated,
    }


COLUMNS = (
    "serial", "phone", "android", "bundle", "precision", "target", "threads", "power_mode", "cpu_mask", "cores",
    "status", "starts", "runs", "planned_runs", "mean_ms", "p50_ms", "p50_low_ms", "p50_high_ms", "p90_ms",
    "p99_ms", "min_ms", "max_ms", "stddev_ms", "within_starts", "between_starts", "clock_mhz", "sustained_ms",
    "load_ms", "first_run_ms", "peak_rss_kib", "celsius_before", "celsius_after", "speed_up", "speed_up_low",
    "speed_up_high", "noisy", "throttled", "notes",
)  # fmt: skip


def table(results: Mapping[str, Any]) -> str:
    """The rows of `results` (as `results.document` gives them) with a heading, as CSV (RFC 4180)."""
    return csv_tables.table(COLUMNS, ([row.get(name) for name in COLUMNS] for row in _rows(results)))


def _rows(results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    bundles = {bundle["name"]: bundle for bundle in results["bundles"]}
    for phone in results["phones"]:
        facts = phone["facts"] or {}
        for one in phone["measurements"]:
            yield {
                "serial": phone["serial"],
                "phone": facts.get("model"),
                "android": facts.get("android_version"),
                **{name: bundles[one["bundle"]][name] for name in ("precision", "target")},
                **{name: one[name] for name in ("bundle", "threads", "power_mode", "cpu_mask", "cores")},
                "status": "complete" if one["complete"] else phone["status"],
                "planned_runs": one["planned"],
                **_figures(one),
                **_speed_up_columns(phone, one),
                "noisy": int(one["noisy"]),
                "throttled": int(bool(one["throttled"])),
                "notes": "; ".join(one["notes"]),
            }


def _figures(one: Mapping[str, Any]) -> dict[str, Any]:
    summary, rounds = one["summary"], one["rounds"]
    interval = summary["median_interval"] or {}
    clocks = [clock["khz"] / 1000 for each in rounds for clock in each["clocks"]]
    memory = [each["peak_rss_kib"] for each in rounds if each["peak_rss_kib"] is not None]
    return {
        **{name: summary[name] for name in ("starts", "within_starts", "between_starts")},
        "runs": summary["count"],
        **{f"{name}_ms": summary[name] for name in ("mean", "p50", "p90", "p99", "min", "max", "stddev")},
        "p50_low_ms": interval.get("low"),
        "p50_high_ms": interval.get("high"),
        "clock_mhz": median(clocks) if clocks else None,
        "sustained_ms": (one["sustained"] or {}).get("sustained_ms"),
        "load_ms": median(each["load_ms"] for each in rounds),
        "first_run_ms": median(each["first_run_ms"] for each in rounds),
        "peak_rss_kib": max(memory, default=None),
        "celsius_before": rounds[0]["before"]["processor"],
        "celsius_after": rounds[-1]["after"]["processor"],
    }


def _speed_up_columns(phone: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    for each in phone["speed_ups"]:
        if is_same_case(each, one):
            interval = each["interval"] or {}
            return {
                "speed_up": each["ratio"],
                "speed_up_low": interval.get("low"),
                "speed_up_high": interval.get("high"),
            }
    return {}


class ResultsFolder:
    """The folder `out`, or one in its place once it cannot be written.

    `spare` is tried after it, then a new folder among the system's temporary ones. `notify` gets one line when
    another folder is taken. With `resumed` the results that are there are this bench's own. Raises InputError where
    another one, of this process or not, writes into `out`.
    """

    def __init__(
        self, out: Path, spare: Path, *, notify: Callable[[str], None], resumed: bool = False
    ) -> None:
        self.path = out
        # Why the results are not in `out`, None where they are.
        self.error: InputError | None = None
        self._out, self._spare, self._notify = out, spare, notify
        self._is_fresh = not resumed
        self._lock = threading.Lock()
        make_folder(out)
        weakref.finalize(self, os.close, _held(out))
        _check(out)

    def write(
        self, document: Callable[[], Mapping[str, Any]], *, complete: bool = False
    ) -> Mapping[str, Any]:
        """Writes results.json and results.csv of what `document` gives, each whole or not at all; returns it.

        From any thread; what is written is never older than what is there. `complete` holds it to the schema
        first. Raises InputError where no folder takes them.
        """
        with self._lock:
            content = document()
            if complete:
                check(content)
            self._write(content)
            return content

    def _write(self, document: Mapping[str, Any]) -> None:
        try:
            # Somebody may have removed it.
            make_folder(self._out)
            if self._is_fresh:
                _make_room(self._out)
                self._is_fresh = False
            write_figures(self._out, document)
            self.path, self.error = self._out, None
        except InputError as error:
            before = self.path
            self.path = self._elsewhere(document, error)
            self.error = InputError(
                error.what, why=error.why, remedy=f"what was measured is in {self.path}; choose another --out"
            )
            if self.path != before:
                self._notify(f"{error.reason}: results go to {self.path}")

    def _elsewhere(self, document: Mapping[str, Any], error: InputError) -> Path:
        known = [self._spare] if self.path == self._out else [self.path, self._spare]
        for folder in known:
            with contextlib.suppress(InputError):
                make_folder(folder)
                write_figures(folder, document)
                return folder
        try:
            last = Path(tempfile.mkdtemp(prefix=_LAST_RESORT))
        except OSError:
            raise error from None
        write_figures(last, document)
        return last


def _held(out: Path) -> int:
    """A descriptor of the folder `out` that keeps other benches out of it until it is closed, or its process ends."""
    try:
        handle = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(
            f"cannot read {out}", why=error.strerror, remedy="check its permissions, or choose another --out"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise InputError(
            f"another bench writes into {out}", remedy="wait for it, or choose another --out"
        ) from error
    except OSError:
        pass  # a file system without locks
    return handle


def _check(out: Path) -> None:
    """Before any work: raises InputError unless the three files can be written into the folder `out`.

    What a bench that was killed while it wrote them has left is removed.
    """
    for name in FILES:
        remove_parts(out / name)
        if (out / name).is_dir():
            raise InputError(f"{out / name} is a folder", remedy="choose another --out, or remove it")


def _make_room(out: Path) -> None:
    """Puts an earlier bench's results aside, and removes its report, which would not fit beside the new ones."""
    try:
        if (out / JSON).is_file():
            (out / JSON).replace(out / PREVIOUS)
        (out / REPORT).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write into {out}", why=error.strerror, remedy="choose another --out"
        ) from error
