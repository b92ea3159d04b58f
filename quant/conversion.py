"""Weights → checked bundles: `convert` makes one, `convert_all` several, which share what they can.

1. export the network in float, as it is and in the forms for an ARM CPU and a GPU;
2. for INT8: rewrite, calibrate and quantize it (`quant/int8.py`);
3. run Paddle Lite's optimizer, for the phone and for this host;
4. check on this host: logits of the check pictures against the float reference, and drift by block;
5. write the bundle's folder (`quant/bundle_writer.py`).
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lite import bundle
from lite import labels as class_names
from lite.bundle import Bundle
from lite.engines import processes, workers
from lite.engines.workers import Pending
from lite.errors import InputError
from lite.files import check_writable_folder
from lite.measure import drift
from lite.model.graph import CHEAPEST, GPU, PLAIN, Exported, Form
from lite.model.program import export_weights
from lite.model.weights import Weights
from lite.nb import optimizer
from lite.nb.reader import LiteModel
from lite.pictures.picture_set import PictureSet
from lite.scratch import scratch_folder
from lite.stages import Stages, to_stderr
from quant import bundle_writer, host_check
from quant.budget import budget as budgets
from quant.budget import plan
from quant.budget.budget import Budget
from quant.budget.plan import BudgetRun
from quant.bundle_writer import Checked, Inputs
from quant.cost.rates import DEFAULT_CORE, check_core
from quant.host_check import HostAnswers
from quant.int8 import SEED, check_recipe, for_phone, quantize
from quant.pictures import choose, for_recipe
from quant.recipe import CALIBRATION_PICTURES, CHECK_PICTURES, DEFAULT, MIXED, Recipe, Request

# Paddle's modes and the counters of its names are the process's.
_TURN = threading.Lock()


def bundle_name(weights: Weights, request: Request) -> str:
    """The folder's name: `deit_tiny-digits-int8-arm`."""
    return f"{weights.variant.name}-{weights.name}-{request.precision}-{request.target}"


def convert(
    weights: Weights,
    out: str | Path,
    *,
    recipe: Recipe | str | Path = DEFAULT,
    calibration: str | Path | None = None,
    check: str | Path | None = None,
    calibration_pictures: int = CALIBRATION_PICTURES,
    check_pictures: int = CHECK_PICTURES,
    precision: str = "int8",
    target: str = "arm",
    budget: float | None = None,
    core: str = DEFAULT_CORE,
    max_drift: float | None = None,
    force: bool = False,
    notify: Callable[[str], None] = to_stderr,
) -> Bundle:
    """Converts `weights` for phones, checks the result on this host, and writes a bundle into the folder `out`.

    The bundle is the folder `out/MODEL-WEIGHTS-PRECISION-TARGET`, written whole or not at all; its `manifest` says
    what the conversion lost. This is what `tools/opt.py` does with the same words:

    - `precision`: "int8", "int8-fp16", "fp16" or "fp32" (int8-fp16: INT8 whose float parts are fp16 where that pays);
      `target`: "arm" or "opencl", for a phone's CPU or GPU (no int8 there).
    - `recipe`: what INT8 quantization does, or the recipe's name or YAML file, as for `Recipe.named`.
    - `calibration`: pictures for INT8's ranges, in one of the layouts of docs/training.md: a folder, a list file
      (.txt), or "digits" or "composed", which come with the toolkit. None: the digits for a network of their classes,
      the composed ones for any other (`lite/pictures/composed.py`). As many as `calibration_pictures` are used.
    - `check`: pictures that the drift is measured on, of the same kinds, up to `check_pictures`. None: what
      `calibration` holds out or leaves (`quant.pictures.choose`).
    - `budget`: instructions that INT8, or INT8 with FP16, may take for a picture on one ARM `core` (of
      `quant.cost.rates.CORES`), such as 190e6. What stays in float or goes to FP16 is chosen anew for them.
    - `max_drift`: a share of the check pictures, 0 to 1. The manifest's `gate` says whether at most so many of them get
      another first class than in float; nothing is raised where more do.
    - `force`: a bundle that is there already is replaced.
    - `notify` gets what a user should know, a line each.

    Conversions of several threads take turns, for Paddle makes one network at a time in a process.

    Raises InputError for weights, pictures, a recipe or a budget that do not fit and, before any work, for a bundle
    that is there already; ConversionError when a stage fails. Both are ToolkitErrors.
    """
    request = Request(precision, target)
    check_core(core)
    drift.check_gate(max_drift)
    for name, count in (("calibration_pictures", calibration_pictures), ("check_pictures", check_pictures)):
        if count < 1:
            raise InputError(f"{name} is {count}", remedy="ask for one or more")
    check_writable_folder(Path(out))
    used = recipe if isinstance(recipe, Recipe) else Recipe.named(recipe)
    within = None if budget is None else budgets.of(budget, [precision], core)
    if within is not None:
        within.check(used, weights.variant, weights.classes)
    labels, calibrating, checking = choose(
        weights.labels,
        None if calibration is None else str(calibration),
        None if check is None else str(check),
        int8=request.int8,
        calibration_pictures=calibration_pictures,
        check_pictures=check_pictures,
        notify=notify,
    )
    class_names.remark(labels, notify)
    weights = weights.called(labels)
    with _TURN, scratch_folder() as work:
        (written,) = convert_all(
            weights,
            [request],
            recipe=used,
            calibration=calibrating,
            check=checking,
            out=Path(out),
            work=work,
            force=force,
            max_drift=max_drift,
            budget=within,
            notify=notify,
        )
    return written


