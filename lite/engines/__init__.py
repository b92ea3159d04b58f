"""The engines of a computer that run a DeiT, each behind `lite.engines.Predictor`: pictures in, logits out.

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

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from lite.errors import InputError

Backend = Literal["paddle", "inference", "lite", "onnx"]
BACKENDS: tuple[Backend, ...] = ("paddle", "inference", "lite", "onnx")

# Who reaches a scheduler or worker without TLS runs code there, so what is printed keeps them to this computer; without
# an address of its own, even the dashboard that is not installed listens on all. docs/trust.md has TLS.
_HERE = "--host 127.0.0.1 --dashboard-address 127.0.0.1"
DASK_SCHEDULER = f"./run.sh -m dask scheduler {_HERE}:8787"
DASK_WORKER = f"./run.sh -m dask worker tcp://127.0.0.1:8786 {_HERE}:0 --nthreads 1 --nworkers N"


class Predictor(Protocol):
    """A network in an engine. `batch` is the number of pictures it takes at once, None for any number."""

    batch: int | None

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [N, classes] of float32 [N, 3, H, W]; raises InputError for an N it can't take."""
        ...


class Runnable(Protocol):
    """What a process can open as a Predictor: small enough to send, with the files that its answers depend on."""

    @property
    def path(self) -> Path:
        """The file or folder to name in messages."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """All that is read."""
        ...

    def open(self) -> Predictor:
        """Loads it in this process; raises InputError or ConversionError for a bad file."""
        ...

    def __hash__(self) -> int:
        """Equal ones are opened once."""
        ...


Device = Literal["cpu", "gpu"]
TensorRT = Literal["off", "fp32", "fp16"]
_GPU_PADDLE = "install paddlepaddle-gpu in an environment of its own, or leave out --device gpu"


@dataclass(frozen=True)
class Options:
    """`onednn` (Paddle's older name: MKLDNN) is for Paddle Inference on the CPU, `tensorrt` for it on the GPU.

    `int8` runs a program that PaddleSlim quantized by oneDNN's INT8 kernels; without it INT8 is simulated in float.
    `threads` is per process; pictures are shared out over processes, so one is the fastest.
    """

    device: Device = "cpu"
    onednn: bool = True
    tensorrt: TensorRT = "off"
    int8: bool = False
    threads: int = 1

    def check_backend(self, backend: Backend) -> None:
        """Raises InputError for TensorRT, or a word on oneDNN, in a backend that has none."""
        if self.tensorrt != "off" and backend != "inference":
            raise InputError(f"--tensorrt is for --backend inference, not for {backend}")
        if not self.onednn and backend != "inference":
            raise InputError(f"--no-onednn is for --backend inference, not for {backend}")


DEFAULT = Options()


def check_paddle(options: Options) -> None:
    """Raises InputError where this Paddle, or this computer, can't run on the GPU or with TensorRT as wished."""
    if options.device == "cpu":
        if options.tensorrt != "off":
            raise InputError(
                "TensorRT runs on NVIDIA GPUs only", remedy="add --device gpu or leave out --tensorrt"
            )
        return
    # Imported here because it takes seconds, and the CPU needs no check.
    import paddle

    if not paddle.is_compiled_with_cuda():
        raise InputError(f"the installed Paddle {paddle.__version__} is for CPUs only", remedy=_GPU_PADDLE)
    if paddle.device.cuda.device_count() == 0:
        raise InputError(
            "this computer shows Paddle no NVIDIA GPU", remedy="check nvidia-smi, or leave out --device gpu"
        )
    if options.tensorrt != "off":
        from paddle import inference

        if tuple(inference.get_trt_compile_version()) == (0, 0, 0):
            raise InputError(
                f"the installed Paddle {paddle.__version__} is built without TensorRT",
                remedy="install a paddlepaddle-gpu with it, or leave out --tensorrt",
            )


@dataclass(frozen=True)
class Selection:
    """What a command was asked for: a bundle, an exported folder, or a model with weights; None is not said."""

    bundle: Path | None = None
    export: Path | None = None
    model: str | None = None
    weights: str | None = None
    labels: Path | None = None
    backend: Backend | None = None
    options: Options = DEFAULT
    sha256: str | None = None

    def check(self) -> None:
        """Raises InputError for options that exclude each other."""
        if sum(place is not None for place in (self.bundle, self.export, self.model)) > 1:
            raise InputError("give one of --bundle, --export and --model")
        if self.model is None and (self.weights, self.labels, self.sha256) != (None, None, None):
            raise InputError("--weights, --labels and --sha256 need --model")
        if self.model is None and self.export is None and self.backend not in (None, "lite"):
            raise InputError(
                "a bundle runs in Paddle Lite only",
                remedy=(
                    f"for --backend {self.backend} give --model and --weights, or --export with a folder of "
                    "tools/export.py"
                ),
            )
        on_gpu, backend = self.options.device == "gpu", self.backend or self.default_backend
        if on_gpu and backend == "lite":
            raise InputError("Paddle Lite runs on this computer's CPU only", remedy="leave out --device gpu")
        # What an exported folder is for is known when it has been read.
        if self.export is None:
            self.options.check_backend(backend)

    @property
    def default_backend(self) -> Backend:
        """The backend where none is named."""
        return "lite" if self.model is None and self.export is None else "inference"
