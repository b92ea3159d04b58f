"""What calibration shows of an activation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Seen:
    """An activation over the calibration pictures.

    `low`, `high` float32 [pictures, channels]: each picture's least and greatest. `rows` float32 [n, channels] is a
    sample and `owners` int [n] the picture of each row.
    """

    low: np.ndarray
    high: np.ndarray
    rows: np.ndarray
    owners: np.ndarray

    @property
    def largest(self) -> np.ndarray:
        """The greatest magnitude per channel, float32 [channels]."""
        return np.maximum(np.abs(self.low), np.abs(self.high)).max(axis=0)

    def half(self, pictures: np.ndarray) -> Seen:
        """The part of the pictures where `pictures`, bool [pictures], is set."""
        kept = pictures[self.owners]
        return Seen(self.low[pictures], self.high[pictures], self.rows[kept], self.owners[kept])
