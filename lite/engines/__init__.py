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

# Who reaches a scheduler or worker without TLS runs code there, so what is printed keeps them to this computer; without
# an address of its own, even the dashboard that is not installed listens on all. docs/trust.md has TLS.
_HERE = "--host 127.0.0.1 --dashboard-address 127.0.0.1"
DASK_SCHEDULER = f"./run.sh -m dask scheduler {_HERE}:8787"
DASK_WORKER = f"./run.sh -m dask worker tcp://127.0.0.1:8786 {_HERE}:0 --nthreads 1 --nworkers N"
