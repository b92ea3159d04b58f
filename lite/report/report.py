"""`report.html`: what a conversion made and what it lost, in plain words, in one file that needs no network.

The words are in `templates/report.html.j2`; here are the figures and pictures it shows.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import yaml
from jinja2 import Template

from lite.files import make_folder, write_text
from lite.measure import csv_tables, drift, interval, margins
from lite.measure.accuracy import ClassAccuracy, Guess, guesses
from lite.measure.drift import SNR_LIMIT_DB, Drift, LayerDrift
from lite.measure.interval import Interval
from lite.measure.margins import ClassMargins
from lite.pictures import composed
from lite.pictures.picture_set import COMPOSED, PictureSet
from lite.report import page
from lite.shown import expected

if TYPE_CHECKING:
    from lite.measure.validate import Validation
    from lite.report.plots import Curve

THUMBNAIL = 160
# Rows of a table by class, and pictures with another class, that are shown; all are in the CSV files beside the page.
SHOWN_CLASSES, SHOWN_FLIPS = 10, 12


@dataclass(frozen=True)
class ShownPicture:
    """One check picture and what both networks make of it, likeliest class first.

    `pixels`: uint8 RGB [H, W, 3]; `label`: the true class where it is known; `cosine`: of the logits.
    """

    name: str
    pixels: np.ndarray
    cosine: float
    reference: Sequence[Guess]
    deployed: Sequence[Guess]
    flipped: bool
    label: str | None = None


@dataclass(frozen=True)
class Validated:
    """What a validation was of: a bundle, by its name, and the pictures of `source`.

    `images` were measured, `unreadable` could not be read; `top1` and `top5` are the bundle's accuracy where known.
    """

    bundle: str
    source: str
    images: int
    unreadable: int
    top1: float | None
    top5: float | None

    def interval(self, name: str) -> Interval | None:
        """Wilson's 95 % interval of the share in the field `name`; None where the share is."""
        return interval.of_known(getattr(self, name), self.images)


@dataclass(frozen=True)
class Report:
    """All that the page shows.

    `manifest`: as for `bundle.write_manifest` (its `files` are not read); `model_bytes`: size of `model.nb`;
    `layers`: the patch embedding, each block, the head; `worst`: worst picture first; `curve`: where a budget chose the
    recipe; `classes` and `margins`: by class, worst first, of which the first SHOWN_CLASSES are shown; `validated`:
    where the page is of a validation and not of a conversion; `data_file`: where the figures are as data.
    """

    manifest: Mapping[str, Any]
    model_bytes: int
    layers: Sequence[LayerDrift] = ()
    worst: Sequence[ShownPicture] = ()
    curve: Curve | None = None
    classes: Sequence[ClassAccuracy] = ()
    margins: Sequence[ClassMargins] = ()
    validated: Validated | None = None
    data_file: str = "manifest.json"


