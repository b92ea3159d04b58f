"""What a budget is spent by: the noise that each layer makes alone, and what each layer costs.

Both are taken from one conversion by the cheapest recipe, noise on calibration pictures (`quant/sensitivity.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lite import workers
from lite.pictures.picture_set import Picture, PictureSet
from lite.stages import Stages
from lite.weights import Weights
from lite.zoo import Preprocess, Variant
from quant import cost
from quant.conversion import SEED, Conversion
from quant.hidden import Kind
from quant.recipe import Recipe
from quant.sensitivity import Row, Sums, Whole
from quant.sensitivity_program import Program, write
from quant.sensitivity_run import CHUNK, spread
from quant.sensitivity_store import WHOLE, Place
from quant.sensitivity_worker import Job, alone


@dataclass(frozen=True)
class Prices:
    """Instructions on ARM: of the `whole` network in its cheapest form, of each of its layers in INT8 and in float."""

    variant: Variant
    whole: float
    layers: Mapping[str, tuple[float, float]]

    @property
    def least(self) -> float:
        """Of the network with layers in float where that is no dearer."""
        return self.whole + sum(min(fp32 - int8, 0.0) for int8, fp32 in self.layers.values())

    def gelu(self, block: int, kind: Kind) -> float:
        """Of what is done to GELU's outputs in a block; in the last, to those of class tokens only."""
        last = block == self.variant.depth - 1
        rows = self.variant.class_tokens if last else self.variant.tokens
        inliers = self.variant.hidden - kind.outliers
        taken = kind.shift * cost.shift(rows, inliers) + kind.scale * cost.scaling(rows, inliers)
        return taken + cost.outliers(rows, self.variant.hidden, kind.outliers, self.variant.dim)


@dataclass(frozen=True)
class Noise:
    """What INT8 does to the logits of some pictures in the cheapest form: sums of squares.

    `alone`: of each layer and of each fc2's input. `gelu_errors`: what shifting, scaling and splitting off leave of the
    latter, held out, by block (`quant.reconstruct.Rewritten`).
    """

    whole: Whole
    alone: Mapping[str, float]
    gelu_errors: Mapping[int, Mapping[Kind, float]]


@contextmanager
def converted(
    weights: Weights, recipe: Recipe, calibration: PictureSet, work: Path, stages: Stages
) -> Iterator[Conversion]:
    """A conversion in the new folder `work` that no logits are asked of, so that no process is started for it."""
    work.mkdir(parents=True)
    check = calibration
    with workers.local(1) as none:
        yield Conversion(weights, recipe, calibration, check, work, none, none, SEED, stages)


def instructions(conversion: Conversion) -> float:
    """What the conversion's INT8 `.nb` takes for one picture."""
    side = conversion.weights.variant.preprocess.crop
    _, model = conversion.phone("int8", "arm")
    return cost.instructions(model, (1, 3, side, side))


def prices(conversion: Conversion, rows: Sequence[Row]) -> Prices:
    """Of a conversion whose rows (`quant.sensitivity.rows`) these are."""
    layers = {
        row.name: (row.instructions[0], row.instructions[1] + _chained(conversion, row.name))
        for row in rows
        if row.kind == "layer" and row.instructions
    }
    return Prices(conversion.weights.variant, instructions(conversion), layers)


def _chained(conversion: Conversion, layer: str) -> float:
    """What leaving a layer in float costs at most beside it: layers per head write int8 where only int8 reads."""
    if conversion.int8_network.form.attention != "per_head":
        return 0.0
    variant = conversion.weights.variant
    tensors = {"q": 1, "k": 1, "v": 1, "qk": 2, "av": 1}.get(layer.rpartition(".")[2], 0)
    return tensors * variant.heads * cost.quantization(variant.tokens * variant.head_dim)


def simulated(conversion: Conversion, pictures: Sequence[Picture], folder: Path) -> Whole:
    """A conversion's INT8 program against the float network, in Paddle; `folder` is new, for files in between."""
    spec, stages = conversion.weights.variant.preprocess, conversion.stages
    whole, _ = sums(write(conversion, folder), [], pictures, spec, stages)
    return whole


def noise(
    conversion: Conversion, program: Program, rows: Sequence[Row], pictures: Sequence[Picture]
) -> Noise:
    """Of the layers and fc2's inputs among `rows`, on these pictures."""
    assert conversion.rewritten is not None
    wanted = [row for row in rows if row.kind == "layer" or row.name.endswith(".mlp.fc2 input")]
    spec, stages = conversion.weights.variant.preprocess, conversion.stages
    whole, found = sums(program, wanted, pictures, spec, stages)
    alone = {name: each.noise for name, each in found.items()}
    return Noise(whole, alone, conversion.rewritten.gelu_errors)


def sums(
    program: Program, rows: Sequence[Row], pictures: Sequence[Picture], spec: Preprocess, stages: Stages
) -> tuple[Whole, dict[str, Sums]]:
    """The network's own figures and those of rows alone, on all cores.

    Raises InputError for an unreadable picture, ConversionError for NaN.
    """
    job = Job(program, program.sha256, PictureSet("pictures", pictures).sha256, spec)
    tasks: dict[Place, Row | None] = {}
    for chunk in range(-(-len(pictures) // CHUNK)):
        tasks |= {(WHOLE, chunk): None, **{(row.name, chunk): row for row in rows}}
    found: dict[Place, Sums | Whole] = {}
    with stages.stage("sensitivity"), workers.local() as hands:
        for place, figures in spread(hands, alone, job, tasks, pictures):
            found[place] = figures
            stages.on_progress(len(found), len(tasks))
    # In the order of the pictures, not in the one they came in: floats add up alike every time.
    wholes = [found[place] for place in tasks if place[0] == WHOLE]
    whole = Whole(
        *(Sums.total(getattr(one, part) for one in wholes) for part in ("int8", "float_graph", "alone"))
    )
    parts: dict[str, list[Sums]] = {row.name: [] for row in rows}
    for place in tasks:
        figures = found[place]
        if isinstance(figures, Sums):
            parts[place[0]].append(figures)
    return whole, {name: Sums.total(each) for name, each in parts.items()}
