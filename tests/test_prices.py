"""What the cheapest form takes, known without converting: held against converted models, operator by operator."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from shallow import CALIBRATION, recipe
from states import random_state

from lite import zoo
from lite.model.exported import Exported
from lite.model.weights import Weights
from lite.nb import optimizer
from lite.nb.reader import LiteModel
from lite.nb.shapes import steps
from lite.stages import Stages
from quant.budget.measure import converted, instructions
from quant.budget.plan import cheapest
from quant.cost import model as cost
from quant.cost import prices
from quant.int8 import Int8
from quant.recipe import Recipe
from quant.sensitivity.program import write

EVERY = ["conv2d", "matmul_v2"]


@dataclass(frozen=True)
class Made:
    """A network's float and INT8 programs by `recipe`, and its `.nb` for ARM."""

    original: Exported
    int8: Int8
    model: LiteModel
    recipe: Recipe
    classes: int

    @property
    def variant(self) -> zoo.Variant:
        return self.int8.network.variant

    @property
    def attention(self) -> str:
        return self.recipe.rewrite.attention_form


def table(model: LiteModel, side: int) -> Counter[tuple]:
    """Operators by kernel, what they read (each reader's input, parameters too) and what they make."""
    read = ("X", "Y", "Input", "Filter", "W", "Bias", "Scale")
    return Counter(
        (step.op.type, step.op.kernel.target, step.op.kernel.precision, step.op.kernel.alias,
         tuple((name, step.inputs.get(name)) for name in read if step.inputs.get(name)),
         tuple(step.outputs.values()))
        for step in steps(model, (1, 3, side, side))
    )  # fmt: skip


def two_blocks(name: str, classes: int) -> Weights:
    variant = replace(zoo.find(name), depth=2)
    state = {
        key: value
        for key, value in random_state(zoo.find(name), classes).items()
        if not key.startswith("blocks.") or int(key.split(".")[1]) < variant.depth
    }
    return Weights(variant, "file", Path("random.pdparams"), "0" * 64, state, tuple(map(str, range(classes))))


CASES = [
    ("deit_tiny", 10, {"attention": "packed"}, EVERY),
    ("deit_tiny", 7, {"attention": "per_head"}, EVERY),
    ("deit_tiny", 10, {"attention": "layers", "tanh_gelu": False}, EVERY),
    ("deit_tiny", 10, {}, ["conv2d"]),
    ("deit_tiny", 10, {}, ["matmul_v2"]),
    ("deit_tiny_distilled", 1000, {}, EVERY),
    pytest.param(("deit_small", 1000, {}, EVERY), marks=pytest.mark.slow),
    pytest.param(("deit_small_distilled", 5, {"attention": "per_head"}, EVERY), marks=pytest.mark.slow),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(map(str, case)))
def made(request, tmp_path_factory: pytest.TempPathFactory) -> Made:
    name, classes, rewrite, quantized = request.param
    used = recipe(
        rewrite={"views": 1, "gptq": False, "equalize": False, **rewrite}, quantizable_op_type=quantized
    )
    folder = tmp_path_factory.mktemp("prices") / "work"
    weights = two_blocks(name, classes)
    original, int8 = converted(weights, cheapest(used), CALIBRATION.first(2), folder, Stages())
    model = optimizer.for_phone(int8.program, "int8", "arm", folder / "model.nb")
    return Made(original.program, int8, model, used, classes)


def test_operators_are_those_that_opt_makes(made: Made):
    graph = prices.operators(
        made.variant, made.classes, made.attention, tanh_gelu=made.recipe.rewrite.tanh_gelu,
        quantized=made.recipe.paddleslim.quantizable_op_type,
    )  # fmt: skip
    assert table(graph, made.variant.image) == table(made.model, made.variant.image)


def test_the_whole_and_its_layers_cost_what_the_converted_model_costs(made: Made, tmp_path: Path):
    found = prices.prices(made.variant, made.classes, made.recipe)
    side = made.variant.image
    assert found.whole == pytest.approx(cost.instructions(made.model, (1, 3, side, side)), abs=1)
    rows = write(made.int8, made.original, tmp_path / "program").rows()
    layers = {row.name: row.instructions for row in rows if row.kind == "layer"}
    assert list(found.layers) == list(layers)
    if made.attention != "per_head":
        for name, pair in layers.items():
            assert found.layers[name] == pytest.approx(pair, abs=1), name


@pytest.mark.parametrize("attention", ["packed", "per_head", "layers"])
def test_a_layer_left_in_float_costs_its_price_more(attention: str, tmp_path: Path):
    used = cheapest(recipe(rewrite={"views": 1, "gptq": False, "equalize": False, "attention": attention}))
    weights = two_blocks("deit_tiny", 10)
    found = prices.prices(weights.variant, 10, used)
    for layer in ("blocks.0.attn.qk", "blocks.1.attn.k" if attention != "packed" else "blocks.1.attn.kv"):
        kept = used.model_copy(update={"skip": [layer]})
        _, program = converted(weights, kept, CALIBRATION.first(2), tmp_path / layer, Stages())
        int8, fp32 = found.layers[layer]
        taken = instructions(program, tmp_path / layer, Stages())
        assert taken == pytest.approx(found.whole + fp32 - int8, abs=1), layer


@pytest.mark.parametrize("variant", zoo.DEITS.values(), ids=lambda variant: variant.name)
def test_every_variant_has_a_price_of_at_most_its_plain_int8_and_far_below_float(variant: zoo.Variant):
    found = prices.prices(variant, 1000, recipe(rewrite={}))
    assert 0.9 * found.whole < found.least <= found.whole
    in_float = found.whole + sum(fp32 - int8 for int8, fp32 in found.layers.values())
    assert in_float > 2 * found.least


def test_larger_networks_and_more_classes_cost_more():
    used = recipe(rewrite={})
    names = ("deit_tiny", "deit_small", "deit_base", "deit_base_384")
    least = [prices.prices(zoo.find(name), 1000, used).least for name in names]
    assert all(2 * small < large for small, large in itertools.pairwise(least))
    few, many = (prices.prices(zoo.find("deit_tiny"), count, used).least for count in (10, 1000))
    assert few < many < 1.01 * few
