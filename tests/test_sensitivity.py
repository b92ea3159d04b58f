"""Sensitivity: rows equal what is worked out by hand, add up, find what was planted, and are never measured twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shallow import PICTURES, SHOWN, VARIANT, made, recipe, shallow

from lite.errors import ConversionError, InputError
from lite.model.graph import Exported
from lite.model.program import LoadedProgram, static_graph
from quant.cost.model import linear
from quant.program.quantizers import Segments, take_apart
from quant.recipe import Recipe
from quant.rewrite.block import fake_quantize
from quant.rewrite.gptq import nearest
from quant.sensitivity.figures import RowFigures, Sums, Whole
from quant.sensitivity.program import PreparedProgram
from quant.sensitivity.results import document, rank, recipe_text, render
from quant.sensitivity.run import WHOLE, RowJob, Sensitivity, Store, measure

REWRITE = {"views": 1, "tanh_gelu": False, "attention": "per_head"}


def measured(program: PreparedProgram) -> Sensitivity:
    """All rows, in this process."""
    job = RowJob(program, program.sha256, "these", VARIANT.preprocess)
    whole = measure(job, None, 0, SHOWN)
    assert isinstance(whole, Whole)
    return Sensitivity(whole, [(row, measure(job, row, 0, SHOWN)) for row in program.rows()])


def one(found: Sensitivity, name: str) -> RowFigures:
    (figures,) = (figures for row, figures in found.rows if row.name == name)
    return figures


def run(exported: Exported, *names: str) -> list[np.ndarray]:
    """Logits [N, classes], and tensors, of the pictures."""
    with static_graph() as executor:
        loaded = LoadedProgram(exported, executor)
        outputs = [loaded.run(each.tensor(VARIANT.preprocess), names) for each in SHOWN]
    return [np.concatenate(each) for each in zip(*outputs, strict=True)]


def noise(reference: np.ndarray, found: np.ndarray) -> float:
    return float(np.square(reference.astype(np.float64) - found).sum())


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> PreparedProgram:
    """Two blocks by PaddleSlim alone, all in INT8."""
    return made(tmp_path_factory.mktemp("stock"), recipe())


@pytest.fixture(scope="module")
def found(stock: PreparedProgram) -> Sensitivity:
    return measured(stock)


@pytest.fixture(scope="module")
def deit(tmp_path_factory: pytest.TempPathFactory) -> PreparedProgram:
    """Two blocks by the deit recipe, exact but for the rounding."""
    return made(tmp_path_factory.mktemp("deit"), recipe("blocks.*.attn.av", rewrite=REWRITE))


@pytest.mark.parametrize(
    "options",
    [{}, {"onnx_format": True}, {"weight_quantize_type": "abs_max"}],
    ids=["older", "onnx", "a scale per weight"],
)
def test_taken_apart_and_put_together_it_is_the_simulation(tmp_path: Path, options: dict):
    program = made(tmp_path, recipe("blocks.0.mlp.fc2", **options))
    pixels = np.concatenate([each.tensor(VARIANT.preprocess) for each in SHOWN])
    with static_graph() as executor:
        segments = program.open(executor)
        every = {*segments.parts.activations, *segments.parts.weights}
        answers = []
        for active in ((), every):
            values = pixels
            for place in range(len(segments)):
                values = segments.build(place, active).run(values)
            answers.append(values)
    (floats,), (simulated,) = run(program.fp32), run(program.int8)
    np.testing.assert_allclose(answers[0], floats, atol=1e-4 * np.abs(floats).max())
    # A rounding tips now and then.
    assert noise(simulated, answers[1]) < 0.02 * noise(simulated, floats)
    assert len(segments) == 4


def test_rows_of_a_network_with_a_layer_per_head(deit: PreparedProgram):
    rows = deit.rows()
    block = ["attn.q", "attn.k", "attn.v", "attn.proj", "mlp.fc1", "mlp.fc2", "attn.qk"]
    assert {row.name for row in rows if row.kind == "layer"} == {
        "patch_embed.proj", "head", *(f"blocks.{index}.{part}" for index in (0, 1) for part in block)
    }  # fmt: skip
    tensors = {row.name: row for row in rows if row.kind != "layer"}
    inputs = {name for name in tensors if name.startswith("blocks.0.") and not name.endswith(" weight")}
    assert inputs == {
        "blocks.0.attn.q+k+v input", "blocks.0.attn.qk query", "blocks.0.attn.qk key",
        "blocks.0.attn.proj input", "blocks.0.mlp.fc1 input", "blocks.0.mlp.fc2 input",
    }  # fmt: skip
    # After the last block's keys and values only the class token goes on.
    assert {"blocks.1.attn.q input", "blocks.1.attn.k+v input"} < set(tensors)
    shared = tensors["blocks.0.attn.q+k+v input"]
    assert shared.layers == ("blocks.0.attn.q", "blocks.0.attn.k", "blocks.0.attn.v")
    assert len(shared.reads) == 9
    assert len({read.tensor for read in shared.reads}) == 1
    places = {row.name: row.place for row in rows}
    assert (places["patch_embed.proj"], places["blocks.1.attn.qk"], places["head"]) == (0, 2, 3)


def test_every_quantizer_is_in_one_layer_and_one_tensor(stock: PreparedProgram):
    rows = stock.rows()
    for kinds in (("layer",), ("activation", "weight")):
        reads = [read for row in rows if row.kind in kinds for read in row.reads]
        assert len(reads) == len(set(reads))
    with static_graph() as executor:
        parts = take_apart(LoadedProgram(stock.int8, executor))
    assert set(reads) == {*parts.activations, *parts.weights}


def test_instructions_of_a_layer(stock: PreparedProgram):
    known = {row.name: row.instructions for row in stock.rows() if row.kind == "layer"}
    assert known["blocks.0.mlp.fc1"][:2] == pytest.approx(
        [linear(197, 192, 768, int8=True), linear(197, 192, 768, int8=False)]
    )
    assert known["blocks.1.mlp.fc1"][:2] == pytest.approx(
        [linear(1, 192, 768, int8=True), linear(1, 192, 768, int8=False)]
    )
    for name in ("blocks.0.mlp.fc1", "blocks.0.attn.qk", "blocks.0.attn.av"):
        int8, fp32, fp16 = known[name]
        assert 1e6 < int8 < fp16 < fp32 < 20e6
    # There is no fp16 convolution.
    assert known["patch_embed.proj"].fp16 is None


def test_a_core_without_dot_product_has_other_prices_and_no_fp16(stock: PreparedProgram):
    with_it, without = (
        {row.name: row.instructions for row in stock.rows(core) if row.kind == "layer"}
        for core in ("cortex-a76", "cortex-a53")
    )
    assert list(with_it) == list(without)
    assert without["blocks.0.mlp.fc1"].int8 > 1.5 * with_it["blocks.0.mlp.fc1"].int8
    assert {price.fp16 for price in without.values()} == {None}


def test_a_weight_by_hand(stock: PreparedProgram, found: Sensitivity):
    row = next(row for row in stock.rows() if row.name == "blocks.1.mlp.fc2 weight")
    (read,) = row.reads
    with static_graph() as executor:
        loaded = LoadedProgram(stock.fp32, executor)
        tensor = loaded.scope.find_var(read.tensor).get_tensor()
        tensor.set(nearest(np.array(tensor)), executor.place)
        logits = [loaded.run(each.tensor(VARIANT.preprocess))[0] for each in SHOWN]
    expected = noise(run(stock.fp32)[0], np.concatenate(logits))
    figures = one(found, row.name).isolated
    assert figures.noise == pytest.approx(expected, rel=1e-2)
    assert figures.snr_db == pytest.approx(10 * np.log10(figures.signal / expected), abs=0.05)


def test_an_activation_by_hand_alone_and_left_out(stock: PreparedProgram, found: Sensitivity):
    with static_graph() as executor:
        loaded = LoadedProgram(stock.fp32, executor)
        product = [op for op in loaded.program.global_block().ops if op.type == "matmul_v2"][-1]
        (name,), (weight,) = product.input("X"), product.input("Y")
        matrix, bias = loaded.parameter(weight), loaded.parameter(weight.replace("w_0", "b_0"))
    with static_graph() as executor:
        int8 = LoadedProgram(stock.int8, executor)
        scale = float(int8.parameter(f"{name}@scale").reshape(-1)[0])
    logits, values = run(stock.fp32, name)
    alone = fake_quantize(values, scale) @ matrix + bias
    assert one(found, "head input").isolated.noise == pytest.approx(noise(logits, alone), rel=2e-2)
    _, before_head = run(stock.int8, name)
    without = noise(logits, before_head @ matrix + bias)
    assert one(found, "head").without.noise == pytest.approx(without, rel=5e-2)


def test_the_networks_own_figures(stock: PreparedProgram, found: Sensitivity):
    (floats,), (int8,) = run(stock.fp32), run(stock.int8)
    assert found.whole.int8.noise == pytest.approx(noise(floats, int8), rel=5e-2)
    assert found.whole.int8.pictures == PICTURES
    assert found.whole.float_graph.snr_db > 100
    agreeing = int((floats.argmax(1) == int8.argmax(1)).sum())
    assert found.whole.int8.top1_agreement == agreeing / PICTURES


def test_the_damage_of_tensors_adds_up_to_int8s(found: Sensitivity):
    tensors = [figures for row, figures in found.rows if row.kind != "layer"]
    assert sum(each.isolated.noise for each in tensors) == pytest.approx(found.whole.isolated.noise, rel=0.35)
    layer = one(found, "blocks.0.mlp.fc1").isolated.noise
    parts = [one(found, f"blocks.0.mlp.fc1 {part}").isolated.noise for part in ("input", "weight")]
    assert layer == pytest.approx(sum(parts), rel=0.35)


def test_a_planted_weight_is_the_worst(tmp_path: Path):
    """A unit of the MLP that is always nearly zero, with huge weights behind it, coarsens all of fc2's scales."""
    state = shallow().state
    fc1, bias = state["blocks.1.mlp.fc1.weight"].copy(), state["blocks.1.mlp.fc1.bias"].copy()
    fc2 = state["blocks.1.mlp.fc2.weight"].copy()
    fc1[:, 7], bias[7], fc2[7] = 0.0, 0.0, 200 * np.abs(fc2).max()
    loaded = shallow(
        blocks__1__mlp__fc1__weight=fc1, blocks__1__mlp__fc1__bias=bias, blocks__1__mlp__fc2__weight=fc2
    )
    layers, tensors = rank(measured(made(tmp_path, recipe(), loaded)))
    assert layers[0].row.name == "blocks.1.mlp.fc2"
    assert tensors[0].row.name == "blocks.1.mlp.fc2 weight"
    assert layers[0].share > 0.5
    assert layers[0].gain_db > 3


