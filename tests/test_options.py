"""Options of commands: no number that is none, or that nothing could wait for, gets past its option."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LISTED = """
import importlib, json, sys
sys.path[:0] = [sys.argv[1]]
sys.argv = sys.argv[:1]
import click
found = []
for name in sys.stdin.read().split():
    for parameter in importlib.import_module(name).main.params:
        if isinstance(parameter.type, click.types.FloatParamType):
            found.append([name, parameter.opts[0]])
print(json.dumps(found))
"""
# Prints each word that an option takes.
CONVERTED = """
import importlib, json, sys
sys.path[:0] = [sys.argv[1]]
sys.argv = sys.argv[:1]
import click
for name, option, word in json.load(sys.stdin):
    main = importlib.import_module(name).main
    (one,) = [each for each in main.params if option in each.opts]
    try:
        print(name, option, word[:20], one.type.convert(word, one, click.Context(main)))
    except click.BadParameter as error:
        assert chr(10) not in error.format_message()
"""
NO_NUMBERS = [
    "nan",
    "NaN",
    "-nan",
    "inf",
    "-inf",
    "Infinity",
    "1e300",
    "1e309",
    "-1",
    "²",
    "1,5",
    "",
    "x" * 5000,
]


@pytest.fixture(scope="module")
def found() -> list[list[str]]:
    """Command and option of every number with a fraction."""
    names = " ".join(path.stem for path in sorted((ROOT / "tools").glob("[a-z]*.py")))
    listed = subprocess.run(
        [sys.executable, "-c", LISTED, ROOT / "tools"],
        input=names,
        capture_output=True,
        text=True,
        check=True,
    )
    options: list[list[str]] = json.loads(listed.stdout)
    return options


def test_the_numbers_of_all_commands_are_finite_and_bounded(found: list[list[str]], root: Path) -> None:
    assert {
        ("fetch_sdk", "--timeout"),
        ("adb_bench", "--timeout"),
        ("opt", "--budget"),
        ("opt", "--max-drift"),
    } <= {(name, option) for name, option in found}
    cases = [(*place, word) for place in found for word in NO_NUMBERS]
    done = subprocess.run(
        [sys.executable, "-c", CONVERTED, root / "tools"],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("word", ["nan", "inf", "1e300"])
def test_a_timeout_that_is_none_is_one_line(root: Path, word: str) -> None:
    for command in (["fetch_sdk.py", "--abi=arm64-v8a"], ["adb_bench.py"]):
        script = [sys.executable, str(root / "tools" / command[0]), *command[1:], f"--timeout={word}"]
        done = subprocess.run(script, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"Error: Invalid value for '--timeout': '{word}' is not a finite number" in done.stderr or (
            "is not in the range" in done.stderr
        )
        assert "Traceback" not in done.stderr
