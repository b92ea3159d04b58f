"""Weights → INT8 program: the recipe's rewrite, PaddleSlim's calibration, and the activation scales."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from lite.model.deploy import DeployableDeiT, deployable_state
from lite.model.exported import Exported
from lite.model.form import Form
from lite.model.program import FloatProgram, build, export
from lite.model.weights import Weights
from lite.pictures.picture_set import PictureSet
from lite.stages import Stages
from quant.pictures import Views, cropped
from quant.program import layers, ptq
from quant.recipe import Recipe
from quant.rewrite import reconstruct
from quant.rewrite.reconstruct import Rewritten

SEED = 2026


@dataclass(frozen=True)
class Int8:
    """An INT8 program and what it was made of.

    `network` is the network that was quantized, in float; `rewritten` says what the recipe changed in it, None for a
    recipe that rewrites nothing.
    """

    program: Exported
    network: DeployableDeiT
    rewritten: Rewritten | None


def quantize(
    weights: Weights,
    recipe: Recipe,
    calibration: PictureSet,
    original: FloatProgram,
    folder: Path,
    stages: Stages,
    *,
    seed: int = SEED,
) -> Int8:
    """Quantizes by `recipe` with all of `calibration`; files go into the existing `folder`.

    `original` is the float program of the same weights. The same inputs give the same bytes. Raises InputError for
    pictures that cannot be used and a recipe that does not fit the network, ConversionError when a stage fails.
    """
    pictures = cropped(calibration, weights.variant.preprocess, folder)
    rewritten = rewrite(weights, recipe, pictures, folder, stages, seed=seed)
    network, program = original.network, original.program
    if rewritten is not None:
        with stages.stage("export"):
            network = build(rewritten.state, weights.variant, form=rewritten.form)
            program = export(network, folder / "rewritten")
    with stages.stage("quantize"):
        quantized = ptq.quantize(
            network,
            program,
            pictures,
            recipe,
            folder / "int8",
            seed=seed,
            ranges_known=rewritten is not None and layers.all_measured(network, recipe),
            on_picture=stages.on_progress,
        )
        if rewritten is not None:
            layers.assign_ranges(quantized, network, program, rewritten.ranges)
    return Int8(quantized, network, rewritten)


def rewrite(
    weights: Weights, recipe: Recipe, pictures: PictureSet, folder: Path, stages: Stages, *, seed: int = SEED
) -> Rewritten | None:
    """Rewrites the network as `recipe` says, for `pictures` that are cropped; None where it rewrites nothing."""
    chosen, variant = recipe.rewrite, weights.variant
    if chosen is None:
        return None
    recipe.check_blocks(variant.depth, variant.hidden)
    with stages.stage("rewrite"), tempfile.TemporaryDirectory(dir=folder) as scratch:
        return reconstruct.rewrite(
            deployable_state(weights.state, variant),
            variant,
            Views(pictures.pictures, chosen.views, seed),
            # A cropped picture is its own centre crop.
            replace(variant.preprocess, resize_short=variant.preprocess.crop),
            Form(attention=chosen.attention_form, tanh_gelu=chosen.tanh_gelu),
            chosen.switches,
            Path(scratch),
            seed,
            keep=recipe.skip,
            on_block=stages.on_progress,
        )
