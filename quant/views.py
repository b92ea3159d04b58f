"""More calibration pictures out of few: mirrored, zoomed in, darker and brighter views of each.

32 pictures show a layer too little of what it will see; ranges and rounding then fit them and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from lite.evaluate import Picture, pixels


class Views(Sequence[Picture]):
    """`count` views of each picture, uint8 RGB, side by side: itself, its mirror image, then random crops.

    Crops are 55 to 90 % of the short side at 75 to 125 % of the brightness. Each is made when it is asked for, the
    same one for the same seed. InputError for an unreadable picture comes then, too.
    """

    def __init__(self, pictures: Sequence[Picture], count: int, seed: int):
        self.pictures, self.views, self.seed = pictures, count, seed

    def __len__(self) -> int:
        return len(self.pictures) * self.views

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        picture, view = divmod(range(len(self))[index], self.views)
        whole = pixels(self.pictures[picture])
        if view < 2:
            return np.ascontiguousarray(whole[:, ::-1]) if view else whole
        return _crop(whole, np.random.default_rng((self.seed, picture, view)))


def _crop(whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = whole.shape[:2]
    side = max(1, int(min(height, width) * rng.uniform(0.55, 0.9)))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = whole[top : top + side, left : left + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    bright = np.rint(crop * np.float32(rng.uniform(0.75, 1.25)))
    return np.ascontiguousarray(np.clip(bright, 0, 255).astype(np.uint8))
