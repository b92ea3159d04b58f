"""What a budget of instructions buys in accuracy, as figures for `report.html`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A form of the network: instructions of one picture on ARM, by the model, and its outputs' SNR in dB."""

    name: str
    instructions: float
    snr_db: float


@dataclass(frozen=True)
class Curve:
    """SNR on `pictures` pictures over instructions, as a budget grows.

    `points`: predicted, the first for the cheapest form, each next one for what is bought next; `chosen`: predicted
    for what is bought with `limit` instructions; `measured`: the same, converted; `stock`: the recipe to compare with.
    """

    limit: float
    pictures: int
    points: Sequence[Point]
    chosen: Point
    measured: Point
    stock: Point
