"""The deployable network as a program for any number of pictures at once.

Nothing in it asks for that number: operators on shapes are what converters of other engines trip over.
"""

from __future__ import annotations

from pathlib import Path

import paddle
from paddle import nn

from lite.model.deploy import DeployableDeiT
from lite.model.exported import INPUT_NAME, Exported
from lite.model.program import without_call_stacks


class AnyBatch(nn.Layer):
    """`network` for [N, 3, H, W] with any N; it shares its parameters."""

    def __init__(self, network: DeployableDeiT):
        super().__init__()
        self.network = network

    def forward(self, pixels: paddle.Tensor) -> paddle.Tensor:
        """[N, 3, H, W] float32 → logits [N, classes]."""
        network = self.network
        patches = network.embed(pixels)
        # Adding zeros made of each picture repeats the class tokens for it.
        first = patches[:, :1] * 0.0 + network.class_tokens
        return network.classify(paddle.concat([first, patches + network.position], axis=1))


def export(network: DeployableDeiT, folder: Path) -> Exported:
    """Saves `network` for input [N, 3, H, W], N open, as `model.pdmodel` and `model.pdiparams` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    side = network.variant.image
    spec = paddle.static.InputSpec([-1, 3, side, side], "float32", INPUT_NAME)
    with paddle.utils.unique_name.guard():
        paddle.jit.save(AnyBatch(network), str(folder / "model"), input_spec=[spec], clip_extra=True)
    return without_call_stacks(folder)
