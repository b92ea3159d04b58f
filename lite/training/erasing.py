"""Random erasing: a rectangle of a normalised picture becomes noise, pixel by pixel.

Source: Zhong et al., "Random erasing data augmentation" (2020), with the figures DeiT trains with (timm's
`pixel` mode): 2 % to a third of the area, a width:height between 0.3 and 1/0.3, ten tries.
"""

from __future__ import annotations

import math

import numpy as np

AREA = (0.02, 1 / 3)
_RATIO = (math.log(0.3), math.log(1 / 0.3))


def random_erasing(pixels: np.ndarray, chance: float, rng: np.random.Generator) -> np.ndarray:
    """float32 [3, H, W], normalised → the same with, by that chance, one rectangle of normal noise."""
    if rng.random() >= chance:
        return pixels
    _, height, width = pixels.shape
    for _ in range(10):
        area, ratio = height * width * rng.uniform(*AREA), math.exp(rng.uniform(*_RATIO))
        high, wide = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < high < height and 0 < wide < width:
            top, left = int(rng.integers(0, height - high + 1)), int(rng.integers(0, width - wide + 1))
            erased = pixels.copy()
            erased[:, top : top + high, left : left + wide] = rng.standard_normal((3, high, wide), np.float32)
            return erased
    return pixels
