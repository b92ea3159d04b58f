"""tools/train.py as a user runs it: killed and resumed, on two processes, into tools/opt.py, and its refusals."""

from __future__ import annotations

import importlib
import json
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import mounts
import numpy as np
import pytest
from states import random_state, write_state
from training_data import write_colours
from waiting import ended, until

from lite import labels as class_names
from lite import zoo
from lite.errors import ToolkitError
from lite.model import pdparams, weights
from lite.pictures import digits
from lite.training import checkpoint as save
from lite.training.checkpoint import Checkpoint

ROOT = Path(__file__).resolve().parent.parent
TINY = zoo.find("deit_tiny")

SHORT = """
batch: 4
accumulate: 2
stages:
  - {image: 16, epochs: 2, learning_rate: 1e-3, warmup_epochs: 1}
drop_path: 0.1
augment: {rand_augment: rand-m9-mstd0.5-inc1, erasing: 0.25}
mix: {mixup: 0.8, cutmix: 1.0}
ema_decay: 0.9
"""
# Without anything random, and a step of eight pictures.
PLAIN = """
stages:
  - {image: 16, epochs: 2, learning_rate: 1e-2}
schedule: {for_batch: 64}
optimizer: {clip_norm: 1.0}
drop_path: 0.0
augment: {crop_area: [1, 1], crop_ratio: [1.2, 1.2], flip: 0}
"""


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    return write_colours(tmp_path / "colours")


def command(*arguments: str | Path, launch: tuple[str, ...] = ()) -> list[str]:
    return [sys.executable, *launch, "tools/train.py", "--model", "deit_tiny", *map(str, arguments)]


def train(*arguments: str | Path, launch: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments, launch=launch), cwd=ROOT, capture_output=True, text=True, check=False
    )


def config(tmp_path: Path, text: str) -> Path:
    (tmp_path / "settings.yaml").write_text(text)
    return tmp_path / "settings.yaml"


def test_killed_and_resumed_it_writes_the_same_file(
    tmp_path: Path, colours: Path, refused: Callable[..., str]
):
    options = ("--data", colours, "--config", config(tmp_path, SHORT))
    out, logs = tmp_path / "killed.pdparams", tmp_path / "logs"
    checkpoint = save.checkpoint_path(out)
    with subprocess.Popen(
        command(*options, "--out", out, "--logs", logs, "--set", "checkpoint_minutes=0"),
        cwd=ROOT, stderr=subprocess.DEVNULL, text=True,
    ) as killed:  # fmt: skip
        # A few steps in, at an odd moment: maybe in a step, maybe while it writes.
        until(lambda: checkpoint.exists() and Checkpoint.read(checkpoint).position.step >= 2, killed)
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()

    position = Checkpoint.read(checkpoint).position
    assert position.epoch == 0
    assert "--resume goes on, --force begins anew" in refused("--model", "deit_tiny", *options, "--out", out)
    resumed = train(*options, "--out", out, "--logs", logs, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "epoch 2/2" in resumed.stderr
    whole = train(*options, "--out", tmp_path / "whole.pdparams")
    assert whole.returncode == 0, whole.stderr
    assert out.read_bytes() == (tmp_path / "whole.pdparams").read_bytes()
    assert not list(tmp_path.glob("*checkpoint*")) + list(tmp_path.glob(".*checkpoint*"))
    assert len(list(logs.glob("events.out.tfevents.*"))) == 2
    assert "16 pixels" in whole.stderr  # the position embedding is stretched to 224, and that is said
    assert "mixed precision is off" in whole.stderr
    loaded = weights.load(TINY, str(out), labels=class_names.beside(out), notify=print)
    assert loaded.labels == ("blue", "red")
    assert loaded.state["pos_embed"].shape == (1, 197, 192)


def test_interrupted_it_can_go_on(tmp_path: Path, colours: Path):
    logs = tmp_path / "logs"
    options = ("--data", colours, "--config", config(tmp_path, SHORT), "--out", tmp_path / "x.pdparams")
    with subprocess.Popen(
        command(*options, "--logs", logs), cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: list(logs.glob("*")), process)
        process.send_signal(signal.SIGINT)
        done = ended(process)
    assert done.returncode == 130
    assert "note: stopping after this step; Ctrl-C again ends it at once" in done.stderr
    assert re.search(
        r"error: interrupted: \d+ of 8 steps are done; --resume goes on from there\n$", done.stderr
    )
    assert Checkpoint.read(save.checkpoint_path(tmp_path / "x.pdparams")).position.step > 0
    assert train(*options, "--resume").returncode == 0


def test_in_the_background_it_goes_on_at_ctrl_c(tmp_path: Path, colours: Path):
    logs = tmp_path / "logs"
    options = ("--data", colours, "--config", config(tmp_path, SHORT), "--out", tmp_path / "x.pdparams")
    # A shell without job control starts `command &` with SIGINT ignored.
    in_background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command(*options, "--logs", logs)]
    with subprocess.Popen(in_background, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: list(logs.glob("*")), process)
        process.send_signal(signal.SIGINT)
        done = ended(process)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.pdparams").exists()


