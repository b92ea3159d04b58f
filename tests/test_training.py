"""Training: that it learns, where it starts from, what it writes, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from states import random_state

from lite import digits, pdparams, state, training, weights, zoo
from lite.errors import InputError
from lite.training import Settings, Stage
from lite.training_data import Digits, Folder

ROOT = Path(__file__).resolve().parent.parent
VARIANT = zoo.find("deit_tiny")


def write_pictures(folder: Path, count: int, colour: tuple[int, int, int]) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(folder.name))
    for index in range(count):
        noise = rng.integers(-30, 30, (40, 48, 3))
        cv2.imwrite(str(folder / f"{index}.png"), np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """Pictures of two classes that differ in colour."""
    write_pictures(tmp_path / "colours" / "blue", 20, (220, 60, 40))
    write_pictures(tmp_path / "colours" / "red", 20, (40, 60, 220))
    return tmp_path / "colours"


def test_it_learns_a_folder(colours: Path):
    state_, accuracy = training.train(
        VARIANT,
        Folder(colours, seed=1),
        [Stage(32, 8, 5e-4)],
        Settings(batch=8, drop_path=0.0, ema_decay=0.5),
        report=lambda line: None,
    )
    assert accuracy == 1.0
    assert state_["pos_embed"].shape == (1, 1 + 4, 192)
    assert state_["head.bias"].shape == (2,)


def test_a_run_repeats(colours: Path):
    def run() -> dict[str, np.ndarray]:
        data, settings = Folder(colours, seed=1), Settings(batch=8, seed=7)
        return training.train(VARIANT, data, [Stage(16, 1, 1e-3)], settings, report=lambda line: None)[0]

    first, again = run(), run()
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name)


def test_the_held_out_tenth_is_never_trained_on(colours: Path):
    data = Folder(colours, seed=1)
    trained = {path for path, _ in data._train}
    assert len(data._held_out) == 4
    assert not trained & {path for path, _ in data._held_out}
    assert len(trained) == 36


def test_digits_come_at_any_resolution():
    data, rng = Digits(), np.random.default_rng(0)
    pixels, labels = next(data.training_batches(48, 4, rng))
    assert pixels.shape == (4, 3, 48, 48)
    assert pixels.dtype == np.float32
    assert labels.shape == (4,)
    assert sum(len(labels) for _, labels in data.held_out_batches(48, 150)) == len(digits.labels("held_out"))


def test_position_embeddings_are_stretched_and_class_tokens_stay():
    embedding = np.zeros((1, 1 + 16, 8), np.float32)
    embedding[0, 0] = 7
    embedding[0, 1:] = np.linspace(0, 1, 4).repeat(4)[:, None]  # grows from row to row
    stretched = training.interpolate_position_embedding(embedding, 1, 8)
    assert stretched.shape == (1, 1 + 64, 8)
    np.testing.assert_array_equal(stretched[0, 0], embedding[0, 0])
    rows = stretched[0, 1:, 0].reshape(8, 8)
    assert (np.diff(rows.mean(axis=1)) > 0).all()
    np.testing.assert_allclose(rows, rows[:, :1].repeat(8, axis=1), atol=1e-5)
    assert training.interpolate_position_embedding(embedding, 1, 4) is embedding


def test_a_head_for_other_classes_is_made_anew():
    official = random_state(zoo.find("deit_tiny_distilled"), 1000)
    changed = training.with_classes(official, 5)
    for name in ("head.weight", "head_dist.weight"):
        assert changed[name].shape == (192, 5)
    np.testing.assert_array_equal(changed["norm.weight"], official["norm.weight"])
    assert training.with_classes(official, 1000) is official


def test_what_is_saved_goes_through_the_reader(tmp_path: Path):
    values = random_state(VARIANT, 3)
    training.save(values, tmp_path / "small.pdparams", ("a", "b", "c"), half=True)
    loaded = weights.load(
        VARIANT, str(tmp_path / "small.pdparams"), labels=tmp_path / "small.labels.txt", notify=print
    )
    assert loaded.labels == ("a", "b", "c")
    np.testing.assert_allclose(loaded.state["head.weight"], values["head.weight"], atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.labels.txt", "small.pdparams"]


def test_the_bundled_weights_are_small_and_whole():
    assert weights.DIGITS_FILE.stat().st_size <= 12e6
    assert state.check_state(pdparams.read_state(weights.DIGITS_FILE), VARIANT) == 10


@pytest.mark.parametrize("stage", [(40, 1, 1e-3), (0, 1, 1e-3), (32, 0, 1e-3), (32, 1, 0.0), (32, 1, 5.0)])
def test_impossible_stages_are_refused(stage: tuple[int, int, float]):
    with pytest.raises(InputError):
        Stage(*stage)


def test_folders_that_cannot_be_trained_on_are_refused(tmp_path: Path):
    write_pictures(tmp_path / "one" / "class", 3, (0, 0, 0))
    for name in ("train/a", "train/b", "val/a", "val/c"):
        write_pictures(tmp_path / "split" / name, 2, (0, 0, 0))
    with pytest.raises(InputError, match="no such folder"):
        Folder(tmp_path / "nowhere", seed=1)
    with pytest.raises(InputError, match="1 class folders"):
        Folder(tmp_path / "one", seed=1)
    with pytest.raises(InputError, match="train and val hold different classes"):
        Folder(tmp_path / "split", seed=1)


def train(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/train.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)


def test_the_command_writes_weights_for_opt(tmp_path: Path, colours: Path):
    out = tmp_path / "colours.pdparams"
    done = train("--model", "deit_tiny", "--data", colours, "--out", out, "--stage", "16:1", "--batch", "8")
    assert done.returncode == 0, done.stderr
    assert "held-out top-1" in done.stdout
    loaded = weights.load(VARIANT, str(out), labels=training.labels_path(out), notify=print)
    assert loaded.labels == ("blue", "red")
    # Trained at 16 pixels, written for 224.
    assert loaded.state["pos_embed"].shape == (1, 197, 192)
    assert "16 pixels" in done.stderr
    again = train("--model", "deit_tiny", "--data", colours, "--out", out, "--stage", "16:1")
    assert again.returncode == 2
    assert "--force" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "nowhere"], "no such folder"),
        (["--data", "digits", "--stage", "224"], "PIXELS:EPOCHS"),
        (["--data", "digits", "--stage", "100:1"], "multiple of the patch size"),
        (["--data", "digits", "--weights", "missing.pdparams"], "missing.pdparams"),
    ],
)
def test_bad_input_ends_in_one_line(arguments: list[str], words: str, tmp_path: Path):
    done = train("--model", "deit_tiny", "--out", tmp_path / "x.pdparams", *arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
