"""benchmarks/push.py runs through, ends in one JSON document and leaves nothing behind."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import phone as phone_module
import pytest
from click import ClickException
from phone import Phone

from lite.phone.server import AdbServer


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
                found.append(os.fsdecode((process / "cmdline").read_bytes()))
        except OSError:
            continue
    return found


@pytest.mark.usefixtures("adb_environment")
def test_it_measures_adbs_push_and_ours_on_a_phone_of_its_own(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    found = document(benchmark(root, "--megabytes", 25, "--megabytes", 1, "--rounds", 3))
    assert (found["phone"], found["serial"]) == ("Test phone x86_64", None)
    assert [row["megabytes"] for row in found["rows"]] == [25, 1]
    for row in found["rows"]:
        assert {way: len(times) for way, times in row["times"].items()} == dict.fromkeys(
            ("adb", "transfer", "whole"), 3
        )
        assert row["medians"] == {way: statistics.median(times) for way, times in row["times"].items()}
        assert row["whole_ratio"] == row["medians"]["whole"] / row["medians"]["adb"]
        assert 0 < row["medians"]["transfer"] <= row["medians"]["whole"]
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_phone_that_is_connected_keeps_nothing(root: Path, phone: Phone) -> None:
    options = ("--serial", phone.serial, "--megabytes", 1, "--rounds", 1)
    assert document(benchmark(root, *options))["serial"] == phone.serial
    assert list(phone.path("/data/local/tmp").iterdir()) == []


def test_a_test_phone_that_was_not_unpacked(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    monkeypatch.setattr(phone_module, "ROOTS", tmp_path)
    import push

    with pytest.raises(
        ClickException, match=r"does not start: .*; as root, first run bash tests/phone/root\.sh"
    ):
        push.connected(None).__enter__()


def test_a_serial_that_is_not_there(root: Path, server: AdbServer) -> None:
    done = benchmark(root, "--serial", "XYZ")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no phone XYZ at the adb server" in done.stderr
    assert "Traceback" not in done.stderr
