"""The `deit` recipe's rewrite: block by block, weights that lose little once PaddleSlim rounds them.

First the residual stream is turned into another basis (`quant/rewrite/rotate.py`). Then the calibration pictures'
activations go through the network as INT8 will compute them with what has been rewritten so far. At each layer

1. a scale per input channel moves into the weights (`quant/rewrite/equalize.py`), alpha searched by measured error;
   queries and keys are brought to ranges alike; after GELU, where nothing can take a
   scale, small operators of their own shift and scale the outputs, and the inverse goes into fc2
   (`quant/rewrite/gelu.py`);
2. the weights are rounded with the layer's output in view (`quant/rewrite/gptq.py`).

1 is exact in float, 2 is quantization. PaddleSlim then quantizes the rewritten network, finds the weights on its
grid, and gets the ranges measured here (`quant/program/layers.py`). Attention × value stays float in here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from lite.model.deploy import State
from lite.model.graph import Form
from lite.pictures.picture_set import Picture
from lite.zoo import Preprocess, Variant
from quant.cost import model
from quant.program.layers import Ranges, matching
from quant.recipe import Kind, Rewrite
from quant.rewrite import block, gelu
from quant.rewrite.block import each
from quant.rewrite.rewriting import Rewriting
from quant.rewrite.rotate import rotate


@dataclass(frozen=True)
class Rewritten:
    """What a rewritten state is for: the form of network, and its activations' ranges for `layers.assign_ranges`.

    `alphas` says what was chosen for which layer; `gelu_errors` is `quant.rewrite.gelu.least` of each block whose fc2
    is in INT8; `unrounded` is the state before its weights were rounded, where that was asked for.
    """

    form: Form
    ranges: Ranges
    alphas: dict[str, float]
    gelu_errors: dict[int, dict[Kind, float]]
    unrounded: State | None


# Pictures are shared out over the cores, which a product of matrices would take, too; and its last bits hang on how
# many it takes. `lite` sets that for its own commands, but a notebook may have loaded numpy before.
@threadpool_limits.wrap(limits=1, user_api="blas")
def rewrite(
    state: State,
    variant: Variant,
    pictures: Sequence[Picture],
    spec: Preprocess,
    switches: Rewrite,
    folder: Path,
    seed: int,
    *,
    keep: Collection[str] = (),
    keep_unrounded: bool = False,
    on_block: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[State, Rewritten]:
    """Rewrites a deployable state (`lite.model.deploy.deployable_state`) for INT8; the given one stays as it is.

    `spec` says how `pictures` become tensors; views of one picture stand side by side. `folder` takes files of a
    float32 activation each: about 4 bytes x pictures x tokens x 7 dim, or x (6 dim + 960) where that is more. `keep`
    names layers that stay in float (`blocks.11.mlp.fc2`, `blocks.0.attn.q`; shell-style): they are neither rounded nor
    given rounded inputs.
    `keep_unrounded`: the state before rounding is returned, too, which takes as much memory again.
    """
    blocks = 1 + max(int(match[1]) for name in state if (match := re.match(r"blocks\.(\d+)\.", name)))
    turned = rotate(state, variant, seed) if switches.rotate else dict(state)
    kept = _kept(state, keep)
    unrounded: State | None = {} if keep_unrounded else None
    form = Form(attention=switches.attention_form, tanh_gelu=switches.tanh_gelu)
    work = Rewriting(turned, variant, form, switches, folder, len(pictures), blocks - 1, kept, unrounded)
    work.embed(pictures, spec)
    for index in range(blocks):
        attention(work, index)
        mlp(work, index)
        on_block(index + 1, blocks)
    rounded = _contiguous(work.state)
    if unrounded is not None:
        unrounded = _contiguous(work.state | unrounded)
    return rounded, Rewritten(work.form, work.ranges, work.alphas, work.gelu_errors, unrounded)


def _contiguous(state: State) -> State:
    """The same in float32, each weight's numbers side by side."""
    return {name: np.ascontiguousarray(value, np.float32) for name, value in state.items()}


