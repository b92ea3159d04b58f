"""Paddle Inference behind one small class: the float reference that a bundle is compared with."""

from __future__ import annotations

import numpy as np

from lite.errors import ConversionError
from lite.export import Exported


class PaddlePredictor:
    """An exported program in Paddle Inference, on the CPU."""

    def __init__(self, exported: Exported):
        from paddle import inference

        for path in (exported.model, exported.params):
            if not path.is_file():
                raise ConversionError(f"{path}: the exported program is not there; export it first")
        config = inference.Config(str(exported.model), str(exported.params))
        config.disable_gpu()
        config.set_cpu_math_library_num_threads(1)
        config.disable_glog_info()
        # Crashes with a segmentation fault in Paddle 2.6.2 on some hosts, and does nothing for a DeiT.
        config.delete_pass("seqpool_cvm_concat_fuse_pass")
        self._predictor = inference.create_predictor(config)
        self._input = self._predictor.get_input_handle(self._predictor.get_input_names()[0])
        self._output = self._predictor.get_output_handle(self._predictor.get_output_names()[0])

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [classes] of a float32 [1, 3, H, W] picture tensor."""
        self._input.copy_from_cpu(np.ascontiguousarray(pixels, dtype=np.float32))
        self._predictor.run()
        return self._output.copy_to_cpu().reshape(-1)
