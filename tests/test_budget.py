"""--budget: what is bought first, that what was bought fits and is what was foreseen, and what is refused."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from loopback import serve
from shallow import CALIBRATION, CHECK, VARIANT, recipe, shallow

from lite import zoo
from lite.bundle import Bundle
from lite.errors import InputError
from lite.nb import optimizer, reader
from lite.pictures.picture_set import PictureSet
from lite.stages import Stages
from quant.budget import budget as budgets
from quant.budget.budget import Budget, Layer, Way, cheapest_ways, choose_ways, purchases
from quant.budget.measure import Noise, converted, noise
from quant.budget.plan import cheapest, compared, layers_of, plan, point_of, recipe_of
from quant.conversion import convert_all
from quant.cost import model as cost
from quant.cost.prices import LayerPrice, Prices, prices
from quant.cost.rates import DEFAULT_CORE
from quant.int8 import Int8, for_phone
from quant.recipe import Kind, Recipe, Request
from quant.sensitivity.figures import Sums, Whole
from quant.sensitivity.program import write

ROOT = Path(__file__).resolve().parent.parent
PICTURES = CALIBRATION.pictures
DEIT = recipe(rewrite={"views": 1})
# Buys attention × value in float and little more.
LIMIT = 24e6

# A layer to leave in float, one to shift, scale or leave in float, and one that is as cheap in float.
PRODUCT = Layer("product", (Way(0, 50), Way(10, 0, skip=True)))
HIDDEN = Layer(
    "hidden",
    (
        Way(0, 30),
        Way(2, 14, shift=True),
        Way(5, 13, scale=True),
        Way(7, 4, shift=True, scale=True),
        Way(60, 0, skip=True),
    ),
)
HEAD = Layer("head", (Way(0, 1), Way(-1, 0, skip=True)))
LAYERS = [PRODUCT, HIDDEN, HEAD]


def total(chosen: dict[str, Way]) -> tuple[float, float]:
    ways = chosen.values()
    return sum(way.instructions for way in ways), sum(way.noise for way in ways)


def best(layers: list[Layer], limit: float) -> float:
    """The least noise for the limit, by trying everything."""
    every = itertools.product(*(layer.ways for layer in layers))
    fitting = (ways for ways in every if sum(way.instructions for way in ways) <= limit)
    return min(sum(way.noise for way in ways) for ways in fitting)


def test_ways_that_buy_little_are_left_out():
    words = [[way.words for way in layer.ladder] for layer in LAYERS]
    assert words == [
        ["INT8", "float"],
        ["INT8", "shifted", "shifted and scaled", "float"],
        ["float"],
    ]


def test_what_removes_most_noise_an_instruction_comes_first():
    steps = [(step.layer, step.after.words, step.instructions, step.removed) for step in purchases(LAYERS)]
    assert steps == [
        ("hidden", "shifted", 2, 16),
        ("product", "float", 10, 50),
        ("hidden", "shifted and scaled", 5, 10),
        ("hidden", "float", 53, 4),
    ]


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (-5, ["INT8", "INT8", "float"]),
        (1, ["INT8", "shifted", "float"]),
        # The product does not fit, what comes after it does.
        (8, ["INT8", "shifted and scaled", "float"]),
        (11, ["float", "shifted", "float"]),
        (69, ["float", "float", "float"]),
    ],
)
def test_the_limit_cuts_the_order(limit: float, words: list[str]):
    assert [way.words for way in choose_ways(LAYERS, limit).values()] == words


def test_more_budget_never_leaves_more_noise_and_on_the_curve_nothing_is_better():
    rng = np.random.default_rng(0)
    for _ in range(20):
        layers = [
            Layer(f"layer {index}", tuple(Way(*pair) for pair in rng.uniform((-1, 0), (9, 99), (3, 2))))
            for index in range(4)
        ]
        noises = []
        for limit in np.linspace(-4, 36, 60):
            taken, left = total(choose_ways(layers, limit))
            least, _ = total(cheapest_ways(layers))
            assert taken <= max(limit, least)
            noises.append(left)
        assert (np.diff(noises) <= 0).all()
        chosen = cheapest_ways(layers)
        for step in purchases(layers):
            chosen[step.layer] = step.after
            taken, left = total(chosen)
            assert left == pytest.approx(best(layers, taken + 1e-9))


def figures(errors: dict[Kind, float]) -> tuple[Noise, Prices]:
    sums = Sums(1, 1000.0, 30.0, 0.9, 1)
    alone = {"blocks.0.mlp.fc2": 10.0, "blocks.0.mlp.fc2 input": 8.0, "blocks.0.attn.av": 20.0}
    layers = {"blocks.0.mlp.fc2": LayerPrice(3e6, 9e6), "blocks.0.attn.av": LayerPrice(1e6, 2e6)}
    return Noise(Whole(sums, sums, sums), alone, {0: errors}), Prices(VARIANT, 5e6, layers)


@pytest.mark.parametrize(
    ("rewrite", "kinds"),
    [
        (
            {},
            {
                "INT8": 10,
                "float": 0,
                "shifted": 6,
                "scaled": 10,
                "shifted and scaled": 3,
                "shifted and 8 outliers split off": 4,
            },
        ),
        (
            {"scale_gelu": False},
            {"INT8": 10, "float": 0, "shifted": 6, "shifted and 8 outliers split off": 4},
        ),
        (
            {"split_gelu": False},
            {"INT8": 10, "float": 0, "shifted": 6, "scaled": 10, "shifted and scaled": 3},
        ),
        ({"shift_gelu": False, "scale_gelu": False}, {"INT8": 10, "float": 0}),
    ],
)
def test_ways_of_a_layer_behind_gelu(rewrite: dict, kinds: dict[str, float]):
    errors = {
        Kind(False, False, 0): 4.0,
        Kind(True, False, 0): 2.0,
        Kind(False, True, 0): 5.0,
        Kind(True, True, 0): 0.5,
        Kind(True, False, 8): 1.0,
    }
    layers = layers_of(*figures(errors), recipe(rewrite=rewrite))
    assert {way.words: way.noise for way in layers[0].ways} == pytest.approx(kinds)
    assert [way.words for way in layers[1].ways] == ["INT8", "float"]


@pytest.fixture(scope="module", params=["auto", "per_head"])
def measured(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Noise, Prices]:
    """Two blocks in their cheapest form."""
    used = recipe(rewrite={"views": 1, "attention": request.param})
    folder = tmp_path_factory.mktemp("measured") / "work"
    original, int8 = converted(shallow(), cheapest(used), CALIBRATION, folder, Stages(), keep_unrounded=True)
    program = write(int8, original, folder / "program")
    (found,) = noise(int8, program, program.rows(), [PICTURES], Stages())
    return used, found, prices(VARIANT, 10, used)


def instructions(int8: Int8, folder: Path, precision: str = "int8", core: str = DEFAULT_CORE) -> float:
    model, _ = for_phone(int8.program, precision, folder / "model.nb")
    return cost.instructions(model, (1, 3, VARIANT.image, VARIANT.image), core)


def test_what_is_chosen_fits_and_keeps_what_was_foreseen(measured, tmp_path: Path):
    used, found, costs = measured
    layers = layers_of(found, costs, used)
    predicted, kept = [], []
    for share in (0.0, 0.2, 0.6):
        limit = costs.least * (1 + share)
        chosen = choose_ways(layers, limit - costs.whole)
        point = point_of("", chosen, costs, found)
        made = recipe_of(used, chosen, limit)
        folder = tmp_path / f"{share}"
        original, int8 = converted(shallow(), made, CALIBRATION, folder, Stages(), keep_unrounded=True)
        taken = instructions(int8, folder)
        assert taken <= point.instructions + 1 <= limit + 2
        if made.rewrite.attention == "auto":
            # To the instruction: costs of layers, shifts and scales add up.
            assert taken == pytest.approx(point.instructions, abs=1)
        (found_again,) = noise(int8, write(int8, original, folder / "program"), [], [PICTURES], Stages())
        kept.append(found_again.whole.int8.snr_db)
        predicted.append(point.snr_db)
        assert kept[-1] == pytest.approx(point.snr_db, abs=4)
    assert predicted == sorted(predicted)
    assert kept[0] + 3 < kept[1]
    assert kept[1] + 3 < kept[2]


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, list[str], Stages]:
    """A bundle for a budget a fifth over the cheapest form, what was said of it, and how long it took."""
    folder = tmp_path_factory.mktemp("bought")
    heard: list[str] = []
    stages = Stages()
    (made,) = convert_all(
        shallow(),
        [Request("int8", "arm")],
        recipe=DEIT,
        calibration=CALIBRATION,
        check=CHECK,
        out=folder / "out",
        work=folder / "work",
        budget=Budget(LIMIT),
        stages=stages,
        notify=heard.append,
    )
    return made, heard, stages


def test_a_bundle_for_a_budget(bought, tmp_path: Path):
    made, heard, stages = bought
    assert "sensitivity" in stages.seconds
    used = Recipe.model_validate(made.manifest["recipe"])
    assert used.name == f"test-{LIMIT / 1e6:.10g}m"
    assert "blocks.0.attn.av" in used.skip
    assert isinstance(used.rewrite.shift_gelu, list)
    assert heard[0].startswith(f"{used.name}: ")
    assert f"with {len(used.skip)} layers in float" in heard[0]
    # The same recipe from a file gives the same bundle: nothing but it was decided.
    _, int8 = converted(shallow(), used, CALIBRATION, tmp_path / "again", Stages())
    optimizer.for_phone(int8.program, "int8", "arm", tmp_path / "again.nb")
    assert (tmp_path / "again.nb").read_bytes() == made.model_nb.read_bytes()


def test_manifest_report_and_notice_agree_on_what_held_out_pictures_keep(bought):
    made, heard, _ = bought
    curve, drift = made.manifest["budget"], made.manifest["drift"]
    assert curve["limit"] == LIMIT
    assert curve["images"] == drift["images"] == len(CHECK.pictures)
    assert curve["measured"]["snr_db"] == drift["snr_db"]
    # Predicted from all of the check pictures, which are few here.
    assert curve["measured_first"] == curve["measured"]
    # The prediction adds up what four pictures show: 46.4 dB where 41.5 are measured.
    assert curve["chosen"]["snr_db"] == pytest.approx(drift["snr_db"], abs=6)
    assert curve["measured"]["name"] == made.manifest["recipe"]["name"]
    assert curve["measured"]["instructions"] <= LIMIT
    assert [point["name"] for point in curve["compared"]] == ["test", "paddleslim"]
    assert (
        f"predicted from {curve['predicted_images']} check pictures: {curve['chosen']['snr_db']:.1f} dB"
        in heard[0]
    )
    page = (made.path / "report.html").read_text()
    section = page[page.index("What the budget bought") :]
    assert "blocks.0.attn.av: float" in section
    for point in (curve["measured"], *curve["compared"]):
        # In the chart's legend.
        assert f"{point['name']}: {point['snr_db']:.1f} dB<" in section
        assert f"{point['instructions'] / 1e6:.1f} M" in section


def test_a_budget_is_compared_with_what_the_recipes_give_without_one(bought, tmp_path: Path):
    made, _, _ = bought
    for point, used in zip(
        made.manifest["budget"]["compared"], (DEIT, Recipe.named("paddleslim")), strict=True
    ):
        (alone,) = convert_all(
            shallow(), [Request("int8", "arm")], recipe=used, calibration=CALIBRATION, check=CHECK,
            out=tmp_path / used.name, work=tmp_path / f"{used.name}-work",
        )  # fmt: skip
        assert alone.manifest["budget"] is None
        assert alone.manifest["drift"]["snr_db"] == pytest.approx(point["snr_db"], abs=1e-6)
        taken = cost.instructions(reader.read(alone.model_nb), (1, 3, VARIANT.image, VARIANT.image))
        assert taken == pytest.approx(point["instructions"], abs=1)


def test_the_choice_is_blind_to_the_held_out_pictures_and_the_curve_is_theirs(tmp_path: Path):
    first, second = (
        plan(
            shallow(), DEIT, CALIBRATION, PictureSet("digits", part), Budget(LIMIT), tmp_path / name, Stages()
        )
        for name, part in (("first", CHECK.pictures[:2]), ("second", CHECK.pictures[2:]))
    )
    assert first.recipe == second.recipe
    assert [point.name for point in first.points] == [point.name for point in second.points]
    assert [point.snr_db for point in first.points] != [point.snr_db for point in second.points]
    for one in (first, second):
        values = [point.snr_db for point in one.points]
        assert values == sorted(values)
        assert one.images == 2


def test_a_budget_for_int8_and_fp16_buys_fp16(tmp_path: Path):
    costs = prices(VARIANT, 10, DEIT, mixed=True)
    # Enough for attention × value in fp16, not in float.
    limit = costs.least + 1.2 * costs.skip("blocks.0.attn.av")
    assert (
        costs.layers["blocks.0.attn.av"].fp32 - costs.layers["blocks.0.attn.av"].int8
        > 0.6e6
        > limit - costs.least
    )
    both, plain = convert_all(
        shallow(), [Request("int8-fp16", "arm"), Request("fp32", "arm")], recipe=DEIT, calibration=CALIBRATION,
        check=CHECK, out=tmp_path / "out", work=tmp_path / "work", budget=Budget(limit, "int8-fp16"),
    )  # fmt: skip
    curve = both.manifest["budget"]
    assert plain.manifest["budget"] is None
    assert (curve["precision"], curve["core"]) == ("int8-fp16", "Cortex-A76")
    assert "blocks.0.attn.av" in both.manifest["recipe"]["skip"]
    model = reader.read(both.model_nb)
    taken = cost.instructions(model, (1, 3, VARIANT.image, VARIANT.image))
    assert taken == pytest.approx(curve["measured"]["instructions"])
    # What neighbours in fp16 share is not foreseen.
    assert 0.97 * curve["chosen"]["instructions"] < taken <= limit
    assert curve["measured"]["snr_db"] == pytest.approx(curve["chosen"]["snr_db"], abs=6)
    # The recipes without a budget are in INT8 and FP16, too.
    assert curve["compared"][0]["instructions"] < cost_of_int8(tmp_path)


def cost_of_int8(folder: Path) -> float:
    """Instructions of the recipe in INT8 alone."""
    _, int8 = converted(shallow(), DEIT, CALIBRATION, folder / "int8", Stages())
    return instructions(int8, folder / "int8")


def test_a_core_without_dot_product_is_planned_for_with_its_own_instructions(tmp_path: Path):
    budget = Budget(1.1 * prices(VARIANT, 10, DEIT, core="cortex-a53").least, core="cortex-a53")
    made = plan(shallow(), DEIT, CALIBRATION, CHECK, budget, tmp_path / "plan", Stages())
    _, int8 = converted(shallow(), made.recipe, CALIBRATION, tmp_path / "int8", Stages())
    taken = instructions(int8, tmp_path / "int8", core="cortex-a53")
    assert taken == pytest.approx(made.chosen.instructions, abs=1)
    assert 0.95 * budget.limit < taken <= budget.limit
    # The bundle's own figure, beside it on the terminal, is a Cortex-A76's.
    assert f"{taken / 1e6:.1f} M instructions on a Cortex-A53 with" in made.summary
    code = "import sys; sys.path.insert(0, 'tools'); import opt; print(opt._budget_row(%r))"
    curve = {"limit": budget.limit, "core": "Cortex-A53", "images": 4, "compared": []}
    measured = {"name": "deit", "snr_db": 1.0, "instructions": taken}
    done = subprocess.run(
        [sys.executable, "-c", code % {**curve, "measured": measured}],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"{budget.limit / 1e6:.10g} M instructions on a Cortex-A53; SNR" in done.stdout


@pytest.mark.parametrize("core", ["cortex-a73", "cortex-a53"])
def test_int8_and_fp16_are_refused_for_a_core_that_has_no_fp16(core: str):
    with pytest.raises(InputError, match="has no half-precision arithmetic; use --precision int8"):
        Budget(1e9, "int8-fp16", core)


def test_a_budget_is_for_int8_where_that_is_asked_for_too():
    assert budgets.of(1e9, ["fp32", "int8-fp16", "int8"]).precision == "int8"
    assert budgets.of(1e9, ["fp32", "int8-fp16"]).mixed


def test_nothing_is_held_out_where_every_check_picture_is_calibrated_with(tmp_path: Path):
    seen = PictureSet("digits", CALIBRATION.pictures[:1])
    with pytest.raises(InputError, match="every check picture is calibrated with, .*; give more pictures"):
        plan(shallow(), DEIT, CALIBRATION, seen, Budget(LIMIT), tmp_path, Stages())
    assert not list(tmp_path.iterdir())


def test_a_budget_below_the_cheapest_form_is_refused_before_anything_is_made(tmp_path: Path):
    least = prices(VARIANT, 10, DEIT).least
    smallest = math.ceil(least / 1e6)
    with pytest.raises(InputError) as caught:
        plan(shallow(), DEIT, CALIBRATION, CHECK, Budget(least - 1), tmp_path, Stages())
    words = str(caught.value)
    assert words.startswith(
        f"a budget of {(least - 1) / 1e6:.10g} M instructions: the cheapest form of deit_tiny, all in INT8 but what "
    )
    assert words.endswith(
        f"takes {least / 1e6:.1f} M instructions on a Cortex-A76; give {smallest} M or more"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("precision", "instead"), [("int8", "fp32"), ("int8-fp16", "fp16")])
def test_a_budget_that_pays_for_everything_is_refused_and_one_that_nearly_does_leaves_int8(
    precision: str, instead: str
):
    costs = prices(VARIANT, 10, DEIT, mixed=precision == "int8-fp16")
    with pytest.raises(
        InputError, match=f"nothing in INT8 takes .*use --precision {instead} without a budget"
    ):
        Budget(costs.most, precision).check(DEIT, VARIANT, 10)
    limit = costs.most - 1e5
    Budget(limit, precision).check(DEIT, VARIANT, 10)
    layers = [Layer(name, (Way(0.0, 1.0), Way(costs.skip(name), 0.0, skip=True))) for name in costs.layers]
    chosen = choose_ways(layers, limit - costs.whole)
    assert 0 < sum(not way.skip for way in chosen.values()) < len(layers)


def test_a_core_that_nobody_knows_is_refused():
    with pytest.raises(InputError, match="there is no core 'Cortex-A76'; choose one of cortex-a76"):
        Budget(190e6, core="Cortex-A76")


def test_a_budget_in_millions_from_python_is_told_that_it_is_in_instructions():
    with pytest.raises(InputError, match="a budget of 190 instructions: .*190e6 from Python"):
        Budget(190)


def test_recipes_for_budgets_have_names_that_a_recipe_may_have():
    long = DEIT.model_copy(update={"name": "a" * 64})
    ways = dict.fromkeys(prices(VARIANT, 10, DEIT).layers, Way(0.0, 1.0))
    found = recipe_of(long, ways, 190.5e6)
    assert found.name == "a" * 57 + "-190_5m"


def test_what_a_budget_is_compared_with_has_names_that_differ():
    ours = DEIT.model_copy(update={"name": "paddleslim"})
    names = [recipe.name for recipe in compared(ours, "int8")]
    assert len(set(names)) == 2
    assert [recipe.name for recipe in compared(DEIT, "int8")] == [DEIT.name, "paddleslim"]


@pytest.mark.parametrize(
    ("model", "classes"), [("deit_tiny", 10), ("deit_small", 1000), ("deit_base_distilled_384", 1000)]
)
def test_the_command_refuses_too_low_a_budget_before_it_asks_a_server_or_looks_for_pictures(
    model: str, classes: int
):
    smallest = math.ceil(prices(zoo.find(model), classes, Recipe.named("deit")).least / 1e6)
    with serve(b"no weights") as server:
        environment = {**os.environ, "DEIT_LITE_WEIGHTS_URL": f"{server.url}?{{name}}"}
        command = [
            sys.executable,
            "tools/opt.py",
            f"--model={model}",
            f"--budget={smallest - 1}",
            "--calib=nowhere",
        ]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env=environment
        )
        assert not server.ranges
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"error: a budget of {smallest - 1} M instructions: the cheapest form of {model}, "
    )
    assert line.endswith(f"give {smallest} M or more")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--precision=fp32"], "--budget chooses what stays in float beside INT8; add --precision int8"),
        (
            ["--recipe=paddleslim"],
            "--budget needs a recipe that rewrites the network, and paddleslim does not",
        ),
        (["--budget=nan"], "'nan' is not a finite number"),
        (["--budget=0"], "0.0 is not in the range"),
    ],
)
def test_a_budget_with_nothing_to_choose_is_refused_at_once(arguments: list[str], words: str):
    command = [sys.executable, "tools/opt.py", "--model=deit_tiny", "--budget=190", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert not done.stdout
