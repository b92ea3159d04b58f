"""tools/predict.py: the classes of pictures by a real bundle, and a line for each that cannot be read."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lite import bundle
from lite.errors import InputError
from lite.measure import classifier
from lite.measure.classifier import Prediction, classify, expand
from lite.pictures import digits

ROOT = Path(__file__).resolve().parent.parent


def predict(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "predict.py"), *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum()


def test_the_golden_picture_gets_the_golden_classes(tiny_bundle):
    done = predict("--bundle", tiny_bundle, "--topk", "3", "--json", tiny_bundle / "golden.png")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["model"], document["precision"]) == ("deit_tiny", "fp32")
    (one,) = document["pictures"]
    expected = softmax(bundle.read(tiny_bundle).golden()[1])
    assert [entry["class"] for entry in one["classes"]] == [
        digits.CLASSES[index] for index in np.argsort(-expected)[:3]
    ]
    np.testing.assert_allclose(
        [entry["probability"] for entry in one["classes"]], np.sort(expected)[::-1][:3], rtol=1e-5
    )


def test_the_others_are_classified_when_some_cannot_be_read(tiny_bundle, tmp_path):
    shutil.copyfile(tiny_bundle / "golden.png", tmp_path / "a.png")
    shutil.copyfile(tiny_bundle / "golden.png", tmp_path / "b.png")
    (tmp_path / "bad.jpg").write_text("no picture")
    done = predict("--bundle", tiny_bundle, "bad.jpg", "a.png", "none.png", "*.gif", "b.png", cwd=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == [*["not classified"] * 3, "error"]
    assert "bad.jpg is not a readable" in lines[0]
    assert "none.png" in lines[1]
    assert "no picture matches *.gif" in lines[2]
    assert lines[3] == "error: 3 of 5 were not classified; see above"
    shown = done.stdout.splitlines()
    assert [line for line in shown if line.endswith(".png")] == ["a.png", "b.png"]
    assert sum("%" in line for line in shown) == 2 * 5


def test_json_says_of_each_picture_what_why_and_remedy(tiny_bundle, tmp_path):
    shutil.copyfile(tiny_bundle / "golden.png", tmp_path / "a.png")
    (tmp_path / "empty.png").write_text("")
    done = predict("--bundle", tiny_bundle, "--json", "empty.png", "a.png", "*.gif", cwd=tmp_path)
    assert done.returncode == 2
    empty, read, none = json.loads(done.stdout)["pictures"]
    assert empty["error"] == {
        "what": "empty.png is empty",
        "why": None,
        "remedy": "copy or download it again",
    }
    assert read["error"] is None
    assert none["error"] == {"what": "no picture matches *.gif", "why": None, "remedy": None}


def test_folders_patterns_and_odd_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/deep/b.png", "in/a.JPG", "c[1].png", "d.png", "in/notes.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    Path("empty").mkdir()
    assert expand(["in", "d.png", "in/a.JPG"]) == [Path("in/a.JPG"), Path("in/deep/b.png"), Path("d.png")]
    assert expand(["c[1].png"]) == [Path("c[1].png")]
    assert expand(["*.png"]) == [Path("c[1].png"), Path("d.png")]
    assert expand([f"{tmp_path}/**/*.png"]) == [
        tmp_path / "c[1].png", tmp_path / "d.png", tmp_path / "in/deep/b.png"
    ]  # fmt: skip
    Path("list.txt").write_text("d.png 0\nd.png 0\n")
    assert expand(["list.txt"]) == [Path("d.png")]
    Path("list.txt").unlink()
    (nothing,) = expand([""])
    assert isinstance(nothing, Prediction)
    Path("in/again").symlink_to(tmp_path)
    Path("in/.hidden.png").write_text("")
    assert expand(["**/*.png"]) == [Path("c[1].png"), Path("d.png"), Path("in/deep/b.png")]
    assert expand(["in/**/.hid*.png", "in/a**b", "x" * 5000])[0] == Path("in/.hidden.png")
    (empty,) = expand(["empty"])
    assert isinstance(empty, Prediction)
    assert empty.error is not None
    assert empty.error.what == "no pictures in empty"


def test_no_more_classes_than_there_are_and_progress(tiny_bundle):
    seen: list[tuple[int, int]] = []
    made = bundle.read(tiny_bundle)
    found = classify(
        classifier.of_bundle(made),
        [made.path / "golden.png"] * 2,
        count=99,
        on_progress=lambda *at: seen.append(at),
    )
    assert [len(one.guesses) for one in found] == [10, 10]
    assert sum(guess.probability for guess in found[0].guesses) == pytest.approx(1.0)
    assert seen == [(2, 2)]


def test_a_bundle_that_is_none(tmp_path):
    done = predict("--bundle", tmp_path, "a.png")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path} is not a bundle")


def test_a_changed_network_never_reaches_the_runtime(tiny_bundle, tmp_path):
    shutil.copytree(tiny_bundle, tmp_path / "b")
    with (tmp_path / "b" / "host.nb").open("r+b") as file:
        file.seek(1000)
        file.write(b"changed")
    with pytest.raises(InputError, match="changed after it was made"):
        bundle.read(tmp_path / "b")
    done = predict("--bundle", tmp_path / "b", tiny_bundle / "golden.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert "host.nb was changed after it was made" in done.stderr


def test_the_help_says_what_runs():
    text = " ".join(predict("--help").stdout.split())
    assert "Of an INT8 bundle that is the twin" in text


def test_weights_in_another_backend_and_csv(tiny_bundle, tmp_path):
    picture = shutil.copyfile(tiny_bundle / "golden.png", tmp_path / "a, b.png")
    weights = tiny_bundle.parent / "tiny.pdparams"
    done = predict(
        "--model", "deit_tiny", "--weights", weights, "--labels", tiny_bundle / "labels.txt",
        "--backend", "paddle", "--topk", "2", "--csv", picture, tmp_path / "none.png",
    )  # fmt: skip
    assert done.returncode == 2
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    expected = softmax(bundle.read(tiny_bundle).golden()[1])
    first, second = np.argsort(-expected)[:2]
    assert [(row["picture"], row["rank"], row["class"]) for row in rows[:2]] == [
        (str(picture), "1", digits.CLASSES[first]), (str(picture), "2", digits.CLASSES[second])
    ]  # fmt: skip
    assert float(rows[0]["probability"]) == pytest.approx(expected[first], abs=1e-4)
    assert "none.png" in rows[2]["error"]


def test_without_a_picture_no_network_is_opened(tmp_path):
    (tmp_path / "empty").mkdir()
    done = predict("--bundle", "nowhere", "*.gif", "empty", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "error: no picture to classify: no picture matches *.gif; no pictures in empty: it needs files ending in "
        ".bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp\n"
    )


def test_json_or_csv():
    done = predict("--json", "--csv", "a.png")
    assert done.returncode == 2
    assert "give one of --json and --csv" in done.stderr
