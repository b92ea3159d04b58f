"""What a budget's choice is compared with: other recipes, converted, on the same check pictures.

They are converted in a process of their own, beside what the budget needs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lite.engines import workers
from lite.measure import drift
from lite.model.weights import Weights
from lite.pictures.picture_set import PictureSet
from lite.report.plots import Point
from lite.stages import Stages
from quant import host_check
from quant import recipe as recipes
from quant.budget.measure import converted, instructions
from quant.recipe import Recipe

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
