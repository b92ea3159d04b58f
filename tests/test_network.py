"""The plain network against the paper, and the deployable form against the plain one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import paddle
import programs
import pytest
import reference_deit
from states import random_state

from lite import zoo
from lite.errors import ConversionError
from lite.model import program, weights
from lite.model.deploy import DeployableDeiT, deployable_state
from lite.model.network import DeiT
from lite.model.state import expected_shapes
from lite.pictures import digits, prepare

CLASSES = 12
# Base variants with few blocks, to stay quick.
VARIANTS = [
    replace(variant, depth=2 if "base" in name or name not in zoo.DEITS else 12)
    for name, variant in zoo.MODELS.items()
]


def lively_state(variant: zoo.Variant) -> dict[str, np.ndarray]:
    """Random weights five times as large as a fresh network's, so that attention and GELU are not near zero."""
    state = random_state(variant, CLASSES)
    state = {name: value if "norm" in name else value * 5 for name, value in state.items()}
    return {name: value + np.float32(0.5) if "gamma" in name else value for name, value in state.items()}


def picture(variant: zoo.Variant) -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.standard_normal((1, 3, variant.image, variant.image), dtype=np.float32)


def plain(variant: zoo.Variant, state: dict[str, np.ndarray]) -> DeiT:
    network = DeiT(variant, len(state["head.bias"]))
    network.set_state_dict(state)
    network.eval()
    return network


def deployable(variant: zoo.Variant, state: dict[str, np.ndarray]) -> DeployableDeiT:
    return program.build(deployable_state(state, variant), variant)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_plain_network_takes_paddleclas_names(variant: zoo.Variant):
    network = DeiT(variant, CLASSES)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert shapes == expected_shapes(variant, CLASSES)


@pytest.mark.parametrize("name", ["deit_tiny", "deit_tiny_distilled", "deit_small", "deit3_small"])
def test_the_plain_network_gives_the_papers_outputs(name: str):
    variant = replace(zoo.find(name), depth=3)
    state, pixels = lively_state(variant), picture(variant)
    expected = reference_deit.logits(state, pixels[0], variant.heads)
    with paddle.no_grad():
        found = plain(variant, state)(paddle.to_tensor(pixels)).numpy()[0]
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_deployable_form_equals_the_plain_one(variant: zoo.Variant):
    state, pixels = lively_state(variant), paddle.to_tensor(picture(variant))
    with paddle.no_grad():
        expected = plain(variant, state)(pixels).numpy()
        found = deployable(variant, state)(pixels).numpy()
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_deployable_form_equals_the_plain_one_on_trained_weights():
    variant = zoo.find("deit_tiny")
    state = weights.load(variant, "digits", notify=print).state
    with paddle.no_grad():
        for shown in digits.pictures("held_out", 3):
            pixels = paddle.to_tensor(prepare.prepare(shown, variant.preprocess))
            expected = plain(variant, state)(pixels).numpy()
            np.testing.assert_allclose(deployable(variant, state)(pixels).numpy(), expected, atol=1e-4)


def test_the_exported_program_has_nothing_that_lite_trips_over(tmp_path):
    variant = replace(zoo.find("deit_tiny_distilled"), depth=2)
    exported = program.export(deployable(variant, lively_state(variant)), tmp_path)
    with program.static_graph() as executor:
        loaded = program.LoadedProgram(exported, executor)
        operators = loaded.program.global_block().ops
        # A reshape's XShape only repeats its input's shape after a zero.
        names = {
            name
            for op in operators
            for slot in op.output_names
            for name in op.output(slot)
            if op.type not in ("feed", "fetch") and slot != "XShape"
        }
        ranks = [len(loaded.program.global_block().var(name).shape) for name in names]
    assert not {op.type for op in operators} & {"flatten_contiguous_range", "unbind", "split", "squeeze2"}
    assert max(ranks) == 4
    # Two residuals a block, the position embedding and the sum of both heads; the patches have no bias.
    additions = [op.input("Y")[0] for op in operators if op.type == "elementwise_add"]
    assert sum(not name.endswith(".b_0") for name in additions) == 2 * 2 + 1 + 1


def test_an_exported_program_does_not_depend_on_its_caller(tmp_path):
    def deeper():
        return programs.deployable(tmp_path / "deeper")

    here = programs.deployable(tmp_path / "here").model.read_bytes()
    assert here == deeper().model.read_bytes()
    assert b".py" not in here


def test_the_residual_stream_is_found_by_name(tmp_path):
    variant = replace(zoo.find("deit_tiny"), depth=3)
    exported = program.export(deployable(variant, lively_state(variant)), tmp_path)
    with program.static_graph() as executor:
        loaded = program.LoadedProgram(exported, executor)
        logits, *blocks = loaded.run(picture(variant), loaded.stream)
    assert logits.shape == (1, CLASSES)
    # Patches, then three blocks; after the last one's keys and values only the class token goes on.
    assert [block.shape for block in blocks] == [(1, 197, 192)] * 3 + [(1, 1, 192)]


def test_a_state_that_does_not_fit_is_named():
    variant = replace(zoo.find("deit_tiny"), depth=2)
    state = deployable_state(lively_state(variant), variant)
    state["blocks.1.attn.q.weight"] = state["blocks.1.attn.q.weight"][:, :64]
    with pytest.raises(ConversionError, match="blocks.1.attn.q.weight"):
        program.build(state, variant)
