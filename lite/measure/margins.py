"""How likely it is that a picture gets another first class: its margin against the noise that was measured.

Few pictures flip, so that their number says little. All pictures together say more: each of them is given the error
that the conversion made on each other one, and the share of errors that would change its first class is its
probability to flip. Errors are taken by rank (the error of the first class's logit, of the runner-up's, and so on)
since those of the first classes are larger: the stock recipe moves the margin of the first two classes by 0.25 logits
(root of the mean square over 400 digits), that of any two classes by 0.13. The mean of the probabilities is the
probability for pictures like these, their sum the expected number of flips.

A Gaussian in place of the errors, which would give Phi(-margin / sigma), has no room for the few pictures that come
off ten times worse than the rest, and these are what flips: there one of two flips had a probability of 1e-17.

What is supposed is that the error does not depend on the margin. Where it does, the number of flips that were seen
is beside the expected one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

# With fewer pictures there are too few errors to speak of a probability.
FEWEST = 10
# Classes after the first that are followed.
_NEXT = 9
# Errors that each picture is given at most, drawn with a fixed seed: 50,000 pictures would have 2.5e9 pairs.
_ERRORS = 1000
_SEED = 2026
_ROWS = 200


@dataclass(frozen=True)
class Margins:
    """What the pictures' margins say; each array has one entry a picture.

    `classes`: the reference's first class, int [N]; `margins`: its logit minus that of the runner-up, float64 [N];
    `errors`: by how much the deployed network's difference of these two is another, float64 [N], logits; `flipped`:
    whether the deployed network's first class is another one, bool [N]; `probabilities`: of that, float64 [N], None
    for fewer than FEWEST pictures.
    """

    classes: np.ndarray = field(repr=False)
    margins: np.ndarray = field(repr=False)
    errors: np.ndarray = field(repr=False)
    flipped: np.ndarray = field(repr=False)
    probabilities: np.ndarray | None = field(repr=False)

    @property
    def noise(self) -> float:
        """Root of the mean square of `errors`, in logits."""
        return _root_mean_square(self.errors)

    @property
    def probability(self) -> float | None:
        """Of a flip, for pictures like these, 0 to 1."""
        return None if self.probabilities is None else float(self.probabilities.mean())


@dataclass(frozen=True)
class ClassMargins:
    """The pictures that the reference puts into one class, that at `index`.

    `margin_median` and `margin_noise` (see `Margins.noise`) are in logits; `flip_probability` and `flips_expected` are
    None where all pictures are too few.
    """

    index: int
    label: str
    images: int
    margin_median: float
    margin_noise: float
    flip_probability: float | None
    flips_expected: float | None
    flips: int

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def measure(reference: np.ndarray, deployed: np.ndarray) -> Margins | None:
    """Margins, errors and probabilities of logits float32 [N, classes]; None for a network of one class."""
    if reference.shape[1] < 2:
        return None
    blocks = [
        _ranked(reference[start : start + _ROWS], deployed[start : start + _ROWS])
        for start in range(0, len(reference), _ROWS)
    ]
    distances, errors = (np.concatenate(part) for part in zip(*blocks, strict=True))
    classes = reference.argmax(axis=1)
    return Margins(
        classes=classes,
        margins=distances[:, 0],
        errors=errors[:, 0],
        flipped=classes != deployed.argmax(axis=1),
        probabilities=flip_probabilities(distances, errors) if len(reference) >= FEWEST else None,
    )


def flip_probabilities(distances: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Share of the other pictures' errors that would change a picture's first class, float64 [N].

    `distances`: from the logit of a picture's first class down to those of the next ones, float64 [N, K]; `errors`: by
    how much the conversion lengthened them, float64 [N, K]. A picture's own error is left out, so that the sum is no
    count of the flips that were seen.
    """
    pictures = len(distances)
    chosen = np.sort(np.random.default_rng(_SEED).permutation(pictures)[:_ERRORS])
    drawn = np.zeros(pictures, dtype=np.int64)
    drawn[chosen] = 1
    flips = np.empty(pictures, dtype=np.int64)
    for start in range(0, pictures, _ROWS):
        rows = slice(start, start + _ROWS)
        # A loop over the classes, since all at once would take nine times the memory.
        overtaken = np.zeros((len(distances[rows]), len(chosen)), dtype=bool)
        for rank in range(distances.shape[1]):
            overtaken |= distances[rows, rank, None] + errors[chosen, rank] < 0
        flips[rows] = overtaken.sum(axis=1)
    own = drawn * ((distances + errors) < 0).any(axis=1)
    return (flips - own) / (len(chosen) - drawn)


def by_class(found: Margins, names: Sequence[str]) -> list[ClassMargins]:
    """Every class that the reference gives, the likeliest to flip first, then the smallest margin first."""
    rows = []
    for index in np.unique(found.classes):
        mine = found.classes == index
        chances = None if found.probabilities is None else found.probabilities[mine]
        rows.append(
            ClassMargins(
                index=int(index),
                label=names[int(index)],
                images=int(mine.sum()),
                margin_median=float(np.median(found.margins[mine])),
                margin_noise=_root_mean_square(found.errors[mine]),
                flip_probability=None if chances is None else float(chances.mean()),
                flips_expected=None if chances is None else float(chances.sum()),
                flips=int(found.flipped[mine].sum()),
            )
        )
    return sorted(rows, key=lambda row: (-(row.flip_probability or 0.0), row.margin_median))


def _ranked(reference: np.ndarray, deployed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`distances` and `errors` of `flip_probabilities`, nearest class first, from logits float32 [N, classes]."""
    count = min(_NEXT, reference.shape[1] - 1)
    rows = np.arange(len(reference))[:, None]
    # The first class as argmax has it, and the next ones by their logit.
    first = reference.argmax(axis=1)[:, None]
    rest = reference.copy()
    rest[rows, first] = -np.inf
    nearest = np.argpartition(rest, -count, axis=1)[:, -count:]
    nearest = np.take_along_axis(nearest, np.argsort(-rest[rows, nearest], axis=1, kind="stable"), axis=1)
    distances, found = (
        logits[rows, first].astype(np.float64) - logits[rows, nearest] for logits in (reference, deployed)
    )
    return distances, found - distances


def _root_mean_square(values: np.ndarray) -> float:
    return math.sqrt(np.square(values).mean())
