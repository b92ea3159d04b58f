"""The rows deit-budgetN and deit-fp16-budgetN of `benchmarks/quantize.py`: what `tools/opt.py --budget` chooses.

N million instructions are DeiT-tiny's, as in the table's column. So the noise that a layer makes is the ViT-S's, on the
first calibration crops, and what a layer costs is DeiT-tiny's: layers of both have the same names.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from quantize_recipes import Row

from lite import zoo
from lite.model.weights import Weights
from lite.pictures.picture_set import PictureSet
from lite.stages import Stages
from lite.zoo import IMAGENET_CLASSES
from quant.budget import measure, plan
from quant.budget.budget import Budget, choose_ways
from quant.budget.measure import Noise
from quant.recipe import Kind, Recipe
from quant.sensitivity.figures import Sums, Whole
from quant.sensitivity.program import write

COST_VARIANT = zoo.find("deit_tiny")
BUDGETS = {"int8": (190, 200, 210, 225), "int8-fp16": (165, 175, 185, 195, 205, 215)}


def noise(weights: Weights, recipe: Recipe, crops: Sequence[np.ndarray], stages: Stages) -> str:
    """`Noise` of the recipe's cheapest form on the first of the calibration crops, as JSON."""
    with tempfile.TemporaryDirectory(prefix="noise-") as name:
        folder = Path(name) / "work"
        calibration = PictureSet.of("calibration", crops)
        original, int8 = measure.converted(
            weights, plan.cheapest(recipe), calibration, folder, stages, keep_unrounded=True
        )
        program = write(int8, original, folder / "program")
        (found,) = measure.noise(int8, program, program.rows(), [calibration.pictures], stages)
    errors = {block: list(ways.items()) for block, ways in found.gelu_errors.items()}
    return json.dumps({**dataclasses.asdict(found), "gelu_errors": errors})


def row_name(recipe: str, precision: str, limit: int) -> str:
    """What the row of a budget of `limit` million instructions is called."""
    return f"{recipe}{precision.removeprefix('int8')}-budget{limit}"


def rows(recipe: Recipe, measured: str) -> dict[str, Row]:
    """A row for each budget, from what `noise` gave and DeiT-tiny's prices; the head is in float in all."""
    found, chosen = _noise(json.loads(measured)), {}
    for precision, limits in BUDGETS.items():
        priced = Budget(0, precision).prices(COST_VARIANT, IMAGENET_CLASSES, recipe)
        layers = [each for each in plan.layers_of(found, priced, recipe) if not each.name.startswith("head")]
        for limit in limits:
            ways = choose_ways(layers, limit * 1e6 - priced.whole)
            bought = plan.recipe_of(recipe, ways, limit * 1e6)
            used = bought.model_copy(update={"skip": [*bought.skip, "head"]})
            chosen[row_name(recipe.name, precision, limit)] = Row(used, precision)
    return chosen


def _noise(values: dict[str, Any]) -> Noise:
    whole = Whole(**{part: Sums(**figures) for part, figures in values["whole"].items()})
    errors = {
        int(block): {Kind(*way): error for way, error in ways}
        for block, ways in values["gelu_errors"].items()
    }
    return Noise(whole, values["isolated"], errors)
