"""benchmarks/preprocess.py runs through on given pictures and ends in one JSON document."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tensors import photograph


def test_a_round_on_given_pictures(host_build: Path, root: Path, tmp_path: Path) -> None:
    pictures = [tmp_path / name for name in ("small.png", "large.jpg")]
    photograph(50, 60).save(pictures[0])
    photograph(600, 800).save(pictures[1])
    command = [sys.executable, str(root / "benchmarks" / "preprocess.py"), "--rounds", "1"]
    command += [part for path in pictures for part in ("--picture", str(path))]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    *shown, last = ended.stdout.splitlines()
    assert any("large.jpg" in line for line in shown)
    document = json.loads(last)
    assert [row["picture"] for row in document["rows"]] == ["small.png", "large.jpg"]
    assert document["inference_ms"] is None
    small, large = (row["ms"] for row in document["rows"])
    for side in ("core", "python"):
        assert 0 < small[side]["decode"] < large[side]["decode"]
    assert 0 < small["core"]["preprocess"] < large["core"]["preprocess"]
    row = document["rows"][1]
    assert row["ratio"]["decode"] == pytest.approx(
        row["ms"]["core"]["decode"] / row["ms"]["python"]["decode"]
    )
    assert len(row["runs_ms"]["core"]["decode"]) == len(row["runs_ms"]["python"]["decode"]) == 2


def test_a_picture_that_cannot_be_read_ends_it(host_build: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    command = [
        sys.executable,
        str(root / "benchmarks" / "preprocess.py"),
        "--picture",
        str(tmp_path / "cut.jpg"),
    ]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "the JPEG is damaged" in ended.stderr
    assert "Traceback" not in ended.stderr
