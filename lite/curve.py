"""What a budget of instructions buys in accuracy: the figures of `report.html`'s chart and the manifest's `budget`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Point:
    """A form of the network: instructions of one picture on ARM, by the model, and its outputs' SNR in dB."""

    name: str
    instructions: float
    snr_db: float


@dataclass(frozen=True)
class Curve:
    """SNR on check pictures, which nothing was calibrated or chosen with, over instructions, as a budget grows.

    `points`: predicted from the first `predicted_images`, the first for the cheapest form, each next one for what is
    bought next; `chosen`: predicted for what is bought with `limit` instructions. `measured`: the same, converted, on
    all `images`, and `measured_first` on those that it was predicted from; `compared`: recipes without a budget,
    converted, on all `images`.
    """

    limit: float
    images: int
    predicted_images: int
    points: Sequence[Point]
    chosen: Point
    measured: Point
    measured_first: Point
    compared: Sequence[Point]

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as the manifest holds them."""
        return asdict(self)
