"""What `lite` and `quant` offer to notebooks and pipelines: five names, documented, and cheap until they are used."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lite
import quant
from lite import Bundle, ToolkitError, load_weights
from lite.errors import InputError
from lite.pictures import digits
from lite.pictures.picture_set import PictureSet
from lite.stages import Stages
from quant import Recipe, conversion, convert
from quant.conversion import convert_all
from quant.recipe import Request

NAMES = {"lite": ["Bundle", "ToolkitError", "load_weights"], "quant": ["Recipe", "convert"]}


@pytest.mark.parametrize("package", [lite, quant], ids=lambda package: package.__name__)
def test_the_packages_list_the_names_that_are_documented(package: object) -> None:
    assert package.__all__ == NAMES[package.__name__]
    for name in package.__all__:
        assert f"`{name}" in package.__doc__
        assert len(inspect.getdoc(getattr(package, name))) > 40
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing


def test_importing_the_packages_imports_nothing_else(tmp_path: Path) -> None:
    watched = (
        "import os, sys, lite, quant; print(os.environ['OMP_NUM_THREADS'], "
        "[name for name in ('numpy', 'pydantic', 'cv2', 'paddle') if name in sys.modules], "
        "[name for name in sys.modules if name.startswith(('lite.', 'quant.'))])"
    )
    done = subprocess.run([sys.executable, "-c", watched], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1 [] []\n", "")


def test_everything_but_weights_and_out_has_a_default() -> None:
    def wanted(function: object) -> list[str]:
        parameters = inspect.signature(function).parameters.values()
        return [one.name for one in parameters if one.default is inspect.Parameter.empty]

    assert wanted(convert) == ["weights", "out"]
    assert wanted(load_weights) == ["model"]


def test_weights_and_their_names(tmp_path: Path, tiny_bundle: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"digit {number}\n" for number in range(10)))
    file = tiny_bundle.parent / "tiny.pdparams"
    weights = load_weights("deit_tiny", file, names)
    assert (weights.source, weights.path, weights.classes) == ("file", file, 10)
    assert weights.labels[9] == "digit 9"
    assert weights.state["head.weight"].shape == (192, 10)
    assert load_weights("deit_tiny", "digits").labels[0] == "0"


def test_weights_that_stand_in_for_others_are_told_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # There is no network in tests.
    assert load_weights("deit_tiny").source == "digits"
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert "using the bundled DIGITS weights" in line


def test_a_conversion_is_a_bundle_to_open_again(tmp_path: Path) -> None:
    heard: list[str] = []
    made = convert(
        load_weights("deit_tiny", "digits"),
        tmp_path,
        precision="fp32",
        check_pictures=4,
        max_drift=0.5,
        notify=heard.append,
    )
    assert made.path == tmp_path / "deit_tiny-digits-fp32-arm"
    assert heard == []
    opened = Bundle.open(str(made.path))
    assert opened == made
    assert opened.manifest["drift"]["images"] == 4
    assert opened.manifest["gate"] == {"max_drift": 0.5, "passed": True}
    assert opened.labels == tuple("0123456789")
    before = (made.path / "manifest.json").read_bytes()
    with pytest.raises(ToolkitError, match="deit_tiny-digits-fp32-arm"):
        convert(load_weights("deit_tiny", "digits"), tmp_path, precision="fp32")
    assert (made.path / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "opencl"}, "no INT8 GPU kernels"),
        ({"precision": "int4"}, "int8, int8-fp16, fp16, fp32"),
        ({"target": "npu"}, "arm, opencl"),
        ({"recipe": "nothing"}, "no recipe 'nothing'"),
        ({"recipe": Path("nothing.yaml")}, "no recipe 'nothing.yaml'"),
        ({"calibration": "nowhere"}, "nowhere"),
        ({"calibration": ""}, "an empty name"),
        ({"check": ""}, "an empty name"),
        ({"calibration_pictures": 100_000}, "ask for fewer"),
        ({"budget": 190}, "a budget of 190 instructions: .*190e6 from Python"),
        ({"budget": math.nan}, "a number of instructions, such as 190e6, not nan"),
        ({"budget": 1e12}, "nothing in INT8 takes"),
        ({"budget": 190e6, "core": "Cortex-A76"}, "there is no core"),
        ({"core": "Cortex-A76"}, "there is no core"),
        ({"calibration_pictures": -3}, "calibration_pictures is -3; ask for one or more"),
        ({"check_pictures": 0}, "check_pictures is 0; ask for one or more"),
        ({"max_drift": 5}, "a share of the pictures, 0 to 1, not 5"),
        ({"max_drift": math.nan}, "not nan"),
        ({"budget": 190e6, "precision": "fp32"}, "INT8"),
        ({"budget": 190e6, "recipe": "paddleslim"}, "rewrites the network"),
    ],
)
def test_what_cannot_be_converted_is_refused(options: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match=words):
        convert(load_weights("deit_tiny", "digits"), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_conversions_of_several_threads_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    under_way, together = set[str](), list[set[str]]()

    def converted(*_: object, out: Path, **__: object) -> list[str]:
        under_way.add(out.name)
        # Time for the others to come in, where nothing holds them.
        time.sleep(0.2)
        together.append(set(under_way))
        under_way.remove(out.name)
        return [out.name]

    monkeypatch.setattr(conversion, "convert_all", converted)
    weights = load_weights("deit_tiny", "digits")
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda name: convert(weights, tmp_path / name), "abc"))
    assert sorted(together, key=sorted) == [{"a"}, {"b"}, {"c"}]


@pytest.mark.parametrize(
    ("precision", "lines", "words"),
    [
        (
            "int8",
            "skip_fp16:\n- head\n- blocks.0.mlp.fc3",
            "5: skip_fp16.1: no layer matches 'blocks.0.mlp.fc3'",
        ),
        ("int8-fp16", "skip_fp16: [blocks.0.mlp.fc3]", "3: skip_fp16.0: no layer matches 'blocks.0.mlp.fc3'"),
        ("int8", "batches: 3", "3: batches: 3 calibration pictures are wanted, here are 2"),
        ("int8", "rewrite: {shift_gelu: [12]}", "2: rewrite.shift_gelu.0: there is no block 12"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused_before_any_work(
    precision: str, lines: str, words: str, tmp_path: Path
) -> None:
    rewrite = "" if "rewrite" in lines else "rewrite: {}\n"
    (tmp_path / "r.yaml").write_text(f"name: r\n{rewrite}{lines}\n")
    begun: list[str] = []
    weights = load_weights("deit_tiny", "digits")
    recipe = Recipe.named(tmp_path / "r.yaml")
    stages = Stages(on_start=begun.append)
    (tmp_path / "work").mkdir()
    pictures = PictureSet.of("digits", digits.pictures("calibration", 2))
    with pytest.raises(InputError, match=f"r.yaml:{words}"):
        convert_all(
            weights, [Request(precision, "arm"), Request("int8-fp16", "arm")][: 1 + (precision == "int8")],
            recipe=recipe, calibration=pictures, check=pictures, out=tmp_path / "out", work=tmp_path / "work",
            stages=stages,
        )  # fmt: skip
    assert begun == []


def test_recipes_come_by_name_or_file(root: Path) -> None:
    by_file = Recipe.named(root / "quant" / "recipes" / "deit.yaml")
    assert by_file.as_dict() == Recipe.named("deit").as_dict()
    assert Recipe.named("paddleslim").rewrite is None
