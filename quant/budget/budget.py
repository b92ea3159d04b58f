"""What a budget is, whether it can be met, and what to buy from it: instructions of one picture on a kind of ARM core.

Each layer has ways to run that leave less noise for more instructions. Layers' errors add up nearly enough, so what
removes most noise an instruction comes first (the greedy solution of the multiple-choice knapsack problem: Sinha and
Zoltners, 1979).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lite.errors import InputError
from lite.zoo import Variant
from quant import recipe as recipes
from quant.cost.prices import Prices, prices
from quant.cost.rates import CORES, DEFAULT_CORE, check_core
from quant.recipe import MIXED, Recipe


@dataclass(frozen=True)
class Budget:
    """At most `limit` instructions of one picture on a `core` of `quant.cost.rates.CORES`, for a `.nb` of `precision`.

    `precision`: "int8" or "int8-fp16". Raises InputError for the latter on a core without fp16, for an unknown core,
    and for a limit that is no number, or below a million.
    """

    limit: float
    precision: str = "int8"
    core: str = DEFAULT_CORE

    def __post_init__(self) -> None:
        if not math.isfinite(self.limit):
            raise InputError(f"a budget is a number of instructions, such as 190e6, not {self.limit}")
        if 0 < self.limit < 1e6:
            raise InputError(
                f"a budget of {self.limit:.10g} instructions",
                why="every network takes millions",
                remedy="give --budget 190, which is in millions, or 190e6 from Python",
            )
        check_core(self.core)
        if self.mixed and not CORES[self.core].fp16:
            raise InputError(
                f"--budget for {MIXED} on a {CORES[self.core].name}",
                why="this core has no half-precision arithmetic",
                remedy="use --precision int8",
            )

    @property
    def mixed(self) -> bool:
        """Whether what is not in INT8 is in FP16 where that pays."""
        return self.precision == MIXED

    def prices(self, variant: Variant, classes: int, recipe: Recipe) -> Prices:
        """Prices of the network by the recipe, which must have a `rewrite`."""
        return prices(variant, classes, recipe, mixed=self.mixed, core=self.core)

    def check(self, recipe: Recipe, variant: Variant, classes: int) -> None:
        """Raises InputError where there is nothing to choose from, or the limit is below the cheapest form.

        Nothing to choose from: nothing in INT8, nothing rewritten, a limit that pays for everything in float. The
        message names the smallest budget. Nothing is converted for it.
        """
        if recipe.rewrite is None:
            raise InputError(
                f"{recipe.place('rewrite')}",
                why=f"--budget needs a recipe that rewrites the network, and {recipe.name} does not",
                remedy=f"use --recipe {recipes.DEFAULT}",
            )
        costs = self.prices(variant, classes, recipe)
        least, core = costs.least, CORES[self.core].name
        if self.limit >= costs.most:
            raise InputError(
                f"a budget of {self.limit / 1e6:.10g} M instructions",
                why=f"{variant.name} with nothing in INT8 takes {costs.most / 1e6:.1f} M instructions on a {core}",
                remedy=f"give less, or use --precision {'fp16' if self.mixed else 'fp32'} without a budget",
            )
        if self.limit < least:
            others = "FP16 where that pays" if self.mixed else "float"
            raise InputError(
                f"a budget of {self.limit / 1e6:.10g} M instructions",
                why=(
                    f"the cheapest form of {variant.name}, all in INT8 but what is no dearer in {others}, takes "
                    f"{least / 1e6:.1f} M instructions on a {core}"
                ),
                remedy=f"give {math.ceil(least / 1e6)} M or more",
            )


def of(limit: float, precisions: Collection[str], core: str = DEFAULT_CORE) -> Budget:
    """The budget for bundles of `precisions`: INT8's where one of them is in INT8 alone.

    Raises InputError where none is in INT8, and as `Budget` does.
    """
    wanted = next((precision for precision in ("int8", MIXED) if precision in precisions), None)
    if wanted is None:
        raise InputError("--budget chooses what stays in float beside INT8", remedy="add --precision int8")
    return Budget(limit, wanted, core)


@dataclass(frozen=True)
class Way:
    """One way to run a layer, and how a recipe says it: in float by `skip`, or what is done to GELU's outputs.

    These may be shifted, scaled, or the widest so many of their units split off.

    `instructions` more than plain INT8 (of one picture, by `quant/cost/model.py`); `noise` that it leaves in the
    logits, a sum of squares over some pictures.
    """

    instructions: float
    noise: float
    skip: bool = False
    shift: bool = False
    scale: bool = False
    outliers: int = 0

    @property
    def words(self) -> str:
        """What is done, in words."""
        parts = {
            "float": self.skip,
            "shifted": self.shift,
            "scaled": self.scale,
            f"{self.outliers} outliers split off": self.outliers > 0,
        }
        done = [word for word, on in parts.items() if on]
        return " and ".join(done) or "INT8"


@dataclass(frozen=True)
class Layer:
    """A layer and all ways to run it; there is at least one."""

    name: str
    ways: tuple[Way, ...]

    @property
    def ladder(self) -> list[Way]:
        """The ways that are worth buying: from the cheapest up, each next one the best buy from the one before."""
        found = [min(self.ways, key=lambda way: (way.instructions, way.noise))]
        while better := [way for way in self.ways if way.noise < found[-1].noise]:
            found.append(max(better, key=lambda way: _rate(found[-1], way)))
        return found


@dataclass(frozen=True)
class Purchase:
    """A purchase: `layer` goes from the way `before` to `after`."""

    layer: str
    before: Way
    after: Way

    @property
    def instructions(self) -> float:
        """What it costs."""
        return self.after.instructions - self.before.instructions

    @property
    def removed(self) -> float:
        """The noise it removes."""
        return self.before.noise - self.after.noise


def cheapest_ways(layers: Sequence[Layer]) -> dict[str, Way]:
    """The cheapest way of each layer."""
    return {layer.name: layer.ladder[0] for layer in layers}


def purchases(layers: Sequence[Layer]) -> list[Purchase]:
    """All purchases beyond the cheapest ways, the one that removes most noise an instruction first."""
    steps = [
        Purchase(layer.name, before, after)
        for layer in layers
        for before, after in zip(layer.ladder, layer.ladder[1:], strict=False)
    ]
    # A layer's own steps stay in order, for each of them buys less than the one before.
    return sorted(steps, key=lambda step: -_rate(step.before, step.after))


def choose_ways(layers: Sequence[Layer], limit: float) -> dict[str, Way]:
    """The way of each layer for at most `limit` instructions beyond plain INT8, or the cheapest if that is more.

    A purchase that does not fit is left out with all later ones of its layer, and cheaper ones are tried. More
    `limit` never leaves more noise.
    """
    chosen = cheapest_ways(layers)
    spent = sum(way.instructions for way in chosen.values())
    for step in purchases(layers):
        if chosen[step.layer] is step.before and spent + step.instructions <= limit:
            chosen[step.layer] = step.after
            spent += step.instructions
    return chosen


def _rate(before: Way, after: Way) -> float:
    return (before.noise - after.noise) / (after.instructions - before.instructions)
