"""What to buy from a budget of instructions: each layer has ways to run that leave less noise for more instructions.

Layers' errors add up nearly enough, so what removes most noise an instruction comes first (the greedy solution of the
multiple-choice knapsack problem: Sinha and Zoltners, 1979). No network here, only numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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


def cheapest(layers: Sequence[Layer]) -> dict[str, Way]:
    """The cheapest way of each layer."""
    return {layer.name: layer.ladder[0] for layer in layers}


def order(layers: Sequence[Layer]) -> list[Purchase]:
    """All purchases beyond the cheapest ways, the one that removes most noise an instruction first."""
    steps = [
        Purchase(layer.name, before, after)
        for layer in layers
        for before, after in zip(layer.ladder, layer.ladder[1:], strict=False)
    ]
    # A layer's own steps stay in order, for each of them buys less than the one before.
    return sorted(steps, key=lambda step: -_rate(step.before, step.after))


def choose(layers: Sequence[Layer], limit: float) -> dict[str, Way]:
    """The way of each layer for at most `limit` instructions beyond plain INT8, or the cheapest if that is more.

    A purchase that does not fit is left out with all later ones of its layer, and cheaper ones are tried. More
    `limit` never leaves more noise.
    """
    chosen = cheapest(layers)
    spent = sum(way.instructions for way in chosen.values())
    for step in order(layers):
        if chosen[step.layer] is step.before and spent + step.instructions <= limit:
            chosen[step.layer] = step.after
            spent += step.instructions
    return chosen


def _rate(before: Way, after: Way) -> float:
    return (before.noise - after.noise) / (after.instructions - before.instructions)