def worst_pictures(
    reference: np.ndarray,
    deployed: np.ndarray,
    classes: Sequence[str],
    load: Callable[[int], np.ndarray],
    *,
    truth: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> list[ShownPicture]:
    """The pictures to show, by logits float32 [N, classes] of both networks: flips first, then the worst.

    Up to SHOWN_FLIPS with another class are taken, and three or more others, six at least.
    `load` gives picture i as uint8 RGB; it is called for the shown ones only. `truth`: class indices [N].
    """
    cosines = drift.cosines(reference, deployed)
    flips = int((reference.argmax(1) != deployed.argmax(1)).sum())
    order = drift.worst(reference, deployed, len(reference))
    flips_shown = min(flips, SHOWN_FLIPS)
    order = order[:flips_shown] + order[flips:]
    return [
        ShownPicture(
            name=names[index] if names else f"picture {index}",
            pixels=load(index),
            cosine=float(cosines[index]),
            reference=guesses(reference[index], classes),
            deployed=guesses(deployed[index], classes),
            flipped=bool(reference[index].argmax() != deployed[index].argmax()),
            label=None if truth is None else classes[int(truth[index])],
        )
        for index in order[: max(6, flips_shown + 3)]
    ]


def render(report: Report) -> str:
    """The page as HTML. Text from outside (labels, file names, recipes) is escaped."""
    # Imported here because matplotlib takes half a second, which commands that end without a page need not wait.
    from lite.report.plots import curve_plot, layer_plot

    manifest = report.manifest
    figures = Drift.of(manifest["drift"]) if manifest["drift"] else None
    fp32_bytes = manifest["fp32_bytes"]
    noise = drift.added_noise(report.layers).tolist() if report.layers else []
    return _template().render(
        manifest=manifest,
        drift=figures,
        changed=figures.flips if figures else None,
        room=drift.room(figures, manifest["gate"]["max_drift"]) if figures and manifest["gate"] else None,
        model_bytes=report.model_bytes,
        ratio=fp32_bytes / report.model_bytes if fp32_bytes and report.model_bytes else None,
        layers=list(zip(report.layers, noise, strict=True)),
        noisiest=max(zip(noise, report.layers, strict=True), key=lambda pair: pair[0], default=None),
        plots=[(kind, layer_plot(report.layers, kind)) for kind in ("wide", "narrow")]
        if report.layers
        else [],
        curve=report.curve,
        curve_plots=[(kind, curve_plot(report.curve, kind)) for kind in ("wide", "narrow")]
        if report.curve
        else [],
        worst=[(picture, thumbnail(picture.pixels)) for picture in report.worst],
        classes=report.classes[:SHOWN_CLASSES],
        classes_in_all=len(report.classes),
        margins=report.margins[:SHOWN_CLASSES],
        margins_in_all=len(report.margins),
        validated=report.validated,
        composed={"source": COMPOSED, "remark": composed.REMARK},
        recipe=_yaml(manifest["recipe"]),
        data_file=report.data_file,
    )


def write(
    folder: Path,
    report: Report,
    shown: PictureSet,
    labels: Sequence[str],
    deployed: np.ndarray,
    reference: np.ndarray | None,
) -> None:
    """Writes `report.html`, `predictions.csv` and `classes.csv` into `folder`, each whole or not at all.

    They are of the pictures `shown` and the logits float32 [N, classes] of both networks, `reference` where known; the
    report's `worst` is found here. Raises InputError where they cannot be written or a picture has gone.
    """
    worst = []
    if reference is not None:
        worst = worst_pictures(
            reference,
            deployed,
            labels,
            lambda index: shown.pictures[index].pixels(),
            truth=shown.labels,
            names=shown.names,
        )
    answers = csv_tables.predictions_table(shown.names, labels, deployed, reference, shown.labels)
    for name, text in (
        (csv_tables.PREDICTIONS, answers),
        (csv_tables.CLASSES, csv_tables.classes_table(labels, report.classes, report.margins)),
        ("report.html", render(replace(report, worst=worst))),
    ):
        write_text(folder / name, text)


def thumbnail(pixels: np.ndarray) -> str:
    """A picture (uint8 RGB [H, W, 3]) as a PNG data URI of at most THUMBNAIL pixels a side."""
    scale = min(1.0, THUMBNAIL / max(pixels.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else pixels
    _, png = cv2.imencode(".png", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode("ascii")


def _bounds(figures: Drift | ClassAccuracy | Validated, name: str, word: str = "to") -> str:
    """The 95 % interval of the share in the field `name`, as words."""
    found = figures.interval(name)
    assert found is not None
    return f"{page.percent(found.low, 1)} {word} {page.percent(found.high, 1)}"


def _yaml(recipe: Mapping[str, Any] | None) -> str | None:
    return None if recipe is None else yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True)


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = page.environment(Path(__file__).parent / "templates")
    environment.filters.update(
        expected=expected,
        millions=lambda count: f"{count / 1e6:.1f} M",
        megabytes=lambda size: f"{size / 1e6:.{1 if size >= 1e5 else 3}f} MB",
    )
    environment.globals.update(
        snr_limit=SNR_LIMIT_DB,
        shown_flips=SHOWN_FLIPS,
        fewest=margins.FEWEST,
        bounds=_bounds,
        predictions_file=csv_tables.PREDICTIONS,
        classes_file=csv_tables.CLASSES,
    )
    return environment.get_template("report.html.j2")


def write_validation(out: Path, found: Validation, results: Mapping[str, Any]) -> None:
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
    size = manifest["files"]["model.nb"]["bytes"]
    shown_page = Report(
        manifest,
        size,
        classes=found.classes,
        margins=found.margins,
        validated=Validated(
            bundle=found.bundle.name,
            source=found.pictures.source,
            images=len(found.pictures.pictures),
            unreadable=len(found.unreadable),
            top1=found.top_k(found.deployed, 1),
            top5=found.top_k(found.deployed, drift.TOP),
        ),
        data_file="results.json",
    )
    write(out, shown_page, found.pictures, found.bundle.labels, found.deployed, found.reference)
