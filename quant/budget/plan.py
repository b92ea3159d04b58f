"""A recipe for a budget of instructions: which layers are not in INT8, what is done to which blocks' GELU outputs.

The cheapest recipe is converted once, and the noise that each layer makes alone is measured (`measure.py`): on
calibration pictures, which the choice is made by, and on check pictures, which the curve is predicted for. What
shifting, scaling and splitting leave of it is judged by their held-out errors (`quant/rewrite/gelu.py`);
`budget.py` chooses. Meanwhile the recipes that the choice is compared with are converted in another process.

For a bundle in INT8 and FP16 a layer that leaves INT8 goes to fp16 kernels, at about half of float's price. The noise
of fp16 itself, far below INT8's, is not predicted; it is in what is measured.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lite.engines import workers
from lite.errors import ConversionError, InputError
from lite.measure import drift
from lite.model.weights import Weights
from lite.nb.reader import LiteModel
from lite.nb.shapes import Shape
from lite.pictures.picture_set import PictureSet
from lite.report.plots import Curve, Point
from lite.stages import Stages
from quant import host_check
from quant.budget.budget import Budget, Layer, Way, cheapest_ways, choose_ways, purchases
from quant.budget.measure import PICTURES, Noise, converted, noise
from quant.cost import model as cost
from quant.cost.prices import Prices
from quant.cost.rates import CORES
from quant.host_check import HostAnswers
from quant.int8 import for_phone
from quant.pictures import for_recipe
from quant.recipe import Kind, Recipe, Rewrite
from quant.sensitivity.program import write

# Switches of a recipe's rewrite that say what is done to GELU's outputs, in the order of `Kind`.
_GELU = ("shift_gelu", "scale_gelu", "split_gelu")


@dataclass(frozen=True)
class BudgetPlan:
    """The `recipe` chosen for a `budget`; `points` and `chosen` are predicted (`lite/report/plots.py`).

    `images` is how many check pictures they are predicted from.
    """

    recipe: Recipe
    budget: Budget
    images: int
    points: Sequence[Point]
    chosen: Point

    @property
    def summary(self) -> str:
        """What was chosen, in one line."""
        rewrite = _rewrite(self.recipe)
        shifted, scaled, split = (
            0 if isinstance(blocks, bool) else len(blocks)
            for blocks in (rewrite.shift_gelu, rewrite.scale_gelu, rewrite.split_gelu)
        )
        return (
            f"{self.recipe.name}: {_millions(self.chosen.instructions)} instructions on a "
            f"{CORES[self.budget.core].name} with {len(self.recipe.skip)} layers in "
            f"{'fp16 or float' if self.budget.mixed else 'float'}, GELU's outputs shifted in {shifted} blocks, scaled "
            f"in {scaled}, outliers split off in {split}; predicted from {self.images} check pictures: "
            f"{self.chosen.snr_db:.1f} dB"
        )


def plan(
    weights: Weights,
    recipe: Recipe,
    calibration: PictureSet,
    held_out: PictureSet,
    budget: Budget,
    work: Path,
    stages: Stages,
) -> BudgetPlan:
    """Chooses for the budget; `work` is an empty folder for files in between.

    The recipe's `skip` and `skip_fp16`, and where GELU's outputs are shifted, scaled and split, are replaced, unless it
    forbids that by false. The choice is made without the `held_out` pictures, which it is predicted for. Raises
    InputError as `Budget.check` does, before anything else, and what a conversion raises.
    """
    budget.check(recipe, weights.variant, weights.classes)
    _check_held_out(calibration, held_out)
    costs = budget.prices(weights.variant, weights.classes, recipe)
    sets = calibration.pictures, held_out.pictures
    folder = work / "cheapest"
    original, int8 = converted(weights, cheapest(recipe), calibration, folder, stages, keep_unrounded=True)
    program = write(int8, original, folder / "program")
    known, unseen = noise(int8, program, program.rows(), sets, stages)
    layers, predicted = (layers_of(found, costs, recipe) for found in (known, unseen))
    chosen = choose_ways(layers, budget.limit - costs.whole)
    adapted = recipe_of(recipe, chosen, budget.limit)
    # The same ways, with the noise that they leave in the check pictures.
    ways = {
        (layer.name, way): other
        for layer, foreseen in zip(layers, predicted, strict=True)
        for way, other in zip(layer.ways, foreseen.ways, strict=True)
    }

    def point(name: str, bought: Mapping[str, Way]) -> Point:
        return point_of(name, {layer: ways[layer, way] for layer, way in bought.items()}, costs, unseen)

    bought = cheapest_ways(layers)
    points = [point("the cheapest form", bought)]
    for step in purchases(layers):
        bought[step.layer] = step.after
        points.append(point(f"{step.layer}: {step.after.words}", bought))
    return BudgetPlan(
        adapted, budget, min(PICTURES, len(held_out.pictures)), points, point(adapted.name, chosen)
    )


def _check_held_out(calibration: PictureSet, held_out: PictureSet) -> None:
    known, shown = ({picture.digest() for picture in each.pictures} for each in (calibration, held_out))
    if shown <= known:
        raise InputError(
            f"{held_out.source}",
            why="every check picture is calibrated with, and --budget shows what held-out pictures keep",
            remedy="give more pictures, or others by --check DIR",
        )


def cheapest(recipe: Recipe) -> Recipe:
    """The recipe with all in INT8 and GELU's outputs as they are."""
    rewrite = _rewrite(recipe).model_copy(update=dict.fromkeys(_GELU, False))
    return recipe.model_copy(update={"rewrite": rewrite, "skip": [], "skip_fp16": []})


