"""A budget from beginning to end: the recipe it buys, and beside it the recipes that the choice is compared with."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lite.model.weights import Weights
from lite.pictures.picture_set import PictureSet
from lite.report.plots import Curve
from lite.stages import Stages
from quant.budget import compare, plan
from quant.budget.compare import Answers
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
    others = beside.submit(compare.answers, weights, compare.compared(recipe), calibration, check, work)
    return BudgetRun(plan.plan(weights, recipe, calibration, check, limit, work / "budget", stages), others)