def test_two_processes_train_as_one_with_twice_the_batch(tmp_path: Path, colours: Path):
    options = ("--data", colours, "--config", config(tmp_path, PLAIN))
    alone = train(*options, "--out", tmp_path / "one.pdparams", "--set", "batch=8")
    assert alone.returncode == 0, alone.stderr
    launch = ("-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--log_dir", str(tmp_path / "log"))
    both = train(*options, "--out", tmp_path / "two.pdparams", "--set", "batch=4", launch=launch)
    assert both.returncode == 0, both.stdout + both.stderr
    first, second = ((tmp_path / "log" / f"workerlog.{rank}").read_text() for rank in (0, 1))
    # 8 of 64 pictures: an eighth of the learning rate, for both ways.
    assert "8 pictures a step on 1 device, learning rate 0.00125" in alone.stderr
    assert "8 pictures a step on 2 devices, learning rate 0.00125" in first
    assert "held-out top-1" in first
    assert "held-out" not in second
    one, two = (pdparams.read_state(tmp_path / f"{name}.pdparams") for name in ("one", "two"))
    for name, value in one.items():
        np.testing.assert_allclose(value, two[name], atol=2e-5, err_msg=name)
    assert np.abs(one["head.bias"]).max() > 2e-4


def test_a_fine_tuned_network_goes_through_opt(tmp_path: Path):
    names = {3: "three", 4: "four", 8: "eight"}
    labels = digits.labels("train")
    for picture, label in zip(digits.pictures("train", 80), labels[:80], strict=True):
        if int(label) in names:
            folder = tmp_path / "digits" / names[int(label)]
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{len(list(folder.iterdir()))}.png"), picture[..., ::-1])
    out = tmp_path / "three_digits.pdparams"
    tuned = train(
        "--data", tmp_path / "digits", "--weights", "digits", "--out", out, "--half",
        "--set", "stages=[{image: 64, epochs: 2, learning_rate: 1e-3}]", "--set", "batch=8", "--set", "workers=0",
        "--set", "augment.flip=0", "--set", "augment.rand_augment=null", "--set", "augment.erasing=0",
        "--set", "schedule.for_batch=8", "--set", "ema_decay=0.5", "--set", "evaluate_every=2",
    )  # fmt: skip
    assert tuned.returncode == 0, tuned.stderr
    assert "the weights know 10 classes and the data has 3: the head is made anew" in tuned.stderr
    done = subprocess.run(
        [
            sys.executable, "tools/opt.py", "--model", "deit_tiny", "--weights", out,
            "--labels", class_names.beside(out), "--calib", tmp_path / "digits", "--calib-images", "4",
            "--check-images", "4", "--recipe", "paddleslim", "--out", tmp_path / "bundles", "--json",
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (manifest,) = json.loads(done.stdout)
    assert manifest["weights"]["classes"] == 3
    assert manifest["precision"] == "int8"
    (bundle,) = (tmp_path / "bundles").iterdir()
    assert (bundle / "labels.txt").read_text().split() == ["eight", "four", "three"]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs the command in this process and gives the error it ends with, whose exit code is 2."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    main = importlib.import_module("train").main

    def run(*arguments: str | Path) -> str:
        with pytest.raises(ToolkitError) as caught:
            main.main([*map(str, arguments)], standalone_mode=False)
        assert caught.value.exit_code == 2
        return str(caught.value)

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "nowhere"], "nowhere: No such file"),
        (["--data", "digits", "--config", "nothing.yaml"], "no settings 'nothing.yaml'"),
        (["--data", "digits", "--set", "stages.0.image=100"], "multiple of the patch size"),
        (["--data", "digits", "--set", "speed=3"], "unknown key"),
        (["--data", "digits", "--weights", "missing.pdparams"], "missing.pdparams"),
        (["--data", "digits", "--teacher", "deit_small"], "go together"),
        (
            ["--data", "digits", "--teacher", "deit_small", "--teacher-weights", "x"],
            "has no head for a teacher",
        ),
        (["--data", "digits", "--resume"], "every checkpoint_minutes of the settings"),
        (["--data", "digits", "--resume", "--force"], "give one of them"),
        (["--data", "digits", "--labels", "x.txt"], "the digits have their names"),
    ],
)
def test_bad_input_ends_in_one_line(
    refused: Callable[..., str], tmp_path: Path, arguments: list[str], words: str
):
    message = refused("--model", "deit_tiny", "--out", tmp_path / "x.pdparams", *arguments)
    assert words in message
    assert not list(tmp_path.iterdir())


