"""Weights → checked bundles: `convert` is what `tools/opt.py` runs.

1. export the deployable network in float;
2. for INT8: calibrate and quantize it with PaddleSlim, and build the host twin;
3. run Paddle Lite's optimizer, for the phone and for this host;
4. check on this host: logits of the check pictures against the float reference, and per-block drift;
5. write the bundle folder.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lite import bundle
from lite.engines import processes, workers
from lite.errors import ConversionError, InputError
from lite.files import write_text
from lite.measure import accuracy, drift, margins, predictions_csv
from lite.model.program import INPUT_NAME
from lite.model.weights import Weights
from lite.nb import reader, shapes
from lite.pictures import prepare
from lite.pictures.picture_set import Picture, PictureSet
from lite.report import report
from lite.report.plots import Curve
from lite.stages import Stages
from quant import cost
from quant.budget import compare
from quant.budget import plan as budget_plan
from quant.budget.compare import Answers
from quant.budget.plan import Plan
from quant.conversion import SEED, Conversion
from quant.recipe import Recipe

REFERENCE = "Paddle Inference, fp32"
PRECISIONS = ("int8", "fp16", "fp32")
TARGETS = ("arm", "opencl")


@dataclass(frozen=True)
class Request:
    """One bundle to make: precision fp32, fp16 or int8, target arm or opencl.

    Raises InputError for INT8 on a GPU.
    """

    precision: str
    target: str

    def __post_init__(self) -> None:
        if self.precision == "int8" and self.target == "opencl":
            raise InputError(
                "int8 with opencl is refused: Paddle Lite has no INT8 GPU kernels, so data would hop between GPU "
                "and CPU at every layer (29 copies in two blocks); use int8 with arm, or fp16 with opencl"
            )


def combinations(precisions: Sequence[str], targets: Sequence[str]) -> tuple[list[Request], list[InputError]]:
    """Every combination Paddle Lite can honour, and why it can't the others.

    Raises the refusal itself when nothing else is left.
    """
    requests, refusals = [], []
    for precision in dict.fromkeys(precisions):
        for target in dict.fromkeys(targets):
            try:
                requests.append(Request(precision, target))
            except InputError as error:
                refusals.append(error)
    if not requests:
        raise refusals[0]
    return requests, refusals


def bundle_name(weights: Weights, request: Request) -> str:
    """The folder's name: `deit_tiny-digits-int8-arm`."""
    return f"{weights.variant.name}-{weights.name}-{request.precision}-{request.target}"


def convert(
    weights: Weights,
    requests: Sequence[Request],
    *,
    recipe: Recipe,
    calibration: PictureSet | None,
    check: PictureSet,
    out: Path,
    work: Path,
    force: bool = False,
    max_drift: float | None = None,
    budget: float | None = None,
    stages: Stages | None = None,
    notify: Callable[[str], None] = lambda message: None,
) -> list[bundle.Bundle]:
    """Makes a bundle in `out` for each request; `work` is an empty folder for files in between.

    `calibration` is for INT8 only. `budget`: instructions that INT8 may take on ARM; the recipe is adapted to them
    (`quant/budget/plan.py`), and `notify` hears what was chosen. Raises InputError, before any work, when a bundle
    is there already and `force` is not set, and as `quant.budget.plan.plan` does; ConversionError when a stage
    fails. Drift over `max_drift` (see `drift.over_gate`) is marked in the manifest's `gate`, not raised.
    """
    for request in requests:
        bundle.check_free(out / bundle_name(weights, request), force=force)
    stages = stages or Stages()
    calibration = calibration and calibration.first(recipe.batches)
    with ExitStack() as held:
        bought = None
        if budget is not None:
            int8 = any(request.precision == "int8" for request in requests)
            budget_plan.check(recipe, budget, weights.variant, weights.classes, int8=int8)
            if calibration is None:
                raise InputError("int8 needs calibration pictures; give a folder of them")
            beside = held.enter_context(processes.pool(1))
            others = compare.compared(recipe)
            answers = beside.submit(compare.answers, weights, others, calibration, check, work)
            plan = budget_plan.plan(weights, recipe, calibration, check, budget, work / "budget", stages)
            recipe, bought = plan.recipe, _Bought(plan, answers)
            notify(plan.summary)
        references, hosts = held.enter_context(workers.local()), held.enter_context(workers.local())
        conversion = Conversion(weights, recipe, calibration, check, work, references, hosts, SEED, stages)
        conversion.start_reference()
        return [_bundle(conversion, request, out, force, max_drift, bought) for request in requests]


@dataclass(frozen=True)
class _Bought:
    """What a budget bought, and what it is compared with, once that is there."""

    plan: Plan
    others: Future[list[Answers]]

    def curve(self, conversion: Conversion, logits: np.ndarray) -> Curve:
        """Every point on the check pictures; `logits` are the converted network's."""
        with conversion.stages.stage("comparison"):
            others = self.others.result()
        reference = conversion.reference_logits
        compared = [other.point(reference) for other in others]
        return self.plan.curve(conversion, reference, logits, compared)


