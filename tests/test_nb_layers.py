"""lite/nb/shapes.py finds the network's layers again in what Paddle Lite's optimizer left of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle
import pytest

from lite import zoo
from lite.model import program as export
from lite.model.deploy import DeployableDeiT
from lite.model.graph import Form
from lite.nb import optimizer, reader, shapes
from lite.pictures.picture_set import PictureSet
from quant.program import ptq
from quant.recipe import PaddleSlim, Recipe

IMAGE = (1, 3, 224, 224)
DEPTH = 3
SPLIT = Form("packed", shifted_gelu=frozenset({0}), scaled_gelu=frozenset({1}), outliers=frozenset({(1, 16)}))


def converted(
    folder: Path, form: Form, *, int8: bool, model: str = "deit_tiny"
) -> tuple[set[str], reader.LiteModel]:
    """The names of a short network's layers, and the network as a `.nb`."""
    paddle.seed(0)
    network = DeployableDeiT(replace(zoo.find(model), depth=DEPTH), 10, form=form)
    network.eval()
    program = export.export(network, folder / "float")
    if int8:
        pictures = tuple(np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8))
        recipe = Recipe(
            name="made",
            paddleslim=PaddleSlim(algo="abs_max", onnx_format=False),
            skip=["blocks.*.attn.av", "head*"],
        )
        program = ptq.quantize(network, program, PictureSet.of("made", pictures), recipe, folder / "int8")
    made = optimizer.for_phone(program, "int8" if int8 else "fp32", "arm", folder / "model.nb")
    # With one layer per head, a head is a number after its layer's name.
    weights = [
        name.removesuffix(".weight") for name, _ in network.named_parameters() if name.endswith(".weight")
    ]
    return {re.sub(r"(?<=\.attn\.[qkv])\.\d+$", "", name) for name in weights}, made


@pytest.mark.parametrize(
    ("form", "int8", "model"),
    [
        (Form("layers"), False, "deit_tiny"),
        (Form("per_head"), False, "deit_tiny"),
        (Form("packed"), False, "deit_tiny_distilled"),
        (Form("per_head"), True, "deit_tiny"),
        (SPLIT, True, "deit_tiny"),
    ],
)  # fmt: skip
def test_every_layer_of_the_network_is_found(tmp_path: Path, form: Form, int8: bool, model: str) -> None:
    wanted, made = converted(tmp_path, form, int8=int8, model=model)
    steps = list(shapes.steps(made, IMAGE))
    found = shapes.layers(steps, made.params)
    assert set(found) == {step.index for step in steps}
    without_weights = {
        f"blocks.{block}.{part}"
        for block in range(DEPTH)
        for part in ("attn.qk", "attn.softmax", "attn.av", "mlp.gelu")
    }
    assert set(found.values()) == wanted | without_weights


def test_a_head_is_known_whichever_runs_first(tmp_path: Path) -> None:
    _, made = converted(tmp_path, Form("packed"), int8=False, model="deit_tiny_distilled")
    *before, head, distilled, total = shapes.steps(made, IMAGE)
    names = shapes.layers([*before, head, distilled, total], made.params)
    assert (names[head.index], names[distilled.index]) == ("head", "head_dist")
    # As opt orders them by the recipe `deit`; in its own order the second may write where the first has read.
    (answer,) = distilled.outputs.values()
    distilled = replace(
        distilled, op=replace(distilled.op, outputs={"Out": ("apart",)}), outputs={"apart": answer}
    )
    total = replace(total, op=replace(total.op, inputs={**total.op.inputs, "Y": ("apart",)}))
    assert shapes.layers([*before, distilled, head, total], made.params) == names | {total.index: "head"}


def test_an_operator_belongs_to_the_layer_that_made_its_input_and_a_calib_to_its_reader(
    tmp_path: Path,
) -> None:
    _, made = converted(tmp_path, SPLIT, int8=True)
    found = shapes.layers(shapes.steps(made, IMAGE), made.params)
    there = Counter((found[index], op.type) for index, op in enumerate(made.ops) if index in found)
    heads = 3
    assert there["blocks.0.attn.qkv", "calib"] == 1
    assert there["blocks.0.attn.qkv", "split"] == 1
    assert there["blocks.0.attn.qk", "calib"] == 2 * heads
    assert there["blocks.0.attn.av", "concat"] == 1
    assert there["blocks.0.attn.proj", "elementwise_add"] == 1
    assert there["blocks.0.mlp.gelu", "elementwise_add"] == 1
    assert there["blocks.1.mlp.gelu", "elementwise_mul"] == 1
    assert there["blocks.1.mlp.gelu", "split"] == 1
    assert there["blocks.1.mlp.outliers", "matmul_v2"] == 1
    assert there["blocks.1.mlp.fc2", "elementwise_add"] == 2
    assert there["patch_embed.proj", "calib"] == 1


def test_a_program_that_is_no_chain_of_blocks_has_no_layers() -> None:
    kernel = reader.Kernel("relu", "def", "arm", "fp32", "nchw")
    op = reader.Op("relu", kernel, {"X": ("x",)}, {"Out": ("y",)}, {})
    assert shapes.layers([shapes.ShapedOp(1, op, {"X": ((1, 8),)}, {"y": (1, 8)}, 0)], ()) == {}
