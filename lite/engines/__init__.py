"""The engines of a computer that run a DeiT, each behind `lite.engines.base.Predictor`: pictures in, logits out.

| backend | runs | pictures at once |
|---|---|---|
| `paddle` | the weights, in Paddle's dynamic graph (PaddleClas's form) | any |
| `inference` | a `.pdmodel`, in Paddle Inference | any, if made by `tools/export.py` |
| `lite` | a `.nb` for x86, in Paddle Lite | one |
| `onnx` | a `.onnx`, in onnxruntime | any, if made by `tools/export.py` |

Two engines loaded in one process can crash each other, so their packages are imported only where they run;
`lite.engines.workers` and `lite.engines.processes` give each a process of its own.
"""

from __future__ import annotations

from typing import Literal

Backend = Literal["paddle", "inference", "lite", "onnx"]
BACKENDS: tuple[Backend, ...] = ("paddle", "inference", "lite", "onnx")
