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
from lite.model import program
from lite.model.deploy import deployable_state
from lite.model.graph import Exported, Form
from lite.model.weights import Weights
from lite.nb import optimizer
from lite.nb.reader import LiteModel
from lite.nb.shapes import steps
from lite.stages import Stages
from quant.budget.measure import converted
from quant.budget.plan import cheapest
from quant.cost import model as cost
from quant.cost import prices
from quant.cost.operators import operators
from quant.int8 import Int8, for_phone
from quant.program import layers
from quant.recipe import Recipe
from quant.sensitivity.program import write

EVERY = ["conv2d", "matmul_v2"]
SHAPE = (1, 3, 224, 224)


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
    original, int8 = converted(
        weights, cheapest(used), CALIBRATION.first(2), folder, Stages(), keep_unrounded=True
    )
    model = optimizer.for_phone(int8.program, "int8", "arm", folder / "model.nb")
    return Made(original, int8, model, used, classes)


def test_operators_are_those_that_opt_makes(made: Made):
    graph = operators(
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
        for name, price in layers.items():
            assert found.layers[name][:2] == pytest.approx(price[:2], abs=1), name
            assert found.layers[name].fp16 == (price.fp16 and pytest.approx(price.fp16, abs=1)), name


@pytest.mark.parametrize("core", ["cortex-a73", "cortex-a53"])
def test_the_whole_costs_so_much_on_cores_without_dot_product(made: Made, core: str):
    found = prices.prices(made.variant, made.classes, made.recipe, core=core)
    side = made.variant.image
    assert found.whole == pytest.approx(cost.instructions(made.model, (1, 3, side, side), core), abs=1)


def test_the_whole_costs_so_much_in_int8_and_fp16(made: Made, tmp_path: Path):
    found = prices.prices(made.variant, made.classes, made.recipe, mixed=True)
    side = made.variant.image
    mixed, _ = for_phone(made.int8.program, "int8-fp16", tmp_path / "mixed.nb")
    taken = cost.instructions(mixed, (1, 3, side, side))
    # The optimizer's own order decides which of equal tensors share a conversion.
    assert found.whole == pytest.approx(taken, rel=1e-3)
    assert taken < cost.instructions(made.model, (1, 3, side, side))


@pytest.mark.parametrize("attention", ["packed", "per_head", "layers"])
def test_a_layer_in_fp16_costs_at_most_its_price_and_less_than_in_float(attention: str, tmp_path: Path):
    used = cheapest(recipe(rewrite={"views": 1, "gptq": False, "equalize": False, "attention": attention}))
    weights = two_blocks("deit_tiny", 10)
    found = prices.prices(weights.variant, 10, used, mixed=True)
    for layer in ("blocks.0.attn.av", "blocks.0.mlp.fc1", "blocks.0.mlp.fc2"):
        kept = used.model_copy(update={"skip": [layer]})
        _, program = converted(weights, kept, CALIBRATION.first(2), tmp_path / layer, Stages())
        model, halved = for_phone(program.program, "int8-fp16", tmp_path / layer / "model.nb")
        assert halved is not None
        extra = cost.instructions(model, SHAPE) - found.whole
        price = found.layers[layer]
        assert 0 < extra <= found.skip(layer) * 1.001 < price.fp32 - price.int8, layer
        # What neighbours share is little of it.
        assert extra > 0.5 * found.skip(layer), layer


@pytest.mark.parametrize("attention", ["packed", "per_head", "layers"])
def test_a_layer_left_in_float_costs_its_price_more(attention: str, tmp_path: Path):
    used = cheapest(recipe(rewrite={"views": 1, "gptq": False, "equalize": False, "attention": attention}))
    weights = two_blocks("deit_tiny", 10)
    found = prices.prices(weights.variant, 10, used)
    for layer in ("blocks.0.attn.qk", "blocks.1.attn.k" if attention != "packed" else "blocks.1.attn.kv"):
        kept = used.model_copy(update={"skip": [layer]})
        _, program = converted(weights, kept, CALIBRATION.first(2), tmp_path / layer, Stages())
        int8, fp32, _ = found.layers[layer]
        model, _ = for_phone(program.program, "int8", tmp_path / layer / "model.nb")
        taken = cost.instructions(model, SHAPE)
        assert taken == pytest.approx(found.whole + fp32 - int8, abs=1), layer


@pytest.mark.parametrize("name", ["deit_tiny", "deit_tiny_distilled", "vit_tiny", "deit3_small"])
@pytest.mark.parametrize("attention", ["layers", "packed", "per_head"])
def test_the_names_of_layers_are_those_of_the_network(name: str, attention: str, tmp_path: Path):
    weights = two_blocks(name, 5)
    network = program.build(
        deployable_state(weights.state, weights.variant), weights.variant, form=Form(attention=attention)
    )
    exported = program.export(network, tmp_path)
    with program.static_graph() as executor:
        found = layers.tensors(network, program.LoadedProgram(exported, executor))
    assert sorted(prices.layer_names(weights.variant, 5, attention)) == sorted(found)


@pytest.mark.parametrize("variant", zoo.DEITS.values(), ids=lambda variant: variant.name)
def test_every_variant_has_a_price_of_at_most_its_plain_int8_and_far_below_float(variant: zoo.Variant):
    found = prices.prices(variant, 1000, recipe(rewrite={}))
    assert 0.9 * found.whole < found.least <= found.whole
    in_float = found.whole + sum(price.fp32 - price.int8 for price in found.layers.values())
    assert in_float > 2 * found.least


def test_larger_networks_and_more_classes_cost_more():
    used = recipe(rewrite={})
    names = ("deit_tiny", "deit_small", "deit_base", "deit_base_384")
    least = [prices.prices(zoo.find(name), 1000, used).least for name in names]
    assert all(2 * small < large for small, large in itertools.pairwise(least))
    few, many = (prices.prices(zoo.find("deit_tiny"), count, used).least for count in (10, 1000))
    assert few < many < 1.01 * few
