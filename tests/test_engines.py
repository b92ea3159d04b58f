"""The exported ONNX in OpenVINO, ncnn and MNN, and benchmarks/engines.py, where requirements-engines.txt is there."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

PACKAGES = ("onnx", "openvino", "ncnn", "MNN", "pnnx")
pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in PACKAGES),
        reason="needs python -m pip install --no-deps -r requirements-engines.txt",
    ),
]
BLOCKS = 2
ROWS = {
    ("Paddle Lite", "fp32"), ("Paddle Inference", "fp32"), ("Paddle Inference", "int8"), ("onnxruntime", "fp32"),
    ("onnxruntime", "int8"), ("OpenVINO", "fp32"), ("OpenVINO", "int8"), ("ncnn", "fp32"), ("MNN", "fp32"),
    ("MNN", "int8"),
}  # fmt: skip


def run(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "benchmarks" / "engines.py"), *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_is_installed_is_what_is_pinned(root: Path):
    pins = dict(re.findall(r"^(\S+)==(\S+)", (root / "requirements-engines.txt").read_text(), re.MULTILINE))
    assert {name.lower() for name in pins} == {name.lower() for name in PACKAGES}
    assert {name: metadata.version(name) for name in pins} == pins


@pytest.mark.slow
def test_two_blocks_in_every_engine(root: Path, tmp_path: Path):
    done = run(
        root, "--models", "deit_tiny", "--rounds", "2", "--seconds", "0.01", "--blocks", BLOCKS,
        "--plot", tmp_path / "plot.png",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    *table, last = done.stdout.splitlines()
    document = json.loads(last)
    rows = {(row["engine"], row["precision"]): row for row in document["models"]["deit_tiny"]}
    assert rows.keys() == ROWS
    for (engine, precision), row in rows.items():
        assert row["failure"] is None
        # MNN's GELU is an approximation; what is wrong altogether has an SNR of 0 or less.
        assert row["snr_db"] > (60 if precision == "fp32" else 3), (engine, precision)
        assert row["one_by_one"] == (engine in ("Paddle Lite", "ncnn"))
        assert row["ms"].keys() == {"1", "4", "8"}
        assert all(len(figures["rounds"]) == 2 and figures["median"] > 0 for figures in row["ms"].values())
        if precision == "int8":
            assert row["snr_db"] < rows[engine, "fp32"]["snr_db"], "not quantized"
    assert any("TensorRT" in line and re.search(r"3\.61 +3\.94 +6\.10", line) for line in table)
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"
    assert document["host"]["openvino"] == metadata.version("openvino")


def test_a_network_that_is_not_paddles_is_not_timed(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import engines

    from lite import zoo
    from lite.engines import processes
    from lite.engines.dygraph import PaddleEngine
    from lite.model import weights

    engine = PaddleEngine(weights.DIGITS_FILE, zoo.find("deit_tiny"))
    pixels = np.zeros((1, 3, 224, 224), np.float32)
    with processes.pool(1) as executor:
        logits = executor.submit(engines.engines_timed.answers, engine, pixels).result()[0]
        near = engines.compare(executor, engine, pixels, logits, "fp32")
        far = engines.compare(executor, engine, pixels, logits * 1.01, "fp32")
        rounded = engines.compare(executor, engine, pixels, logits * 1.01, "int8")
        noise = engines.compare(executor, engine, pixels, -logits, "int8")
    assert near["failure"] is None
    assert rounded["failure"] is None
    assert "more noise than signal" in noise["failure"]
    assert "from Paddle's logits" in far["failure"]
