"""The residual stream in another basis: nothing changes but that no channel stands out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import paddle
import pytest
from states import random_state

from lite import zoo
from lite.model import program
from lite.model.deploy import State, deployable_state
from quant.rewrite import rotate
from quant.rewrite.block import layer_norm


def test_the_matrix_is_orthogonal_and_keeps_the_ones():
    turn = rotate.orthogonal(48, seed=3)
    np.testing.assert_allclose(turn @ turn.T, np.eye(48), atol=1e-12)
    np.testing.assert_allclose(turn @ np.ones(48), np.ones(48), atol=1e-12)
    np.testing.assert_array_equal(turn, rotate.orthogonal(48, seed=3))
    assert np.abs(turn - rotate.orthogonal(48, seed=4)).max() > 0.1


def test_layer_norm_commutes_with_it():
    turn = rotate.orthogonal(48, seed=0)
    tokens = np.random.default_rng(1).normal(2, 3, (5, 48))
    ones, zeros = np.ones(48), np.zeros(48)
    np.testing.assert_allclose(
        layer_norm(tokens @ turn, ones, zeros, 1e-6), layer_norm(tokens, ones, zeros, 1e-6) @ turn, atol=1e-6
    )


def logits(state: State, variant: zoo.Variant, pixels: np.ndarray) -> np.ndarray:
    with paddle.no_grad():
        return program.build(state, variant)(paddle.to_tensor(pixels)).numpy()


@pytest.mark.parametrize("name", ["deit_tiny", "deit_tiny_distilled"])
def test_the_network_answers_the_same(name: str):
    variant = replace(zoo.find(name), depth=2)
    # Lively: norms with weights and biases of their own, and one channel that stands out.
    state = {key: 4 * value for key, value in random_state(variant, 5).items()}
    state["blocks.0.mlp.fc2.bias"][7] = 40
    deployable = deployable_state(state, variant)
    turned = rotate.rotate(deployable, variant, seed=1)
    pixels = np.random.default_rng(2).normal(size=(1, 3, 224, 224)).astype(np.float32)
    before, after = (logits(one, variant, pixels) for one in (deployable, turned))
    assert np.abs(before).max() > 0.5
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())
    loudest, rms = (
        np.abs(turned["blocks.0.mlp.fc2.bias"]).max(),
        np.sqrt(np.square(turned["blocks.0.mlp.fc2.bias"]).mean()),
    )
    assert loudest < 5 * rms
    np.testing.assert_array_equal(turned["blocks.1.norm2.weight"], np.ones(variant.dim, np.float32))
