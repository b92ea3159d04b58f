"""What this host can say of a network before a phone has it: its answers, and where INT8 loses accuracy.

And the golden pictures of a bundle: a phone that runs its network must answer them as this host does. INT8 needs
several, and a measure of how far sound runs lie apart: kernels sum in other orders, a sum then rounds to another level,
and that travels through all blocks. A picture of which one pixel in a thousand is another grey level does just that.
For DeiT-tiny with the digits' weights the answers then differ by 0.0015 of their norm, whether it is one pixel in
10,000 or in 100. 64 zeroed bytes of a weight scale or of a LayerNorm's gain mostly move them by 0.005 to 0.09:
`lite/phone/golden.py` draws the line between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import paddle

from lite.bundle import golden_name
from lite.engines import Runnable, workers
from lite.engines.paddle_inference import InferenceEngine
from lite.engines.paddle_lite import LiteEngine
from lite.engines.workers import EngineJob, Pending, Workers
from lite.errors import InputError
from lite.measure import drift
from lite.measure.drift import LayerDrift
from lite.model.deploy import DeployableDeiT
from lite.model.graph import Exported
from lite.model.program import LoadedProgram, build_weights, static_graph
from lite.model.weights import Weights
from lite.nb import optimizer
from lite.pictures import prepare
from lite.pictures.picture_set import Picture, PictureSet
from lite.stages import Stages
from lite.zoo import Preprocess
from quant.int8 import SEED
from quant.program.twin import Halved, build_twin
from quant.recipe import Recipe
from quant.rewrite.block import in_order
from quant.rewrite.rotate import orthogonal, turned_back

# Drift by block looks at so many pictures: a block in Paddle's dynamic graph takes 20 ms for each.
BLOCK_PICTURES = 8
# Activations of so many pictures are in memory at once, those after every block.
_CHUNK = 4
GOLDEN_PICTURES = 8
_NUDGED_SHARE = 1e-3
_NUDGE_SEED = 2026


def start_reference(program: Exported, weights: Weights, check: PictureSet, references: Workers) -> Pending:
    """Sends the check pictures through the float `program` in Paddle Inference, in processes beside this one."""
    pending = references.submit_all(_job(InferenceEngine(program.model.parent), weights), check.pictures)
    # Nothing else will come: each process, 390 MB, ends when no picture is left for it.
    references.executor.shutdown(wait=False)
    return pending


def twin(int8: Exported, folder: Path, stages: Stages, halved: Halved | None = None) -> Exported:
    """The host twin of an INT8 program, for x86 has no INT8 kernels that answer right (`quant/program/twin.py`).

    `halved`: what of it the phone runs on fp16 kernels.
    """
    with stages.stage("twin"):
        return build_twin(int8, folder, halved)


def for_host(program: Exported, path: Path, stages: Stages) -> Path:
    """Converts a float program to a `.nb` for this host, at `path`. Raises ConversionError when that fails."""
    with stages.stage("optimize"):
        optimizer.for_host(program, path)
    return path


@dataclass(frozen=True)
class HostAnswers:
    """What `nb`, a `.nb` for this host, answers to golden and to check pictures: float32 [G, classes], [N, classes].

    `noise`, float32 [G]: how far two sound answers to a golden picture lie apart, by `golden_noise`; None where that
    was not asked for. `expected`: the float network's logits of the check pictures.
    """

    nb: Path
    golden: np.ndarray = field(repr=False)
    noise: np.ndarray | None
    logits: np.ndarray = field(repr=False)
    expected: np.ndarray = field(repr=False)


def answers(
    program: Exported,
    weights: Weights,
    golden: Sequence[Picture],
    check: Sequence[Picture],
    reference: Pending,
    stages: Stages,
    *,
    nudge: bool,
) -> HostAnswers:
    """What a float `program` (INT8's twin) answers in Paddle Lite's x86 runtime; its `.nb` goes beside it.

    `nudge`: golden pictures a little changed are looked at, too. Raises InputError for an unreadable picture,
    ConversionError when the optimizer or an engine fails.
    """
    nb = for_host(program, program.model.with_name("host.nb"), stages)
    with stages.stage("reference"):
        expected = reference.logits(stages.on_progress)
    again = nudged(golden, weights.variant.preprocess) if nudge else []
    # Each process holds the network, so they end with the check.
    with workers.local() as hosts:
        found = logits(nb, weights, [*golden, *check, *again], hosts, stages)
    of_golden, of_check, of_again = np.split(found, [len(golden), len(golden) + len(check)])
    return HostAnswers(
        nb, of_golden, golden_noise(of_golden, of_again) if nudge else None, of_check, expected
    )


def _job(engine: Runnable, weights: Weights) -> EngineJob:
    return EngineJob.of(engine, weights.variant.preprocess, weights.classes)


def logits(
    nb: Path, weights: Weights, pictures: Sequence[Picture], hosts: Workers, stages: Stages
) -> np.ndarray:
    """What a `.nb` for this host answers to pictures: logits float32 [N, classes].

    Raises InputError for an unreadable picture, ConversionError when the runtime fails.
    """
    with stages.stage("host check"):
        return hosts.submit_all(_job(LiteEngine(nb), weights), pictures).logits(stages.on_progress)


def by_block(
    weights: Weights, twin: Exported, pictures: Sequence[Picture], recipe: Recipe, stages: Stages
) -> list[LayerDrift]:
    """SNR and mean cosine of the logits where INT8 ends after the patch embedding, after each block, after the head.

    Blocks' own outputs cannot tell where accuracy is lost. They are tensors in another basis where the recipe rotates
    the residual stream, most of their tokens are never read, and a direction that no later layer looks at counts as
    much as any other. So each block's output in INT8, and what enters the first, is handed to the float network's next
    block, and the logits are compared. After the head that is the whole INT8 network: the bundle's own figure.

    `weights` are those of the float network before the recipe's rewrite, `twin` is the host twin of the INT8 program
    (`quant/program/twin.py`). The first pictures are looked at. Raises InputError for an unreadable picture,
    ConversionError for NaN.
    """
    rotated = recipe.rewrite is not None and recipe.rewrite.rotate
    turn = orthogonal(weights.variant.dim, SEED) if rotated else None
    with stages.stage("per-block drift"):
        network, shown = build_weights(weights), pictures[:BLOCK_PICTURES]
        names = ["patches", *(f"block {index + 1}" for index in range(len(network.blocks))), "head"]
        reference, mixed = [], []
        with static_graph() as executor:
            loaded = LoadedProgram(twin, executor)

        def from_stream(entered: tuple[int, np.ndarray]) -> np.ndarray:
            index, stream = entered
            return _from_block(network, index, stream if turn is None else turned_back(stream, turn))

        for start in range(0, len(shown), _CHUNK):
            pixels = [picture.tensor(weights.variant.preprocess) for picture in shown[start : start + _CHUNK]]
            logits, *streams = _outputs(loaded, pixels)
            expected = np.concatenate(list(in_order(pixels, partial(_answers, network))))
            answers = list(in_order(enumerate(streams), from_stream))
            for place in range(len(pixels)):
                reference.append([expected[place : place + 1]] * len(names))
                mixed.append([answer[place : place + 1] for answer in (*answers, logits)])
        return drift.per_layer(names, reference, mixed)


def _outputs(loaded: LoadedProgram, pixels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Logits, then what enters the first block and leaves each, float32 [N, tokens, dim]; last only class tokens."""
    with static_graph():
        found = [loaded.run(each, loaded.stream) for each in pixels]
    return [np.concatenate(outputs) for outputs in zip(*found, strict=True)]


@paddle.no_grad()
def _answers(network: DeployableDeiT, pixels: np.ndarray) -> np.ndarray:
    """Logits float32 [1, classes] of an input [1, 3, H, W]."""
    return network(paddle.to_tensor(pixels)).numpy()


@paddle.no_grad()
def _from_block(network: DeployableDeiT, first: int, stream: np.ndarray) -> np.ndarray:
    """Logits float32 [N, classes] of the stream that enters the block at `first`, which may be the head."""
    tokens = paddle.to_tensor(stream)
    for block in list(network.blocks)[first:]:
        tokens = block(tokens)
    return network.answer(tokens).numpy()


def choose_golden(check: PictureSet, spec: Preprocess, folder: Path) -> list[Picture]:
    """The first check pictures as PNGs in `folder`: what is read back from there is what any decoder gives.

    The first is as it came; the others are cut to what the network may see, for a photograph takes 30 MB as a PNG.
    Raises InputError for one that cannot be read or written.
    """
    written = []
    for index, picture in enumerate(check.pictures[:GOLDEN_PICTURES]):
        pixels = picture.pixels()
        if index:
            pixels = prepare.resize_crop(pixels, spec.resize_short, spec.resize_short)
        path = folder / golden_name(index)
        if not cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)):
            raise InputError(f"cannot write {path}", remedy="is the disk full?")
        written.append(Picture(path.name, path))
    return written


def nudged(pictures: Sequence[Picture], spec: Preprocess, seed: int = _NUDGE_SEED) -> list[Picture]:
    """The pictures with one pixel in a thousand, but one at least, another grey level; `seed` chooses which."""
    random = np.random.default_rng(seed)
    result = []
    for picture in pictures:
        pixels = prepare.resize_crop(picture.pixels(), spec.resize_short, spec.resize_short)
        rows = pixels.reshape(-1, 3)
        chosen = random.choice(len(rows), max(1, round(_NUDGED_SHARE * len(rows))), replace=False)
        rows[chosen] = np.where(rows[chosen] < 128, rows[chosen] + 1, rows[chosen] - 1)
        result.append(Picture(picture.name, array=rows.reshape(pixels.shape)))
    return result


def golden_noise(logits: np.ndarray, nudged_logits: np.ndarray) -> np.ndarray:
    """The norm of the difference of two answers to each picture by that of the first: float32 [N]."""
    difference = np.linalg.norm(logits.astype(np.float64) - nudged_logits, axis=1)
    norm = np.linalg.norm(logits.astype(np.float64), axis=1)
    return np.divide(difference, norm, out=np.zeros_like(difference), where=norm > 0).astype(np.float32)
