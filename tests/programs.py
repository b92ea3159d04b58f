"""Real programs for tests of the optimizer: a small DeiT as exported, and as quantized by PaddleSlim."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle

from lite import zoo
from lite.model import program as export
from lite.model.deploy import DeployableDeiT
from lite.model.graph import PLAIN, Exported, Form
from lite.model.network import DeiT

VARIANT = zoo.find("deit_tiny")
CLASSES, DEPTH = 10, 2


class _Noise(paddle.io.Dataset):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        return (np.random.default_rng(index).standard_normal((3, 224, 224), dtype=np.float32),)


def deployable(folder: Path, form: Form = PLAIN) -> Exported:
    """DeiT-tiny with two blocks and random weights in its deployable form."""
    paddle.seed(0)
    with paddle.utils.unique_name.guard():
        network = DeployableDeiT(replace(VARIANT, depth=DEPTH), CLASSES, form=form)
    network.eval()
    return export.export(network, folder)


def stock(folder: Path) -> Exported:
    """One block of DeiT-tiny in PaddleClas's form, whose `flatten` opt cannot digest."""
    with paddle.utils.unique_name.guard():
        network = DeiT(replace(VARIANT, depth=1), CLASSES)
        network.eval()
        spec = paddle.static.InputSpec([1, 3, 224, 224], "float32", "image")
        paddle.jit.save(network, str(folder / "model"), input_spec=[spec])
    return Exported.in_folder(folder)


def quantized(program: Exported, folder: Path, **options: object) -> Exported:
    """`program` after PaddleSlim's post-training quantization with two pictures of noise."""
    from paddleslim.quant import quant_post_static

    with export.static_graph() as executor:
        image = paddle.static.data("image", [1, 3, 224, 224], "float32")
        loader = paddle.io.DataLoader(
            _Noise(), feed_list=[image], return_list=False, batch_size=1, places=paddle.CPUPlace()
        )
        settings = {"algo": "abs_max", "onnx_format": False, **options}
        quant_post_static(
            executor,
            str(program.model.parent),
            str(folder),
            data_loader=loader,
            model_filename="model.pdmodel",
            params_filename="model.pdiparams",
            batch_size=1,
            batch_nums=2,
            **settings,
        )
    return Exported.in_folder(folder)
