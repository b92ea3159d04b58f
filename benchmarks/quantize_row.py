"""The work of `benchmarks/quantize.py`, which runs it: each call is a process of its own.

    python benchmarks/quantize_row.py float WEIGHTS null OUT.npy
    python benchmarks/quantize_row.py int8 WEIGHTS RECIPE OUT.npy
    python benchmarks/quantize_row.py int8-fp16 WEIGHTS RECIPE OUT.npy
    python benchmarks/quantize_row.py cost - FORM OUT.npy
    python benchmarks/quantize_row.py noise WEIGHTS RECIPE OUT.npy

`float` writes the ViT-S's float outputs for the check crops, `int8` and `int8-fp16` those of the twin of the program
that the recipe makes of it, all float32 [crops, 384]. `cost` writes one number, the instructions of DeiT-tiny in a
form. `noise` writes text, what `quantize_budget.py` chooses by. WEIGHTS is a `.pdparams`, or - for those of
`vit_small.py`; RECIPE is a recipe as JSON. FORM is JSON, too: the arguments of `lite.model.graph.Form`, "skip" and
"paddleslim" of a recipe, and the "precision".
The last line of standard output is JSON: [name, begin, end] of each step, in seconds of the system's monotonic clock,
and for those in INT8 the "form" that was made.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import made_up
import numpy as np
import paddle
import photographs
import quantize_budget
import vit_small
from by_toolkit import Steps
from quantize_budget import COST_VARIANT

from lite import labels as class_names
from lite.errors import ToolkitError
from lite.model import program as export
from lite.model.deploy import DeployableDeiT
from lite.model.graph import PLAIN, Exported, Form
from lite.model.pdparams import read_state
from lite.model.program import LoadedProgram, static_graph
from lite.model.state import check_state
from lite.model.weights import Weights
from lite.pictures import prepare
from lite.pictures.picture_set import PictureSet
from lite.zoo import IMAGENET_CLASSES
from quant import host_check
from quant.cost import model as cost
from quant.int8 import SEED, Int8, for_phone, quantize
from quant.program import ptq
from quant.recipe import Recipe


def features(
    weights: str, recipe: Recipe | None, precision: str, steps: Steps
) -> tuple[np.ndarray, dict[str, Any] | None]:
    """Outputs of the ViT-S for the check crops, float32 [crops, 384], and the form that the recipe gave it.

    Of the float network for no recipe; `precision`: "int8" or "int8-fp16".
    """
    loaded = load(weights)
    calibration, check = photographs.crops()
    with tempfile.TemporaryDirectory(prefix="quantize-") as name:
        work = Path(name)
        with steps.stage("export"):
            original = export.export_weights(loaded, work / "fp32")
        program, form = original, None
        if recipe is not None:
            pictures = PictureSet.of("calibration", calibration)
            int8 = quantize(loaded, recipe, pictures.first(recipe.batches), original, work, steps)
            with steps.stage("optimize"):
                _, halved = for_phone(int8.program, precision, work / "model.nb")
            program = host_check.twin(int8.program, work / "twin", steps, halved)
            form = {**form_of(int8, recipe), "precision": precision}
        with steps.stage("check"):
            return outputs(program, check), form


def load(weights: str) -> Weights:
    """The ViT-S."""
    state = vit_small.load() if weights == "-" else read_state(Path(weights))
    check_state(state, vit_small.VARIANT)
    labels = class_names.numbered(len(state["head.bias"]))
    return Weights(vit_small.VARIANT, "file", Path("benchmark"), "", state, labels)


def form_of(int8: Int8, recipe: Recipe) -> dict[str, Any]:
    """What the cost of the INT8 network hangs on, as JSON can say it; the head is in INT8 as it is on a phone."""
    form = dataclasses.asdict(int8.rewritten.form if int8.rewritten else PLAIN)
    form = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in form.items()}
    return {
        **form,
        "skip": [pattern for pattern in recipe.skip if pattern != "head"],
        "paddleslim": {**recipe.paddleslim.model_dump(mode="json"), "algo": "abs_max"},
    }


def outputs(program: Exported, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """What the program answers in Paddle, float32 [pictures, classes]."""
    with static_graph() as executor:
        loaded = LoadedProgram(program, executor)
        return np.concatenate(
            [loaded.run(prepare.prepare(picture, vit_small.VARIANT.preprocess))[0] for picture in pictures]
        )


def instructions(form: dict[str, Any], steps: Steps) -> float:
    """Instructions of DeiT-tiny with 1,000 classes in a form (`form_of`) on ARM.

    Weights and pictures are random: they change no operator.
    """
    shape = dict(form)
    precision = shape.pop("precision")
    recipe = Recipe.model_validate(
        {"name": "form", "skip": shape.pop("skip"), "paddleslim": shape.pop("paddleslim")}
    )
    # JSON has no sets and no tuples.
    for name in shape.keys() & {"shifted_gelu", "scaled_gelu", "outliers"}:
        shape[name] = frozenset(tuple(one) if isinstance(one, list) else one for one in shape[name])
    side = COST_VARIANT.image
    paddle.seed(SEED)
    network = DeployableDeiT(COST_VARIANT, IMAGENET_CLASSES, form=Form(**shape))
    network.eval()
    with tempfile.TemporaryDirectory(prefix="cost-") as name, steps.stage("cost"):
        folder = Path(name)
        exported = export.export(network, folder / "float")
        program = ptq.quantize(network, exported, made_up.pictures(side), recipe, folder / "int8")
        model, _ = for_phone(program, precision, folder / "model.nb")
    return cost.instructions(model, (1, 3, side, side))


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("kind", type=click.Choice(["float", "int8", "int8-fp16", "cost", "noise"]))
@click.argument("weights")
@click.argument("values", metavar="RECIPE|FORM|null")
@click.argument("out", metavar="OUT.npy")
def main(kind: str, weights: str, values: str, out: str) -> None:
    imported = time.monotonic()
    steps, form = Steps(), None
    try:
        if kind == "cost":
            result: Any = np.float64(instructions(json.loads(values), steps))
        elif kind == "noise":
            recipe = Recipe.model_validate(json.loads(values))
            result = quantize_budget.noise(load(weights), recipe, photographs.crops()[0], steps)
        else:
            chosen = None if kind == "float" else Recipe.model_validate(json.loads(values))
            result, form = features(weights, chosen, kind, steps)
    except ToolkitError as error:
        raise click.ClickException(str(error)) from error
    np.save(out, result)
    print(json.dumps({"imported": imported, "steps": steps.times, "form": form}))


if __name__ == "__main__":
    main()
