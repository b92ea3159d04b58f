"""quant/recipe.py and lite/yaml_file.py: recipes as data, and where in the file a mistake stands."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
import yaml

from lite.errors import InputError
from quant import recipe
from quant.recipe import PaddleSlim, Recipe


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.yaml"


def refusal(file: Path, text: str) -> str:
    """What `load` says about a recipe file, without the folder it lies in."""
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        Recipe.named(file)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{file.parent}/")


def test_the_stock_recipe_spells_out_every_default():
    written = yaml.safe_load((recipe.FOLDER / "paddleslim.yaml").read_text())
    stock = Recipe(name="paddleslim")
    assert Recipe.named("paddleslim").as_dict() == stock.as_dict()
    assert written["paddleslim"] == stock.paddleslim.model_dump()
    assert written.items() <= stock.as_dict().items()


def test_every_recipe_that_comes_along_has_its_files_name():
    assert "paddleslim" in recipe.names()
    for name in recipe.names():
        assert Recipe.named(name).name == name


def test_defaults_are_paddleslims_own():
    from paddleslim.quant import quant_post_static

    theirs = inspect.signature(quant_post_static).parameters
    for name, value in PaddleSlim().model_dump().items():
        assert theirs[name].default == value, name


def test_every_argument_of_paddleslims_is_offered_or_left_out_by_name():
    from paddleslim.quant import quant_post_static

    text = (recipe.FOLDER / "paddleslim.yaml").read_text()
    left_out = text.partition("# Left out on purpose:")[2].partition("\n\n")[0]
    set_by_the_toolkit = {
        "quantize_model_path", "model_filename", "params_filename", "save_model_filename", "save_params_filename"
    }  # fmt: skip
    for name in inspect.signature(quant_post_static).parameters:
        assert (name in PaddleSlim.model_fields) != (name in left_out or name in set_by_the_toolkit), name


def test_every_option_is_read(file: Path):
    file.write_text(
        "name: all-of_it\n"
        "paddleslim:\n"
        "  algo: KL\n"
        "  hist_percent: 1\n"
        "  weight_bits: 8\n"
        "  activation_bits: 8\n"
        "  weight_quantize_type: abs_max\n"
        "  activation_quantize_type: moving_average_abs_max\n"
        "  quantizable_op_type: [matmul_v2]\n"
        "  onnx_format: false\n"
        "  round_type: round\n"
        "  bias_correction: true\n"
        "batches: 4\n"
        "skip: [head, 'blocks.*.attn.av']\n"
    )
    loaded = Recipe.named(file)
    assert loaded.paddleslim == PaddleSlim(
        algo="KL",
        hist_percent=1.0,
        weight_quantize_type="abs_max",
        activation_quantize_type="moving_average_abs_max",
        quantizable_op_type=["matmul_v2"],
        onnx_format=False,
        bias_correction=True,
    )
    assert (loaded.batches, loaded.skip) == (4, ["head", "blocks.*.attn.av"])
    assert Recipe.model_validate(loaded.as_dict()).as_dict() == loaded.as_dict()


def test_places_name_file_and_line(file: Path):
    file.write_text("name: mine\n# a comment\nskip:\n  - head\n  - 'blocks.0.*'\nbatches: 3\n")
    loaded = Recipe.named(file)
    assert loaded.place("skip", 1) == f"{file}:5: skip.1"
    assert loaded.place("batches") == f"{file}:6: batches"
    assert loaded.place("paddleslim", "algo") == f"{file}:1: paddleslim.algo"
    assert Recipe(name="made").place("skip") == "recipe made: skip"


def test_with_fp16_more_layers_leave_int8(file: Path):
    file.write_text("name: mine\nskip:\n  - head\nskip_fp16:\n  - 'blocks.*.attn.qk'\n  - blocks.9.q\n")
    loaded = Recipe.named(file)
    assert loaded.for_precision("int8") is loaded
    mixed = loaded.for_precision("int8-fp16")
    assert mixed.skip == ["head", "blocks.*.attn.qk", "blocks.9.q"]
    assert mixed.skip_fp16 == []
    assert mixed.place("skip", 0) == f"{file}:3: skip.0"
    assert mixed.place("skip", 2) == f"{file}:6: skip_fp16.1"
    assert mixed.for_precision("int8-fp16") is mixed


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "empty"),
        ("# nothing\n", 1, "empty"),
        ("- name\n", 1, "the recipe: not a mapping"),
        ("name: mine\nskip: [head\n", 3, "expected ',' or ']'"),
        ("name: mine\n\tskip: []\n", 2, "character '\\t'"),
        ("name: \x01\n", 1, "special characters are not allowed"),
        ("name: 2026-13-45\n", 1, "month must be in 1..12"),
        ("[" * 5000, 1, "nested deeper than 20"),
        ("name: a\nbatches: 2\nname: b\n", 3, "name stands twice (line 1 too)"),
        ("name: a\npaddleslim:\n  algo: KL\n  algo: hist\n", 4, "algo stands twice (line 3 too)"),
        ("? [a]\n: b\n", 1, "unhashable key"),
        ("batches: 2\n", 1, "name: is missing"),
        ("name: Mine\n", 1, "should match pattern"),
        ("name: mine\n1: 2\n", 2, "Keys should be strings"),
        ("name: mine\nalgo: hist\n", 2, "algo: unknown key; known are name, "),
        ("name: mine\npaddleslim:\n", 2, "paddleslim: Input should be a valid dictionary"),
        ("name: mine\nbatches: 0\n", 2, "greater than or equal to 1, not 0"),
        ("name: mine\nbatches: '8'\n", 2, "valid integer, not '8'"),
        ("name: mine\nskip: head\n", 2, "skip: Input should be a valid list, not 'head'"),
        ("name: mine\nskip:\n- head\n- 1\n", 4, "skip.1: Input should be a valid string, not 1"),
    ],
)
def test_mistakes_in_the_file(file: Path, text: str, line: int, words: str):
    message = refusal(file, text)
    assert message.startswith(f"mine.yaml:{line}: ")
    assert words in message


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("algoo: KL", "algoo: unknown key; known are onnx_format, algo, "),
        ("is_full_quantize: true", "unknown key"),
        ("algo: kl", "algo: Input should be 'hist', 'KL', 'mse'"),
        ("algo: min_max", "nothing is quantized; use abs_max"),
        ("weight_bits: 4", "4 bits can't be deployed: Paddle Lite's integer kernels are int8; use 8"),
        ("activation_bits: 16", "16 bits can't be deployed"),
        ("weight_bits: 8.5", "valid integer"),
        ("hist_percent: 0.3", "greater than 0.5, not 0.3"),
        ("hist_percent: 99.99", "less than or equal to 1, not 99.99"),
        ("onnx_format: maybe", "valid boolean, not 'maybe'"),
        ("onnx_format: 1", "valid boolean, not 1"),
        ("round_type: adaround", "leaves weights that are not whole numbers"),
        ("activation_quantize_type: abs_max", "stores no scales in the program"),
        ("quantizable_op_type: []", "at least 1 item"),
        ("quantizable_op_type: [softmax]", "quantizable_op_type.0: Input should be 'conv2d'"),
        ("quantizable_op_type: [mul]", "a DeiT has conv2d and matmul_v2"),
        # These two need the older format, and the ONNX format is the default.
        ("weight_quantize_type: abs_max", "answers wrong numbers in Paddle Lite"),
        ("bias_correction: true", "PaddleSlim leaves it out in the ONNX format"),
    ],
)
def test_options_that_cannot_be_deployed(file: Path, option: str, words: str):
    message = refusal(file, f"name: mine\npaddleslim:\n  {option}\n")
    assert message.startswith("mine.yaml:3: paddleslim.")
    assert words in message


@pytest.mark.parametrize("value", ["1", "[-1]", "[true]", "['0']", "all", "null"])
def test_blocks_are_true_false_or_a_list(file: Path, value: str):
    message = refusal(file, f"name: mine\nrewrite:\n  rotate: true\n  scale_gelu: {value}\n")
    assert message == (
        "mine.yaml:4: rewrite.scale_gelu: give true, false, or a list of blocks counted from 0, such as [0, 5]"
    )


def test_blocks_that_a_network_does_not_have(file: Path):
    file.write_text("name: mine\nrewrite:\n  scale_gelu: []\n  shift_gelu:\n  - 0\n  - 12\n")
    loaded = Recipe.named(file)
    loaded.check_blocks(13, 768)
    with pytest.raises(InputError) as caught:
        loaded.check_blocks(12, 768)
    assert str(caught.value) == (f"{file}:6: rewrite.shift_gelu.1: there is no block 12; blocks are 0 to 11")
    assert Recipe.model_validate(loaded.as_dict()).rewrite.shift_gelu == [0, 12]
    Recipe(name="made").check_blocks(1, 768)


@pytest.mark.parametrize("value", ["1", "[0]", "{0: -1}", "{0: true}", "{all: 4}", "{0: 1.5}"])
def test_outliers_are_true_false_or_counted_for_blocks(file: Path, value: str):
    message = refusal(file, f"name: mine\nrewrite:\n  rotate: true\n  split_gelu: {value}\n")
    assert message == (
        "mine.yaml:4: rewrite.split_gelu: give true, false, or a number of hidden units for blocks counted from 0, "
        "such as {0: 16}"
    )


def test_outliers_that_a_network_does_not_have(file: Path):
    file.write_text("name: mine\nrewrite:\n  split_gelu:\n    0: 16\n    11: 768\n")
    loaded = Recipe.named(file)
    loaded.check_blocks(12, 1536)
    with pytest.raises(InputError) as caught:
        loaded.check_blocks(12, 768)
    assert str(caught.value) == (
        f"{file}:5: rewrite.split_gelu.11: 768 of 768 hidden units can't be split off; give fewer"
    )
    with pytest.raises(InputError, match="mine.yaml:5: rewrite.split_gelu.11: there is no block 11"):
        loaded.check_blocks(11, 1536)
    # A manifest is JSON, whose keys are strings.
    again = Recipe.model_validate(json.loads(json.dumps(loaded.as_dict())))
    assert again.rewrite.split_gelu == {0: 16, 11: 768}


def test_files_that_are_no_recipe(file: Path):
    with pytest.raises(InputError, match="no recipe 'nope': neither a file nor one of .*paddleslim"):
        Recipe.named("nope")
    with pytest.raises(InputError, match="cannot read the recipe .*: it is a folder"):
        Recipe.named(file.parent)
    file.write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 text"):
        Recipe.named(file)


def test_a_recipe_is_data(file: Path):
    # Tags that make YAML run code are no YAML here.
    message = refusal(file, "name: !!python/object/apply:os.getcwd []\n")
    assert "could not determine a constructor" in message
