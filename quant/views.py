"""More calibration pictures out of few: mirrored, zoomed in, darker and brighter views of each.

32 pictures show a layer too little of what it will see; ranges and rounding then fit them and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lite.evaluate import Picture, pixels


def views(pictures: Sequence[Picture], count: int, seed: int) -> list[np.ndarray]:
    """`count` views of each picture, uint8 RGB: itself, its mirror image, then random crops.

    Crops are 55 to 90 % of the short side at 75 to 125 % of the brightness. The same seed gives the same views.
    Raises InputError for an unreadable picture.
    """
    rng = np.random.default_rng(seed)
    made: list[np.ndarray] = []
    for picture in pictures:
        whole = pixels(picture)
        made += [whole, np.ascontiguousarray(whole[:, ::-1])][:count]
        made += [_crop(whole, rng) for _ in range(count - 2)]
    return made


def _crop(whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = whole.shape[:2]
    side = max(1, int(min(height, width) * rng.uniform(0.55, 0.9)))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = whole[top : top + side, left : left + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    bright = np.rint(crop * np.float32(rng.uniform(0.75, 1.25)))
    return np.ascontiguousarray(np.clip(bright, 0, 255).astype(np.uint8))