def test_a_planted_activation_is_the_worst(tmp_path: Path):
    """The same the other way round: a unit that is always huge, with nothing behind it."""
    state = shallow().state
    bias, fc2 = state["blocks.0.mlp.fc1.bias"].copy(), state["blocks.0.mlp.fc2.weight"].copy()
    bias[7], fc2[7] = 2000.0, 0.0
    loaded = shallow(blocks__0__mlp__fc1__bias=bias, blocks__0__mlp__fc2__weight=fc2)
    layers, tensors = rank(measured(made(tmp_path, recipe(), loaded)))
    assert layers[0].row.name == "blocks.0.mlp.fc2"
    assert tensors[0].row.name == "blocks.0.mlp.fc2 input"
    assert layers[0].share > 0.8
    assert min(layers[0].expected_db, layers[0].gain_db) > 6


def test_weights_that_the_rewrite_rounded_are_measured_all_the_same(deit: PreparedProgram):
    figures = measured(deit)
    assert figures.whole.float_graph.snr_db > 90
    layers, _ = rank(figures)
    weights = [row for row, _ in figures.rows if row.kind == "weight"]
    assert len(weights) == len(layers) - 2  # attention's products have none
    for row in weights:
        assert 20 < one(figures, row.name).isolated.snr_db < 120


