"""INT8 by hand: what a user writes from PaddleSlim's and Paddle Lite's own documents, and nothing else.

`quant_post_static` with its defaults and a `paddle.io.DataLoader` (the only form that PaddleSlim 2.6.0 on Paddle
2.6.2 takes), then the `paddle_lite_opt` command of Paddle Lite's wheel. Nothing of this repository is imported,
nor its settings of the environment. `benchmarks/convert.py` runs it; alone:

    python benchmarks/by_hand.py FP32_FOLDER TENSORS.npy OUT_FOLDER

FP32_FOLDER holds model.pdmodel and model.pdiparams, TENSORS.npy the calibration pictures as the network takes
them, float32 [N, 3, H, W]; OUT_FOLDER gets the INT8 program and model.nb. The last line of standard output is
JSON: [name, begin, end] of each step, in seconds of the system's monotonic clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import paddle
from paddleslim.quant import quant_post_static


class Tensors(paddle.io.Dataset):
    """The calibration pictures, one float32 [3, H, W] a sample."""

    def __init__(self, path: str):
        super().__init__()
        self.tensors = np.load(path)

    def __len__(self) -> int:
        return len(self.tensors)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        return (self.tensors[index],)


def quantize(fp32: str, tensors: str, out: str) -> None:
    paddle.enable_static()
    pictures = Tensors(tensors)
    place = paddle.CPUPlace()
    image = paddle.static.data("image", [1, *pictures.tensors.shape[1:]], "float32")
    loader = paddle.io.DataLoader(
        pictures, places=place, feed_list=[image], return_list=False, batch_size=1, drop_last=False
    )
    quant_post_static(
        executor=paddle.static.Executor(place),
        model_dir=fp32,
        quantize_model_path=out,
        data_loader=loader,
        model_filename="model.pdmodel",
        params_filename="model.pdiparams",
        batch_size=1,
        batch_nums=len(pictures),
    )


def convert(out: str) -> None:
    subprocess.run(
        [
            # By Python: its first line names the interpreter, which cannot have a space in its path.
            sys.executable,
            str(Path(sys.executable).with_name("paddle_lite_opt")),
            f"--model_file={out}/model.pdmodel",
            f"--param_file={out}/model.pdiparams",
            f"--optimize_out={out}/model",
            "--valid_targets=arm",
        ],
        check=True,
    )


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("fp32", metavar="FP32_FOLDER")
@click.argument("tensors", metavar="TENSORS.npy")
@click.argument("out", metavar="OUT_FOLDER")
def main(fp32: str, tensors: str, out: str) -> None:
    imported = time.monotonic()
    quantize(fp32, tensors, out)
    quantized = time.monotonic()
    convert(out)
    steps = [["quantize", imported, quantized], ["convert", quantized, time.monotonic()]]
    print(json.dumps({"imported": imported, "steps": steps}))


if __name__ == "__main__":
    main()