def layers_of(found: Noise, costs: Prices, recipe: Recipe) -> list[Layer]:
    """What can be bought: each layer's ways to run. Noise and costs may be those of networks of other widths."""
    blocks = {_fc2(block): block for block in found.gelu_errors}
    layers = []
    for name in costs.layers:
        ways = [Way(0.0, found.isolated[name]), Way(costs.skip(name), 0.0, skip=True)]
        if name in blocks:
            ways += _gelu_ways(blocks[name], found, costs, _rewrite(recipe))
        layers.append(Layer(name, tuple(ways)))
    return layers


def _gelu_ways(block: int, found: Noise, costs: Prices, rewrite: Rewrite) -> Iterator[Way]:
    errors, name = found.gelu_errors[block], _fc2(block)
    plain = errors[Kind(False, False, 0)]
    for kind, error in errors.items():
        forbidden = any(
            done and getattr(rewrite, switch) is False for switch, done in zip(_GELU, kind, strict=True)
        )
        if any(kind) and not forbidden and plain > 0:
            gone = found.isolated[f"{name} input"] * max(1 - error / plain, 0.0)
            yield Way(costs.gelu(block, kind), max(found.isolated[name] - gone, 0.0), False, *kind)


def recipe_of(recipe: Recipe, chosen: Mapping[str, Way], limit: float) -> Recipe:
    """The recipe that runs each layer as chosen, named after the budget: `deit-190m`."""
    gelu = {int(name.split(".")[1]): way for name, way in chosen.items() if name.endswith(".mlp.fc2")}
    values = recipe.as_dict()
    suffix = f"-{limit / 1e6:.10g}m".replace(".", "_")
    values["name"] = recipe.renamed(suffix)
    values |= {"skip": [layer for layer, way in chosen.items() if way.skip], "skip_fp16": []}
    values["rewrite"] |= {
        "shift_gelu": [block for block, way in gelu.items() if way.shift],
        "scale_gelu": [block for block, way in gelu.items() if way.scale],
        "split_gelu": {block: way.outliers for block, way in gelu.items() if way.outliers},
    }
    return Recipe.model_validate(values)


def point_of(name: str, chosen: Mapping[str, Way], costs: Prices, found: Noise) -> Point:
    """What is foreseen for a way of each layer, as if errors added up."""
    # The float graph's own part is what an approximation, tanh GELU, leaves.
    left = math.fsum(way.noise for way in chosen.values()) + found.whole.float_graph.noise
    taken = costs.whole + math.fsum(way.instructions for way in chosen.values())
    return Point(name, taken, replace(found.whole.int8, noise=left).snr_db)


