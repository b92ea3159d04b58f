"""The rewrite of a block's fc1 and fc2, and of GELU's outputs between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from quant.cost import model
from quant.recipe import Kind
from quant.rewrite import block, gelu
from quant.rewrite.block import each, fake_quantize
from quant.rewrite.rewriting import Rewriting


def mlp(work: Rewriting, index: int) -> None:
    """Rewrites norm2, fc1 and fc2, with the shift and scale between them, and adds the branch."""
    name, norm = f"blocks.{index}.mlp", f"blocks.{index}.norm2"
    fc1, fc2 = f"{name}.fc1", f"{name}.fc2"
    limit = work.note_range(fc1, work.equalize_norm(norm, [fc1], last=index == work.last))
    work.round([fc1], lambda part: fake_quantize(work.normed(norm, part), limit))

    def activate(part: slice) -> None:
        before = work.linear(fc1, fake_quantize(work.normed(norm, part), limit))
        work.hidden[part] = block.gelu(before, tanh=work.form.tanh_gelu)

    list(each(work.count, activate))
    weight = work.state[f"{fc2}.weight"]
    affine = gelu.unchanged(len(weight))
    if fc2 not in work.kept:
        activations = work.look_at(lambda part: work.hidden[part], last=index == work.last)
        errors = gelu.held_out(activations, weight, work.switches.outliers)
        work.gelu_errors[index] = gelu.least(errors)
        affine = gelu.choose(activations, errors, _prices(work, index, work.gelu_errors[index]))
        work.note_range(fc2, affine.limit)
    if affine.outliers.size:
        affine = _split(work, index, affine)
        weight = work.state[f"{fc2}.weight"]
    # fc2(h) = (h / s - m / s) (s W) + b + m W
    work.state[f"{fc2}.bias"] = work.state[f"{fc2}.bias"] + affine.middle @ weight
    work.scale_rows(fc2, affine.scale)
    if affine.middle.any():
        work.state[f"{name}.shift"] = (-affine.middle / affine.scale).reshape(1, 1, -1)
        work.form = replace(work.form, shifted_gelu=work.form.shifted_gelu | {index})
    if affine.scaled:
        work.state[f"{name}.scale"] = (1.0 / affine.scale).reshape(1, 1, -1)
        work.form = replace(work.form, scaled_gelu=work.form.scaled_gelu | {index})
    count = len(affine.middle)
    work.add_branch(fc2, lambda part: affine(work.hidden[part, :, :count]))
    if f"{name}.outliers.weight" in work.state:
        apart = work.state[f"{name}.outliers.weight"]
        work.add(lambda part: work.hidden[part, :, count:] @ apart)


def _prices(work: Rewriting, index: int, kinds: Iterable[Kind]) -> dict[Kind, float]:
    """Instructions of what may be done to GELU's outputs in this block, over those of scaling them."""
    tokens, units, dim = work.variant.tokens, work.variant.hidden, work.variant.dim
    scaling = model.scaling(tokens, units)
    prices = {}
    for kind in kinds:
        if work.switches.allows(kind, index):
            taken = kind.scale * scaling + model.outliers(tokens, units, kind.outliers, dim)
            prices[kind] = work.switches.price(taken / scaling, kind)
    return prices


def _split(work: Rewriting, index: int, affine: gelu.Affine) -> gelu.Affine:
    """Puts outliers last and their part of fc2 into a layer of its own; the affine of the others."""
    name = f"blocks.{index}.mlp"
    order, inliers = affine.split()
    count = len(inliers.middle)
    for state in (work.state, work.unrounded):
        for kind in ("weight", "bias"):
            if f"{name}.fc1.{kind}" in state:
                state[f"{name}.fc1.{kind}"] = state[f"{name}.fc1.{kind}"][..., order]

    def move(part: slice) -> None:
        work.hidden[part] = work.hidden[part][..., order]

    list(each(work.count, move))
    weight = work.state[f"{name}.fc2.weight"][order]
    work.state[f"{name}.fc2.weight"] = weight[:count]
    work.state[f"{name}.outliers.weight"] = weight[count:]
    work.form = replace(work.form, outliers=work.form.outliers | {(index, len(order) - count)})
    return inliers
