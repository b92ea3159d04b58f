"""Accuracy where labels are known: top-1, top-5, and which classes come off worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lite.measure import interval
from lite.measure.interval import Interval

_ROWS = 1000
# The fields of a class that are shares of its pictures, each with an interval.
SHARES = ("top1_deployed", "top1_reference", "top1_agreement")


@dataclass(frozen=True)
class ClassAccuracy:
    """One class: its number of pictures and shares of them, 0 to 1; None where there is no reference.

    `index`: its place among the classes; `top1_agreement` is the share with the same first class from both networks.
    """

    index: int
    label: str
    images: int
    top1_deployed: float
    top1_reference: float | None
    top1_agreement: float | None

    @property
    def lost(self) -> bool:
        """Whether fewer of its pictures are right than by the reference; without one, than all."""
        return self.top1_deployed < (1.0 if self.top1_reference is None else self.top1_reference)

    def interval(self, name: str) -> Interval | None:
        """Wilson's 95 % interval of the share in the field `name`; None where the share is."""
        return interval.of_known(getattr(self, name), self.images)

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, with the interval of each share."""
        return {
            **asdict(self),
            **{f"{name}_interval": interval.or_none(self.interval(name)) for name in SHARES},
        }


def top_k(logits: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of pictures whose label is among the `k` largest of their logits (float32 [N, classes]).

    Of equal logits the one with the lower index counts as larger, as for argmax.
    """
    right = 0
    # In blocks, since the comparisons of 50,000 pictures with 1,000 classes would take as much as the logits.
    for start in range(0, len(logits), _ROWS):
        rows, truth = logits[start : start + _ROWS], labels[start : start + _ROWS, None]
        own = np.take_along_axis(rows, truth, axis=1)
        before = (rows > own) | ((rows == own) & (np.arange(rows.shape[1]) < truth))
        right += int((before.sum(axis=1) < k).sum())
    return right / len(logits)


def known_top_k(logits: np.ndarray | None, labels: np.ndarray | None, k: int) -> float | None:
    """`top_k`; None without logits or labels, and where k says nothing: over 1 with as many classes or fewer."""
    if logits is None or labels is None or (k > 1 and logits.shape[1] <= k):
        return None
    return top_k(logits, labels, k)


def by_class(
    deployed: np.ndarray, reference: np.ndarray | None, labels: np.ndarray, names: Sequence[str]
) -> list[ClassAccuracy]:
    """Accuracy of every class that has pictures, the one that lost most first.

    Logits are float32 [N, classes]. Order: top-1 lost against the reference, then top-1, both worst first.
    """
    right = deployed.argmax(1) == labels
    right_before = None if reference is None else reference.argmax(1) == labels
    same = None if reference is None else reference.argmax(1) == deployed.argmax(1)
    found = []
    for label in np.unique(labels):
        mine = labels == label
        found.append(
            ClassAccuracy(
                index=int(label),
                label=names[int(label)],
                images=int(mine.sum()),
                top1_deployed=float(right[mine].mean()),
                top1_reference=None if right_before is None else float(right_before[mine].mean()),
                top1_agreement=None if same is None else float(same[mine].mean()),
            )
        )
    return sorted(found, key=lambda one: (one.top1_deployed - (one.top1_reference or 0.0), one.top1_deployed))


@dataclass(frozen=True)
class Guess:
    """A class and its probability, 0 to 1."""

    label: str
    probability: float


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities float64 [classes] of one picture's logits ([classes])."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    probabilities: np.ndarray = powers / powers.sum()
    return probabilities


def guesses(logits: np.ndarray, classes: Sequence[str], count: int = 3) -> list[Guess]:
    """The `count` likeliest classes by softmax of one picture's logits ([classes])."""
    probabilities = softmax(logits)
    order = np.argsort(-probabilities, kind="stable")[:count]
    return [Guess(classes[index], float(probabilities[index])) for index in order]
