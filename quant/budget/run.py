"""A budget from beginning to end: the recipe it buys, and beside it the recipes that the choice is compared with."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lite.engines import workers
from lite.measure import drift
from lite.model.weights import Weights
from lite.pictures.picture_set import PictureSet
from lite.report.plots import Curve, Point
from lite.stages import Stages
from quant import host_check
from quant import recipe as recipes
from quant.budget import plan
from quant.budget.measure import converted, instructions
from quant.budget.plan import Plan
from quant.recipe import Recipe


@dataclass(frozen=True)
class BudgetRun:
    """The `plan` for a budget; `others` are the compared recipes' answers, once they are there."""

    plan: Plan
    others: Future[list[Answers]]

    def curve(self, instructions: float, reference: np.ndarray, logits: np.ndarray, stages: Stages) -> Curve:
        """Every point on the check pictures, as `Plan.curve` has it; raises what it and the conversions raise.

        `instructions` and `logits` (float32 [N, classes]) are the converted network's, `reference` the float one's.
        """
        with stages.stage("comparison"):
            others = self.others.result()
        return self.plan.curve(instructions, reference, logits, [other.point(reference) for other in others])


def start(
    weights: Weights,
    recipe: Recipe,
    calibration: PictureSet | None,
    check: PictureSet,
    limit: float,
    work: Path,
    beside: Executor,
    stages: Stages,
) -> BudgetRun:
    """Plans for `limit` instructions, while the recipes to compare with are converted in `beside`.

    `calibration` None: nothing is converted to INT8. Raises InputError and ConversionError as `quant.budget.plan.plan`.
    """
    plan.check(recipe, limit, weights.variant, weights.classes, int8=calibration is not None)
    assert calibration is not None
    others = beside.submit(answers, weights, compared(recipe), calibration, check, work)
    return BudgetRun(plan.plan(weights, recipe, calibration, check, limit, work / "budget", stages), others)


STOCK = "paddleslim"


@dataclass(frozen=True)
class Answers:
    """What a recipe's INT8 takes for one picture on ARM, and its logits of the check pictures: float32 [N, classes]."""

    recipe: str
    instructions: float
    logits: np.ndarray

    def point(self, reference: np.ndarray) -> Point:
        """With the SNR against the float network's logits of the same pictures, as the manifest's `drift` has it."""
        return Point(self.recipe, self.instructions, drift.snr_db(reference, self.logits))


def compared(recipe: Recipe) -> list[Recipe]:
    """The recipe as it is without a budget, and the stock one."""
    return [recipe, recipes.load(STOCK)]


def answers(
    weights: Weights, chosen: Sequence[Recipe], calibration: PictureSet, check: PictureSet, work: Path
) -> list[Answers]:
    """Converts by each recipe, in subfolders of `work`, and runs the check pictures.

    In a process of its own. Raises what a conversion raises.
    """
    # Whatever ends this process, `work` is removed by who made it.
    tempfile.tempdir = str(work)
    found = []
    for recipe in chosen:
        folder = work / f"compared-{recipe.name}"
        stages = Stages()
        _, int8 = converted(weights, recipe, calibration.first(recipe.batches), folder, stages)
        twin = host_check.twin(int8.program, folder / "twin", stages)
        with workers.local(1) as hosts:
            logits = host_check.logits(twin, weights, check.pictures, hosts, folder / "host.nb", stages)
        found.append(Answers(recipe.name, instructions(int8, folder, stages), logits))
    return found