def _rewrite(recipe: Recipe) -> Rewrite:
    assert recipe.rewrite is not None
    return recipe.rewrite


def _fc2(block: int) -> str:
    return f"blocks.{block}.mlp.fc2"


def _millions(count: float) -> str:
    return f"{count / 1e6:.1f} M"


@dataclass(frozen=True)
class BudgetRun:
    """The `plan` for a budget; `others` are the compared recipes' answers, once they are there."""

    plan: BudgetPlan
    others: Future[list[Answers]]

    def check(self) -> None:
        """Raises, without waiting, what the conversion of a compared recipe raised."""
        if self.others.done():
            self.others.result()

    def curve(self, network: LiteModel, input_shape: Shape, found: HostAnswers, stages: Stages) -> Curve:
        """The curve with what a conversion by the recipe takes, and the compared ones, measured on the check pictures.

        `network` is the converted one's `.nb`, with an input of `input_shape` (NCHW); `found` is what it answers.
        Raises ConversionError when it takes more instructions than there are, and what the compared conversions raise.
        """
        budget, name = self.plan.budget, self.plan.recipe.name
        taken = cost.instructions(network, input_shape, budget.core)
        with stages.stage("comparison"):
            others = self.others.result()
        if taken > budget.limit:
            raise ConversionError(
                f"the converted model takes {_millions(taken)} instructions, over the budget of "
                f"{_millions(budget.limit)}",
                why="a layer costs more than foreseen",
                remedy="give a smaller --budget",
            )
        measured, first = (
            Answers(name, taken, found.logits[:count]).point(found.expected[:count])
            for count in (len(found.logits), self.plan.images)
        )
        return Curve(
            budget.limit,
            len(found.logits),
            self.plan.images,
            self.plan.points,
            self.plan.chosen,
            measured,
            first,
            [other.point(found.expected) for other in others],
            budget.precision,
            CORES[budget.core].name,
        )


def start(
    weights: Weights,
    recipe: Recipe,
    calibration: PictureSet,
    check: PictureSet,
    budget: Budget,
    work: Path,
    beside: Executor,
    stages: Stages,
) -> BudgetRun:
    """Plans for the budget, while the recipes to compare with are converted in `beside`.

    Raises InputError and ConversionError as `quant.budget.plan.plan`.
    """
    budget.check(recipe, weights.variant, weights.classes)
    others = beside.submit(
        answers, weights, compared(recipe, budget.precision), calibration, check, budget, work
    )
    return BudgetRun(plan(weights, recipe, calibration, check, budget, work / "budget", stages), others)


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


def compared(recipe: Recipe, precision: str) -> list[Recipe]:
    """The recipe as it is without a budget for that precision, and the stock one, by names that differ."""
    stock = Recipe.named(STOCK)
    if recipe.name == STOCK:
        stock = stock.model_copy(update={"name": f"{STOCK}-stock"})
    return [recipe.for_precision(precision), stock]


def answers(
    weights: Weights,
    chosen: Sequence[Recipe],
    calibration: PictureSet,
    check: PictureSet,
    budget: Budget,
    work: Path,
) -> list[Answers]:
    """Converts by each recipe to the budget's precision, in subfolders of `work`, and runs the check pictures.

    In a process of its own. Raises what a conversion raises.
    """
    # Whatever ends this process, `work` is removed by who made it.
    tempfile.tempdir = str(work)
    found = []
    for recipe in chosen:
        folder = work / f"compared-{recipe.name}"
        stages = Stages()
        _, int8 = converted(weights, recipe, for_recipe(calibration, recipe), folder, stages)
        model, halved = for_phone(int8.program, budget.precision, folder / "model.nb")
        twin = host_check.twin(int8.program, folder / "twin", stages, halved)
        host_nb = host_check.for_host(twin, folder / "host.nb", stages)
        with workers.local(1) as hosts:
            logits = host_check.logits(host_nb, weights, check.pictures, hosts, stages)
        side = weights.variant.preprocess.crop
        taken = cost.instructions(model, (1, 3, side, side), budget.core)
        found.append(Answers(recipe.name, taken, logits))
    return found
