"""Queries and keys in ranges that one scale a head fits, exact in float and free.

Softmax does not see a number that is added to all scores of a query, so keys may be shifted by any constant vector:
(q · (k + c)) - (q · k) = q · c for every key. Trained keys stand far from zero in a few channels; shifted to the
middle of their range they need half of it. What is left is shared between q and k channel by channel. Sources: Zhang
et al., "SageAttention" (2024), for the shift; Xiao et al., "SmoothQuant" (2023), for the scales.
"""

from __future__ import annotations

import numpy as np

from lite.deploy import State


def centre(state: State, attention: str, low: np.ndarray, high: np.ndarray, query: np.ndarray) -> None:
    """Shifts the keys of `attention` (blocks.N.attn) to the middle of their range, and scales them against the queries.

    `low`, `high` and `query`, float32 [dim], are the keys' least and greatest values and the queries' greatest
    magnitudes. Changes the weights and biases in `state`.
    """
    half = (high - low) / 2
    scale = np.sqrt(np.maximum(half, 1e-6) / np.maximum(query, 1e-6)).astype(np.float32)
    q, k = f"{attention}.q", f"{attention}.k"
    state[f"{k}.bias"] = (state[f"{k}.bias"] - (low + high) / 2) / scale
    state[f"{k}.weight"] = state[f"{k}.weight"] / scale
    for kind in ("weight", "bias"):
        state[f"{q}.{kind}"] = state[f"{q}.{kind}"] * scale
