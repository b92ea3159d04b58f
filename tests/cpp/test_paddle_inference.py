"""deit_inference: a picture's classes by the Paddle Inference inside the paddlepaddle wheel, as Python has them."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from core_build import build
from demo import run

from lite import zoo
from lite.engines import DEFAULT, export, processes
from lite.model import weights
from lite.pictures import digits, prepare

VARIANT = zoo.find("deit_tiny")


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder of the programs; without sanitizers, which the wheel's library does not bear."""
    return build("host", "deit_inference", "inference_sdk_layout")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network of the digits, as tools/export.py makes it."""
    out = tmp_path_factory.mktemp("export") / "digits"
    export.export(weights.load(VARIANT, "digits", notify=print), "inference", out)
    return out


def test_logits_and_classes_are_pythons(built: Path, folder: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.png", "two.jpg", "three.png")]
    for path, picture in zip(paths, digits.pictures("held_out", len(paths)), strict=True):
        assert cv2.imwrite(str(path), picture)
    tensors = [prepare.from_file(path, VARIANT.preprocess) for path in paths]
    engine = export.read(folder).engine(DEFAULT)
    with processes.pool(1) as executor:
        expected = executor.submit(export.logits_of, engine, tensors).result()
    for path, logits in zip(paths, np.concatenate(expected), strict=True):
        done = run(built / "deit_inference", folder, path)
        assert (done.returncode, done.stderr) == (0, "")
        answer = json.loads(done.stdout.splitlines()[-1])
        np.testing.assert_allclose(answer["logits"], logits, rtol=0, atol=1e-5)
        order = np.argsort(-logits, kind="stable")[:5]
        assert [one["class"] for one in answer["classes"]] == [digits.CLASSES[index] for index in order]
        powers = np.exp(logits - logits.max())
        np.testing.assert_allclose(
            [one["probability"] for one in answer["classes"]], (powers / powers.sum())[order], atol=1e-5
        )


def test_output_that_cannot_be_written(built: Path, folder: Path, tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "one.png"), digits.pictures("held_out", 1)[0])
    command = [built / "deit_inference", folder, tmp_path / "one.png"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 7
    assert done.stderr.startswith("deit_inference: standard output cannot be written")


def test_objects_are_laid_out_as_the_librarys(built: Path, folder: Path) -> None:
    done = run(built / "inference_sdk_layout", folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_uses_only_what_the_library_exports(built: Path) -> None:
    spec = importlib.util.find_spec("paddle")
    assert spec is not None
    assert spec.origin is not None
    wanted = {name for name in names(built / "deit_inference", "--undefined-only") if "paddle" in name}
    assert "_ZN12paddle_infer15CreatePredictorERKN6paddle14AnalysisConfigE" in wanted
    assert wanted <= set(names(Path(spec.origin).parent / "base" / "libpaddle.so", "--defined-only"))


def names(library: Path, which: str) -> list[str]:
    """Dynamic symbols as the linker compares them."""
    listed = subprocess.run(["nm", "-D", which, library], capture_output=True, text=True, check=True)
    return [line.split()[-1] for line in listed.stdout.splitlines()]


def refused(built: Path, code: int, *arguments: object) -> str:
    done = run(built / "deit_inference", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
    assert done.stderr.startswith("deit_inference: ")
    return done.stderr


def test_what_does_not_fit_is_told_in_one_line(built: Path, folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    assert cv2.imwrite(str(picture), digits.pictures("held_out", 1)[0])
    assert "usage: " in refused(built, 2)
    assert "threads are 'two'" in refused(built, 2, folder, picture, "two")
    assert "no JPEG, PNG or WebP" in refused(built, 3, folder, folder / "labels.txt")
    assert "export.json is missing" in refused(built, 5, tmp_path, picture)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "model.pdiparams").unlink()
    assert "model.pdiparams is missing" in refused(built, 5, copy, picture)
    shutil.copy(folder / "model.pdiparams", copy)
    (copy / "labels.txt").write_text("one\n")
    assert "labels.txt" in refused(built, 5, copy, picture)
    shutil.copy(folder / "labels.txt", copy)
    text = (folder / "export.json").read_text()
    for old, new, why in (
        ('"inference"', '"onnx"', "for another engine"),
        ('"crop": 224', '"crop": 999', "do not fit"),
        ('"crop": 224', '"crop": "224"', "was edited"),
        ('"name": "image"', '"name": 1', "was edited"),
        ('"name": "image"', '"other": "image"', "was edited"),
    ):
        assert old in text
        (copy / "export.json").write_text(text.replace(old, new))
        assert why in refused(built, 5, copy, picture)


def test_a_damaged_program_is_told(built: Path, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    data = (copy / "model.pdiparams").read_bytes()
    (copy / "model.pdiparams").write_bytes(data[: len(data) // 2])
    picture = tmp_path / "picture.png"
    assert cv2.imwrite(str(picture), digits.pictures("held_out", 1)[0])
    assert "the engine failed: " in refused(built, 6, copy, picture)
