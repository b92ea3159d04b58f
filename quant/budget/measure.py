"""What a budget is spent by: the noise that each layer makes isolated in the cheapest form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lite.engines import workers
from lite.model.graph import Exported
from lite.model.program import export_weights
from lite.model.weights import Weights
from lite.pictures.picture_set import Picture, PictureSet
from lite.stages import Stages
from quant.int8 import Int8, quantize
from quant.recipe import Kind, Recipe
from quant.sensitivity.figures import Row, Whole
from quant.sensitivity.program import PreparedProgram
from quant.sensitivity.run import CHUNK, RowJob, isolated

# Pictures of each set that noise is measured with; time grows with their number. A worker takes as many at once.
PICTURES = CHUNK


@dataclass(frozen=True)
class Noise:
    """What INT8 does to the logits of some pictures in the cheapest form: sums of squares.

    `isolated`: of each layer and of each fc2's input. `gelu_errors`: what shifting, scaling and splitting off leave of
    the latter, held out, by block (`quant.rewrite.reconstruct.Rewritten`).
    """

    whole: Whole
    isolated: Mapping[str, float]
    gelu_errors: Mapping[int, Mapping[Kind, float]]


def converted(
    weights: Weights,
    recipe: Recipe,
    calibration: PictureSet,
    work: Path,
    stages: Stages,
    *,
    keep_unrounded: bool = False,
) -> tuple[Exported, Int8]:
    """The float program and the INT8 one by `recipe`, as `quant.int8.quantize` makes it, in the new folder `work`."""
    work.mkdir(parents=True)
    with stages.stage("export"):
        original = export_weights(weights, work / "fp32")
    int8 = quantize(weights, recipe, calibration, original, work, stages, keep_unrounded=keep_unrounded)
    return original, int8


def noise(
    int8: Int8,
    program: PreparedProgram,
    rows: Sequence[Row],
    sets: Sequence[Sequence[Picture]],
    stages: Stages,
) -> list[Noise]:
    """Of the layers and fc2's inputs among `rows`, on the first `PICTURES` of each set of pictures.

    `program` is `int8` as it was written for sensitivity. Raises InputError for an unreadable picture, ConversionError
    for NaN.
    """
    assert int8.rewritten is not None
    wanted = [row for row in rows if row.kind == "layer" or row.name.endswith(".mlp.fc2 input")]
    # Each set is small enough for one worker.
    shown = [each[:PICTURES] for each in sets]
    pictures = PictureSet("pictures", [picture for each in shown for picture in each])
    job = RowJob(program, program.sha256, pictures.sha256, int8.network.variant.preprocess)
    tasks = [(place, row) for place in range(len(shown)) for row in (None, *wanted)]
    found: dict[tuple[int, Row | None], Any] = {}
    with workers.local() as pool, stages.stage("sensitivity"):

        def submit(task: tuple[int, Row | None]) -> Future[Any]:
            return pool.executor.submit(isolated, job, task[1], task[0], shown[task[0]])

        for task, figures in pool.as_they_come(tasks, submit):
            found[task] = figures
            stages.on_progress(len(found), len(tasks))
    return [
        Noise(
            found[place, None],
            {row.name: found[place, row].noise for row in wanted},
            int8.rewritten.gelu_errors,
        )
        for place in range(len(shown))
    ]
