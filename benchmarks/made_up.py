"""Weights for benchmarks: the bundled ones for deit_tiny, for others made-up ones.

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


def network(model: str, *, depth: int | None = None) -> Weights:
    """The bundled weights for deit_tiny; for others made-up ones, lively enough that an error would show.

    `depth` keeps the first blocks only.
    """
    variant = zoo.find(model)
    short = replace(variant, depth=depth or variant.depth)
    if model == weights.DIGITS_MODEL:
        loaded = weights.load(variant, "digits", notify=print)
        names = expected_shapes(short, loaded.classes)
        return replace(loaded, variant=short, state={name: loaded.state[name] for name in names})
    rng = np.random.default_rng(2026)
    state = {}
    for name, shape in expected_shapes(short, zoo.IMAGENET_CLASSES).items():
        values = rng.standard_normal(shape, dtype=np.float32)
        state[name] = 1 + 0.02 * values if "norm" in name and name.endswith("weight") else 0.06 * values
    return Weights(short, "file", Path("made up"), "0" * 64, state, weights.imagenet_labels())
