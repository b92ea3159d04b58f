"""tools/eval.py: figures that follow from the logits, and a clear line for data that cannot be scored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from states import random_state, write_state

from lite import bundle, zoo
from lite.measure import classifier, scores
from lite.model import weights
from lite.pictures import digits, picture_set
from lite.pictures.picture_set import Picture, PictureSet


def evaluate(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "tools" / "eval.py"), *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def plain(table: str) -> str:
    """A table's words, whatever its width."""
    return " ".join(table.replace("│", " ").split())


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirteen digits in class folders, one of them damaged; and the same as PaddleClas lists them. No nines."""
    folder = tmp_path_factory.mktemp("photos")
    truth = digits.labels("held_out")
    chosen = [int(index) for label in range(9) for index in np.flatnonzero(truth == label)[: 1 + label % 2]]
    pictures = digits.pictures("held_out")
    lines = []
    for label in digits.CLASSES:
        (folder / "val" / label).mkdir(parents=True)
    for index in chosen:
        name = f"val/{truth[index]}/{index:03d}.png"
        cv2.imwrite(str(folder / name), pictures[index][..., ::-1])
        lines.append(f"{name} {truth[index]}\n")
    (folder / "val" / str(truth[chosen[0]]) / f"{chosen[0]:03d}.png").write_bytes(b"damaged")
    (folder / "list.txt").write_text("".join(lines))
    return folder


def test_the_figures_follow_from_the_logits(tiny_bundle: Path):
    # Three pictures of two classes, worked out by hand: one 3 is taken for a 5.
    asked = classifier.of_bundle(bundle.read(tiny_bundle))
    logits = np.zeros((3, 10), dtype=np.float32)
    logits[[0, 1, 2], [3, 5, 5]] = 1
    pictures = PictureSet.of("made up", map(Path, "abc"), np.array([3, 3, 5]))
    found = scores.Scores(asked, pictures, logits, {}, None)
    assert found.top_k(1) == pytest.approx(2 / 3)
    assert found.confusions() == [("3", "5", 1)]
    assert [(row.label, row.images, row.top1_deployed) for row in found.classes] == [
        ("3", 2, 0.5),
        ("5", 1, 1.0),
    ]
    document = scores.document(found, seconds=1.0)
    assert document["confusion"] == [[3, 3, 1], [3, 5, 1], [5, 5, 1]]
    assert document["empty_classes"] == ["0", "1", "2", "4", "6", "7", "8", "9"]
    assert document["published"] is None


def test_folders_and_list_files_with_a_damaged_picture_and_an_empty_class(
    root: Path, photos: Path, tiny_bundle: Path, tmp_path: Path
):
    out = tmp_path / "new" / "scores.json"
    done = evaluate(root, "--bundle", tiny_bundle, "--data", photos / "val", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "1 of 10 classes have no picture: 9\n" in done.stderr
    assert "skipped: " in done.stderr
    document = json.loads(out.read_text())
    assert (document["backend"], document["images"]["measured"]) == ("lite", 12)
    (unreadable,) = document["images"]["unreadable"]
    assert unreadable["error"]["remedy"]
    assert sum(count for _, _, count in document["confusion"]) == 12
    shown = plain(done.stdout)
    assert "12 from" in shown
    assert "1 could not be read" in shown
    assert "confusion: label down" in shown
    listed = evaluate(root, "--bundle", tiny_bundle, "--data", photos / "list.txt", "--json", "--strict")
    assert listed.returncode == 2
    assert "error: 1 picture could not be read (--strict)" in listed.stderr
    again = json.loads(listed.stdout)
    assert [again[name] for name in ("top1", "top5", "confusion")] == [
        document[name] for name in ("top1", "top5", "confusion")
    ]


def test_data_that_cannot_be_scored(root: Path, photos: Path, tiny_bundle: Path, tmp_path: Path):
    (tmp_path / "two" / "a").mkdir(parents=True)
    (tmp_path / "two" / "b").mkdir()
    (tmp_path / "loose").mkdir()
    for place in ("two/a/1.png", "loose/1.png"):
        cv2.imwrite(str(tmp_path / place), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "list.txt").write_text("loose/1.png 10\n")
    for data, message in (
        ("nowhere", "nowhere"),
        ("two", "has 2 class folders, the model has 10 classes"),
        ("loose", "has no labels: it needs a folder for each class, or a list file"),
        ("list.txt", "label 10 is outside 0 to 9"),
    ):
        done = evaluate(root, "--bundle", tiny_bundle, "--data", tmp_path / data)
        assert (done.returncode, done.stdout) == (2, ""), data
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1
    (tmp_path / "loose" / "1.png").write_bytes(b"")
    (tmp_path / "list.txt").write_text("loose/1.png 1\n")
    done = evaluate(root, "--bundle", tiny_bundle, "--data", tmp_path / "list.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "none of the 1 pictures can be read" in done.stderr


def test_imagenet_val_is_known_by_its_labels_and_names():
    names = [f"n01440764/ILSVRC2012_val_{index:08d}.JPEG" for index in range(1, 11)]

    def share(names: list[str], labels: tuple[str, ...]) -> float | None:
        pictures = PictureSet(
            "val", [Picture(name, Path(name)) for name in names], np.zeros(len(names), np.int64)
        )
        return scores.imagenet_share(pictures, labels)

    assert share(names, weights.imagenet_labels()) == pytest.approx(10 / 50_000)
    assert share(names, digits.CLASSES) is None
    assert share([*names, "n01440764/cat.jpg"], weights.imagenet_labels()) is None
    assert share([*names, names[0]], weights.imagenet_labels()) is None


def test_published_figures_stand_beside_those_of_imagenet_val(root: Path, tmp_path: Path):
    file = write_state(tmp_path / "net.pdparams", random_state(zoo.find("deit_tiny"), 1000))
    cv2.imwrite(str(tmp_path / "ILSVRC2012_val_00000001.JPEG"), digits.pictures("held_out", 1)[0])
    (tmp_path / "val_list.txt").write_text("ILSVRC2012_val_00000001.JPEG 65\n")
    arguments = ("--model", "deit_tiny", "--weights", file, "--backend", "paddle", "--data", tmp_path)
    done = evaluate(root, *arguments, "--out", tmp_path / "scores.json")
    assert done.returncode == 0, done.stderr
    text = plain(done.stdout)
    assert "(published for ImageNet val: 71.8%, in the paper 72.2%; these are < 0.01% of the set)" in text
    assert json.loads((tmp_path / "scores.json").read_text())["published"]["top5"] == 0.910


def test_a_bundle_and_its_weights_agree(tiny_bundle: Path, photos: Path, tmp_path: Path):
    made = bundle.read(tiny_bundle)
    pictures = picture_set.load(str(photos / "val"), made.labels, labelled=True, notify=print)
    loaded = weights.load(zoo.find("deit_tiny"), str(tiny_bundle.parent / "tiny.pdparams"), notify=print)
    lite = scores.score(classifier.of_bundle(made), pictures, processes=1)
    paddle = scores.score(classifier.of_weights(loaded, "paddle", tmp_path), pictures, processes=1)
    np.testing.assert_allclose(lite.logits, paddle.logits, atol=1e-4, rtol=1e-4)
