"""benchmarks/push.py runs through, ends in one JSON document, and a push is about as fast as adb's own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from phone import Phone

from lite.phone.server import Server

# Of `adb push` of the same file.
MOST = 1.3


def benchmark(root: Path, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, root / "benchmarks" / "push.py", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True)


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    *shown, last = done.stdout.splitlines()
    assert any("whole step" in line for line in shown)
    found: dict[str, Any] = json.loads(last)
    return found


def processes_of(folder: Path) -> list[str]:
    """The command lines of what was started with `folder` in its environment, such as adb servers."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if bytes(folder) in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.mark.usefixtures("adb_environment")
def test_a_push_takes_no_longer_than_adbs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a phone of its own, which is gone afterwards. Other work may spoil a run, but not each of three."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ratios = []
    for _ in range(3):
        found = document(benchmark(root, "--megabytes", 25, "--megabytes", 1, "--rounds", 9))
        assert (found["phone"], found["serial"]) == ("Test phone x86_64", None)
        assert [row["megabytes"] for row in found["rows"]] == [25, 1]
        for row in found["rows"]:
            assert {way: len(times) for way, times in row["times"].items()} == dict.fromkeys(
                ("adb", "transfer", "whole"), 9
            )
            assert row["medians"] == {way: statistics.median(times) for way, times in row["times"].items()}
            assert row["whole_ratio"] == row["medians"]["whole"] / row["medians"]["adb"]
            assert 0 < row["medians"]["transfer"] <= row["medians"]["whole"]
        ratios.append(found["rows"][0]["whole_ratio"])
        if ratios[-1] <= MOST:
            break
    assert min(ratios) <= MOST
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_phone_that_is_connected_keeps_nothing(root: Path, phone: Phone) -> None:
    options = ("--serial", phone.serial, "--megabytes", 1, "--rounds", 1)
    assert document(benchmark(root, *options))["serial"] == phone.serial
    assert list(phone.path("/data/local/tmp").iterdir()) == []


def test_a_serial_that_is_not_there(root: Path, server: Server) -> None:
    done = benchmark(root, "--serial", "XYZ")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no phone XYZ at the adb server" in done.stderr
    assert "Traceback" not in done.stderr
