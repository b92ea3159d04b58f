"""Options of commands: no number that is none, or that nothing could wait for, gets past its option."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
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


def numbers() -> Iterator[tuple[str, str]]:
    """Every option of a command that takes a number with a fraction."""
    import json

    names = " ".join(path.stem for path in sorted((ROOT / "tools").glob("[a-z]*.py")))
    listed = subprocess.run(
        [sys.executable, "-c", LISTED, str(ROOT / "tools")],
        input=names,
        capture_output=True,
        text=True,
        check=True,
    )
    yield from map(tuple, json.loads(listed.stdout))


@pytest.fixture(scope="module")
def found() -> list[tuple[str, str]]:
    return list(numbers())


def test_the_numbers_of_all_commands_are_finite_and_bounded(found: list[tuple[str, str]], root: Path) -> None:
    assert {
        ("fetch_sdk", "--timeout"),
        ("adb_bench", "--timeout"),
        ("opt", "--budget"),
        ("opt", "--max-drift"),
    } <= set(found)
    script = (
        "import sys; sys.path[:0] = [sys.argv[1]]; sys.argv = sys.argv[:1]\n"
        "import importlib, json, click\n"
        "for name, option, word in json.loads(sys.stdin.read()):\n"
        "    main = importlib.import_module(name).main\n"
        "    (one,) = [each for each in main.params if option in each.opts]\n"
        "    try:\n"
        "        print(name, option, repr(word[:20]), one.type.convert(word, one, click.Context(main)))\n"
        "    except click.BadParameter as error:\n"
        "        assert chr(10) not in error.format_message()\n"
    )
    import json

    cases = [(*place, word) for place in found for word in NO_NUMBERS]
    done = subprocess.run(
        [sys.executable, "-c", script, str(root / "tools")],
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
