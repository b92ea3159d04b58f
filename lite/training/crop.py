"""Random resized crop and flip, as DeiT trains: a random part of the picture, Pillow's bicubic, half mirrored."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

Bounds = tuple[float, float]


def random_box(
    width: int, height: int, area: Bounds, ratio: Bounds, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in pixels of a part with a share of the area and a width:height within bounds.

    Ten tries, then the largest centred part whose shape is within `ratio`. Source: Szegedy et al., "Going
    deeper with convolutions" (2015), in the form of torchvision's RandomResizedCrop.
    """
    for _ in range(10):
        pixels = width * height * rng.uniform(*area)
        shape = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        wide, high = round(math.sqrt(pixels * shape)), round(math.sqrt(pixels / shape))
        if 0 < wide <= width and 0 < high <= height:
            left, top = int(rng.integers(0, width - wide + 1)), int(rng.integers(0, height - high + 1))
            return left, top, left + wide, top + high
    wide = min(width, max(1, round(height * ratio[1])))
    high = min(height, max(1, round(width / ratio[0])))
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high


def random_resized_crop(
    picture: np.ndarray, size: int, area: Bounds, ratio: Bounds, rng: np.random.Generator
) -> np.ndarray:
    """uint8 RGB [H, W, 3] → uint8 [size, size, 3], by Pillow's antialiased bicubic."""
    box = random_box(picture.shape[1], picture.shape[0], area, ratio, rng)
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC, box))


def random_flip(picture: np.ndarray, chance: float, rng: np.random.Generator) -> np.ndarray:
    """Mirrors left and right, with that chance."""
    return picture[:, ::-1] if rng.random() < chance else picture
