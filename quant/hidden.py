"""GELU's outputs on one INT8 scale: shifted, scaled where that pays, with room for what calibration has not seen.

Outputs of GELU lie between -0.17 and a maximum of each hidden unit's own. Shifted to the middle of its range, a unit
needs half of it; that is one addition. Wide units divided by their range leave the others finer steps; that is two
more operators, and only the widest units need it. Both are undone in fc2. How wide the range must be, and whether
scaling pays, is tried on pictures that the ranges were not taken from: one half of the calibration pictures for the
other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quant.streams import fake_quantize

# Units wider than this many times the mean are scaled down to it. None: no unit is scaled.
FLOORS = (None, 2.5, 1.5)
ROOMS = (1.0, 1.15, 1.3, 1.6)
# Scaling takes 0.56 M instructions of a block of DeiT-tiny; it must leave less than this part of the error.
WORTH = 0.8


@dataclass(frozen=True)
class Affine:
    """INT8 sees (x - middle) / scale, float32 [hidden] each, up to `limit`; `scaled` is false where scale is 1.

    No limit: fc2 stays in float.
    """

    middle: np.ndarray
    scale: np.ndarray
    limit: float | None
    scaled: bool

    def __call__(self, hidden: np.ndarray) -> np.ndarray:
        """What INT8 makes of GELU's outputs [..., hidden], in their own unit but shifted."""
        return fake_quantize((hidden - self.middle) / self.scale, self.limit)


@dataclass(frozen=True)
class Seen:
    """GELU's outputs over the calibration pictures.

    `low`, `high` float32 [pictures, hidden]: each picture's least and greatest. `rows` float32 [n, hidden] is a sample
    and `owners` int [n] the picture of each row.
    """

    low: np.ndarray
    high: np.ndarray
    rows: np.ndarray
    owners: np.ndarray

    def half(self, pictures: np.ndarray) -> Seen:
        """The part of the pictures where `pictures`, bool [pictures], is set."""
        kept = pictures[self.owners]
        return Seen(self.low[pictures], self.high[pictures], self.rows[kept], self.owners[kept])


class Choice(NamedTuple):
    """Whether units are shifted; how wide (of `FLOORS`) they may be; the room (of `ROOMS`) left to what is unseen."""

    shift: bool
    floor: float | None
    room: float


def held_out(seen: Seen, weight: np.ndarray) -> dict[Choice, float]:
    """The error of each choice behind fc2's `weight` [hidden, out], on pictures that its ranges were not taken from."""
    choices = [Choice(shift, floor, room) for shift in (False, True) for floor in FLOORS for room in ROOMS]
    errors = dict.fromkeys(choices, 0.0)
    # Each unit's part in the error behind fc2, as if units erred independently.
    cost = np.square(weight).sum(axis=1)
    count = len(seen.low)
    first = np.arange(count) < (count + 1) // 2
    for taken in (first, ~first) if count > 1 else (first,):
        known, tried = seen.half(taken), seen.half(~taken if count > 1 else taken)
        for choice in choices:
            affine = _affine(known, choice)
            lost = (affine(tried.rows) - (tried.rows - affine.middle) / affine.scale) * affine.scale
            errors[choice] += float(np.square(lost).sum(axis=0) @ cost)
    return errors


def least(errors: Mapping[Choice, float]) -> dict[tuple[bool, bool], float]:
    """The least of the held-out errors, by whether units are shifted and whether any is scaled."""
    found: dict[tuple[bool, bool], float] = {}
    for choice, error in errors.items():
        kind = choice.shift, choice.floor is not None
        found[kind] = min(error, found.get(kind, error))
    return found


def choose(seen: Seen, errors: Mapping[Choice, float], *, shift: bool = True, worth: float = WORTH) -> Affine:
    """The shift, the scale and the limit that lose least by `errors` (`held_out` of the same).

    Units are scaled where that leaves less than `worth` of the error: never at 0.
    """
    choices = [choice for choice in errors if choice.shift == shift]
    best = min(choices, key=lambda choice: errors[choice])
    plain = min((choice for choice in choices if choice.floor is None), key=lambda choice: errors[choice])
    return _affine(seen, best if errors[best] < worth * errors[plain] else plain)


def unchanged(units: int) -> Affine:
    """That of an fc2 with `units` inputs that stays in float."""
    return Affine(np.zeros(units, np.float32), np.ones(units, np.float32), None, scaled=False)


def _affine(seen: Seen, choice: Choice) -> Affine:
    low, high = seen.low.min(axis=0), seen.high.max(axis=0)
    middle = (low + high) / 2 if choice.shift else np.zeros_like(low)
    reach = np.maximum(np.maximum(high - middle, middle - low), 1e-6)
    scale = np.ones_like(reach)
    if choice.floor is not None:
        # Powers of the mean cancel: only ratios between units matter.
        scale = np.maximum(reach / (choice.floor * reach.mean()), 1.0)
    limit = float((reach / scale).max()) * choice.room
    return Affine(middle, scale, limit, scaled=bool((scale > 1).any()))
