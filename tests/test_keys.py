"""Keys in the middle of their range: attention's weights stay, the ranges shrink."""

from __future__ import annotations

import numpy as np

from quant.rewrite import reconstruct
from quant.rewrite.block import softmax


def test_attention_stays_and_ranges_shrink():
    rng = np.random.default_rng(0)
    tokens = rng.normal(size=(50, 16)).astype(np.float32)
    state = {
        "a.q.weight": rng.normal(size=(16, 8)).astype(np.float32),
        "a.q.bias": rng.normal(size=8).astype(np.float32),
        "a.k.weight": rng.normal(size=(16, 8)).astype(np.float32),
        # One channel far from zero, as trained keys have some.
        "a.k.bias": np.array([40, *rng.normal(size=7)], np.float32),
    }

    def project(part: str) -> np.ndarray:
        return tokens @ state[f"a.{part}.weight"] + state[f"a.{part}.bias"]

    query, key = project("q"), project("k")
    before = softmax(query @ key.T)
    largest = np.abs(query).max() * np.abs(key).max()
    reconstruct.centre_keys(state, "a", key.min(0), key.max(0), np.abs(query).max(0))
    query, key = project("q"), project("k")
    np.testing.assert_allclose(softmax(query @ key.T), before, atol=1e-4)
    assert np.abs(query).max() * np.abs(key).max() < largest / 4
    np.testing.assert_allclose(np.abs(query).max(0), np.abs(key).max(0), rtol=1e-4)
