"""An exported program in Paddle Inference: oneDNN on CPUs, cuDNN and TensorRT on NVIDIA GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lite.engines import DEFAULT, Options, check_paddle
from lite.errors import ConversionError, InputError
from lite.model.graph import Exported

_GPU_MEMORY_MB = 512  # taken at the start; it grows
_TENSORRT_WORKSPACE = 1 << 30  # bytes


@dataclass(frozen=True)
class InferenceEngine:
    """The program `model.pdmodel`, `model.pdiparams` of a folder in Paddle Inference."""

    path: Path
    options: Options = DEFAULT

    @property
    def files(self) -> tuple[Path, ...]:
        """The two files of the program."""
        return self.path / "model.pdmodel", self.path / "model.pdiparams"

    def open(self) -> PaddlePredictor:
        """Loads it in this process; raises InputError or ConversionError for a bad file or option."""
        return PaddlePredictor(Exported.in_folder(self.path), self.options)


def configuration(exported: Exported, options: Options) -> Any:
    """A `paddle.inference.Config` for the program. Raises InputError for what this computer can't do."""
    check_paddle(options)
    from paddle import inference

    config = inference.Config(str(exported.model), str(exported.params))
    config.disable_glog_info()
    # Crashes with a segmentation fault in Paddle 2.6.2 on some hosts, and does nothing for a DeiT.
    config.delete_pass("seqpool_cvm_concat_fuse_pass")
    # Off by itself. Tensors that are not there at the same time share memory: DeiT-base at 384 pixels takes 1.0 GB
    # instead of 1.6, with the same answers to the last bit.
    config.enable_memory_optim()
    if options.device == "gpu":
        _use_gpu(config, exported, options)
        return config
    config.disable_gpu()
    config.set_cpu_math_library_num_threads(options.threads)
    # On by itself in Paddle 2.6, and off in others.
    if options.onednn:
        config.enable_mkldnn()
        if options.int8:
            config.enable_mkldnn_int8()
    else:
        config.disable_mkldnn()
    return config


def _use_gpu(config: Any, exported: Exported, options: Options) -> None:
    from paddle import inference

    config.enable_use_gpu(_GPU_MEMORY_MB, 0)
    if options.tensorrt == "off":
        return
    precisions = {"fp32": inference.PrecisionType.Float32, "fp16": inference.PrecisionType.Half}
    config.enable_tensorrt_engine(
        workspace_size=_TENSORRT_WORKSPACE,
        max_batch_size=32,
        min_subgraph_size=3,
        precision_mode=precisions[options.tensorrt],
        use_static=False,
        use_calib_mode=False,
    )
    # The number of pictures is open: the shapes of all tensors are collected in the first run and kept here.
    shapes = exported.model.with_name(f"shapes-{options.tensorrt}.pbtxt")
    config.enable_tuned_tensorrt_dynamic_shape(str(shapes), True)


class PaddlePredictor:
    """An exported program in Paddle Inference, by default on one core of the CPU with oneDNN.

    Raises ConversionError where the program is missing, InputError for options that this computer can't fulfil.
    """

    def __init__(self, exported: Exported, options: Options = DEFAULT):
        from paddle import inference

        for path in (exported.model, exported.params):
            if not path.is_file():
                raise ConversionError(
                    f"{path}", why="the exported program is not there", remedy="export it first"
                )
        self._predictor = inference.create_predictor(configuration(exported, options))
        self._input = self._predictor.get_input_handle(self._predictor.get_input_names()[0])
        self._output = self._predictor.get_output_handle(self._predictor.get_output_names()[0])
        count = self._input.shape()[0]
        self.batch: int | None = count if count > 0 else None

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [N, classes] of float32 [N, 3, H, W]. Raises InputError for another N than `batch`."""
        if self.batch not in (None, len(pixels)):
            raise InputError(
                f"the program was exported for {self.batch} pictures at once, not {len(pixels)}",
                remedy="export it again with tools/export.py, which leaves the number open",
            )
        self._input.copy_from_cpu(np.ascontiguousarray(pixels, dtype=np.float32))
        self._predictor.run()
        return self._output.copy_to_cpu()