def convert_all(
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
    budget: Budget | None = None,
    stages: Stages | None = None,
    notify: Callable[[str], None] = lambda message: None,
) -> list[Bundle]:
    """Makes a bundle in `out` for each request; `work` is an empty folder for files in between.

    The bundles share the float program, the reference, and the INT8 program unless the recipe leaves other layers in
    INT8 where FP16 is at hand (`Recipe.for_precision`). `calibration` is for INT8 only. `budget`:
    what a bundle of its precision may take on ARM; the recipe, of all bundles, is adapted to it
    (`quant/budget/plan.py`), and `notify` hears what was chosen. Raises InputError, before any work, when a bundle is
    there already and `force` is not set, for a recipe that names layers, blocks or more pictures than there are, and as
    `quant.budget.plan.plan` does; ConversionError when a stage fails. Drift over `max_drift` (see
    `drift.over_gate`) is marked in the manifest's `gate`, not raised.
    """
    stages = stages or Stages()
    folders = {request: out / bundle_name(weights, request) for request in requests}
    pictures = _checked_before(weights, folders, recipe, calibration, force=force)
    with ExitStack() as held:
        budgeted = None
        if budget is not None:
            assert pictures is not None
            beside = held.enter_context(processes.pool(1))
            budgeted = plan.start(weights, recipe, pictures, check, budget, work, beside, stages)
            recipe = budgeted.plan.recipe
            notify(budgeted.plan.summary)
        stages = replace(stages, on_end=_give_back)
        original, programs = _programs(weights, requests, recipe, pictures, work, stages)
        # What comes before has all cores busy, or takes most memory; the optimizer has one core busy.
        references = held.enter_context(workers.local())
        reference = host_check.start_reference(original, weights, check, references)
        stages = replace(stages, on_end=partial(_after_stage, reference, budgeted))
        in_float = _for_phone(_FP32_ARM, programs[_FP32_ARM], work, stages)
        golden = host_check.choose_golden(check, weights.variant.preprocess, work)
        inputs = Inputs(weights, pictures, check, golden, in_float.bytes, SEED)
        answered: dict[Exported, HostAnswers] = {}
        bundles = []
        for request in requests:
            program = programs[request]
            network = in_float if request == _FP32_ARM else _for_phone(request, program, work, stages)
            if program.on_host not in answered:
                answered[program.on_host] = host_check.answers(
                    program.on_host, weights, golden, check.pictures, reference, stages, nudge=request.int8
                )
            found, layers, curve = answered[program.on_host], [], None
            if program.recipe:
                layers = host_check.by_block(weights, program.on_host, check.pictures, program.recipe, stages)
            if budgeted and request.precision == budgeted.plan.budget.precision:
                curve = budgeted.curve(network, inputs.shape, found, stages)
            checked = Checked(request, program.recipe, network, found, layers, curve)
            with stages.stage("bundle"):
                written = bundle_writer.write(
                    folders[request], inputs, checked, max_drift=max_drift, force=force
                )
            bundles.append(written)
        return bundles


