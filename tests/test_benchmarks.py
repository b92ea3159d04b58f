"""benchmarks/: measured.py sees what a program takes, and convert.py runs through and ends in one JSON document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from lite.zoo import DEITS

PROGRAM = """
import json, subprocess, sys, time
imported = time.monotonic()
if "parent" in sys.argv:
    subprocess.run([sys.executable, __file__], stdout=subprocess.DEVNULL, check=True)
else:
    taken = bytearray(100_000_000)
    time.sleep(0.3)
    del taken
freed = time.monotonic()
time.sleep(0.3)
print(json.dumps({"imported": imported, "steps": [["take", imported, freed], ["rest", freed, time.monotonic()]]}))
"""


@pytest.fixture
def measured(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import measured

    return measured


@pytest.mark.parametrize("who", ["itself", "parent"])
def test_time_and_memory_of_a_step(measured, tmp_path: Path, who: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    run = measured.run([str(tmp_path / "program.py"), who], os.environ)
    assert run.seconds("take") >= 0.3
    assert 0.3 <= run.seconds("rest") < run.seconds("take", "rest") < run.ended - run.started
    assert run.peak("rest") < 50e6 < 100e6 < run.peak("take") < 150e6
    assert run.peak("no such step") is None


def test_a_program_that_fails_says_why(measured, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("raise SystemExit('no such file')")
    with pytest.raises(click.ClickException, match=r"^program\.py ended with 1: no such file$"):
        measured.run([str(program)], os.environ)
    program.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(click.ClickException, match="ended with -11"):
        measured.run([str(program)], os.environ)


def test_by_hand_runs_where_the_environment_has_a_space_in_its_path(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import by_hand

    environment = tmp_path / "a b"
    environment.mkdir()
    (environment / "python").symlink_to(sys.executable)
    # As pip writes it: the kernel takes what stands before the space for the interpreter.
    script = f"#!{environment}/python\nimport sys; open(sys.argv[3].split('=')[1] + '.nb', 'w').close()\n"
    (environment / "paddle_lite_opt").write_text(script)
    (environment / "paddle_lite_opt").chmod(0o755)
    monkeypatch.setattr(by_hand.sys, "executable", str(environment / "python"))
    by_hand.convert(str(tmp_path))
    assert (tmp_path / "model.nb").exists()


SCRIPTS = [
    path.name
    for path in sorted((Path(__file__).resolve().parent.parent / "benchmarks").glob("*.py"))
    if "__main__" in path.read_text()
]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_answers_help(root: Path, tmp_path: Path, name: str) -> None:
    script = [sys.executable, str(root / "benchmarks" / name)]
    ended = subprocess.run([*script, "--help"], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"Usage: {name} [OPTIONS]")
    assert len(ended.stdout.splitlines()) > 4
    wrong = subprocess.run([*script, "--nonsense"], capture_output=True, text=True, cwd=tmp_path)
    assert wrong.returncode == 2
    assert "No such option '--nonsense'" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_convert_by_hand_and_by_the_toolkit(root: Path) -> None:
    command = [sys.executable, str(root / "benchmarks" / "convert.py"), "--rounds", "1", "--blocks", "1"]
    command += ["--calib-images", "2", "--check-images", "2"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert any("with imports" in line for line in lines[:-1])
    document = json.loads(lines[-1])
    # Both sides did the same work: equal scales and weights, from equal pictures.
    assert document["same_int8_parameters"]
    assert list(document["ways"]) == ["by hand", "by hand, our environment", "toolkit"]
    for figures in document["ways"].values():
        seconds = {name: value["median"] for name, value in figures["seconds"].items()}
        assert 0 < seconds["quantize"] < seconds["both"] < seconds["both_with_imports"]
    ours, theirs = document["ways"]["toolkit"], document["ways"]["by hand"]
    assert document["ratio"]["by hand"]["both"] == pytest.approx(
        ours["seconds"]["both"]["median"] / theirs["seconds"]["both"]["median"]
    )
    stages = list(document["stages"])
    assert stages[:5] == ["imports", "weights and pictures", "export", "rewrite", "quantize"]
    assert {"optimize", "twin", "host check", "per-block drift", "bundle"} < set(stages)
    assert document["stages"]["whole run"]["memory"] > 100e6


@pytest.mark.slow
def test_convert_measures_whole_runs_of_all_deits(root: Path) -> None:
    command = [sys.executable, str(root / "benchmarks" / "convert.py"), "--all", "--rounds", "1"]
    command += ["--blocks", "1", "--calib-images", "2", "--check-images", "2"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    document = json.loads(lines[-1])
    assert list(document["variants"]) == list(DEITS)
    for model, stages in document["variants"].items():
        assert any(model in line for line in lines[:-1])
        assert 0 < stages["quantize"]["median"] < stages["whole run"]["median"]
        assert stages["rewrite"]["median"] > 0
        assert stages["whole run"]["memory"] > 100e6
