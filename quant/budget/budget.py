"""What a budget is, and whether it can be met: instructions of one picture on a kind of ARM core."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from lite.errors import InputError
from lite.zoo import Variant
from quant import recipe as recipes
from quant.cost.prices import Prices, prices
from quant.cost.rates import CORES, DEFAULT_CORE
from quant.int8_fp16 import PRECISION as MIXED
from quant.recipe import Recipe


@dataclass(frozen=True)
class Budget:
    """At most `limit` instructions of one picture on a `core` of `quant.cost.rates.CORES`, for a `.nb` of `precision`.

    `precision`: "int8" or "int8-fp16". Raises InputError for the latter on a core without fp16, and for a limit that is
    no number.
    """

    limit: float
    precision: str = "int8"
    core: str = DEFAULT_CORE

    def __post_init__(self) -> None:
        if not math.isfinite(self.limit):
            raise InputError("--budget is a number of million instructions, such as 190")
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

        Nothing in INT8, nothing rewritten; the message names the smallest budget. Nothing is converted for it.
        """
        if recipe.rewrite is None:
            raise InputError(
                f"{recipe.place('rewrite')}",
                why=f"--budget needs a recipe that rewrites the network, and {recipe.name} does not",
                remedy=f"use --recipe {recipes.DEFAULT}",
            )
        least = self.prices(variant, classes, recipe).least
        if self.limit < least:
            others = "FP16 where that pays" if self.mixed else "float"
            raise InputError(
                f"--budget {self.limit / 1e6:.10g}",
                why=(
                    f"the cheapest form of {variant.name}, all in INT8 but what is no dearer in {others}, takes "
                    f"{least / 1e6:.1f} M instructions on a {CORES[self.core].name}"
                ),
                remedy=f"give {math.ceil(least / 1e6)} or more",
            )


def of(limit: float, precisions: Collection[str], core: str = DEFAULT_CORE) -> Budget:
    """The budget for bundles of `precisions`: INT8's where one of them is in INT8 alone.

    Raises InputError where none is in INT8, and as `Budget` does.
    """
    wanted = next((precision for precision in ("int8", MIXED) if precision in precisions), None)
    if wanted is None:
        raise InputError("--budget chooses what stays in float beside INT8", remedy="add --precision int8")
    return Budget(limit, wanted, core)
