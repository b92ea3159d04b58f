"""The deployable network's graph, as data: how it is written, and its two files once exported; takes no Paddle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

INPUT_NAME = "image"


@dataclass(frozen=True)
class Exported:
    """An inference program on disk: `model` is the `.pdmodel`, `params` the `.pdiparams`."""

    model: Path
    params: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Exported:
        """The pair `model.pdmodel`, `model.pdiparams` of `folder` (they need not exist yet)."""
        return cls(folder / "model.pdmodel", folder / "model.pdiparams")


Attention = Literal["layers", "packed", "per_head"]


@dataclass(frozen=True)
class Form:
    """How the graph is written; every form computes the same function but for `tanh_gelu`.

    `attention` is how heads come about: "layers" has three layers and splits heads off by reshape and transpose;
    "packed" has one layer for q, k and v and cuts its output into heads by `split`; "per_head" has one small layer
    per head for each of q, k and v. `tanh_gelu`: GELU's tanh approximation (Hendrycks and Gimpel, 2016), off by at
    most 5e-4 and less than half the instructions. `shifted_gelu`, `scaled_gelu`: blocks whose GELU outputs are
    shifted by `mlp.shift`, and those whose outputs are multiplied by `mlp.scale` before, one number a hidden unit,
    with the inverse in fc2. `outliers`: (block, n) where the last n hidden units are split off after GELU and go
    through `mlp.outliers`, a layer of their own. `gpu`: what Paddle Lite's OpenCL kernels can run. A layer of zeros and
    ones (`place`) moves the patches after the class tokens' rows, which come with the position embedding: a concat
    with a parameter crashes, since it takes what lies in the CPU's memory for an image. The patches' convolution comes
    in pieces of up to `OUTPUTS` outputs: its weights become an image 64 times as high as it has outputs.
    """

    attention: Attention = "layers"
    tanh_gelu: bool = False
    shifted_gelu: frozenset[int] = frozenset()
    scaled_gelu: frozenset[int] = frozenset()
    outliers: frozenset[tuple[int, int]] = frozenset()
    gpu: bool = False


PLAIN = Form()
# Takes the fewest instructions on an ARM CPU of all forms, for every variant, in INT8 and in float
# (tests/test_attention_form.py).
CHEAPEST: Attention = "packed"
GPU = Form(gpu=True)
# OpenCL 1.2 promises images of 8192 rows, OpenCL 2.0 of 16384.
OUTPUTS = 128
