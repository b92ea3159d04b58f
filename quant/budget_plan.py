"""A recipe for a budget of instructions: which layers stay in float, what is done to which blocks' GELU outputs.

The cheapest recipe is converted once, and the noise that each layer makes alone is measured (`budget_measure.py`).
What shifting, scaling and splitting leave of it is judged by their held-out errors (`hidden.py`); `budget.py` chooses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lite.curve import Curve, Point
from lite.errors import ConversionError, InputError
from lite.pictures.picture_set import Picture, PictureSet
from lite.stages import Stages
from lite.weights import Weights
from quant import budget
from quant import recipe as recipes
from quant.budget import Layer, Way
from quant.budget_measure import Noise, Prices, converted, instructions, noise, prices, simulated
from quant.conversion import Conversion
from quant.hidden import Kind
from quant.recipe import Recipe, Rewrite
from quant.sensitivity_program import write

# Calibration pictures that noise is measured with; time grows with their number.
PICTURES = 16
STOCK = "paddleslim"
# Switches of a recipe's rewrite that say what is done to GELU's outputs, in the order of `Kind`.
_GELU = ("shift_gelu", "scale_gelu", "split_gelu")


@dataclass(frozen=True)
class Plan:
    """The `recipe` chosen for `limit` instructions, and what the report's curve needs (`lite/curve.py`)."""

    recipe: Recipe
    limit: float
    pictures: Sequence[Picture]
    points: Sequence[Point]
    chosen: Point
    stock: Point

    @property
    def summary(self) -> str:
        """What was chosen, in one line."""
        rewrite = _rewrite(self.recipe)
        shifted, scaled, split = (
            0 if isinstance(blocks, bool) else len(blocks)
            for blocks in (rewrite.shift_gelu, rewrite.scale_gelu, rewrite.split_gelu)
        )
        return (
            f"{self.recipe.name}: {_millions(self.chosen.instructions)} instructions, {self.chosen.snr_db:.1f} dB "
            f"predicted, with {len(self.recipe.skip)} layers in float, GELU's outputs shifted in {shifted} blocks, "
            f"scaled in {scaled}, outliers split off in {split}; {self.stock.name} takes "
            f"{_millions(self.stock.instructions)} and keeps {self.stock.snr_db:.1f} dB"
        )

    def curve(self, conversion: Conversion) -> Curve:
        """The curve with what a conversion by the recipe takes and keeps.

        Raises ConversionError when it takes more than `limit` instructions.
        """
        taken = instructions(conversion)
        if taken > self.limit:
            raise ConversionError(
                f"the converted model takes {_millions(taken)} instructions, over the budget of "
                f"{_millions(self.limit)}: a layer costs more than foreseen; give a smaller --budget"
            )
        kept = simulated(conversion, self.pictures, conversion.work / "measured").int8.snr_db
        measured = Point(self.recipe.name, taken, kept)
        return Curve(self.limit, len(self.pictures), self.points, self.chosen, measured, self.stock)


def check(recipe: Recipe, limit: float, *, int8: bool) -> None:
    """Raises InputError where a budget has nothing to choose from: nothing in INT8, or nothing rewritten."""
    if not int8:
        raise InputError("--budget chooses what stays in float beside INT8; add --precision int8")
    if recipe.rewrite is None:
        raise InputError(
            f"{recipe.place('rewrite')}: --budget needs a recipe that rewrites the network, and {recipe.name} does "
            f"not; use --recipe {recipes.DEFAULT}"
        )
    if not math.isfinite(limit):
        raise InputError("--budget is a number of million instructions, such as 190")


def plan(
    weights: Weights, recipe: Recipe, calibration: PictureSet, limit: float, work: Path, stages: Stages
) -> Plan:
    """Chooses for `limit` instructions of one picture on ARM; `work` is an empty folder for files in between.

    The recipe's `skip`, and where GELU's outputs are shifted, scaled and split, are replaced, unless it forbids that
    by false. Raises InputError as `check` does and for a limit below the cheapest form, and what a conversion raises.
    """
    check(recipe, limit, int8=True)
    pictures = calibration.first(PICTURES).pictures
    with converted(weights, cheapest(recipe), calibration, work / "cheapest", stages) as conversion:
        program = write(conversion, work / "cheapest" / "program")
        rows = program.rows()
        costs = prices(conversion, rows)
        if limit < costs.least:
            raise InputError(
                f"--budget {limit / 1e6:.10g}: the cheapest form of {weights.variant.name}, all in INT8 but what is "
                f"no dearer in float, takes {_millions(costs.least)} instructions; give "
                f"{math.ceil(costs.least / 1e6)} or more"
            )
        found = noise(conversion, program, rows, pictures)
    with converted(weights, recipes.load(STOCK), calibration, work / STOCK, stages) as conversion:
        kept = simulated(conversion, pictures, work / STOCK / "program").int8.snr_db
        stock = Point(STOCK, instructions(conversion), kept)
    layers = layers_of(found, costs, recipe)
    chosen = budget.choose(layers, limit - costs.whole)
    made = recipe_of(recipe, chosen, limit)
    points = _points(layers, costs, found)
    return Plan(made, limit, pictures, points, _point(made.name, chosen, costs, found), stock)


def cheapest(recipe: Recipe) -> Recipe:
    """The recipe with all in INT8 and GELU's outputs as they are."""
    rewrite = _rewrite(recipe).model_copy(update=dict.fromkeys(_GELU, False))
    return recipe.model_copy(update={"rewrite": rewrite, "skip": []})


def layers_of(found: Noise, costs: Prices, recipe: Recipe) -> list[Layer]:
    """What can be bought: each layer's ways to run. Noise and costs may be those of networks of other widths."""
    blocks = {_fc2(block): block for block in found.gelu_errors}
    layers = []
    for name, (int8, fp32) in costs.layers.items():
        ways = [Way(0.0, found.alone[name]), Way(fp32 - int8, 0.0, skip=True)]
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
            gone = found.alone[f"{name} input"] * max(1 - error / plain, 0.0)
            yield Way(costs.gelu(block, kind), max(found.alone[name] - gone, 0.0), False, *kind)


def recipe_of(recipe: Recipe, chosen: Mapping[str, Way], limit: float) -> Recipe:
    """The recipe that runs each layer as chosen, named after the budget: `deit-190m`."""
    gelu = {int(name.split(".")[1]): way for name, way in chosen.items() if name.endswith(".mlp.fc2")}
    values = recipe.as_dict()
    values["name"] = f"{recipe.name}-{limit / 1e6:.10g}m".replace(".", "_")
    values["skip"] = [layer for layer, way in chosen.items() if way.skip]
    values["rewrite"] |= {
        "shift_gelu": [block for block, way in gelu.items() if way.shift],
        "scale_gelu": [block for block, way in gelu.items() if way.scale],
        "split_gelu": {block: way.outliers for block, way in gelu.items() if way.outliers},
    }
    return Recipe.model_validate(values)


def _points(layers: Sequence[Layer], costs: Prices, found: Noise) -> list[Point]:
    """The curve: predicted SNR as one purchase after the other is made."""
    chosen = budget.cheapest(layers)
    points = [_point("the cheapest form", chosen, costs, found)]
    for step in budget.order(layers):
        chosen[step.layer] = step.after
        points.append(_point(f"{step.layer}: {step.after.words}", chosen, costs, found))
    return points


def _point(name: str, chosen: Mapping[str, Way], costs: Prices, found: Noise) -> Point:
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
