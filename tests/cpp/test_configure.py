"""Which engine CMake takes, and that without one it fails unless told otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from core_build import SOURCES


def configure(folder: Path, *options: str, venv: Path) -> tuple[int, str]:
    """Exit code, and what CMake says on one line, with `venv` as DEIT_LITE_VENV."""
    command = ["cmake", "-G", "Ninja", "-S", str(SOURCES), "-B", str(folder), *options]
    environment = {**os.environ, "DEIT_LITE_VENV": str(venv)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def targets(folder: Path) -> str:
    return subprocess.run(
        ["ninja", "-C", str(folder), "-t", "targets", "all"], capture_output=True, text=True, check=True
    ).stdout


def test_the_engine_is_that_of_the_environment(tmp_path: Path) -> None:
    code, said = configure(tmp_path, venv=Path(sys.prefix))
    assert code == 0, said
    assert "deit: CXX_EXECUTABLE_LINKER" in targets(tmp_path)
    engine = (tmp_path / "engine" / "liblite_pybind.so").resolve()
    assert engine.is_relative_to(Path(sys.prefix).resolve())
    # Named in so many words, another Python goes before it.
    code, said = configure(tmp_path / "other", "-DPADDLELITE_PYTHON=/no/python", venv=Path(sys.prefix))
    assert code != 0
    assert "no engine: there is no /no/python" in said


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "there is no /no/environment/bin/python"),
        (["-DPADDLELITE_PYTHON=/bin/true"], "/bin/true has no paddlelite"),
        (["-DPADDLELITE_PYTHON=/other/python"], "there is no /other/python"),
    ],
)
def test_no_engine_is_an_error_that_says_what_to_do(tmp_path: Path, options: list[str], why: str) -> None:
    code, said = configure(tmp_path, *options, venv=Path("/no/environment"))
    assert code != 0
    assert f"no engine: {why}." in said
    for remedy in ("DEIT_LITE_VENV", "-DPADDLE_LITE_DIR", "-DDEIT_ENGINE=OFF"):
        assert remedy in said


def test_what_needs_no_engine_is_built_when_asked_for(tmp_path: Path) -> None:
    code, said = configure(tmp_path, "-DDEIT_ENGINE=OFF", venv=Path("/no/environment"))
    assert code == 0, said
    made = targets(tmp_path)
    assert "deit_tensor: CXX_EXECUTABLE_LINKER" in made
    assert "deit: CXX_EXECUTABLE_LINKER" not in made


def test_a_preset_for_another_processor_wants_its_engine_too(tmp_path: Path) -> None:
    done = subprocess.run(
        ["cmake", "--preset", "arm64", "-B", str(tmp_path)], cwd=SOURCES, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "this is not a build for x86_64 Linux" in " ".join(done.stderr.split())
