"""Two blocks of the bundled network in INT8: quick to convert, and real programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lite import zoo
from lite.model import weights
from lite.model.weights import Weights
from lite.pictures import digits
from lite.pictures.picture_set import PictureSet
from lite.stages import Stages
from quant.recipe import Recipe
from quant.sensitivity.program import PreparedProgram, prepare

VARIANT = replace(zoo.find("deit_tiny"), depth=2)
PICTURES = 4
CALIBRATION = PictureSet.of("digits", digits.pictures("calibration", 4))
CHECK = PictureSet.of("digits", digits.pictures("held_out", PICTURES))
SHOWN = CHECK.pictures


def shallow(**changes: np.ndarray) -> Weights:
    """The first two blocks of the bundled weights, some tensors changed (names with __ for the dots)."""
    loaded = weights.load(zoo.find("deit_tiny"), "digits", notify=print)
    state = {
        name: value
        for name, value in loaded.state.items()
        if not name.startswith("blocks.") or int(name.split(".")[1]) < VARIANT.depth
    }
    state |= {name.replace("__", "."): value for name, value in changes.items()}
    return Weights(VARIANT, "file", Path("shallow.pdparams"), "0" * 64, state, loaded.labels)


def recipe(*skip: str, rewrite: dict | None = None, **options: object) -> Recipe:
    options = {"algo": "abs_max", "onnx_format": False, **options}
    return Recipe.model_validate(
        {"name": "test", "rewrite": rewrite, "paddleslim": options, "skip": list(skip)}
    )


def made(out: Path, used: Recipe, loaded: Weights | None = None) -> PreparedProgram:
    return prepare(loaded or shallow(), used, CALIBRATION, out, Stages())
