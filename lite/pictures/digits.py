"""The bundled pictures: scikit-learn's handwritten digits, coloured and enlarged, in three fixed splits.

They exist so that the whole road works without a download. `train` is what the bundled weights were
trained on, `calibration` (taken out of the training split) is what INT8 calibrates with, and `held_out` is
what accuracy and drift are measured on; nothing is ever trained or calibrated on `held_out`.

Each digit has an ink and a paper colour of its own, so that swapped colour channels show in the outputs.
Source: scikit-learn's `load_digits` (1,797 pictures of 8x8 pixels, 16 grey levels).
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from lite.errors import InputError
from lite.shown import shown

SIZE = 256
CLASSES = tuple(str(digit) for digit in range(10))
SPLITS = ("train", "calibration", "held_out")
_HELD_OUT = 400
_CALIBRATION = 128
_SEED = 2026
# The digit fills this share of the picture, so that the centre crop (224 of 256) keeps all of it.
_FILL = 0.75


@lru_cache(maxsize=1)
def _digits() -> tuple[np.ndarray, np.ndarray]:
    """The pictures, [N, 8, 8] from 0 to 16, and their classes, [N]."""
    # Imported here because it takes half a second, which commands that show no digits need not wait.
    from sklearn.datasets import load_digits

    bundled = load_digits()
    return bundled.images, bundled.target


@lru_cache(maxsize=1)
def _splits() -> dict[str, np.ndarray]:
    from sklearn.model_selection import train_test_split

    _, labels = _digits()
    everything = np.arange(len(labels))
    train, held_out = train_test_split(everything, test_size=_HELD_OUT, stratify=labels, random_state=_SEED)
    calibration = np.random.default_rng(_SEED).permutation(train)[:_CALIBRATION]
    return {"train": train, "calibration": calibration, "held_out": held_out}


def _indices(split: str) -> np.ndarray:
    if split not in SPLITS:
        raise InputError(
            f"the bundled digits have no split {shown(split)}", remedy=f"choose one of {', '.join(SPLITS)}"
        )
    return _splits()[split]


def labels(split: str) -> np.ndarray:
    """Class index of each picture of `split`, int64 [N]. Raises InputError for an unknown split."""
    _, classes = _digits()
    return classes[_indices(split)].astype(np.int64)


def raw(split: str) -> np.ndarray:
    """The 8x8 originals of `split`: float32 [N, 8, 8], 0 (paper) to 1 (ink)."""
    images, _ = _digits()
    return (images[_indices(split)] / 16.0).astype(np.float32)


def colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random bright ink and dark paper: uint8 RGB [3] each."""
    return rng.integers(140, 256, 3).astype(np.uint8), rng.integers(0, 90, 3).astype(np.uint8)


def render(digit: np.ndarray, size: int, ink: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """Draws an 8x8 digit (0-1 float32) as a picture: uint8 RGB [size, size, 3]."""
    inner = round(size * _FILL)
    enlarged = np.clip(cv2.resize(digit, (inner, inner), interpolation=cv2.INTER_CUBIC), 0.0, 1.0)
    before = (size - inner) // 2
    after = size - inner - before
    cover = np.pad(enlarged, (before, after))[..., None]
    return np.rint(cover * ink + (1.0 - cover) * paper.astype(np.float32)).astype(np.uint8)


def pictures(split: str, count: int | None = None) -> list[np.ndarray]:
    """The first `count` (all by default) pictures of `split`: uint8 RGB [256, 256, 3] each, always the same."""
    indices = _indices(split)[:count]
    return [
        render(digit, SIZE, *colours(np.random.default_rng([_SEED, int(index)])))
        for digit, index in zip(raw(split)[:count], indices, strict=True)
    ]
