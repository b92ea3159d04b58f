"""tools/export.py: what it writes runs in its engine for any number of pictures, and equals Paddle or is not there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from states import random_state

from lite import zoo
from lite.engines import DEFAULT, processes
from lite.engines import export as exported
from lite.engines.dygraph import NetworkPredictor
from lite.engines.export import DEFAULT_OPSET, TOLERANCE, check, export, logits_of
from lite.errors import ConversionError, InputError
from lite.model import weights
from lite.model.weights import Weights
from lite.pictures import digits, prepare

CLASSES = 7
VARIANTS = [name for name in zoo.DEITS if name != "deit_tiny"]


def command(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "tools" / "export.py"), *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def answers(folder: Path, batches: list[np.ndarray]) -> list[np.ndarray]:
    """Logits by the engine that an exported folder is for, in a process of its own."""
    with processes.pool(1) as executor:
        return executor.submit(logits_of, exported.read(folder).engine(DEFAULT), batches).result()


def shallow(name: str, **changes: np.ndarray) -> Weights:
    """Two blocks of a variant with made-up weights."""
    variant = replace(zoo.find(name), depth=2)
    state = random_state(variant, CLASSES, depth=2) | changes
    labels = tuple(f"class {index}" for index in range(CLASSES))
    return Weights(variant, "file", Path("made up"), "0" * 64, state, labels)


def edit(folder: Path, old: str, new: str) -> None:
    """Replaces words of export.json."""
    text = (folder / "export.json").read_text()
    assert old in text
    (folder / "export.json").write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module")
def trained() -> Weights:
    return weights.load(zoo.find("deit_tiny"), "digits", notify=print)


@pytest.fixture(scope="module")
def onnx(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled weights as ONNX, by the command."""
    out = tmp_path_factory.mktemp("export") / "onnx"
    done = command(root, "--model", "deit_tiny", "--weights", "digits", "--format", "onnx", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert "largest difference from Paddle's logits" in done.stdout
    return out


def test_the_folder_says_what_it_is(onnx: Path):
    assert sorted(path.name for path in onnx.iterdir()) == ["export.json", "labels.txt", "model.onnx"]
    document = json.loads((onnx / "export.json").read_text())
    assert document["model"] == "deit_tiny"
    assert document["weights"]["source"] == "digits"
    assert document["opset"] == DEFAULT_OPSET
    assert document["input"]["shape"] == [-1, 3, 224, 224]
    assert 0 < document["check"]["max_abs"]["3"] < TOLERANCE
    found = exported.read(onnx)
    assert found.labels == digits.CLASSES
    assert found.preprocess == zoo.find("deit_tiny").preprocess


def test_nothing_is_written_below_the_home_directory(root: Path, tmp_path: Path):
    """As of a service's user, who has none. Paddle keeps what it has translated, so in a process of its own."""
    code = (
        "import sys; from pathlib import Path; from lite import load_weights; from lite.model import program\n"
        "loaded, out = load_weights('deit_tiny', 'digits'), Path(sys.argv[1])\n"
        "program.export_weights(loaded, out / 'one')\n"
        "program.export_any_batch(program.build_weights(loaded), out / 'any')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=root, env={**os.environ, "HOME": "/dev/null/home"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("form", ["onnx", "inference"])
def test_it_answers_as_paddle_does_for_any_number_of_pictures(
    form: str, onnx: Path, trained: Weights, root: Path, tmp_path: Path
):
    folder = onnx
    if form == "inference":
        folder = tmp_path / "out"
        done = command(
            root, "--model", "deit_tiny", "--weights", "digits", "--format", form, "--out", folder, "--json"
        )  # fmt: skip
        assert json.loads(done.stdout)["format"] == "inference"
        assert sorted(path.name for path in folder.iterdir()) == [
            "export.json", "labels.txt", "model.pdiparams", "model.pdmodel"
        ]  # fmt: skip
    spec = trained.variant.preprocess
    pixels = np.concatenate([prepare.prepare(one, spec) for one in digits.pictures("held_out", 5)])
    expected = NetworkPredictor(trained.variant, trained.state).logits(pixels)
    for answered in answers(folder, [pixels[:count] for count in (1, 2, 5)]):
        np.testing.assert_allclose(answered, expected[: len(answered)], atol=TOLERANCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_other_variant_becomes_onnx(name: str, tmp_path: Path):
    manifest = export(shallow(name), "onnx", tmp_path / "out")
    assert manifest.check.max_abs.keys() == {1, 3}
    assert max(manifest.check.max_abs.values()) < TOLERANCE
    assert exported.read(tmp_path / "out").manifest == manifest


def test_a_distilled_variant_for_paddle_inference(tmp_path: Path):
    manifest = export(shallow("deit_small_distilled"), "inference", tmp_path / "out")
    assert max(manifest.check.max_abs.values()) < TOLERANCE
    assert manifest.opset is None


def test_the_opset_is_the_one_asked_for(onnx: Path, tmp_path: Path):
    assert b"LayerNormalization" not in (onnx / "model.onnx").read_bytes()
    export(shallow("deit_tiny"), "onnx", tmp_path / "17", opset=17)
    assert b"LayerNormalization" in (tmp_path / "17" / "model.onnx").read_bytes()
    with pytest.raises(InputError, match="opset 18 is not supported; choose 11 to 17"):
        export(shallow("deit_tiny"), "onnx", tmp_path / "18", opset=18)


def test_a_network_that_differs_from_paddle_never_appears(onnx: Path, trained: Weights, tmp_path: Path):
    out = shutil.copytree(onnx, tmp_path / "out")
    before = exported.read(out)
    other = replace(
        trained, state=trained.state | {"head.bias": trained.state["head.bias"] + np.float32(0.01)}
    )
    with pytest.raises(ConversionError, match="is .* from Paddle's logits at 1 pictures"):
        check(other, before.engine(DEFAULT))
    broken = shallow("deit_tiny", **{"head.bias": np.full(CLASSES, np.nan, np.float32)})
    with pytest.raises(ConversionError, match="no finite numbers"):
        export(broken, "onnx", out, force=True)
    assert exported.read(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_is_replaced_only_when_asked_and_only_if_it_is_one(onnx: Path, root: Path, tmp_path: Path):
    arguments = ("--model", "deit_tiny", "--weights", "digits", "--format", "onnx")
    done = command(root, *arguments, "--out", onnx)
    assert done.returncode == 2
    assert "exists already; give --force" in done.stderr
    (tmp_path / "mine.txt").write_text("mine")
    done = command(root, *arguments, "--out", tmp_path, "--force")
    assert done.returncode == 2
    assert "holds no export.json, so it is never replaced" in done.stderr
    done = command(root, *arguments[:4], "--format", "inference", "--opset", "13", "--out", tmp_path / "new")
    assert done.returncode == 2
    assert done.stderr == "error: --opset is for --format onnx\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "model.onnx is missing"),
        (lambda folder: (folder / "labels.txt").write_text("one\n"), "labels.txt was changed"),
        (lambda folder: (folder / "export.json").write_text("{}"), "was edited: schema|was edited: format"),
        (lambda folder: (folder / "export.json").write_text("{"), "cannot be read"),
        (lambda folder: edit(folder, "0.229", "0.0"), "was edited: input/std/0: .* 0.001"),
        (lambda folder: edit(folder, "0.485", "NaN"), "was edited: input/mean/0: .* finite"),
        (lambda folder: edit(folder, '"resize_short": 256', '"resize_short": 100'), "must be 224 to 896"),
        (lambda folder: edit(folder, '"crop": 224', '"crop": 192'), "shape must end in 192, 192"),
        (lambda folder: (folder / "export.json").unlink(), "it has no export.json; make one"),
    ],
)
def test_a_folder_that_is_not_whole(change, message: str, onnx: Path, tmp_path: Path):
    folder = shutil.copytree(onnx, tmp_path / "copy")
    change(folder)
    with pytest.raises(InputError, match=message):
        exported.read(folder)


def test_predict_runs_an_exported_folder(onnx: Path, root: Path, tiny_bundle: Path):
    done = subprocess.run(
        [sys.executable, "tools/predict.py", "--export", onnx, "--json", tiny_bundle / "golden.png"], cwd=root,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["backend"], document["origin"]) == ("onnx", str(onnx))
    (one,) = document["pictures"]
    assert one["classes"][0]["probability"] > 0.5
