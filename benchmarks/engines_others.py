"""OpenVINO, ncnn and MNN behind the toolkit's Predictor: pictures in, logits out. Each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lite.engines import Predictor
from lite.errors import InputError


@dataclass(frozen=True)
class OtherEngine:
    """The file `path` for an engine, and the predictor that opens it."""

    path: Path
    predictor: Callable[[Path], Predictor]

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    def open(self) -> Predictor:
        return self.predictor(self.path)


class OpenVinoPredictor:
    """A `.onnx` with one input [N, 3, H, W] on one core; float stays float32 where the processor could do bfloat16."""

    batch: int | None = None

    def __init__(self, path: Path):
        import openvino

        settings = {
            "INFERENCE_NUM_THREADS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        core = openvino.Core()
        self._request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()

    def run(self, pixels: np.ndarray) -> np.ndarray:
        return self.logits(pixels)[0]

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        self._request.infer([pixels])
        return np.array(self._request.get_output_tensor(0).data)


class NcnnPredictor:
    """pnnx's `.ncnn.param` (`in0`, `out0`; its `.ncnn.bin` lies beside) on one core in float32; ncnn has no batches."""

    batch: int | None = 1

    def __init__(self, path: Path):
        import ncnn

        self._ncnn, self._net = ncnn, ncnn.Net()
        options = self._net.opt
        options.num_threads = 1
        for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(options, name, False)
        if self._net.load_param(str(path)) or self._net.load_model(str(path.with_suffix(".bin"))):
            raise InputError(f"ncnn does not take {path}", remedy="convert it again with pnnx")

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        if len(pixels) != 1:
            raise InputError(f"ncnn takes one picture at a time, not {len(pixels)}")
        with self._net.create_extractor() as extractor:
            extractor.input("in0", self._ncnn.Mat(np.ascontiguousarray(pixels[0])))
            _, logits = extractor.extract("out0")
            return np.array(logits)[None]


class MnnPredictor:
    """A `.mnn` with one input and one output on one core, in MNN's high precision (float32)."""

    batch: int | None = None

    def __init__(self, path: Path):
        # Not MNN.tools: importing that makes pip install a package that reports what is converted.
        from MNN import expr, nn

        self._expr: Any = expr
        settings = ({"backend": 0, "numThread": 1, "precision": "high"},)
        self._runtime = nn.create_runtime_manager(settings)
        self._net = nn.load_module_from_file(str(path), [], [], runtime_manager=self._runtime)

    def run(self, pixels: np.ndarray) -> np.ndarray:
        return self.logits(pixels)[0]

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        expr = self._expr
        given = expr.const(np.ascontiguousarray(pixels), list(pixels.shape), expr.NCHW)
        return np.array(expr.convert(self._net.forward([given])[0], expr.NCHW).read())