def test_files_that_are_there_are_kept(refused: Callable[..., str], tmp_path: Path, colours: Path):
    out = tmp_path / "x.pdparams"
    out.write_text("mine")
    assert "--force to replace it" in refused("--model", "deit_tiny", "--data", colours, "--out", out)
    assert out.read_text() == "mine"


def test_names_of_other_classes_are_kept(refused: Callable[..., str], tmp_path: Path, colours: Path):
    names = tmp_path / "x.labels.txt"
    names.write_text("daisy\nrose\ntulip\n")
    message = refused("--model", "deit_tiny", "--data", colours, "--out", tmp_path / "x.pdparams")
    assert "x.labels.txt is there already: it names other classes than the data" in message
    assert names.read_text() == "daisy\nrose\ntulip\n"


def test_little_shared_memory_is_told(tmp_path: Path, colours: Path):
    # In a namespace of mounts of its own.
    small = 'mount -t tmpfs -o size=1m none /dev/shm && exec "$@"'
    options = ("--out", tmp_path / "x.pdparams", "--set", "workers=2", "--set", "batch=8")
    trained = command("--data", colours, *options)
    with mounts.tmpfs(tmp_path / "probe", "size=1m"):
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", small, "sh", *trained],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        "error: a process that reads pictures was ended by the system"
    )
    assert "--set workers=0" in done.stderr
    assert not (tmp_path / "x.pdparams").exists()


def test_weights_of_another_model_are_told(refused: Callable[..., str], tmp_path: Path, colours: Path):
    path = write_state(tmp_path / "small.pdparams", random_state(zoo.find("deit_small"), 2, depth=1))
    message = refused(
        "--model", "deit_tiny", "--data", colours, "--weights", path, "--out", tmp_path / "x.pdparams"
    )
    assert "these are deit_small or vit_small weights; use --model deit_small or vit_small" in message


def test_the_exit_code_and_line_of_a_whole_process(tmp_path: Path, colours: Path):
    (colours / "green").mkdir()
    done = train("--data", colours, "--out", tmp_path / "x.pdparams")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "class green has no picture" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["colours"]


def test_where_it_cannot_write_is_said_before_it_trains(
    refused: Callable[..., str], tmp_path: Path, colours: Path
):
    (tmp_path / "file").write_text("")
    for out, words in (
        ("file/x.pdparams", "cannot write .*; choose another folder"),
        ("colours", "it is a folder; give a file name"),
        (".", "it is a folder; give a file name"),
        ("x.pth", "x.pth is no .pdparams file: weights are written in Paddle's form"),
    ):
        message = refused("--model", "deit_tiny", "--data", colours, "--force", "--out", tmp_path / out)
        assert re.search(words, message)


def test_a_batch_that_memory_is_too_small_for_is_told(tmp_path: Path):
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

    done = subprocess.run(
        command("--data", "digits", "--config", "digits", "--set", "batch=8192", "--out", tmp_path / "a.pdparams"),
        capture_output=True, text=True, preexec_fn=limited, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2
    assert (
        "error: there is not enough memory for 8192 pictures at once; choose a smaller batch" in done.stderr
    )
    assert "Traceback" not in done.stderr