def _kept(state: State, patterns: Collection[str]) -> frozenset[str]:
    """Layers of the state that match; q, k and v also by the names they have where they are one layer."""
    names = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    packed = {
        f"{name[:-1]}{joined}": name[:-1]
        for name in names
        if name.endswith(".attn.q")
        for joined in ("qkv", "kv")
    }
    kept = matching([*names, *packed], list(patterns))
    parts = (f"{packed[name]}{part}" for name in kept if name in packed for part in name.rpartition(".")[2])
    return frozenset([*kept, *parts])


def attention(work: Rewriting, index: int) -> None:
    """Rewrites norm1, q, k, v and proj, and adds the branch to the activations."""
    name = f"blocks.{index}.attn"
    layers = [f"{name}.{part}" for part in "qkv"]
    norm = f"blocks.{index}.norm1"
    limit = work.equalize_norm(norm, layers, last=False)
    if work.switches.centre_keys:
        _centre_keys(work, name, norm)
    rounded = [layer for layer in layers if layer not in work.kept]
    if rounded:
        work.ranges[f"{name}.qkv"] = limit
    quantized_inputs = work.round(rounded, lambda part: work.normed(norm, part), limit)
    heads = work.variant.heads, work.variant.head_dim
    queries, keys = (np.empty((work.count, heads[0]), np.float32) for _ in range(2))

    def mix(part: slice) -> np.ndarray:
        quantized = quantized_inputs(part)
        normed = work.normed(norm, part) if 0 < len(rounded) < 3 else quantized
        query, key, values = (
            work.linear(layer, normed if layer in work.kept else quantized) for layer in layers
        )
        mixed = work.mixed[part] = block.attention(query, key, values, work.variant.heads)
        if index == work.last:
            query = query[:, : work.variant.class_tokens]
        for largest, outputs in ((queries, query), (keys, key)):
            reach = np.maximum(outputs.max(axis=1), -outputs.min(axis=1))
            largest[part] = reach.reshape(-1, *heads).max(axis=2)
        return mixed

    stats = work.look_at(mix, last=index == work.last)
    room = work.switches.class_tokens if index == work.last else 1.0
    work.ranges[f"{name}.query"] = [float(value) * room for value in queries.max(axis=0)]
    work.ranges[f"{name}.key"] = [float(value) for value in keys.max(axis=0)]
    proj = f"{name}.proj"
    scale = work.search_scale(proj, stats, work.state[f"{proj}.weight"])
    value = layers[2]
    if work.unrounded and f"{value}.weight" in work.unrounded:
        work.unrounded[f"{value}.weight"] = work.unrounded[f"{value}.weight"] / scale
    for kind in ("weight", "bias"):
        work.state[f"{value}.{kind}"] = work.state[f"{value}.{kind}"] / scale
    work.scale_rows(proj, scale)
    reach = work.note_range(proj, float((stats.largest / scale).max()) * room)
    work.add_branch(proj, lambda part: work.mixed[part] / scale, reach)


