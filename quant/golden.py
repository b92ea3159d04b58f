"""The golden pictures of a bundle: a phone that runs its network must answer them as this host does.

INT8 needs several, and a measure of how far sound runs lie apart: kernels sum in other orders, a sum then rounds to
another level, and that travels through all blocks. A picture of which one pixel in a thousand is another grey level
does just that. For DeiT-tiny with the digits' weights the answers then differ by 0.0015 of their norm, whether it is
one pixel in 10,000 or in 100. 64 zeroed bytes of a weight scale or of a LayerNorm's gain mostly move them by 0.005 to
0.09: `lite/phone/golden.py` draws the line between.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from lite.bundle import golden_name
from lite.errors import InputError
from lite.pictures import prepare
from lite.pictures.picture_set import Picture, PictureSet
from lite.zoo import Preprocess

PICTURES = 8
_NUDGED_SHARE = 1e-3
_SEED = 2026


def choose(check: PictureSet, spec: Preprocess, folder: Path) -> list[Picture]:
    """The first check pictures as PNGs in `folder`: what is read back from there is what any decoder gives.

    The first is as it came; the others are cut to what the network may see, for a photograph takes 30 MB as a PNG.
    Raises InputError for one that cannot be read or written.
    """
    written = []
    for index, picture in enumerate(check.pictures[:PICTURES]):
        pixels = picture.pixels()
        if index:
            pixels = prepare.resize_crop(pixels, spec.resize_short, spec.resize_short)
        path = folder / golden_name(index)
        if not cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)):
            raise InputError(f"cannot write {path}", remedy="is the disk full?")
        written.append(Picture(path.name, path))
    return written


def nudged(pictures: Sequence[Picture], spec: Preprocess, seed: int = _SEED) -> list[Picture]:
    """The pictures with one pixel in a thousand, but one at least, another grey level; `seed` chooses which."""
    random = np.random.default_rng(seed)
    result = []
    for picture in pictures:
        pixels = prepare.resize_crop(picture.pixels(), spec.resize_short, spec.resize_short)
        rows = pixels.reshape(-1, 3)
        chosen = random.choice(len(rows), max(1, round(_NUDGED_SHARE * len(rows))), replace=False)
        rows[chosen] = np.where(rows[chosen] < 128, rows[chosen] + 1, rows[chosen] - 1)
        result.append(Picture(picture.name, array=rows.reshape(pixels.shape)))
    return result


def noise(logits: np.ndarray, nudged_logits: np.ndarray) -> np.ndarray:
    """The norm of the difference of two answers to each picture by that of the first: float32 [N]."""
    difference = np.linalg.norm(logits.astype(np.float64) - nudged_logits, axis=1)
    norm = np.linalg.norm(logits.astype(np.float64), axis=1)
    return np.divide(difference, norm, out=np.zeros_like(difference), where=norm > 0).astype(np.float32)