def test_what_skip_brings_is_what_was_measured(stock: PreparedProgram, found: Sensitivity, tmp_path: Path):
    worst = rank(found)[0][0]
    without = measured(made(tmp_path, recipe(worst.row.name)))
    assert without.whole.int8.snr_db == pytest.approx(worst.measured.without.snr_db, abs=0.3)
    assert worst.row.name not in {row.name for row, _ in without.rows}


def test_a_rewritten_layer_that_is_skipped_keeps_its_weight(deit: PreparedProgram, tmp_path: Path):
    (row,) = (row for row in deit.rows() if row.name == "blocks.0.attn.v")
    job = RowJob(deit, deit.sha256, "these", VARIANT.preprocess)
    predicted = measure(job, row, 0, SHOWN).without.snr_db
    skipped = made(tmp_path, recipe("blocks.*.attn.av", row.name, rewrite=REWRITE))
    whole = measure(RowJob(skipped, skipped.sha256, "these", VARIANT.preprocess), None, 0, SHOWN)
    assert whole.int8.snr_db > measure(job, None, 0, SHOWN).int8.snr_db + 0.5
    # Not to the last bit: the layers after it are rounded for other inputs.
    assert whole.int8.snr_db == pytest.approx(predicted, abs=0.4)


def test_sums_add_up_and_refuse_nan():
    rng = np.random.default_rng(0)
    reference, other = rng.standard_normal((2, 6, 10)).astype(np.float32)
    together = Sums.total([Sums.of(reference[:4], other[:4]), Sums.of(reference[4:], other[4:])])
    whole = Sums.of(reference, other)
    assert together.noise == pytest.approx(whole.noise)
    assert (together.pictures, together.agreeing, together.cosine_min) == (
        6, whole.agreeing, whole.cosine_min,
    )  # fmt: skip
    assert Sums.of(reference, reference).snr_db == 200
    other[3, 1] = np.nan
    with pytest.raises(ConversionError, match="NaN or infinity"):
        Sums.of(reference, other)


