"""Other sources' networks: the same weights give the same logits as their own code gave (tests/sources/record.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
import torch_files

from lite import zoo
from lite.model import weights
from lite.model.deploy import deployable_state
from lite.model.naming import translate
from lite.model.network import DeiT
from lite.model.program import build
from lite.model.state import check_state

HERE = Path(__file__).parent / "sources"
sys.path.insert(0, str(HERE))
import lively  # noqa: E402

RECORDED = json.loads((HERE / "logits.json").read_text())["networks"]
TOLERANCE = 1e-4


def titled(row: dict) -> str:
    return f"{row['source']}-{row['model']}"


def largest_difference(row: dict, *, deployable: bool = False) -> float:
    """Between the source's logits and ours, on the same weights and picture."""
    named = translate(lively.state(lively.unpacked(row["shapes"])), zoo.find(row["model"]), transposed=True)
    variant = named.variant
    assert check_state(named.state, variant, called=named.called) == len(row["logits"])
    if deployable:
        network: paddle.nn.Layer = build(deployable_state(named.state, variant), variant)
    else:
        network = DeiT(variant, len(row["logits"]))
        network.set_state_dict(named.state)
    network.eval()
    with paddle.no_grad():
        logits = network(paddle.to_tensor(lively.picture(variant.image))).numpy()[0]
    return float(np.abs(logits - np.array(row["logits"])).max())


def test_every_variant_was_recorded_from_timm_and_every_deit_from_the_others() -> None:
    recorded = {(row["source"], zoo.find(row["model"]).name) for row in RECORDED}
    assert {model for source, model in recorded if source == "timm"} == set(zoo.MODELS)
    assert {model for source, model in recorded if source == "original DeiT"} > set(zoo.DEITS)
    # A DeiT without a distillation token is a ViT there.
    assert {model for source, model in recorded if source.endswith("ForImageClassification")} == set(
        zoo.DEITS
    )
    distilled = {model for source, model in recorded if source.endswith("WithTeacher")}
    assert distilled == {name for name, variant in zoo.DEITS.items() if variant.distilled}


@pytest.mark.parametrize("row", RECORDED, ids=titled)
def test_the_logits_are_those_of_the_sources_own_code(row: dict) -> None:
    assert np.abs(row["logits"]).max() > 1.0
    assert largest_difference(row) < TOLERANCE


SHAPES = (
    "deit3_small_patch16_224",
    "vit_tiny_patch16_384",
    "deit_tiny_distilled_patch16_224",
    "deit_tiny_distilled",
)


@pytest.mark.parametrize("row", [row for row in RECORDED if row["model"] in SHAPES], ids=titled)
def test_the_deployable_form_gives_them_too(row: dict) -> None:
    assert largest_difference(row, deployable=True) < TOLERANCE


@pytest.mark.parametrize("write", [torch_files.save, torch_files.save_safetensors])
@pytest.mark.parametrize(
    "row", [row for row in RECORDED if "tiny" in row["model"] and "384" not in row["model"]], ids=titled
)
def test_a_file_gives_what_its_tensors_give(write, row: dict, tmp_path: Path) -> None:
    tensors = lively.state(lively.unpacked(row["shapes"]))
    opened = weights.open_file(
        write(tmp_path / "anything", tensors), zoo.find(row["model"]), notify=pytest.fail
    )
    direct = translate(tensors, zoo.find(row["model"]), transposed=True)
    assert opened.variant == direct.variant
    assert opened.state.keys() == direct.state.keys()
    assert all(np.array_equal(opened.state[name], direct.state[name]) for name in direct.state)
