"""What this host can say of a network before a phone has it: its answers, and where INT8 loses accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lite.engines.base import Runnable
from lite.engines.paddle_inference import InferenceEngine
from lite.engines.paddle_lite import LiteEngine
from lite.engines.workers import Job, Pending, Workers
from lite.measure.drift import LayerDrift
from lite.model.deploy import DeployableDeiT
from lite.model.exported import Exported
from lite.model.weights import Weights
from lite.nb import optimizer
from lite.pictures.picture_set import Picture, PictureSet
from lite.stages import Stages
from quant import block_drift
from quant.int8 import SEED
from quant.program.half import Halved
from quant.program.twin import build_twin
from quant.recipe import Recipe
from quant.rewrite.rotate import turned_back

# Drift by block looks at so many pictures: a block in Paddle's dynamic graph takes 20 ms for each.
BLOCK_PICTURES = 8


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


def logits(
    program: Exported,
    weights: Weights,
    pictures: Sequence[Picture],
    hosts: Workers,
    path: Path,
    stages: Stages,
) -> np.ndarray:
    """Converts a float program to a `.nb` for this host at `path`; its logits of pictures, float32 [N, classes].

    Raises InputError for an unreadable picture, ConversionError when the optimizer or the runtime fails.
    """
    with stages.stage("optimize"):
        optimizer.for_host(program, path)
    with stages.stage("host check"):
        return hosts.submit_all(_job(LiteEngine(path), weights), pictures).logits(stages.on_progress)


def by_block(
    network: DeployableDeiT, host_twin: Exported, pictures: Sequence[Picture], recipe: Recipe, stages: Stages
) -> list[LayerDrift]:
    """What is left of the logits where INT8 ends behind each block (`quant/block_drift.py`), over the first pictures.

    `network` is the float network before the recipe's rewrite.
    """
    rotated = recipe.rewrite is not None and recipe.rewrite.rotate

    def to_float(stream: np.ndarray) -> np.ndarray:
        return turned_back(stream, SEED) if rotated else stream

    with stages.stage("per-block drift"):
        return block_drift.by_block(
            network, host_twin, pictures[:BLOCK_PICTURES], network.variant.preprocess, to_float=to_float
        )


def _job(engine: Runnable, weights: Weights) -> Job:
    return Job.of(engine, weights.variant.preprocess, weights.classes)
