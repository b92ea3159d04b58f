"""The rows of `benchmarks/quantize.py`: which recipes it compares, by name."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import click

from lite.shown import shown
from quant.recipe import MIXED, Recipe

ALGOS = ("hist", "avg", "mse", "KL", "abs_max", "ptf")
VIEWS = (2, 4, 8)


@dataclass(frozen=True)
class Row:
    """A recipe, and what it is converted to: "int8" or "int8-fp16"."""

    recipe: Recipe
    precision: str = "int8"


def rows(ablations: bool) -> dict[str, Row]:
    """Every row by its name; `ablations` adds the deit recipe with one of its switches off each."""
    stock, deit = Recipe.named("paddleslim"), Recipe.named("deit")
    assert deit.rewrite is not None
    chosen = {f"paddleslim-{algo}": changed(stock, paddleslim={"algo": algo}) for algo in ALGOS}
    chosen["deit"] = changed(deit)
    mixed = {"deit-fp16": Row(changed(deit.for_precision(MIXED)), MIXED)}
    # The one that equals "deit" itself is found done.
    for views in VIEWS:
        chosen[f"deit-views{views}"] = changed(deit, rewrite={"views": views})
    if ablations:
        for switch, on in deit.rewrite.model_dump().items():
            if on is True:
                chosen[f"deit-no-{switch.replace('_', '-')}"] = changed(deit, rewrite={switch: False})
        chosen["deit-nothing-skipped"] = changed(deit, skip=[])
    return {name: Row(each) for name, each in chosen.items()} | mixed


def changed(base: Recipe, skip: list[str] | None = None, **parts: dict[str, Any]) -> Recipe:
    """`base` with some values of its parts replaced, and the head in float."""
    values = base.as_dict()
    for part, replaced in parts.items():
        values[part] |= replaced
    values["skip"] = [*(base.skip if skip is None else skip), "head"]
    return Recipe.model_validate(values)


def select(all_rows: dict[str, Row], patterns: str) -> dict[str, Row]:
    """Rows whose name matches one of the patterns, pattern by pattern.

    Raises click.BadParameter for a pattern that matches none.
    """
    chosen: dict[str, Row] = {}
    for pattern in patterns.split(","):
        matches = {name: row for name, row in all_rows.items() if fnmatchcase(name, pattern.strip())}
        if not matches:
            raise click.BadParameter(f"no row matches {shown(pattern)}; rows are {', '.join(all_rows)}")
        chosen |= matches
    return chosen
