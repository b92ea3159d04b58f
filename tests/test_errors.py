"""Errors have fields, which survive every way that an error takes, and no code glues or takes apart their text."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from lite.errors import ConversionError, InputError, ToolkitError
from lite.phone.demo import DemoError
from lite.phone.link import PhoneError
from lite.shown import shown

FOLDERS = ("lite", "quant", "tools", "benchmarks")
# PhoneError's are the serial, why and remedy.
ERRORS = [
    ToolkitError("it broke"),
    InputError("cannot read x", why="it is a folder", remedy="give a file"),
    ConversionError("no kernel", remedy="use another"),
    PhoneError("phone-1", "it was unplugged", "plug it in", lost=True),
    DemoError("phone-1", "it crashed", "run it again"),
]


@pytest.mark.parametrize(
    ("fields", "line", "reason"),
    [
        ({}, "it broke", "it broke"),
        ({"why": "too hot"}, "it broke: too hot", "it broke: too hot"),
        ({"remedy": "cool it"}, "it broke; cool it", "it broke"),
        ({"why": "too hot", "remedy": "cool it"}, "it broke: too hot; cool it", "it broke: too hot"),
    ],
)
def test_the_line_is_what_why_and_remedy(fields: dict[str, str], line: str, reason: str) -> None:
    error = InputError("it broke", **fields)
    assert (str(error), error.reason) == (line, reason)
    assert error.as_dict() == {"what": "it broke", "why": None, "remedy": None, **fields}
    assert str(InputError(**error.as_dict())) == line


@pytest.mark.parametrize("way", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_fields_survive_pickling(error: ToolkitError, way) -> None:
    again = way(error)
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert (str(again), again.args, again.exit_code) == (str(error), error.args, error.exit_code)


def test_what_json_gets_is_one_line_a_field() -> None:
    error = InputError("a file\nis bad", why="it\thas  two lines")
    assert error.as_dict() == {"what": "a file is bad", "why": "it has two lines", "remedy": None}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[2J\x07\x00", r"\x1b[2J\x07\x00"),
        ("a\x9bb\x7f", r"a\x9bb\x7f"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        # How Python holds a name that is not UTF-8, and half of a letter.
        ("caf\udce9 \ud83d", r"caf\udce9 \ud83d"),
        ("Fußgänger 犬 💩 C:\\x1b", "Fußgänger 犬 💩 C:\\x1b"),
    ],
)
def test_what_a_terminal_obeys_is_escaped_in_every_field(given: str, shown: str) -> None:
    error = ToolkitError(given, why=given, remedy=given)
    assert str(error) == f"{shown}: {shown}; {shown}"
    assert set(error.as_dict().values()) == {shown}
    str(error).encode()


def test_no_character_breaks_a_message(root: Path) -> None:
    for first in range(0, sys.maxunicode + 1, 1000):
        text = "".join(map(chr, range(first, min(first + 1000, sys.maxunicode + 1))))
        error = PhoneError("phone-1", text, text)
        assert str(error).isprintable()
        assert len(error.why) <= 2000
        assert error.as_dict() == ToolkitError(**error.as_dict()).as_dict()
        json.dumps(error.as_dict(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "value",
    [
        "a" * 10_000,
        "\x00" * 10_000,
        "'\"" * 10_000,
        b"a" * 10_000,
        10**10_000,
        [["a" * 999] * 999] * 999,
        {"a" * 999: 1},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_repeated_is_short(value: object) -> None:
    assert len(shown(value)) <= 200
    assert len(shown(value, 80)) <= 80
    assert shown(value).isprintable()


@pytest.mark.parametrize("value", ["", "a" * 198, "it's", 5, -1.5, None, True, [1, "a"], {"a": {"b": 2}}])
def test_what_is_short_is_repeated_as_python_writes_it(value: object) -> None:
    assert shown(value) == repr(value)


def trees(root: Path) -> dict[str, ast.Module]:
    """Every Python file of the product, parsed."""
    return {
        str(path.relative_to(root)): ast.parse(path.read_text())
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*.py"))
    }


def error_names(parsed: dict[str, ast.Module]) -> set[str]:
    """ToolkitError and all its subclasses."""
    classes = [node for tree in parsed.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = {"ToolkitError"}
    while more := {one.name for one in classes if {*map(ast.unparse, one.bases)} & names} - names:
        names |= more
    return names


def text_of(node: ast.expr) -> str:
    """The constant parts of a (f-)string, without what stands in parentheses; empty for anything else."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "{}"
        for part in parts
    )
    depth, outside = 0, ""
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        outside += letter if depth == 0 else ""
    return outside


