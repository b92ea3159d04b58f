"""GELU's outputs on one INT8 scale: shifted, the widest units split off or scaled, with room for what is unseen.

Outputs of GELU lie between -0.17 and a maximum of each hidden unit's own. Shifted to the middle of its range, a unit
needs half of it; that is one addition. What the widest units do to the others' steps is mended in one of two ways:
they are split off, into a small fc2 of their own in float, or divided by their range; fc2 undoes that. Which of it
pays, for how many units, and how wide the range must be, is tried on pictures that the ranges were not taken from:
one half of the calibration pictures for the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from quant.recipe import OUTLIERS, Kind
from quant.rewrite.block import LEVELS, Activations, in_order, level

# Units wider than this many times the mean are scaled down to it. None: no unit is scaled.
FLOORS = (None, 2.5, 1.5)
ROOMS = (1.0, 1.15, 1.3, 1.6)
# What takes as many instructions as scaling (0.56 M in a block of DeiT-tiny) must leave less than this part of the
# error.
WORTH = 0.8
# Numbers that fit a processor's nearer cache, twice.
_CACHED = 1 << 17


@dataclass(frozen=True)
class Affine:
    """INT8 sees (x - middle) / scale, float32 [hidden] each, up to `limit`; `scaled` is false where scale is 1.

    `outliers`, int [n] in order, are the units that are split off: they stay as they are. No limit: all of fc2 stays
    in float.
    """

    middle: np.ndarray
    scale: np.ndarray
    limit: float | None
    scaled: bool
    outliers: np.ndarray

    def shifted(self, hidden: np.ndarray) -> np.ndarray:
        """GELU's outputs [..., hidden] as INT8 is given them."""
        values = hidden - self.middle
        if self.scaled:
            values /= self.scale
        return values

    def split(self) -> tuple[np.ndarray, Affine]:
        """The order, int [hidden], that puts outliers last, and the affine of the units before them."""
        inliers = np.setdiff1d(np.arange(len(self.middle)), self.outliers)
        nothing = np.arange(0)
        rest = Affine(self.middle[inliers], self.scale[inliers], self.limit, self.scaled, nothing)
        return np.concatenate([inliers, self.outliers]), rest


class Choice(NamedTuple):
    """Like a `Kind`; `floor` (of `FLOORS`) is how wide units may be, `room` (of `ROOMS`) what is left to the unseen."""

    shift: bool
    floor: float | None
    outliers: int
    room: float

    @property
    def kind(self) -> Kind:
        """What is done, whatever the numbers."""
        return Kind(self.shift, self.floor is not None, self.outliers)


def choices(outliers: Iterable[int] = OUTLIERS) -> list[Choice]:
    """All there is to choose from, with so many units split off. Units are scaled or split off, not both."""
    widths = [(floor, 0) for floor in FLOORS] + [(None, count) for count in sorted({*outliers} - {0})]
    return [
        Choice(shift, floor, count, room)
        for shift in (False, True)
        for floor, count in widths
        for room in ROOMS
    ]


def held_out(
    activations: Activations, weight: np.ndarray, outliers: Iterable[int] = OUTLIERS
) -> dict[Choice, float]:
    """The error of each choice after fc2's `weight` [hidden, out], on pictures that its ranges were not taken from."""
    errors = dict.fromkeys(choices(outliers), 0.0)
    # Each unit's part in the error after fc2, as if units erred independently.
    cost = np.square(weight).sum(axis=1)
    count = len(activations.low)
    first = np.arange(count) < (count + 1) // 2
    for taken in (first, ~first) if count > 1 else (first,):
        known, tried = activations.half(taken), activations.half(~taken if count > 1 else taken)
        for choice, error in zip(errors, in_order(errors, partial(_error, known, tried, cost)), strict=True):
            errors[choice] += error
    return errors


def _error(known: Activations, tried: Activations, cost: np.ndarray, choice: Choice) -> float:
    """What a choice whose ranges are those of `known` loses of `tried`; `cost` [hidden] is that of each unit."""
    affine = _affine(known, choice)
    assert affine.limit is not None
    step = level(affine.limit) * affine.scale
    # Rooms mostly hold all that is tried, and to clip takes as long as to round.
    reach = np.maximum(tried.high.max(axis=0) - affine.middle, affine.middle - tried.low.min(axis=0))
    reach[affine.outliers] = 0
    clipped = bool((reach > affine.limit * affine.scale).any())
    lost = np.zeros(len(cost))
    # So few rows at a time that they stay in the processor's cache.
    rows = max(1, _CACHED // len(cost))
    for start in range(0, len(tried.rows), rows):
        levels = tried.rows[start : start + rows] - affine.middle
        levels /= step
        error = np.rint(levels)
        if clipped:
            np.clip(error, -LEVELS, LEVELS, out=error)
        error -= levels
        lost += np.square(error, out=error).sum(axis=0)
    lost[affine.outliers] = 0
    return float(lost @ (cost * np.square(step)))


def least(errors: Mapping[Choice, float]) -> dict[Kind, float]:
    """The least of the held-out errors of each kind of choice."""
    found: dict[Kind, float] = {}
    for choice, error in errors.items():
        found[choice.kind] = min(error, found.get(choice.kind, error))
    return found


def choose(activations: Activations, errors: Mapping[Choice, float], prices: Mapping[Kind, float]) -> Affine:
    """What loses least by `errors` (`held_out` of the same) for what it takes.

    `prices` are those of the kinds to choose from, in instructions over those of scaling.
    """
    weighed = {
        choice: error * WORTH ** -prices[choice.kind]
        for choice, error in errors.items()
        if choice.kind in prices
    }
    return _affine(activations, min(weighed, key=lambda choice: weighed[choice]))


def unchanged(units: int) -> Affine:
    """That of an fc2 with `units` inputs that stays in float."""
    return Affine(
        np.zeros(units, np.float32), np.ones(units, np.float32), None, scaled=False, outliers=np.arange(0)
    )


def _affine(activations: Activations, choice: Choice) -> Affine:
    low, high = activations.low.min(axis=0), activations.high.max(axis=0)
    middle = (low + high) / 2 if choice.shift else np.zeros_like(low)
    reach = np.maximum(np.maximum(high - middle, middle - low), 1e-6)
    outliers = np.sort(np.argsort(-reach, kind="stable")[: choice.outliers])
    middle[outliers] = reach[outliers] = 0
    scale = np.ones_like(reach)
    if choice.floor is not None:
        # Powers of the mean cancel: only ratios between units matter.
        scale = np.maximum(reach / (choice.floor * reach.mean()), 1.0)
    limit = float((reach / scale).max()) * choice.room
    return Affine(middle, scale, limit, bool((scale > 1).any()), outliers)