def _centre_keys(work: Rewriting, attention: str, norm: str) -> None:
    def extremes(part: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        normed = work.normed(norm, part)
        key, query = (work.linear(f"{attention}.{which}", normed) for which in "kq")
        return (
            key.min((0, 1)),
            key.max((0, 1)),
            np.maximum(query.max((0, 1)), -query.min((0, 1))),
        )

    lows, highs, queries = zip(*each(work.count, extremes), strict=True)
    centre_keys(work.state, attention, np.min(lows, 0), np.max(highs, 0), np.max(queries, 0))


def centre_keys(state: State, attention: str, low: np.ndarray, high: np.ndarray, query: np.ndarray) -> None:
    """Shifts the keys of `attention` (blocks.N.attn) to the middle of their range, and scales them against the queries.

    `low`, `high` and `query`, float32 [dim], are the keys' least and greatest values and the queries' greatest
    magnitudes. Changes the weights and biases in `state`.
    """
    half = (high - low) / 2
    scale = np.sqrt(np.maximum(half, 1e-6) / np.maximum(query, 1e-6)).astype(np.float32)
    q, k = f"{attention}.q", f"{attention}.k"
    state[f"{k}.bias"] = (state[f"{k}.bias"] - (low + high) / 2) / scale
    state[f"{k}.weight"] = state[f"{k}.weight"] / scale
    for kind in ("weight", "bias"):
        state[f"{q}.{kind}"] = state[f"{q}.{kind}"] * scale


def mlp(work: Rewriting, index: int) -> None:
    """Rewrites norm2, fc1 and fc2, with the shift and scale between them, and adds the branch."""
    name, norm = f"blocks.{index}.mlp", f"blocks.{index}.norm2"
    fc1, fc2 = f"{name}.fc1", f"{name}.fc2"
    limit = work.note_range(fc1, work.equalize_norm(norm, [fc1], last=index == work.last))
    quantized_inputs = work.round([fc1], lambda part: work.normed(norm, part), limit)
    if index == work.last and fc2 in work.kept:
        return  # nothing reads what it would make

    def activate(part: slice) -> np.ndarray:
        hidden = work.linear(fc1, quantized_inputs(part))
        for values in hidden:
            values[...] = block.gelu(values, tanh=work.form.tanh_gelu)
        work.hidden[part] = hidden
        return hidden

    weight = work.state[f"{fc2}.weight"]
    affine, inputs = gelu.unchanged(len(weight)), work.hidden.__getitem__
    if fc2 in work.kept:
        list(each(work.count, activate))
    else:
        activations = work.look_at(activate, last=index == work.last)
        errors = gelu.held_out(activations, weight, work.switches.outliers)
        work.gelu_errors[index] = gelu.least(errors)
        affine = gelu.choose(activations, errors, _prices(work, index, work.gelu_errors[index]))
        work.note_range(fc2, affine.limit)
    split = affine.outliers
    if split.size:
        order, affine = affine.split()
        _split(work, index, order, split.size)
        inliers, weight = order[: -split.size], work.state[f"{fc2}.weight"]
        inputs = lambda part: np.take(work.hidden[part], inliers, axis=-1)  # noqa: E731
    # fc2(h) = (h / s - m / s) (s W) + b + m W
    work.state[f"{fc2}.bias"] = work.state[f"{fc2}.bias"] + affine.middle @ weight
    work.scale_rows(fc2, affine.scale)
    if affine.middle.any():
        work.state[f"{name}.shift"] = (-affine.middle / affine.scale).reshape(1, 1, -1)
        work.form = replace(work.form, shifted_gelu=work.form.shifted_gelu | {index})
    if affine.scaled:
        work.state[f"{name}.scale"] = (1.0 / affine.scale).reshape(1, 1, -1)
        work.form = replace(work.form, scaled_gelu=work.form.scaled_gelu | {index})
    work.add_branch(fc2, lambda part: affine.shifted(inputs(part)), affine.limit)
    if split.size:
        apart = work.state[f"{name}.outliers.weight"]
        work.add(lambda part: np.take(work.hidden[part], split, axis=-1) @ apart)


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


def _split(work: Rewriting, index: int, order: np.ndarray, outliers: int) -> None:
    """Puts hidden units in order, int [hidden], and the last of them, of fc2, into a layer of their own."""
    name = f"blocks.{index}.mlp"
    for state in (work.state, work.unrounded or {}):
        for kind in ("weight", "bias"):
            if f"{name}.fc1.{kind}" in state:
                state[f"{name}.fc1.{kind}"] = state[f"{name}.fc1.{kind}"][..., order]
    weight = work.state[f"{name}.fc2.weight"][order]
    work.state[f"{name}.fc2.weight"] = weight[:-outliers]
    work.state[f"{name}.outliers.weight"] = weight[-outliers:]
    work.form = replace(work.form, outliers=work.form.outliers | {(index, outliers)})
