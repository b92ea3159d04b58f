"""RandAugment on one picture, by timm's `rand-m9-mstd0.5-inc1`, which DeiT trains with.

Source: Cubuk et al., "RandAugment" (2020); the operations, their ranges and the meaning of `m`, `mstd`, `n`
and `inc1` are timm's (`timm/data/auto_augment.py`): `n` operations are drawn with replacement, each is
applied half of the time, its strength drawn from a normal distribution around `m` (0 to 10), and all of them
grow stronger with it. Written anew on Pillow's operations, since no package for this Python has it without
PyTorch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from lite.shown import shortened, shown
from lite.zoo import Preprocess

_FORM = re.compile(r"rand-m(?P<m>\d+(\.\d+)?)(-n(?P<n>\d+))?(-mstd(?P<mstd>\d+(\.\d+)?))?-inc1")
_STRONGEST, _MOST_OPERATIONS = 10.0, 20
_CHANCE = 0.5
# ImageNet's mean colour, where a moved picture leaves a gap.
FILL = tuple(round(255 * channel) for channel in Preprocess(1, 1).mean)

Operation = Callable[[Image.Image, float, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class RandAugment:
    """`magnitude` 0 to 10, its standard deviation `spread`, and how many operations are drawn."""

    magnitude: float
    spread: float = 0.0
    operations: int = 2

    @classmethod
    def parse(cls, text: str) -> RandAugment:
        """From timm's notation. Raises ValueError for what this is not, or numbers out of bounds."""
        parts = _FORM.fullmatch(text)
        if parts is None:
            raise ValueError(f"{shown(text)} is not rand-mM[-nN][-mstdS]-inc1, like rand-m9-mstd0.5-inc1")
        for name, number, most in (
            ("magnitude", parts["m"], _STRONGEST),
            ("spread", parts["mstd"] or "0", _STRONGEST),
            ("number of operations", parts["n"] or "2", _MOST_OPERATIONS),
        ):
            if float(number) > most:
                raise ValueError(f"{name} {shortened(number)} is over {most:g}")
        return cls(float(parts["m"]), float(parts["mstd"] or 0), int(parts["n"] or 2))

    def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 RGB [H, W, 3] → the same shape, changed."""
        image = Image.fromarray(picture)
        names = list(OPERATIONS)
        for index in rng.integers(0, len(names), self.operations):
            if rng.random() < _CHANCE:
                strength = float(np.clip(rng.normal(self.magnitude, self.spread), 0.0, _STRONGEST))
                image = OPERATIONS[names[index]](image, strength / _STRONGEST, rng)
        return np.asarray(image)


def _sign(rng: np.random.Generator) -> float:
    return -1.0 if rng.random() < 0.5 else 1.0


def _affine(image: Image.Image, *coefficients: float) -> Image.Image:
    return image.transform(
        image.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC, fillcolor=FILL
    )


def _solarize_add(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    added = int(110 * strength)
    return image.point([min(255, level + added) if level < 128 else level for level in range(256)] * 3)


def _enhance(kind: Callable[[Image.Image], ImageEnhance._Enhance]) -> Operation:
    def enhance(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
        return kind(image).enhance(max(0.1, 1.0 + _sign(rng) * 0.9 * strength))

    return enhance


OPERATIONS: dict[str, Operation] = {
    "auto_contrast": lambda image, strength, rng: ImageOps.autocontrast(image),
    "equalize": lambda image, strength, rng: ImageOps.equalize(image),
    "invert": lambda image, strength, rng: ImageOps.invert(image),
    "rotate": lambda image, strength, rng: image.rotate(
        _sign(rng) * 30.0 * strength, Image.Resampling.BICUBIC, fillcolor=FILL
    ),
    "posterize": lambda image, strength, rng: ImageOps.posterize(image, 4 - int(4 * strength)),
    "solarize": lambda image, strength, rng: ImageOps.solarize(image, 256 - int(256 * strength)),
    "solarize_add": _solarize_add,
    "color": _enhance(ImageEnhance.Color),
    "contrast": _enhance(ImageEnhance.Contrast),
    "brightness": _enhance(ImageEnhance.Brightness),
    "sharpness": _enhance(ImageEnhance.Sharpness),
    "shear_x": lambda image, strength, rng: _affine(image, 1, _sign(rng) * 0.3 * strength, 0, 0, 1, 0),
    "shear_y": lambda image, strength, rng: _affine(image, 1, 0, 0, _sign(rng) * 0.3 * strength, 1, 0),
    "translate_x": lambda image, strength, rng: _affine(
        image, 1, 0, _sign(rng) * 0.45 * strength * image.width, 0, 1, 0
    ),
    "translate_y": lambda image, strength, rng: _affine(
        image, 1, 0, 0, 0, 1, _sign(rng) * 0.45 * strength * image.height
    ),
}


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
