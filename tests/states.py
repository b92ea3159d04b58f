"""Made-up weights for tests: every tensor of a variant, from a seed."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np

from lite.model.state import expected_shapes
from lite.zoo import Variant


def random_state(
    variant: Variant, classes: int, seed: int = 0, depth: int | None = None
) -> dict[str, np.ndarray]:
    """A state dict by PaddleClas's names, normal with std 0.02 (norm weights around 1), float32."""
    short = variant if depth is None else replace(variant, depth=depth)
    rng = np.random.default_rng(seed)
    state = {}
    for name, shape in expected_shapes(short, classes).items():
        values = rng.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
        state[name] = values + np.float32("norm" in name and name.endswith(".weight"))
    return state


def write_state(path: Path, state: dict[str, np.ndarray], protocol: int = 4) -> Path:
    """Writes `state` as `paddle.save` does, without importing Paddle."""
    with path.open("wb") as file:
        pickle.dump({**state, "StructuredToParameterName@@": {name: name for name in state}}, file, protocol)
    return path
