"""A validation as files: `results.json`, `report.html` and, row by row, `predictions.csv` and `classes.csv`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lite.files import make_folder, write_text
from lite.measure import classes_csv, drift, predictions_csv
from lite.measure.validation import Validation
from lite.report import report


def write(out: Path, found: Validation, results: Mapping[str, Any]) -> None:
    """Writes `results.json`, `report.html`, `predictions.csv` and `classes.csv` into `out`, each whole or not at all.

    Raises InputError where they cannot be written or a picture that is shown has gone.
    """
    make_folder(out)
    write_text(out / "results.json", json.dumps(results, indent=1, allow_nan=False) + "\n")
    manifest = dict(found.bundle.manifest) | {
        "drift": results["drift"],
        "gate": results["gate"],
        "created": results["created"],
    }
    shown = []
    if found.reference is not None:
        shown = report.worst_pictures(
            found.reference,
            found.deployed,
            found.bundle.labels,
            lambda index: found.pictures.pictures[index].pixels(),
            truth=found.pictures.labels,
            names=found.pictures.names,
        )
    size = manifest["files"]["model.nb"]["bytes"]
    page = report.Report(
        manifest,
        size,
        worst=shown,
        classes=found.classes,
        margins=found.margins,
        validated=report.Validated(
            bundle=found.bundle.path.resolve().name,
            source=found.pictures.source,
            images=len(found.pictures.pictures),
            unreadable=len(found.unreadable),
            top1=found.top_k(found.deployed, 1),
            top5=found.top_k(found.deployed, drift.TOP),
        ),
        data_file="results.json",
    )
    answers = predictions_csv.table(
        found.pictures.names, found.bundle.labels, found.deployed, found.reference, found.pictures.labels
    )
    write_text(out / predictions_csv.NAME, answers)
    by_class = classes_csv.table(found.bundle.labels, found.classes, found.margins)
    write_text(out / classes_csv.NAME, by_class)
    report.write(out / "report.html", page)