def glued(parsed: dict[str, ast.Module], names: set[str]) -> list[str]:
    """Where an error is made of a text that holds its own remedy."""
    return [
        f"{path}:{node.lineno}: {ast.unparse(node)[:100]}"
        for path, tree in parsed.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names
        for value in [*node.args[:1], *(each.value for each in node.keywords if each.arg == "why")]
        if "; " in text_of(value)
    ]


def taken_apart(parsed: dict[str, ast.Module]) -> list[str]:
    """Where a text is parted at the place before a remedy."""
    return [
        f"{path}:{node.lineno}"
        for path, tree in parsed.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("partition", "rpartition", "split", "rsplit")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value == "; "
    ]


def test_no_error_is_given_its_remedy_in_a_text_and_no_text_is_taken_apart(root: Path) -> None:
    parsed = trees(root)
    names = error_names(parsed)
    assert {"InputError", "PhoneError", "OptError"} <= names
    assert not glued(parsed, names)
    assert not taken_apart(parsed)


@pytest.mark.parametrize(
    "code",
    [
        "raise InputError('it broke; mend it')",
        "raise errors.InputError(f'{path} broke; ' f'mend {path}')",
        "error = InputError('it broke', why='too hot; cool it')",
    ],
)
def test_a_glued_remedy_is_found(code: str) -> None:
    assert glued({"a.py": ast.parse(code)}, {"InputError"})


@pytest.mark.parametrize("code", ["a, _, b = str(error).rpartition('; ')", "text.split('; ', 1)"])
def test_a_message_taken_apart_is_found(code: str) -> None:
    assert taken_apart({"a.py": ast.parse(code)})


@pytest.mark.parametrize(
    ("arguments", "what", "code"),
    [
        (["inspect_nb.py", "none.nb", "--json"], "cannot read none.nb", 2),
        (["inspect_nb.py", "--json"], "Missing argument 'FILE'.", 2),
        (["predict.py", "--json", "--bundle", "none", "a.png"], "none is not a bundle", 2),
    ],
)
def test_a_command_that_fails_prints_the_fields_for_json(
    arguments: list[str], what: str, code: int, root: Path, tmp_path: Path
) -> None:
    command = [sys.executable, str(root / "tools" / arguments[0]), *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == code
    error = json.loads(done.stdout)["error"]
    assert error.pop("exit_code") == code
    assert error["what"] == what
    assert what in done.stderr
    if not what.startswith("Missing"):
        assert error["remedy"]
        assert done.stderr == f"error: {ToolkitError(**error)}\n"
    without = subprocess.run(
        [each for each in command if each != "--json"], capture_output=True, text=True, cwd=tmp_path
    )
    assert (without.returncode, without.stdout, without.stderr) == (code, "", done.stderr)


def test_what_an_error_repeats_of_a_value_is_made_short(root: Path) -> None:
    found = []
    for name, tree in trees(root).items():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name | ast.Attribute):
                continue
            called = call.func.id if isinstance(call.func, ast.Name) else call.func.attr
            # The first is Python's own protocol, the second is never shown.
            if not called.endswith(("Error", "BadParameter", "fail")) or called in (
                "AttributeError",
                "MalformedError",
            ):
                continue
            found += [
                f"{name}:{part.lineno}: write shown(…) for !r"
                for part in ast.walk(call)
                if isinstance(part, ast.FormattedValue) and part.conversion == ord("r")
            ]
    assert found == []
