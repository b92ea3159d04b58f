"""lite/checksum.py: what counts as a SHA-256, and records that cannot be written."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from lite import checksum
from lite.errors import InputError

EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("text", [EMPTY, EMPTY.upper(), f"sha256:{EMPTY}", f" {EMPTY}\n"])
def test_a_sha256_in_the_forms_that_pages_show(text: str) -> None:
    assert checksum.parse(text) == EMPTY


@pytest.mark.parametrize("text", ["", EMPTY[1:], EMPTY + "0", "g" + EMPTY[1:], f"md5:{EMPTY}", "x" * 10_000])
def test_what_is_no_sha256_is_refused_in_a_short_line(text: str) -> None:
    with pytest.raises(InputError, match="is no SHA-256; give its 64 hexadecimal digits") as caught:
        checksum.parse(text)
    assert len(str(caught.value)) < 200


def test_a_record_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    checksum.record_of(file).mkdir()
    notices: list[str] = []
    checksum.remember(file, EMPTY, notify=notices.append)
    assert notices[0].startswith(f"WARNING: file has SHA-256 {EMPTY}, which is not recorded (cannot write ")


def test_a_file_without_a_place_is_held_to_what_is_demanded_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    checksum.record_of(file).write_text("0" * 64)
    assert checksum.check(file, None, None, called=file, remedy="") == EMPTY
    with pytest.raises(InputError, match="at its first use"):
        checksum.check(file, None, file, called=file, remedy="")
    assert checksum.check(file, EMPTY, file, called=file, remedy="") == EMPTY
    with pytest.raises(InputError, match="cannot read .*none: No such file"):
        checksum.check(tmp_path / "none", None, None, called="none", remedy="")


@pytest.mark.parametrize(
    "arguments",
    ["opt", "export --format onnx", "sensitivity", "eval --data digits", "predict {root}/docs/report.png",
     "train --data digits --out {folder}/new.pdparams"],
)  # fmt: skip
def test_every_command_that_takes_weights_holds_them_to_the_demanded_sha256(
    root: Path, tmp_path: Path, arguments: str
) -> None:
    name, *others = arguments.format(root=root, folder=tmp_path).split()
    command = [
        sys.executable,
        root / f"tools/{name}.py",
        *others,
        "--model",
        "deit_tiny",
        "--weights",
        "digits",
    ]
    ended = subprocess.run([*command, "--sha256", EMPTY], capture_output=True, text=True, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = (line for line in ended.stderr.splitlines() if line.startswith("error: "))
    assert "deit_tiny_digits.pdparams is another file than the one that --sha256 demands" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("predict x.png", "--weights, --labels and --sha256 need --model"),
        ("train --model deit_tiny --data digits", "--sha256 is of the file of --weights; give both"),
        ("opt --model deit_tiny --weights digits --sha256 12", "'12' is no SHA-256"),
    ],
)
def test_a_sha256_of_nothing_is_refused(root: Path, tmp_path: Path, arguments: str, words: str) -> None:
    name, *others = arguments.split()
    others += [] if "--sha256" in others else ["--sha256", EMPTY]
    command = [sys.executable, root / f"tools/{name}.py", *others]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
