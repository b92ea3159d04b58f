"""What a bench found, as `results.json` (see `schema/results.schema.json`), `results.csv` and `report.html`.

Raw samples are kept; each derived figure can be computed from them again.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from lite.bundle import Bundle
from lite.phone import report, results_csv
from lite.phone.measured import Comparison, Measurement, Round
from lite.phone.session import Job, Outcome
from lite.whole_file import write_text

SCHEMA = 1
_SCHEMA_FILE = Path(__file__).parent / "schema" / "results.schema.json"


def document(
    outcomes: Sequence[Outcome], job: Job, *, base: str | None = None, adb_server: int | None = None
) -> dict[str, Any]:
    """All of a bench as JSON values: milliseconds, °C, kHz, KiB; unknown is null, times are UTC.

    `base`: the bundle that the others are held against; `adb_server`: its protocol's version.
    """
    return {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {
            "python": platform.python_version(),
            "adbutils": version("adbutils"),
            "adb_server": adb_server,
            "paddlelite": version("paddlelite"),
        },
        "plan": job.plan.as_dict(),
        "base": base,
        "bundles": [_bundle(bundle) for bundle in job.bundles],
        "phones": [_phone(outcome, base) for outcome in outcomes],
    }


def problem(results: Any) -> str | None:
    """What is wrong with results as JSON gave them, in one short line, or None."""
    error = best_match(_validator().iter_errors(results))
    if error is None:
        return None
    where = "/".join(str(part) for part in error.absolute_path) or "top level"
    return f"{where}: {error.message.splitlines()[0][:200]}"


def write(out: Path, results: Mapping[str, Any]) -> None:
    """Writes the three files into the folder `out`, each whole or not at all.

    Raises InputError where they cannot be written.
    """
    text = json.dumps(results, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    found = problem(json.loads(text))
    if found:
        raise AssertionError(f"results.json would not be what its schema says: {found}")
    write_text(out / "results.json", text)
    write_text(out / "results.csv", results_csv.table(results))
    write_text(out / "report.html", report.render(results))


def _bundle(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "name": bundle.path.resolve().name,
        "path": str(bundle.path.absolute()),
        **{name: manifest[name] for name in ("model", "precision", "target", "versions", "created")},
        "recipe": (manifest["recipe"] or {}).get("name"),
        "classes": manifest["weights"]["classes"],
        "model_nb": manifest["files"]["model.nb"],
    }


def _phone(outcome: Outcome, base: str | None) -> dict[str, Any]:
    measured = outcome.measured
    error = outcome.error
    return {
        "serial": outcome.serial,
        "facts": outcome.facts.as_dict() if outcome.facts else None,
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "error": None if error is None else " ".join(str(error).split()),
        "seconds": {"total": outcome.seconds, **outcome.stages.seconds},
        "pushed": asdict(outcome.pushed) if outcome.pushed else None,
        "golden": [one.as_dict() for one in measured.golden],
        "measurements": [_measurement(one) for one in measured.measurements],
        "speed_ups": [_speed_up(one) for one in measured.comparisons(base)] if base else [],
    }


def _measurement(one: Measurement) -> dict[str, Any]:
    return {
        "bundle": one.candidate.name,
        **asdict(one.configuration),
        "used": one.used,
        "summary": one.summary.as_dict(),
        "noisy": one.summary.noisy,
        "throttled": one.throttled,
        "notes": one.notes,
        "rounds": [_round(each) for each in one.rounds],
    }


def _round(one: Round) -> dict[str, Any]:
    return {
        "latencies_ms": list(one.latencies),
        "load_ms": one.load_ms,
        "first_run_ms": one.first_run_ms,
        "peak_rss_kib": one.peak_rss_kib,
        "cooldown": asdict(one.cooldown) if one.cooldown else None,
        "throttled": list(one.throttled),
        "before": one.before.as_dict(),
        "during": [sample.as_dict() for sample in one.during],
        "after": one.after.as_dict(),
    }


def _speed_up(one: Comparison) -> dict[str, Any]:
    return {
        "bundle": one.measurement.candidate.name,
        "base": one.base.candidate.name,
        **asdict(one.measurement.configuration),
        **one.speed_up.as_dict(),
        "simulated": one.simulated,
    }


@lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(_SCHEMA_FILE.read_text(encoding="utf-8")))
