"""Pictures of any name, UTF-8 or not, go all the way through every command, into files that any program can read."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from lite import bundle
from lite.pictures import digits

ROOT = Path(__file__).resolve().parent.parent
NAMES = [
    b"gr\xf6sse.png",
    b"\xff\xfe.png",
    b"caf\xe9 \xe2\x82.png",
    "猫 ü.png".encode(),
    b"line\nend.png",
    b"\x1b[31m.png",
]


CLASSES = ("0", "1")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two class folders, `0` and `1`, of pictures with odd names."""
    folder = tmp_path_factory.mktemp("odd") / "pictures"
    for place, pixels in enumerate(digits.pictures("held_out", len(CLASSES) * len(NAMES))):
        within = folder / CLASSES[place % len(CLASSES)]
        within.mkdir(parents=True, exist_ok=True)
        encoded = cv2.imencode(".png", pixels)[1].tobytes()
        (within / os.fsdecode(NAMES[place // len(CLASSES)])).write_bytes(encoded)
    return folder


def run(tool: str, *arguments: str | Path) -> bytes:
    """What the command prints; it ends well, without a word of it."""
    done = subprocess.run([sys.executable, ROOT / "tools" / f"{tool}.py", *arguments], capture_output=True)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"Traceback" not in done.stderr
    done.stderr.decode("utf-8")
    return done.stdout


def check_readable(out: Path) -> None:
    """All text files of `out` are UTF-8 and without control characters but line ends."""
    for path in out.iterdir():
        if path.suffix in (".csv", ".html", ".json", ".txt"):
            text = path.read_bytes().decode("utf-8")
            assert not [letter for letter in text if ord(letter) < 32 and letter not in "\n\r\t"], path


def test_predict(tiny_bundle: Path, pictures: Path) -> None:
    count = len(CLASSES) * len(NAMES)
    shown = run("predict", "--bundle", tiny_bundle, pictures).decode("utf-8")
    assert "\x1b" not in shown
    answers = json.loads(run("predict", "--bundle", tiny_bundle, "--json", pictures))
    assert len(answers["pictures"]) == count
    rows = list(
        csv.reader(run("predict", "--bundle", tiny_bundle, "--csv", pictures).decode("utf-8").splitlines())
    )
    assert len({row[0] for row in rows[1:]}) == count


def test_validate(tiny_bundle: Path, pictures: Path, tmp_path: Path) -> None:
    run(
        "validate",
        "--bundle",
        tiny_bundle,
        "--images",
        pictures,
        "--reference=none",
        "--out",
        tmp_path / "out",
    )
    check_readable(tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_bytes())
    assert results["images"]["measured"] == len(CLASSES) * len(NAMES)


def test_eval(tiny_bundle: Path, pictures: Path, tmp_path: Path) -> None:
    run("eval", "--bundle", tiny_bundle, "--data", pictures, "--out", tmp_path / "scores.json")
    check_readable(tmp_path)


def test_opt(pictures: Path, tmp_path: Path) -> None:
    printed = run(
        "opt", "--model=deit_tiny", "--weights=digits", "--calib", pictures, "--calib-images=4", "--check-images=4",
        "--check", pictures, "--out", tmp_path, "--json",
    )  # fmt: skip
    json.loads(printed)
    made = bundle.read(tmp_path / "deit_tiny-digits-int8-arm")
    check_readable(made.path)


@pytest.mark.parametrize("tool", ["opt", "validate", "predict", "eval"])
def test_a_class_folder_of_such_a_name_is_refused_as_it_would_be_a_label(
    tiny_bundle: Path, pictures: Path, tmp_path: Path, tool: str
) -> None:
    shutil.copytree(pictures / "0", tmp_path / "classes" / "a")
    shutil.copytree(pictures / "1", tmp_path / "classes" / os.fsdecode(b"caf\xe9"))
    arguments = {
        "opt": ["--model=deit_tiny", "--weights=digits", "--calib", tmp_path / "classes"],
        "validate": ["--bundle", tiny_bundle, "--reference=none", "--images", tmp_path / "classes"],
        "predict": ["--bundle", tiny_bundle, tmp_path / "classes"],
        "eval": ["--bundle", tiny_bundle, "--data", tmp_path / "classes"],
    }[tool]
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / f"{tool}.py", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "is not UTF-8; rename it" in done.stderr
    assert "Traceback" not in done.stderr
