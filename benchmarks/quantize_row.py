"""The work of `benchmarks/quantize.py`, which runs it: each call is a process of its own.

    python benchmarks/quantize_row.py float WEIGHTS null OUT.npy
    python benchmarks/quantize_row.py int8 WEIGHTS RECIPE OUT.npy
    python benchmarks/quantize_row.py cost - RECIPE OUT.npy

`float` writes the ViT-S's float outputs for the check crops, `int8` those of the twin of the program that the recipe
makes of it, both float32 [crops, 384]. `cost` writes one number, the instructions of DeiT-tiny in the recipe's form.
WEIGHTS is a `.pdparams`, or - for those of `vit_small.py`; RECIPE is a recipe as JSON. The last line of standard
output is JSON: [name, begin, end] of each step, in seconds of the system's monotonic clock.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import photographs
import vit_small
from by_toolkit import Steps

from lite import workers, zoo
from lite.errors import ToolkitError
from lite.evaluate import tensor
from lite.export import Exported, LoadedProgram, static_graph
from lite.pdparams import read_state
from lite.state import State, check_state, expected_shapes
from lite.weights import Weights
from lite.zoo import IMAGENET_CLASSES, Variant
from quant import cost
from quant.calibration import CalibrationSet
from quant.conversion import CheckSet, Conversion
from quant.convert import SEED
from quant.recipe import Recipe

COST_VARIANT = zoo.find("deit_tiny")
FLOAT = Recipe(name="float")


def features(weights: str, recipe: Recipe | None, steps: Steps) -> np.ndarray:
    """Outputs of the ViT-S for the check crops, float32 [crops, 384]; of the float network for no recipe."""
    variant = vit_small.VARIANT
    state = vit_small.load() if weights == "-" else read_state(Path(weights))
    check_state(state, variant)
    calibration, check = photographs.crops()
    with conversion(variant, state, recipe or FLOAT, calibration, check, steps) as made:
        program = made.twin if recipe else made.exported
        with steps.stage("check"):
            return outputs(program, check, variant)


def outputs(program: Exported, pictures: Sequence[np.ndarray], variant: Variant) -> np.ndarray:
    """What the program answers in Paddle, float32 [pictures, classes]."""
    with static_graph() as executor:
        loaded = LoadedProgram(program, executor)
        return np.concatenate([loaded.run(tensor(picture, variant.preprocess))[0] for picture in pictures])


def instructions(recipe: Recipe, steps: Steps) -> float:
    """Instructions of DeiT-tiny with 1,000 classes as the recipe writes it for ARM.

    Weights and pictures are random: they change no operator.
    """
    rng = np.random.default_rng(SEED)
    shapes = expected_shapes(COST_VARIANT, IMAGENET_CLASSES)
    state = {name: rng.normal(scale=0.1, size=shape).astype(np.float32) for name, shape in shapes.items()}
    side = COST_VARIANT.image
    pictures = list(rng.integers(0, 256, (2, side, side, 3), dtype=np.uint8))
    with conversion(COST_VARIANT, state, recipe, pictures, pictures, steps) as made:
        _, model = made.phone("int8", "arm")
    return cost.instructions(model, (1, 3, side, side))


@contextmanager
def conversion(
    variant: Variant,
    state: State,
    recipe: Recipe,
    calibration: Sequence[np.ndarray],
    check: Sequence[np.ndarray],
    steps: Steps,
) -> Iterator[Conversion]:
    """The conversion of `tools/opt.py`, its folder and processes gone after it."""
    labels = tuple(f"class {index}" for index in range(len(state["head.bias"])))
    weights = Weights(variant, "file", Path("benchmark"), "", state, labels)
    calibrated, checked = CalibrationSet("calibration", tuple(calibration)), CheckSet("check", check)
    with tempfile.TemporaryDirectory(prefix="quantize-") as work, workers.local(1) as pool:
        yield Conversion(weights, recipe, calibrated, checked, Path(work), pool, pool, SEED, steps)


def main() -> None:
    imported = time.monotonic()
    kind, weights, values, out = sys.argv[1:]
    recipe = Recipe.model_validate(json.loads(values)) if kind != "float" else None
    steps = Steps()
    try:
        if kind == "cost":
            assert recipe is not None
            result = np.float64(instructions(recipe, steps))
        else:
            result = features(weights, recipe, steps)
    except ToolkitError as error:
        sys.exit(f"error: {error}")
    np.save(out, result)
    print(json.dumps({"imported": imported, "steps": steps.times}))


if __name__ == "__main__":
    main()
