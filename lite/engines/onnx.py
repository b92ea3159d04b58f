"""A `.onnx` in onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lite.engines import DEFAULT, Options
from lite.errors import InputError


@dataclass(frozen=True)
class OnnxEngine:
    """A `.onnx` with one input [N, 3, H, W] and logits as its first output, in onnxruntime."""

    path: Path
    options: Options = DEFAULT

    @property
    def files(self) -> tuple[Path, ...]:
        """The `.onnx`."""
        return (self.path,)

    def open(self) -> OnnxPredictor:
        """Loads it in this process; raises InputError for a file that onnxruntime does not take."""
        return OnnxPredictor(self.path, self.options)


class OnnxPredictor:
    """A `.onnx` in onnxruntime. Raises InputError for a file it does not take, or without the GPU as wished."""

    def __init__(self, path: Path, options: Options = DEFAULT):
        # Imported here so that no process loads it that runs another engine.
        import onnxruntime

        provider = "CPUExecutionProvider" if options.device == "cpu" else "CUDAExecutionProvider"
        if provider not in onnxruntime.get_available_providers():
            raise InputError(
                f"the installed onnxruntime {onnxruntime.__version__} is for CPUs only",
                remedy="install onnxruntime-gpu in an environment of its own, or leave out --device gpu",
            )
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), settings, providers=[provider])
        except Exception as error:  # onnxruntime's own errors have no common class but this
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"onnxruntime does not take {path} ({reason})", remedy="export it again"
            ) from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise InputError(f"{path} has inputs {[one.shape for one in inputs]}, not one [N, 3, H, W]")
        self._input = inputs[0].name
        count = inputs[0].shape[0]
        self.batch: int | None = count if isinstance(count, int) else None

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [N, classes] of float32 [N, 3, H, W]. Raises InputError for another N than `batch`."""
        if self.batch not in (None, len(pixels)):
            raise InputError(f"the .onnx takes {self.batch} pictures at once, not {len(pixels)}")
        return self._session.run(None, {self._input: np.ascontiguousarray(pixels, dtype=np.float32)})[0]
