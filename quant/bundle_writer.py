"""Writes a bundle: the `.nb` for the phone and the one for this host, the manifest, the report, answers as CSV."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lite import bundle
from lite.bundle import Bundle
from lite.errors import ConversionError
from lite.measure import accuracy, drift, margins
from lite.measure.drift import LayerDrift
from lite.model.graph import INPUT_NAME
from lite.model.weights import Weights
from lite.nb import reader, shapes
from lite.nb.reader import LiteModel
from lite.pictures.picture_set import Picture, PictureSet
from lite.report import report
from lite.report.plots import Curve
from quant.cost import model as cost
from quant.host_check import HostAnswers
from quant.recipe import Recipe, Request

REFERENCE = "Paddle Inference, fp32"


@dataclass(frozen=True)
class Inputs:
    """What the bundles of one conversion share.

    `calibration` is None where nothing is INT8; `golden` are the pictures that bundles store with their answers;
    `fp32_bytes` is the size of the float `.nb` for ARM, which others are compared with.
    """

    weights: Weights
    calibration: PictureSet | None
    check: PictureSet
    golden: Sequence[Picture]
    fp32_bytes: int
    seed: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the input tensor."""
        side = self.weights.variant.preprocess.crop
        return 1, 3, side, side


@dataclass(frozen=True)
class Checked:
    """A converted network and what was found of it.

    `nb` is the `.nb` for the phone; `recipe` the one that INT8 was made by, None where nothing is INT8; `layers`: drift
    by block.
    """

    request: Request
    recipe: Recipe | None
    nb: LiteModel
    answers: HostAnswers
    layers: Sequence[LayerDrift]
    curve: Curve | None


def write(folder: Path, inputs: Inputs, checked: Checked, *, max_drift: float | None, force: bool) -> Bundle:
    """Writes the bundle `folder` whole or not at all; `force` replaces an earlier one.

    Drift over `max_drift` is marked in the manifest's `gate`. Raises InputError where the bundle cannot be written,
    ConversionError for NaN or infinity in an answer.
    """
    weights, check, found = inputs.weights, inputs.check, checked.answers
    if not np.isfinite(found.golden).all():
        raise ConversionError(
            "host.nb answers NaN or infinity for a golden picture", remedy="do not deploy this model"
        )
    measured = drift.compare(found.expected, found.logits, check.labels, reference_name=REFERENCE)
    by_margin = margins.measure(found.expected, found.logits)
    by_margin_class = margins.by_class(by_margin, weights.labels) if by_margin else []
    classes = (
        []
        if check.labels is None
        else accuracy.by_class(found.logits, found.expected, check.labels, weights.labels)
    )
    gate = None
    if max_drift is not None:
        passed = drift.over_gate(measured, max_drift) is None
        gate = {"max_drift": max_drift, "passed": passed}
    manifest = {
        **_manifest(inputs, checked),
        "drift": measured.as_dict(),
        "gate": gate,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "layers": [asdict(layer) for layer in checked.layers] or None,
        "classes": [row.as_dict() for row in classes[: report.SHOWN_CLASSES]] or None,
        "margins": [row.as_dict() for row in by_margin_class[: report.SHOWN_CLASSES]] or None,
    }
    with bundle.new_bundle(folder, force=force) as new:
        shutil.copyfile(checked.nb.path, new / "model.nb")
        shutil.copyfile(found.nb, new / "host.nb")
        bundle.write_labels(new, weights.labels)
        for picture in inputs.golden:
            assert picture.file is not None
            shutil.copyfile(picture.file, new / picture.name)
        tensor = inputs.golden[0].tensor(weights.variant.preprocess)
        bundle.write_golden(new, tensor, found.golden, found.noise)
        page = report.Report(
            manifest,
            checked.nb.bytes,
            checked.layers,
            curve=checked.curve,
            classes=classes,
            margins=by_margin_class,
        )
        report.write(new, page, check, weights.labels, found.logits, found.expected)
        bundle.write_manifest(new, manifest)
    return bundle.read(folder)


def _manifest(inputs: Inputs, checked: Checked) -> dict[str, Any]:
    """What is known before anything is compared."""
    weights, model = inputs.weights, checked.nb
    spec = weights.variant.preprocess
    int8 = checked.request.int8
    used = inputs.calibration if int8 else None
    return {
        "model": weights.variant.name,
        "weights": {
            "source": weights.source,
            "path": str(weights.path),
            "sha256": weights.sha256,
            "classes": weights.classes,
        },
        "input": {
            "name": INPUT_NAME,
            "shape": list(inputs.shape),
            "layout": "NCHW",
            "colour": "RGB",
            "resize_short": spec.resize_short,
            "crop": spec.crop,
            "interpolation": spec.interpolation,
            "mean": list(spec.mean),
            "std": list(spec.std),
        },
        "precision": checked.request.precision,
        "target": checked.request.target,
        "requires": _requires(model),
        "recipe": _recipe(checked.recipe) if checked.recipe else None,
        "budget": checked.curve and checked.curve.as_dict(),
        "calibration": used and {"source": used.source, "images": len(used.pictures), "sha256": used.sha256},
        "seed": inputs.seed if int8 else None,
        "versions": {
            "paddlelite": model.opt_version,
            "paddlepaddle": version("paddlepaddle"),
            "paddleslim": version("paddleslim") if int8 else None,
            "python": platform.python_version(),
        },
        "fp32_bytes": inputs.fp32_bytes,
        "kernels": reader.kernel_table(model),
        "cost": cost.summary(model, inputs.shape),
        "int8_coverage": shapes.int8_coverage(model, inputs.shape) if int8 else None,
    }


def _requires(model: LiteModel) -> dict[str, str] | None:
    """What the phone must have: ARM's fp16 kernels are in one of Paddle Lite's releases, and for ARMv8.2 processors."""
    if any((op.kernel.target, op.kernel.precision) == ("arm", "fp16") for op in model.ops):
        return {"cpu": "asimdhp", "release": "arm82_fp16"}
    return None


def _recipe(recipe: Recipe) -> dict[str, Any]:
    """The recipe with what it left open as it was chosen."""
    values = recipe.as_dict()
    if recipe.rewrite is not None:
        values["rewrite"]["attention"] = recipe.rewrite.attention_form
    return values
