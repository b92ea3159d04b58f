"""The `deit` recipe's rewrite: block by block, weights that lose little once PaddleSlim rounds them.

First the residual stream is turned into another basis (`quant/rewrite/rotate.py`). Then the calibration pictures'
activations go through the network as INT8 will compute them with what has been rewritten so far. At each layer

1. a scale per input channel moves into the weights (`quant/rewrite/equalize.py`), alpha searched by measured error;
   queries and keys are brought to ranges alike (`quant/rewrite/attention.py`); behind GELU, where nothing can take a
   scale, small operators of their own shift and scale the outputs, and the inverse goes into fc2
   (`quant/rewrite/gelu.py`);
2. the weights are rounded with the layer's output in view (`quant/rewrite/gptq.py`).

1 is exact in float, 2 is quantization. PaddleSlim then quantizes the rewritten network, finds the weights on its
grid, and gets the ranges measured here (`quant/program/ranges.py`). Attention × value stays float in here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lite.model.deploy import State
from lite.model.form import Form
from lite.pictures.picture_set import Picture
from lite.zoo import Preprocess, Variant
from quant.program.layers import matching
from quant.program.ranges import Ranges
from quant.recipe import Kind, Switches
from quant.rewrite.attention import attention
from quant.rewrite.mlp import mlp
from quant.rewrite.rewriting import Rewriting
from quant.rewrite.rotate import rotate


@dataclass(frozen=True)
class Rewritten:
    """A deployable state, the form of network it is for, the ranges of its activations (`quant.program.ranges.assign`).

    `unrounded` is the state before its weights were rounded; `alphas` says what was chosen for which layer;
    `gelu_errors` is `quant.rewrite.gelu.least` of each block whose fc2 is in INT8.
    """

    state: State
    unrounded: State
    form: Form
    ranges: Ranges
    alphas: dict[str, float]
    gelu_errors: dict[int, dict[Kind, float]]


def rewrite(
    state: State,
    variant: Variant,
    pictures: Sequence[Picture],
    spec: Preprocess,
    form: Form,
    switches: Switches,
    folder: Path,
    seed: int,
    *,
    keep: Collection[str] = (),
    on_block: Callable[[int, int], None] = lambda done, total: None,
) -> Rewritten:
    """Rewrites a deployable state (`lite.model.deploy.deployable_state`) for INT8; the given one stays as it is.

    `spec` says how `pictures` become tensors; views of one picture stand side by side. `form` is what the network is
    to be built in; where GELU's outputs are shifted and scaled is added to it. `folder` takes files of a float32
    activation each: about 4 bytes x pictures x tokens x 7 dim. `keep` names layers that stay in float
    (`blocks.11.mlp.fc2`, `blocks.0.attn.q`; shell-style): they are neither rounded nor given rounded inputs.
    """
    blocks = 1 + max(int(match[1]) for name in state if (match := re.match(r"blocks\.(\d+)\.", name)))
    turned = rotate(state, variant, seed) if switches.rotate else dict(state)
    kept = _kept(state, keep)
    work = Rewriting(turned, variant, form, switches, folder, len(pictures), blocks - 1, kept)
    work.embed(pictures, spec)
    for index in range(blocks):
        attention(work, index)
        mlp(work, index)
        on_block(index + 1, blocks)
    rounded, unrounded = (
        {name: np.ascontiguousarray(value, np.float32) for name, value in values.items()}
        for values in (work.state, work.state | work.unrounded)
    )
    return Rewritten(rounded, unrounded, work.form, work.ranges, work.alphas, work.gelu_errors)


def _kept(state: State, patterns: Collection[str]) -> frozenset[str]:
    """Layers of the state that match; q, k and v also by the names they have where they are one layer."""
    names = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    packed = {
        f"{name[:-1]}{joined}": name[:-1]
        for name in names
        if name.endswith(".attn.q")
        for joined in ("qkv", "kv")
    }
    kept = matching([*names, *packed], list(patterns))
    parts = (f"{packed[name]}{part}" for name in kept if name in packed for part in name.rpartition(".")[2])
    return frozenset([*kept, *parts])
