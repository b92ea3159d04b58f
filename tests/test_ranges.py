"""Ranges that the rewrite measured become the activation scales of the INT8 program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from states import random_state

from lite import zoo
from lite.errors import ConversionError
from lite.model import program as export
from lite.model.deploy import deployable_state
from lite.model.graph import Exported, Form
from lite.model.program import LoadedProgram, static_graph
from lite.pictures import digits
from lite.pictures.picture_set import PictureSet
from quant.program import layers, ptq
from quant.recipe import Recipe

VARIANT = replace(zoo.find("deit_tiny"), depth=2)
RANGES: layers.Ranges = {
    "patch_embed.proj": 3.0,
    **{f"blocks.{block}.attn.qkv": 4.0 + block for block in (0, 1)},
    **{f"blocks.{block}.attn.query": [5.0, 5.25, 5.5] for block in (0, 1)},
    **{f"blocks.{block}.attn.key": [6.0, 6.25, 6.5] for block in (0, 1)},
    **{f"blocks.{block}.attn.proj": 7.0 + block for block in (0, 1)},
    **{f"blocks.{block}.mlp.fc1": 8.0 + block for block in (0, 1)},
    **{f"blocks.{block}.mlp.fc2": 9.0 + block for block in (0, 1)},
}
OLDER = {"name": "test", "paddleslim": {"algo": "abs_max", "onnx_format": False}}


def scales(program: Exported) -> list[float]:
    with static_graph() as executor:
        loaded = LoadedProgram(program, executor)
        # Spelled out, so that the reader of quantized programs is held against it.
        names = {
            "fake_quantize_range_abs_max": "InScale",
            "fake_quantize_moving_average_abs_max": "InScale",
            "fake_quantize_dequantize_moving_average_abs_max": "InScale",
            "quantize_linear": "Scale",
        }
        return [
            float(loaded.parameter(operator.input(names[operator.type])[0]).reshape(-1)[0])
            for operator in loaded.program.global_block().ops
            if operator.type in names
            and not (operator.has_attr("only_observer") and operator.attr("only_observer"))
        ]


def test_one_picture_is_enough_where_all_ranges_are_assigned(tmp_path: Path):
    state = deployable_state(random_state(VARIANT, 4), VARIANT)
    network = export.build(state, VARIANT, form=Form(attention="packed"))
    program = export.export(network, tmp_path / "float")
    used = Recipe.model_validate({**OLDER, "skip": ["blocks.*.attn.av", "head"]})
    pictures = PictureSet.of("digits", digits.pictures("calibration", 3))
    assert layers.all_measured(network, used)
    made = []
    for known in (False, True):
        seen: list[int] = []
        quantized = ptq.quantize(
            network,
            program,
            pictures,
            used,
            tmp_path / str(known),
            ranges_known=known,
            on_picture=lambda place, _, seen=seen: seen.append(place),
        )
        assert len(seen) == (1 if known else 3)
        layers.assign_ranges(quantized, network, program, RANGES)
        made.append(quantized)
    assert made[0].params.read_bytes() == made[1].params.read_bytes()
    # All that is left of the pictures are notes at operators.
    several, one = (operators(program) for program in made)
    assert several != one
    assert notes_left_out(several) == notes_left_out(one)


def operators(program: Exported) -> list[tuple[str, list[str], dict[str, object]]]:
    with static_graph() as executor:
        block = LoadedProgram(program, executor).program.global_block()
        return [
            (
                operator.type,
                [*operator.input_arg_names, *operator.output_arg_names],
                {name: operator.attr(name) for name in operator.attr_names if "block" not in name},
            )
            for operator in block.ops
        ]


def notes_left_out(
    operators: list[tuple[str, list[str], dict[str, object]]],
) -> list[tuple[str, list[str], dict[str, object]]]:
    return [
        (kind, names, {name: value for name, value in attributes.items() if not name.endswith("threshold")})
        for kind, names, attributes in operators
    ]


@pytest.mark.parametrize("skip", [["blocks.0.attn.av", "head"], ["blocks.*.attn.av"]])
def test_attention_times_value_and_heads_in_int8_need_all_pictures(skip: list[str]):
    state = deployable_state(random_state(VARIANT, 4), VARIANT)
    network = export.build(state, VARIANT, form=Form(attention="packed"))
    assert not layers.all_measured(network, Recipe.model_validate({**OLDER, "skip": skip}))
    both = ["blocks.*.attn.av", "head"]
    onnx = {"name": "test", "paddleslim": {"onnx_format": True}, "skip": both}
    assert not layers.all_measured(network, Recipe.model_validate(onnx))


@pytest.mark.parametrize("onnx_format", [False, True])
@pytest.mark.parametrize("attention", ["packed", "per_head", "layers"])
def test_every_scale_is_set(attention: str, onnx_format: bool, tmp_path: Path):
    state = deployable_state(random_state(VARIANT, 4), VARIANT)
    network = export.build(state, VARIANT, form=Form(attention=attention))
    program = export.export(network, tmp_path / "float")
    used = Recipe.model_validate(
        {
            "name": "test",
            "paddleslim": {"algo": "abs_max", "onnx_format": onnx_format},
            "skip": ["blocks.*.attn.av", "blocks.-1.mlp.fc2", "head"],
        }
    )
    pictures = PictureSet.of("digits", digits.pictures("calibration", 2))
    quantized = ptq.quantize(network, program, pictures, used, tmp_path / "int8")
    before = scales(quantized)
    assert layers.assign_ranges(quantized, network, program, RANGES) == len(before)
    # One tensor for all heads has the widest of them.
    per_head = [RANGES["blocks.0.attn.query"], RANGES["blocks.0.attn.key"]]
    heads = [[5.5], [6.5]] if attention == "layers" else per_head
    # The last block's queries, fewer, are a tensor of their own; its fc2 is in float.
    wanted = [3.0, 4.0, 7.0, 8.0, 9.0, 5.0, 5.0, 8.0, 9.0, *2 * heads[0], *2 * heads[1]]
    found = sorted(scales(quantized))
    assert found == sorted(wanted)
    with pytest.raises(ConversionError, match="the rewrite measured no range for it"):
        layers.assign_ranges(quantized, network, program, {})
