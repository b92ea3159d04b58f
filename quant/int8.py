"""Weights → INT8 program: the recipe's rewrite, PaddleSlim's calibration, and the activation scales.

`for_phone` goes on to a `.nb`. In one in INT8 and FP16, what stays float in the program goes to fp16 kernels where that
pays. Paddle Lite's optimizer has no such switch: it ignores fp16 for a quantized program. The choice is made by
`quant/cost/fp16.py`, the file is rewritten by `lite/nb/fp16.py`.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from lite.model.deploy import DeployableDeiT, deployable_state
from lite.model.graph import PLAIN, Exported
from lite.model.program import build, build_weights, export
from lite.model.weights import Weights
from lite.nb import fp16, optimizer, reader
from lite.nb import program as nb_program
from lite.nb.kernel_check import check_kernels
from lite.nb.reader import LiteModel
from lite.pictures.picture_set import PictureSet
from lite.stages import Stages
from lite.zoo import Variant
from quant.cost.fp16 import cheapest
from quant.cost.prices import layer_names
from quant.pictures import Views, cropped
from quant.program import layers, ptq
from quant.program.twin import Halved, halved
from quant.recipe import MIXED, Recipe
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


def check_recipe(recipe: Recipe, variant: Variant, classes: int) -> None:
    """Raises InputError for a recipe that does not fit the network; nothing is built.

    That is one whose `skip` names no layer of it, or all of them, or whose `rewrite` names other blocks than it has.
    """
    recipe.check_blocks(variant.depth, variant.hidden)
    attention = PLAIN.attention if recipe.rewrite is None else recipe.rewrite.attention_form
    layers.select({name: (name,) for name in layer_names(variant, classes, attention)}, recipe)


def quantize(
    weights: Weights,
    recipe: Recipe,
    calibration: PictureSet,
    original: Exported,
    folder: Path,
    stages: Stages,
    *,
    seed: int = SEED,
    keep_unrounded: bool = False,
) -> Int8:
    """Quantizes by `recipe` with all of `calibration`; files go into the existing `folder`.

    `original` is the float program of the same weights. The same inputs give the same bytes. Raises InputError for
    pictures that cannot be used and a recipe that does not fit the network, ConversionError when a stage fails.
    `keep_unrounded`: see `reconstruct.rewrite`.
    """
    check_recipe(recipe, weights.variant, weights.classes)
    pictures = cropped(calibration, weights.variant.preprocess, folder)
    rewritten, program = None, original
    if recipe.rewrite is None:
        network = build_weights(weights)
    else:
        variant = weights.variant
        with stages.stage("rewrite"), tempfile.TemporaryDirectory(dir=folder) as scratch:
            state, rewritten = reconstruct.rewrite(
                deployable_state(weights.state, variant),
                variant,
                Views(pictures.pictures, recipe.rewrite.views, seed),
                # A cropped picture is its own centre crop.
                replace(variant.preprocess, resize_short=variant.preprocess.crop),
                recipe.rewrite,
                Path(scratch),
                seed,
                keep=recipe.skip,
                keep_unrounded=keep_unrounded,
                on_block=stages.on_progress,
            )
        with stages.stage("export"):
            network = build(state, variant, form=rewritten.form)
            # The network has a copy, and PaddleSlim needs the memory.
            del state
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


def for_phone(int8: Exported, precision: str, out: Path) -> tuple[LiteModel, Halved | None]:
    """Converts an INT8 program for ARM to the `.nb` `out`.

    `precision`: "int8" or "int8-fp16", for which there comes along what of the program runs in fp16, for its host twin.
    The same program gives the same bytes. Raises as `lite.nb.optimizer.optimize` and `quant.cost.fp16.cheapest` do;
    ConversionError where what was written is not what was asked for.
    """
    whole = optimizer.for_phone(int8, "int8", "arm", out)
    if precision != MIXED:
        return whole, None
    (input_shape,) = whole.inputs.values()
    chosen = cheapest(whole, input_shape)
    nb_program.write(fp16.to_fp16(nb_program.read(out), whole, chosen), out, out)
    written = reader.read(out)
    check_kernels(written, MIXED, ("arm",))
    return written, halved(whole, chosen)