_FP32_ARM = Request("fp32", "arm")


@dataclass(frozen=True)
class _Program:
    """What is converted for the phone, and the program that shows on this host what that will answer.

    `recipe` is the one that INT8 was made by, `mixed` the `.nb` that is there already: with INT8 and FP16 in it.
    """

    on_phone: Exported
    on_host: Exported
    recipe: Recipe | None = None
    mixed: LiteModel | None = None


def _programs(
    weights: Weights,
    requests: Sequence[Request],
    recipe: Recipe,
    pictures: PictureSet | None,
    work: Path,
    stages: Stages,
) -> tuple[Exported, dict[Request, _Program]]:
    """The float program as it is, and what is converted for each request, `_FP32_ARM` always among them.

    In float that is ARM's cheapest form or a GPU's. INT8's share a program where the recipe leaves the same layers in
    INT8; `pictures` are there where one is for INT8.
    """

    def in_float(name: str, form: Form = PLAIN) -> Exported:
        with stages.stage("export"):
            return export_weights(weights, work / name, form=form)

    original, packed = in_float("fp32"), in_float("fp32_arm", Form(attention=CHEAPEST))
    on_gpu = any(request.target == "opencl" for request in requests)
    on_target = {"arm": packed, "opencl": in_float("fp32_gpu", GPU) if on_gpu else packed}
    found: dict[Request, _Program] = {_FP32_ARM: _Program(packed, packed)}
    for request in requests:
        if not request.int8:
            found[request] = _Program(on_target[request.target], packed)
            continue
        assert pictures is not None
        used, folder = recipe.for_precision(request.precision), work / request.precision
        folder.mkdir()
        same = [each.on_phone for each in found.values() if each.recipe == used]
        program = same[0] if same else quantize(weights, used, pictures, original, folder, stages).program
        mixed, halved = None, None
        if request.precision == MIXED:
            with stages.stage("optimize"):
                mixed, halved = for_phone(program, MIXED, folder / "model.nb")
        twin = host_check.twin(program, folder / "twin", stages, halved)
        found[request] = _Program(program, twin, used, mixed)
    return original, found


def _checked_before(
    weights: Weights,
    folders: Mapping[Request, Path],
    recipe: Recipe,
    calibration: PictureSet | None,
    *,
    force: bool,
) -> PictureSet | None:
    """The pictures that the recipe calibrates with, None where no request is for INT8; what can be wrong is told."""
    for folder in folders.values():
        bundle.check_free(folder, force=force)
    precisions = [request.precision for request in folders if request.int8]
    if not precisions:
        return None
    if calibration is None:
        raise InputError("int8 needs calibration pictures", remedy="give a folder of them")
    pictures = for_recipe(calibration, recipe)
    for precision in precisions:
        check_recipe(recipe.for_precision(precision), weights.variant, weights.classes)
    return pictures


def _after_stage(reference: Pending, budgeted: BudgetRun | None) -> None:
    # Where the reference, or what a budget is compared with, has failed, each stage ends in its error.
    reference.check()
    if budgeted:
        budgeted.check()
    _give_back()


def _for_phone(request: Request, program: _Program, work: Path, stages: Stages) -> LiteModel:
    if program.mixed is not None:
        return program.mixed
    path = work / f"model_{request.precision}_{request.target}.nb"
    with stages.stage("optimize"):
        return optimizer.for_phone(program.on_phone, request.precision, request.target, path)


def _give_back() -> None:
    """Gives freed memory back to the system, where the C library can (glibc's `malloc_trim`)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
