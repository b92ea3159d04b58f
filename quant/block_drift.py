"""Where INT8 loses accuracy: what is left of the answer when the network runs in INT8 up to a block, in float behind.

Blocks' own outputs cannot tell. They are tensors in another basis where the recipe rotates the residual stream, most of
their tokens are never read, and a direction that no later layer looks at counts as much as any other. So each block's
output in INT8, and what enters the first, is handed to the float network's next block, and the logits are compared.
Behind the head that is the whole INT8 network, so the last figure is the bundle's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import paddle

from lite.measure import drift
from lite.measure.drift import LayerDrift
from lite.model.deploy import DeployableDeiT
from lite.model.exported import Exported
from lite.model.program import LoadedProgram, static_graph
from lite.pictures.picture_set import Picture
from lite.zoo import Preprocess

# Activations of so many pictures are in memory at once, those behind every block.
_CHUNK = 4
Stream = Callable[[np.ndarray], np.ndarray]


def by_block(
    network: DeployableDeiT,
    twin: Exported,
    pictures: Sequence[Picture],
    spec: Preprocess,
    *,
    to_float: Stream = lambda stream: stream,
) -> list[LayerDrift]:
    """SNR and mean cosine of the logits where INT8 ends behind the patch embedding, behind each block, behind the head.

    `network` is the float network, `twin` the host twin of its INT8 program (`quant/program/twin.py`). `to_float` turns
    the twin's residual stream, float32 [N, tokens, dim], into the float network's. Raises InputError for an unreadable
    picture, ConversionError for NaN.
    """
    names = ["patches", *(f"block {index + 1}" for index in range(len(network.blocks))), "head"]
    reference, mixed = [], []
    with static_graph() as executor:
        loaded = LoadedProgram(twin, executor)
    for start in range(0, len(pictures), _CHUNK):
        pixels = [picture.tensor(spec) for picture in pictures[start : start + _CHUNK]]
        logits, *streams = _outputs(loaded, pixels)
        with paddle.no_grad():
            answers = [_from_block(network, index, to_float(stream)) for index, stream in enumerate(streams)]
            expected = np.concatenate([network(paddle.to_tensor(each)).numpy() for each in pixels])
        for place in range(len(pixels)):
            reference.append([expected[place : place + 1]] * len(names))
            mixed.append([answer[place : place + 1] for answer in (*answers, logits)])
    return drift.per_layer(names, reference, mixed)


def _outputs(loaded: LoadedProgram, pixels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Logits, then what enters the first block and leaves each, float32 [N, tokens, dim]; last only class tokens."""
    with static_graph():
        found = [loaded.run(each, loaded.stream) for each in pixels]
    return [np.concatenate(outputs) for outputs in zip(*found, strict=True)]


def _from_block(network: DeployableDeiT, first: int, stream: np.ndarray) -> np.ndarray:
    """Logits float32 [N, classes] of the stream that enters the block at `first`, which may be the head."""
    tokens = paddle.to_tensor(stream)
    for block in list(network.blocks)[first:]:
        tokens = block(tokens)
    return network.answer(tokens).numpy()