def test_a_store_skips_what_is_not_its_own_or_cut_off(tmp_path: Path):
    path = tmp_path / "sensitivity.jsonl"
    sums = Sums(2, 1.5, 0.25, 0.75, 1)
    mine, other = Store(path, "mine"), Store(path, "other")
    mine.add(("a", 0), RowFigures(sums, sums))
    other.add(("a", 0), RowFigures(replace(sums, noise=9.0), sums))
    mine.add((WHOLE, 0), Whole(sums, sums, sums))
    with path.open("a") as file:
        file.write(path.read_text().splitlines()[0].replace('"a"', '"b"')[:-9])
    mine.add(("c", 1), RowFigures(sums, sums))
    kept = {
        ("a", 0): RowFigures(sums, sums),
        (WHOLE, 0): Whole(sums, sums, sums),
        ("c", 1): RowFigures(sums, sums),
    }
    assert mine.read() == kept
    mine.forget()
    assert mine.read() == {}
    assert other.read()["a", 0].isolated.noise == 9.0
    with pytest.raises(InputError, match="cannot write .*choose another --out"):
        Store(tmp_path / "nowhere" / "file", "mine").add(("a", 0), RowFigures(sums, sums))


def test_the_recipe_names_the_worst_layers_and_loads(found: Sensitivity, tmp_path: Path):
    layers, _ = rank(found)
    path = tmp_path / "recipe.yaml"
    used = recipe("blocks.*.attn.av")

    def written(active: int, base: Recipe = used) -> Recipe:
        path.write_text(recipe_text(base, layers, active=active, source="two blocks"))
        return Recipe.named(path)

    assert written(0).as_dict() == {**used.as_dict(), "name": "test-sensitivity"}
    by_skip = sorted(layers, key=lambda layer: -layer.skip_share)
    assert "their share of all tensors' noise," in path.read_text()
    assert f'  # - "{by_skip[0].row.name}"  # {by_skip[0].skip_share:.1%} of the noise: ' in path.read_text()
    assert written(2).skip == ["blocks.*.attn.av", by_skip[0].row.name, by_skip[1].row.name]
    assert written(0, recipe()).skip == []
    # As a person would: the [] and one # taken away.
    text = path.read_text().replace("skip: []", "skip:").replace("  # - ", "  - ", 1)
    path.write_text(text)
    assert Recipe.named(path).skip == [by_skip[0].row.name]
    # It converts, and what it skips is in float.
    rows = made(tmp_path, Recipe.named(path)).rows()
    assert by_skip[0].row.name not in {row.name for row in rows}
    # It loads whatever the recipe and the pictures are called.
    path.write_text(recipe_text(recipe(), layers, active=1, source="photos\nskip: [head]"))
    assert Recipe.named(path).skip == [by_skip[0].row.name]
    assert written(1, recipe().model_copy(update={"name": "a" * 64})).name == "a" * 52 + "-sensitivity"
    assert written(1, Recipe.named(path)).name == "a" * 52 + "-sensitivity"
    with pytest.raises(InputError, match=r"--skip-worst 99: only \d+ layers are in INT8"):
        written(99)


