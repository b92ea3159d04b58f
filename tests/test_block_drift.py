"""Where it was lost: figures end at the bundle's own, and a damaged layer shows up at its block."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from shallow import shallow
from states import random_state

from lite import zoo
from lite.engines.workers import local
from lite.measure import drift
from lite.model.deploy import deployable_state
from lite.model.graph import Exported
from lite.model.program import LoadedProgram, static_graph
from lite.model.weights import Weights
from lite.pictures import digits
from lite.pictures.picture_set import PictureSet
from lite.stages import Stages
from quant import host_check
from quant.budget.measure import converted
from quant.int8 import SEED
from quant.program.quantizers import set_parameter
from quant.recipe import Recipe
from quant.rewrite.rotate import orthogonal, rotate, turned_back

CALIBRATION = PictureSet.of("digits", digits.pictures("calibration", 4))
CHECK = PictureSet.of("digits", digits.pictures("held_out", 4))
DEPTH = 3


def lively(name: str) -> Weights:
    """Three blocks with random weights, lively enough that activations differ from picture to picture."""
    variant = replace(zoo.find(name), depth=DEPTH)
    state = {
        key: value if "norm" in key else 3 * value
        for key, value in random_state(variant, 10, depth=DEPTH).items()
    }
    return Weights(variant, "file", Path("made up"), "0" * 64, state, tuple(map(str, range(10))))


def damage(program: Exported, layer: str, folder: Path) -> Exported:
    """The program with the sign of a layer's weight turned."""
    with static_graph() as executor:
        loaded = LoadedProgram(program, executor)
        set_parameter(loaded, layer, loaded.parameter(layer) * np.float32(-1))
        return loaded.save(folder)


@pytest.mark.parametrize("recipe", ["deit", "paddleslim"])
@pytest.mark.parametrize("weights", ["bundled", "deit_small", "deit_tiny_distilled"])
def test_blocks_end_at_the_final_figure_and_a_damaged_one_shows(weights: str, recipe: str, tmp_path: Path):
    loaded = shallow() if weights == "bundled" else lively(weights)
    used, pictures = Recipe.named(recipe), CHECK.pictures
    original, int8 = converted(loaded, used, CALIBRATION, tmp_path / "made", Stages())
    twin = host_check.twin(int8.program, tmp_path / "twin", Stages())
    blocks = host_check.by_block(loaded, twin, pictures, used, Stages())
    host_nb = host_check.for_host(twin, tmp_path / "host.nb", Stages())
    with local(1) as references, local(1) as hosts:
        reference = host_check.start_reference(original, loaded, CHECK, references).logits()
        logits = host_check.logits(host_nb, loaded, pictures, hosts, Stages())
    with static_graph() as executor:
        operators = LoadedProgram(twin, executor).program.global_block().ops
        norms = [place for place, operator in enumerate(operators) if operator.type == "layer_norm"]
        # After the second block's second norm comes fc1.
        fc1 = next(each for each in operators[norms[3] :] if each.type == "matmul_v2").input("Y")[0]
        conv = next(each for each in operators if each.type == "conv2d").input("Filter")[0]
    with_fc1, with_conv = (
        host_check.by_block(loaded, damage(twin, layer, tmp_path / layer), pictures, used, Stages())
        for layer in (fc1, conv)
    )
    error = np.square(reference.astype(np.float64) - logits).sum()
    final = 10 * np.log10(np.square(reference, dtype=np.float64).sum() / error)
    depth = loaded.variant.depth
    assert [block.name for block in blocks] == [
        "patches", *(f"block {index + 1}" for index in range(depth)), "head"
    ]  # fmt: skip
    assert {block.images for block in blocks} == {len(CHECK.pictures)}
    # Another engine sums otherwise, so that a few values round the other way.
    assert max(abs(block.snr_db - final) for block in blocks[-2:]) < 3
    assert min(block.snr_db for block in blocks) > final - 10

    assert with_fc1[:2] == blocks[:2]
    assert blocks[2].snr_db - with_fc1[2].snr_db > 6
    drops = [before.snr_db - now.snr_db for before, now in pairwise(with_fc1)]
    assert drops[1] == max(drops)
    assert drift.added_noise(with_fc1).argmax() == 2
    assert blocks[0].snr_db - with_conv[0].snr_db > 6
    assert drift.added_noise(with_conv).argmax() == 0


def test_a_stream_is_turned_back_but_for_its_mean():
    loaded = shallow()
    variant = loaded.variant
    state = deployable_state(loaded.state, variant)
    turned = rotate(state, variant, SEED)
    there = turned["position"][0]
    back = turned_back(there, orthogonal(variant.dim, SEED))
    plain = state["position"][0]
    np.testing.assert_allclose(back, plain - plain.mean(-1, keepdims=True), atol=1e-5)
    assert np.abs(there - back).max() > 0.1
