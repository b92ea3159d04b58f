"""Every layout of pictures through every command: the same pictures, the same labels, the same names of classes."""

from __future__ import annotations

import csv
import importlib
import io
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest
from shallow import made, recipe
from states import random_state, write_state

from lite import bundle, zoo
from lite.errors import InputError
from lite.model import weights
from lite.pictures import digits
from quant import pictures
from quant.recipe import Recipe
from quant.sensitivity.program import folder_for

ROOT = Path(__file__).resolve().parent.parent
# The network's order, which is not that of the names: by their place the folders would be others.
CLASSES = ("zero", "one", "two")
# Pictures of each class to train on and to hold out, by which a label is known.
TRAIN, VAL = (5, 6, 7), (1, 2, 3)


@dataclass(frozen=True)
class Layout:
    """What is expected of a layout: pictures of each class that are held out (and without a part: of all)."""

    labelled: bool = True
    parts: bool = True
    called: str = ""
    names: tuple[str, ...] = ("one", "two", "zero")

    @property
    def measured(self) -> tuple[int, ...]:
        return VAL if self.parts else tuple(a + b for a, b in zip(TRAIN, VAL, strict=True))


NUMBERS = ("0", "1", "2")
LAYOUTS = {
    "classes": Layout(parts=False),
    "parts": Layout(called="/val"),
    "lists": Layout(called="/val_list.txt", names=NUMBERS),
    "one/list.txt": Layout(parts=False, names=NUMBERS),
    "plain": Layout(labelled=False, parts=False),
}
ALL = pytest.mark.parametrize("name", LAYOUTS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small digits, the same in each layout."""
    folder = tmp_path_factory.mktemp("data")
    truth = digits.labels("held_out")
    shown = {label: iter([place for place, one in enumerate(truth) if one == label]) for label in range(3)}
    everything = digits.pictures("held_out")
    lists: dict[str, list[str]] = {"one/list.txt": [], "lists/train_list.txt": [], "lists/val_list.txt": []}
    for part, counts in (("train", TRAIN), ("val", VAL)):
        for label, count in enumerate(counts):
            for _ in range(count):
                place = next(shown[label])
                small = cv2.resize(everything[place], (40, 40), interpolation=cv2.INTER_AREA)
                file = f"{place:03d}.png"
                for name in (
                    f"classes/{CLASSES[label]}", f"parts/{part}/{CLASSES[label]}", "lists/jpg", "one/jpg", "plain"
                ):  # fmt: skip
                    (folder / name).mkdir(parents=True, exist_ok=True)
                    cv2.imwrite(str(folder / name / file), small[..., ::-1])
                lists[f"lists/{part}_list.txt"].append(f"jpg/{file} {label}\n")
                lists["one/list.txt"].append(f"jpg/{file} {label}\n")
    for name, lines in lists.items():
        (folder / name).write_text("".join(lines))
    shutil.copytree(folder / "plain", folder / "parts" / "test")
    return folder


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up weights of three classes; their names lie beside them."""
    folder = tmp_path_factory.mktemp("three")
    (folder / "three.labels.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return write_state(folder / "three.pdparams", random_state(zoo.find("deit_tiny"), 3))


@pytest.fixture(scope="module")
def bundles(three: Path, data: Path) -> Path:
    """Made by tools/opt.py of these weights, calibrated on the layout of two parts; what it said lies beside them."""
    out = three.parent / "bundles"
    done = subprocess.run(
        [
            sys.executable, "tools/opt.py", "--model=deit_tiny", "--weights", three, "--calib", data / "parts",
            "--recipe=paddleslim", "--calib-images=4", "--precision=int8", "--precision=fp32", "--out", out,
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (out / "stderr").write_text(done.stderr)
    return out


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, str]]:
    """Runs a command in this process, as far as it runs in one; its standard output and error."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))

    def command(name: str, *arguments: str | Path) -> tuple[str, str]:
        capsys.readouterr()
        importlib.import_module(name).main.main([*map(str, arguments)], standalone_mode=False)
        return tuple(capsys.readouterr())  # type: ignore[return-value]

    return command


def fp32(bundles: Path) -> Path:
    return bundles / "deit_tiny-three-fp32-arm"


def counts(confusion: list[list[int]]) -> tuple[int, ...]:
    """Pictures of each label."""
    found = [0, 0, 0]
    for label, _, count in confusion:
        found[label] += count
    return tuple(found)


@ALL
def test_eval_scores_what_is_held_out(run, data: Path, bundles: Path, name: str):
    expected = LAYOUTS[name]
    arguments = ("eval", "--bundle", fp32(bundles), "--data", data / name, "--json")
    if not expected.labelled:
        with pytest.raises(
            InputError, match="has no labels: it needs a folder for each class, or a list file"
        ):
            run(*arguments)
        return
    stdout, stderr = run(*arguments)
    document = json.loads(stdout)
    assert document["labels"] == list(CLASSES)
    assert document["images"]["source"] == f"{data / name}{expected.called}"
    assert counts(document["confusion"]) == expected.measured
    said = f"pictures: {sum(VAL)} of {data / name}{expected.called}, labelled"
    assert (said in stderr) == expected.parts
    assert ("not used: test/" in stderr) == (name == "parts")


@ALL
def test_validate_measures_what_is_held_out(run, data: Path, bundles: Path, tmp_path: Path, name: str):
    expected = LAYOUTS[name]
    stdout, _ = run(
        "validate", "--bundle", fp32(bundles), "--images", data / name, "--reference=none", "--json",
        "--out", tmp_path / "out",
    )  # fmt: skip
    results = json.loads(stdout)
    assert results["images"]["measured"] == sum(expected.measured)
    assert results["images"]["labelled"] == expected.labelled
    assert results["images"]["source"] == f"{data / name}{expected.called}"
    found = {one["label"]: one["images"] for one in results["classes"]}
    assert found == (dict(zip(CLASSES, expected.measured, strict=True)) if expected.labelled else {})


@ALL
def test_opt_checks_with_what_is_held_out(run, data: Path, three: Path, tmp_path: Path, name: str):
    expected, source = LAYOUTS[name], str(data / name)
    stdout, stderr = run(
        "opt", "--model=deit_tiny", "--weights", three, "--precision=fp32", "--calib", source, "--json",
        "--out", tmp_path / "out", "--calib-images=4",
    )  # fmt: skip
    (manifest,) = json.loads(stdout)
    known = "labelled" if expected.labelled else "without labels"
    count = sum(VAL) if expected.parts else sum(TRAIN) + sum(VAL) - 4
    # Nothing is calibrated for fp32.
    assert f"note: check: {count} of {source}{expected.called}, {known}" in stderr
    assert "calibrat" not in stderr
    assert manifest["drift"]["images"] == count
    assert (manifest["drift"]["top1_reference"] is not None) == expected.labelled
    # The names beside the weights, and never a stand-in for them.
    assert bundle.read(tmp_path / "out" / "deit_tiny-three-fp32-arm").labels == CLASSES


@ALL
def test_train_holds_out_what_is_held_out(data: Path, tmp_path: Path, name: str):
    expected, out = LAYOUTS[name], tmp_path / "out.pdparams"
    settings = ("stages=[{image: 16, epochs: 1, learning_rate: 1e-3}]", "batch=8", "workers=0")
    done = subprocess.run(
        [
            sys.executable, "tools/train.py", "--model=deit_tiny", "--data", data / name, "--out", out,
            *(word for setting in settings for word in ("--set", setting)),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    if not expected.labelled:
        assert done.returncode == 2
        assert "has no labels" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    # A tenth of 6, 8 and 10 pictures, where nothing says what to hold out.
    trained, held = (sum(TRAIN), sum(VAL)) if expected.parts else (sum(TRAIN) + sum(VAL) - 3, 3)
    assert f"{trained} pictures of 3 classes, {held} held out" in done.stderr
    assert ("only train/ and val/ are taken; not used: test/" in done.stderr) == (name == "parts")
    assert tuple((tmp_path / "out.labels.txt").read_text().split()) == expected.names


@ALL
def test_predict_classifies_all_of_it_by_the_names(run, data: Path, bundles: Path, name: str):
    stdout, _ = run("predict", "--bundle", fp32(bundles), "--csv", "--topk=3", data / name)
    rows = list(csv.DictReader(io.StringIO(stdout)))
    # Below a folder there may be some that are in no part, or in both.
    there = sum(TRAIN) + sum(VAL)
    assert len({row["picture"] for row in rows}) == (2 * there if name == "parts" else there)
    assert {row["class"] for row in rows} == set(CLASSES)


def test_int8_is_calibrated_on_the_part_to_train_on_and_checked_on_the_other(data: Path, bundles: Path):
    made_bundle = bundle.read(bundles / "deit_tiny-three-int8-arm")
    calibration, drift = made_bundle.manifest["calibration"], made_bundle.manifest["drift"]
    assert (calibration["source"], calibration["images"]) == (f"{data / 'parts'}/train", 4)
    # By contents, not by path: the same as of the list of the same pictures in the same order.
    chosen = pictures.choose(CLASSES, str(data / "parts"), None, calibration_pictures=4)
    assert {picture.file.parent.parent.name for picture in chosen.calibration.pictures} == {"train"}
    assert calibration["sha256"] == chosen.calibration.sha256
    assert drift["images"] == sum(VAL)
    assert drift["top1_reference"] is not None
    assert made_bundle.labels == CLASSES
    said = (bundles / "stderr").read_text()
    assert "calibration: 4 of " in said
    assert "not used: test/" in said


def test_sensitivity_calibrates_and_measures_alike(run, data: Path, tmp_path: Path):
    # Two blocks lie where its own twelve would be.
    loaded = weights.load(zoo.find("deit_tiny"), "digits", notify=print)
    chosen = pictures.choose(loaded.labels, str(data / "parts"), None, calibration_pictures=4)
    out = tmp_path / "an out"
    stock = made(tmp_path / "stock", recipe())
    shutil.copytree(stock.folder, folder_for(loaded, Recipe.named("paddleslim"), chosen.calibration, out))
    asked = (
        "sensitivity", "--model=deit_tiny", "--weights=digits", "--recipe=paddleslim", "--calib", data / "parts",
        "--calib-images=4", "--max-images=5", "--workers=1", "--out", out,
    )  # fmt: skip
    stdout, _ = run(*asked, "--json")
    figures = json.loads(stdout)
    assert figures["calibration"] == {"source": f"{data / 'parts'}/train", "images": 4}
    assert figures["images"] == {"source": f"{data / 'parts'}/val", "count": 5}
    # What it says to try is the conversion that it looked at.
    shown, _ = run(*asked)
    assert shlex.split(shown.splitlines()[-1])[4:] == [
        "--model", "deit_tiny", "--weights", "digits", "--calib", str(data / "parts"), "--calib-images", "4",
        "--recipe", f"{out}/recipe.yaml", "--out", f"{out}/bundles",
    ]  # fmt: skip


def test_digits_are_no_folder(run, bundles: Path, tmp_path: Path):
    arguments = (
        "validate",
        "--bundle",
        fp32(bundles),
        "--images=digits",
        "--limit=3",
        "--reference=none",
        "--json",
    )
    stdout, _ = run(*arguments, "--out", tmp_path / "out")
    images = json.loads(stdout)["images"]
    assert (images["source"], images["measured"], images["labelled"]) == ("digits", 3, False)
    with pytest.raises(InputError, match=r"the digits have the classes 0 to 9, the network others \(zero"):
        run("eval", "--bundle", fp32(bundles), "--data=digits")


def test_folders_called_like_some_classes_only_are_refused(run, data: Path, bundles: Path, tmp_path: Path):
    shutil.copytree(data / "classes", tmp_path / "odd")
    (tmp_path / "odd" / "two").rename(tmp_path / "odd" / "three")
    arguments = ("--bundle", fp32(bundles))
    with pytest.raises(InputError, match="the folder 'three' is called like no class of the network"):
        run("eval", *arguments, "--data", tmp_path / "odd")
    stdout, stderr = run(
        "validate",
        *arguments,
        "--images",
        tmp_path / "odd",
        "--reference=none",
        "--json",
        "--out",
        tmp_path / "out",
    )
    assert json.loads(stdout)["images"]["labelled"] is False
    assert "are not taken as labels: " in stderr


def test_eval_and_export_know_the_names_beside_the_weights(run, data: Path, three: Path, tmp_path: Path):
    network = ("--model=deit_tiny", "--weights", three)
    stdout, stderr = run("eval", *network, "--backend=paddle", "--data", data / "parts", "--json")
    assert json.loads(stdout)["labels"] == list(CLASSES)
    assert "no names" not in stderr
    run("export", *network, "--format=inference", "--out", tmp_path / "out")
    assert (tmp_path / "out" / "labels.txt").read_text().split() == list(CLASSES)
    other = tmp_path / "other.txt"
    other.write_text("null\neins\nzwei\n")
    stdout, _ = run(
        "eval", *network, "--labels", other, "--backend=paddle", "--data", data / "one" / "list.txt", "--json"
    )
    assert json.loads(stdout)["labels"] == ["null", "eins", "zwei"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("opt", "--model=deit_tiny", "--weights=WEIGHTS"),
        ("eval", "--model=deit_tiny", "--weights=WEIGHTS", "--data=DATA"),
        ("predict", "--model=deit_tiny", "--weights=WEIGHTS", "DATA"),
        ("export", "--model=deit_tiny", "--weights=WEIGHTS", "--format=onnx"),
        ("sensitivity", "--model=deit_tiny", "--weights=WEIGHTS"),
        ("train", "--model=deit_tiny", "--weights=WEIGHTS", "--data=DATA"),
        (
            "train",
            "--model=deit_tiny_distilled",
            "--data=DATA",
            "--teacher=deit_tiny",
            "--teacher-weights=WEIGHTS",
        ),
    ],
    ids=lambda arguments: f"{arguments[0]}-{arguments[1].removeprefix('--model=')}",
)
def test_names_beside_the_weights_that_do_not_fit_end_every_command(
    run, data: Path, three: Path, tmp_path: Path, arguments: tuple[str, ...]
):
    file = shutil.copy(three, tmp_path / "net.pdparams")
    (tmp_path / "net.labels.txt").write_text("zero\none\n")
    given = [one.replace("WEIGHTS", str(file)).replace("DATA", str(data / "classes")) for one in arguments]
    if arguments[0] != "eval" and arguments[0] != "predict":
        # What train.py writes is called so; to the others it is a folder's name like any other.
        given += ["--out", str(tmp_path / "out.pdparams")]
    with pytest.raises(
        InputError, match=r"net\.labels\.txt have 2 lines, the weights 3 classes.*beside the weights"
    ):
        run(*given)
    assert not (tmp_path / "out").exists()


def test_a_teacher_of_the_same_classes_in_another_order_is_refused(
    run, data: Path, three: Path, tmp_path: Path
):
    arguments = ("--model=deit_tiny_distilled", "--teacher=deit_tiny", "--teacher-weights", three)
    with pytest.raises(InputError, match=r"class 0 is 'zero' in three\.labels\.txt and 'one' in the data"):
        run("train", *arguments, "--data", data / "classes", "--out", tmp_path / "out.pdparams")


def test_class_folders_name_the_classes_of_weights_without_names(
    run, data: Path, three: Path, tmp_path: Path
):
    shutil.copy(three, tmp_path / "bare.pdparams")
    network = ("--model=deit_tiny", "--weights", tmp_path / "bare.pdparams")
    stdout, stderr = run("eval", *network, "--backend=paddle", "--data", data / "parts", "--json")
    document = json.loads(stdout)
    # As tools/train.py would have trained them: in the order of their names.
    assert document["labels"] == ["one", "two", "zero"]
    assert counts(document["confusion"]) == (VAL[1], VAL[2], VAL[0])
    assert f"the classes are called as the folders of {data / 'parts'}/val: one, two, zero" in stderr
    stdout, stderr = run("eval", *network, "--backend=paddle", "--data", data / "lists", "--json")
    assert json.loads(stdout)["labels"] == ["class 0", "class 1", "class 2"]
    assert "the classes have no names and are called class 0, class 1, …; give --labels FILE" in stderr
    run(
        "opt", *network, "--precision=fp32", "--calib", data / "classes", "--check-images=3", "--json",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert bundle.read(tmp_path / "out" / "deit_tiny-bare-fp32-arm").labels == ("one", "two", "zero")