def test_results_are_in_order_of_damage(found: Sensitivity):
    figures = document(found, {"model": "deit_tiny"})
    for rows in (figures["layers"], figures["tensors"]):
        shares = [row["share"] for row in rows]
        assert shares == sorted(shares, reverse=True)
    row = next(row for row in figures["layers"] if row["name"] == "blocks.0.mlp.fc1")
    saved = row["instructions"]["fp32"] - row["instructions"]["int8"]
    assert row["share_per_million_instructions"] == pytest.approx(row["share"] / saved * 1e6)
    assert row["gain_db"] == pytest.approx(row["without"]["snr_db"] - figures["int8"]["snr_db"])
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_the_page_speaks_of_a_rewrite_only_where_there_is_one(found: Sensitivity):
    def page(used: Recipe) -> str:
        facts = {"model": "deit_tiny", "recipe": used.as_dict(), "images": {"count": 4, "source": "digits"}}
        return render(document(found, facts | {"core": "Cortex-A76"}))

    plain = page(recipe())
    assert "dB: that is how floats round." in plain
    # A little is not said to be nothing, nor nearly all to be all.
    assert "<td>&gt; 0.99999</td>" in plain
    assert "<td>1.00000</td>" not in plain
    assert "<td>&lt; 0.01\N{NO-BREAK SPACE}%</td>" in plain
    assert "4 pictures from digits" in plain
    assert "dB: that is the rewrite&#39;s own approximation." in page(recipe(rewrite=REWRITE))


def test_a_program_that_is_no_chain_of_blocks(stock: PreparedProgram):
    with static_graph() as executor:
        parts = take_apart(LoadedProgram(stock.int8, executor))
        block = parts.loaded.program.global_block()
        last = [op for op in block.ops if op.type == "layer_norm"][-1]
        first = next(op for op in block.ops if op.type == "layer_norm")
        last._rename_input(last.input("X")[0], first.input("X")[0])
        with pytest.raises(ConversionError, match="not a chain of blocks"):
            Segments(parts)
