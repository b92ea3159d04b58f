"""Weights and pictures for benchmarks: the bundled weights for deit_tiny, for others made-up ones; pictures of noise.

What a conversion takes, and how fast an engine is, does not depend on what the weights know.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lite import zoo
from lite.model import weights
from lite.model.state import expected_shapes
from lite.model.weights import Weights
from lite.pictures.picture_set import PictureSet


def network(model: str, *, depth: int | None = None) -> Weights:
    """The bundled weights for deit_tiny; for others made-up ones, lively enough that an error would show.

    `depth` keeps the first blocks only.
    """
    variant = zoo.find(model)
    if model == weights.DIGITS_MODEL:
        return first_blocks(weights.load(variant, "digits", notify=print), depth)
    short = replace(variant, depth=depth or variant.depth)
    rng = np.random.default_rng(2026)
    state = {}
    for name, shape in expected_shapes(short, zoo.IMAGENET_CLASSES).items():
        values = rng.standard_normal(shape, dtype=np.float32)
        state[name] = 1 + 0.02 * values if "norm" in name and name.endswith("weight") else 0.06 * values
    return Weights(short, "file", Path("made up"), "0" * 64, state, weights.imagenet_labels())


def first_blocks(loaded: Weights, depth: int | None) -> Weights:
    """The weights of the first `depth` blocks, all for None, and of what is no block."""
    short = replace(loaded.variant, depth=depth or loaded.variant.depth)
    names = expected_shapes(short, loaded.classes)
    return replace(loaded, variant=short, state={name: loaded.state[name] for name in names})


def pictures(side: int) -> PictureSet:
    """Two pictures of noise, `side` pixels wide and high, to calibrate with."""
    noise = np.random.default_rng(2026).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    return PictureSet.of("random", tuple(noise))