def _bundle(
    conversion: Conversion,
    request: Request,
    out: Path,
    force: bool,
    max_drift: float | None,
    bought: _Bought | None,
) -> bundle.Bundle:
    weights, check = conversion.weights, conversion.check
    int8 = request.precision == "int8"
    model_path, model = conversion.phone(request.precision, request.target)
    host_path, logits = conversion.host(int8)
    measured = drift.compare(conversion.reference_logits, logits, check.labels, reference_name=REFERENCE)
    gate = None
    if max_drift is not None:
        gate = {"max_drift": max_drift, "passed": drift.over_gate(measured, max_drift) is None}
    layers = conversion.layer_drift if int8 else []
    found = margins.measure(conversion.reference_logits, logits)
    by_margin = margins.by_class(found, weights.labels) if found else []
    classes = (
        []
        if check.labels is None
        else accuracy.by_class(logits, conversion.reference_logits, check.labels, weights.labels)
    )
    curve = bought.curve(conversion, logits) if bought and int8 else None
    manifest = {
        **_manifest(conversion, request, model, measured, gate, curve),
        "layers": [asdict(layer) for layer in layers] or None,
        "classes": [row.as_dict() for row in classes[: report.SHOWN_CLASSES]] or None,
        "margins": [row.as_dict() for row in by_margin[: report.SHOWN_CLASSES]] or None,
    }
    folder = out / bundle_name(weights, request)
    with conversion.stages.stage("bundle"), bundle.new_bundle(folder, force=force) as new:
        (new / "model.nb").write_bytes(model_path.read_bytes())
        (new / "host.nb").write_bytes(host_path.read_bytes())
        bundle.write_labels(new, weights.labels)
        _write_golden(new, conversion, int8)
        worst = report.worst_pictures(
            conversion.reference_logits,
            logits,
            weights.labels,
            lambda index: check.pictures[index].pixels(),
            truth=check.labels,
            names=check.names,
        )
        size = model_path.stat().st_size
        page = report.Report(manifest, size, layers, worst, curve, classes, by_margin)
        report.write(new / "report.html", page)
        answers = predictions_csv.table(
            check.names, weights.labels, logits, conversion.reference_logits, check.labels
        )
        write_text(new / "predictions.csv", answers)
        bundle.write_manifest(new, manifest)
    return bundle.read(folder)


def _manifest(
    conversion: Conversion,
    request: Request,
    model: reader.LiteModel,
    measured: drift.Drift,
    gate: dict[str, Any] | None,
    curve: Curve | None,
) -> dict[str, Any]:
    weights, calibration = conversion.weights, conversion.calibration
    spec = weights.variant.preprocess
    int8 = request.precision == "int8"
    shape = (1, 3, spec.crop, spec.crop)
    used = calibration if int8 else None
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
            "shape": list(shape),
            "layout": "NCHW",
            "colour": "RGB",
            "resize_short": spec.resize_short,
            "crop": spec.crop,
            "interpolation": spec.interpolation,
            "mean": list(spec.mean),
            "std": list(spec.std),
        },
        "precision": request.precision,
        "target": request.target,
        "recipe": _recipe(conversion) if int8 else None,
        "budget": curve and curve.as_dict(),
        "calibration": used and {"source": used.source, "images": len(used.pictures), "sha256": used.sha256},
        "seed": conversion.seed if int8 else None,
        "versions": {
            "paddlelite": model.opt_version,
            "paddlepaddle": version("paddlepaddle"),
            "paddleslim": version("paddleslim") if int8 else None,
            "python": platform.python_version(),
        },
        "fp32_bytes": conversion.fp32_bytes,
        "kernels": reader.kernel_table(model),
        "cost": cost.summary(model, shape),
        "int8_coverage": shapes.int8_coverage(model, shape) if int8 else None,
        "drift": measured.as_dict(),
        "gate": gate,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _recipe(conversion: Conversion) -> dict[str, Any]:
    """The recipe with what it left open as it was chosen."""
    values = conversion.recipe.as_dict()
    if values["rewrite"]:
        values["rewrite"]["attention"] = conversion.attention
    return values


def _write_golden(folder: Path, conversion: Conversion, int8: bool) -> None:
    """Stores the first check picture, its tensor as read back from the stored file, and `host.nb`'s logits."""
    path = folder / "golden.png"
    picture = conversion.check.pictures[0].pixels()
    if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
        raise InputError(f"cannot write {path}; is the disk full?")
    tensor = prepare.from_file(path, conversion.weights.variant.preprocess)
    logits = conversion.host_answer(int8, Picture(path.name, path))
    if not np.isfinite(logits).all():
        raise ConversionError(
            "host.nb answers NaN or infinity for the golden picture; do not deploy this model"
        )
    bundle.write_golden(folder, tensor, logits)
