"""Every option of every command that takes a file or folder, given what is none: one line, at once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# In one process for each command, as importing takes seconds: an outcome for each case.
TRY = """
import importlib, json, sys
sys.path[:0] = [sys.argv[1]]
name, cases = sys.argv[2], json.load(sys.stdin)
sys.argv = sys.argv[:1]
import click
from lite.errors import ToolkitError
main = importlib.import_module(name).main
for arguments in cases:
    outcome = "done"
    try:
        main.main(arguments, name, standalone_mode=False)
    except ToolkitError as error:
        outcome = str(error)
    except click.ClickException as error:
        outcome = error.format_message()
    print(json.dumps(outcome), flush=True)
"""


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


STRANGE: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "zero": lambda path: path.symlink_to("/dev/zero"),
    "sparse": _sparse,
    "socket": _socket,
    "loop": lambda path: path.symlink_to(path),
    "memory": lambda path: path.symlink_to("/proc/self/mem"),
}
# What else a command is given (BUNDLE is one), and its options that take a file or folder, {} in their place.
WEIGHTS = ["--model=deit_tiny", "--weights=digits"]
ASKED: dict[str, tuple[list[str], list[str]]] = {
    "adb_bench": (["--bundle=BUNDLE"], ["--bundle={}", "--compare={}"]),
    "eval": (["--bundle=BUNDLE", "--data=digits"], ["--bundle={}", "--data={}", "--data={}.txt"]),
    "export": (["--format=onnx", *WEIGHTS], ["--labels={}", "--weights={}"]),
    "fetch_sdk": (["--abi=arm64-v8a"], ["--bundle={}", "--file={}"]),
    "inspect_nb": ([], ["{}"]),
    "opt": (
        WEIGHTS,
        ["--weights={}", "--labels={}", "--recipe={}.yaml", "--calib={}", "--calib={}.txt", "--check={}"],
    ),
    "predict": (["missing.png"], ["--bundle={}", "--export={}"]),
    "sensitivity": (WEIGHTS, ["--labels={}", "--recipe={}.yaml", "--calib={}", "--images={}"]),
    "train": (["--data=digits", *WEIGHTS], ["--data={}", "--data={}.txt", "--config={}.yaml"]),
    "validate": (
        ["--bundle=BUNDLE", "--reference=none", "--images=missing"],
        ["--bundle={}", "--images={}", "--images={}.txt"],
    ),
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.timeout(600)
def test_what_is_no_file_or_folder_is_refused(tmp_path: Path, tiny_bundle: Path, name: str) -> None:
    others, options = ASKED[name]
    others = [word.replace("BUNDLE", str(tiny_bundle)) for word in others]
    cases = []
    for strange, make in STRANGE.items():
        for place, option in enumerate(options):
            path = tmp_path / f"{strange}{place}"
            given = option.format(path)
            make(path.with_name(path.name + Path(given).suffix))
            cases.append([*others, given])
    done = subprocess.run(
        [sys.executable, "-c", TRY, ROOT / "tools", name],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(outcomes) == len(cases)
    for arguments, outcome in zip(cases, outcomes, strict=True):
        assert Path(arguments[-1].partition("=")[2] or arguments[-1]).name in outcome, arguments
        assert "\n" not in outcome
