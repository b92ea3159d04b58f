"""Files of weights that mean harm: each ends in one short line, soon, and takes no more memory than it is large."""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import hostile_pickles
import numpy as np
import pytest

from lite.errors import InputError
from lite.model.pdparams import read_state

PROGRAM = Path(__file__).with_name("hostile_pickles.py")
# What one of them took before it had bounds: more than there is.
ADDRESS_SPACE = 4 << 30


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def read_apart(folder: Path, contents: Iterable[tuple[str, bytes]]) -> list[tuple[str, int, dict[str, Any]]]:
    """Name, size and what is said of each, read in a process of their own, which a crash would end."""
    files = {}
    for number, (name, content) in enumerate(contents):
        path = folder / f"{number}.pdparams"
        path.write_bytes(content)
        files[path] = name
    command = [sys.executable, str(PROGRAM), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, preexec_fn=limited)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    names = list(files.values())
    assert done.returncode == 0, f"{names[len(answers)]}: {done.returncode} {done.stderr[-500:]}"
    return [
        (name, path.stat().st_size, each) for (path, name), each in zip(files.items(), answers, strict=True)
    ]


def assert_told(name: str, folder: Path, said: object) -> None:
    """A state, or a short line that a terminal can show."""
    if isinstance(said, dict):
        return
    assert isinstance(said, str)
    assert said.isprintable(), name
    assert "MemoryError" not in said, name
    assert "RecursionError" not in said, name
    # 200 of the file's own and as many of ours.
    assert len(said) - len(str(folder)) <= 450, name


@pytest.mark.parametrize("how", hostile_pickles.NESTED)
def test_what_is_nested_is_told_wherever_it_stands(tmp_path: Path, how: str) -> None:
    cases = [(name, content) for name, content in hostile_pickles.nested_everywhere() if name.startswith(how)]
    assert len(cases) > 20
    for name, _, answer in read_apart(tmp_path, cases):
        assert_told(name, tmp_path, answer["said"])
        # Nobody looks at the table of names.
        assert isinstance(answer["said"], dict) == name.endswith("as the name table"), name


def test_no_file_takes_more_than_twice_its_size_and_200_mb(tmp_path: Path) -> None:
    for case in hostile_pickles.greedy():
        # Each by itself, since the memory of a process is the most that it ever had.
        ((name, size, answer),) = read_apart(tmp_path, [case])
        assert_told(name, tmp_path, answer["said"])
        assert answer["memory"] < 2 * size + 200_000_000, name


def test_what_is_wrong_in_kind_is_told_without_what_a_terminal_obeys(tmp_path: Path) -> None:
    for name, _, answer in read_apart(tmp_path, hostile_pickles.odd()):
        assert isinstance(answer["said"], str), name
        assert_told(name, tmp_path, answer["said"])


def test_an_ordered_dict_takes_no_attributes(tmp_path: Path) -> None:
    content = OrderedDict(a=np.float32([1]))
    content.get = None  # type: ignore[method-assign]
    (tmp_path / "a.pdparams").write_bytes(pickle.dumps(content, 4))
    with pytest.raises(InputError, match="damaged"):
        read_state(tmp_path / "a.pdparams")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "make", [hostile_pickles.invented, hostile_pickles.spoiled], ids=["invented", "spoiled"]
)
def test_programs_of_any_opcodes_and_states_with_anything_in_them_are_told(
    tmp_path: Path, make, seed: int
) -> None:
    cases = [(f"seed {n}", make(n)) for n in range(seed * 300, seed * 300 + 300)]
    for name, size, answer in read_apart(tmp_path, cases):
        assert_told(name, tmp_path, answer["said"])
        assert answer["memory"] < 2 * size + 200_000_000, name


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_damaged_files_are_told(tmp_path: Path, protocol: int) -> None:
    tensors = {
        "a": np.arange(6, dtype="f4").reshape(2, 3),
        "b": np.ones(3, "f2"),
        "c": ("c", np.zeros((2, 1))),
    }
    slices = {"UnpackBigParamInfor@@": {"b": {"OriginShape": (3,), "slices": ["b"]}}}
    whole = pickle.dumps({**tensors, **slices, "StructuredToParameterName@@": {"a": "x"}}, protocol)
    cases = [(f"seed {n}", hostile_pickles.damaged(whole, 1000 * protocol + n)) for n in range(400)]
    answers = read_apart(tmp_path, cases)
    for name, _, answer in answers:
        assert_told(name, tmp_path, answer["said"])
    refused = sum(isinstance(answer["said"], str) for _, _, answer in answers)
    assert 100 < refused < 400


@pytest.mark.parametrize("seed", range(40))
def test_what_python_reads_of_sound_files_is_read(tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    content: dict[str, Any] = OrderedDict() if seed % 2 else {}
    for index in range(chance.integers(1, 30)):
        shape = tuple(chance.integers(0, 5, chance.integers(0, 5)))
        # Protocols 2 and 3 write an array without elements by other means.
        value = chance.standard_normal([max(1, size) for size in shape]).astype(
            chance.choice(["<f2", ">f4", "f4", "f8"])
        )
        value = np.asfortranarray(value) if chance.random() < 0.5 else value
        content[f"{index}.Gewicht-ä"] = ("name", value) if chance.random() < 0.3 else value
    path = tmp_path / "a.pdparams"
    path.write_bytes(pickle.dumps(content, int(chance.integers(2, 6))))
    found = read_state(path)
    theirs = pickle.loads(path.read_bytes())
    assert list(found) == list(theirs)
    for name, value in theirs.items():
        expected = np.float32(value[1] if isinstance(value, tuple) else value)
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].flags.c_contiguous


@pytest.mark.parametrize("protocol", [2, 4])
def test_large_arrays_are_read_in_blocks(tmp_path: Path, protocol: int) -> None:
    # Several blocks of 1 MiB, whose ends part elements, and letters of protocol 2's text.
    value = np.random.default_rng(1).standard_normal((1000, 777)).astype("f8")
    (tmp_path / "a.pdparams").write_bytes(
        pickle.dumps({"x": 1.5 * value[:1].astype("f4"), "a": value}, protocol)
    )
    np.testing.assert_array_equal(read_state(tmp_path / "a.pdparams")["a"], np.float32(value))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["opt.py", "--weights", "deep.pdparams"],
            "cannot read weights deep.pdparams: it holds a key that is no name",
        ),
        (
            ["train.py", "--data", "digits", "--weights", "deep.pdparams", "--out", "x.pdparams"],
            "cannot read weights deep.pdparams: it holds a key that is no name",
        ),
        (
            ["train.py", "--data", "digits", "--out", "deep.pdparams", "--force", "--resume"],
            "--resume goes on and --force begins anew",
        ),
        (
            [
                "train.py",
                "--data",
                "digits",
                "--config",
                "digits",
                "--weights",
                "none",
                "--out",
                "y.pdparams",
                "--resume",
            ],
            "y.checkpoint.npz is no checkpoint, or a damaged one (BadZipFile)",
        ),
    ],
    ids=["opt", "train --weights", "train --force", "train --resume"],
)
def test_a_command_tells_it_in_one_line(tmp_path: Path, root: Path, arguments: list[str], said: str) -> None:
    for name in ("deep.pdparams", "y.checkpoint.npz"):
        content = hostile_pickles.state((hostile_pickles.deep(150_000), hostile_pickles.array()))
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, str(root / "tools" / arguments[0]), "--model", "deit_tiny", *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.lower().startswith("error: ")]
    assert said in error
    assert "Traceback" not in done.stderr
