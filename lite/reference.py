"""Paddle Inference behind one small class: what an exported program answers on this computer."""

from __future__ import annotations

import numpy as np

from lite.backends.inference import configuration
from lite.backends.options import DEFAULT, Options
from lite.errors import ConversionError, InputError
from lite.export import Exported


class PaddlePredictor:
    """An exported program in Paddle Inference, by default on one core of the CPU with oneDNN.

    Raises ConversionError where the program is missing, InputError for options that this computer can't fulfil.
    """

    def __init__(self, exported: Exported, options: Options = DEFAULT):
        from paddle import inference

        for path in (exported.model, exported.params):
            if not path.is_file():
                raise ConversionError(f"{path}: the exported program is not there; export it first")
        self._predictor = inference.create_predictor(configuration(exported, options))
        self._input = self._predictor.get_input_handle(self._predictor.get_input_names()[0])
        self._output = self._predictor.get_output_handle(self._predictor.get_output_names()[0])
        count = self._input.shape()[0]
        self.batch: int | None = count if count > 0 else None

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [classes] of a float32 [1, 3, H, W] picture tensor."""
        return self.logits(pixels)[0]

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [N, classes] of float32 [N, 3, H, W]. Raises InputError for another N than `batch`."""
        if self.batch not in (None, len(pixels)):
            raise InputError(
                f"the program was exported for {self.batch} pictures at once, not {len(pixels)}; "
                "export it again with tools/export.py, which leaves the number open"
            )
        self._input.copy_from_cpu(np.ascontiguousarray(pixels, dtype=np.float32))
        self._predictor.run()
        return self._output.copy_to_cpu()
