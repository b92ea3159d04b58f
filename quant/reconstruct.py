"""The `deit` recipe's rewrite: block by block, weights that lose little once PaddleSlim rounds them.

First the residual stream is turned into another basis (`quant/rotate.py`). Then the calibration pictures' activations
go through the network as INT8 will compute them with what has been rewritten so far. At each layer

1. a scale per input channel moves into the weights (`quant/equalize.py`), alpha searched by measured error; queries
   and keys are brought to ranges alike (`quant/keys.py`); behind GELU, where nothing can take a scale, small operators
   of their own shift and scale the outputs, and the inverse goes into fc2 (`quant/hidden.py`);
2. the weights are rounded with the layer's output in view (`quant/rounding.py`).

1 is exact in float, 2 is quantization. PaddleSlim then quantizes the rewritten network, finds the weights on its
grid, and gets the ranges measured here (`quant/ranges.py`). Attention × value stays float in here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lite.deploy import Form, State
from lite.evaluate import Picture, tensor
from lite.zoo import Preprocess, Variant
from quant import cost, hidden, keys, mapped, streams
from quant.equalize import search
from quant.layers import matching
from quant.ranges import Ranges
from quant.rotate import rotate
from quant.rounding import gptq, nearest
from quant.streams import each, fake_quantize, layer_norm
from quant.switches import Switches

_SAMPLE = 2048


@dataclass(frozen=True)
class Rewritten:
    """A deployable state, the form of network it is for, the ranges of its activations (`quant.ranges.assign`).

    `unrounded` is the state before its weights were rounded; `alphas` says what was chosen for which layer;
    `gelu_errors` is `quant.hidden.least` of each block whose fc2 is in INT8.
    """

    state: State
    unrounded: State
    form: Form
    ranges: Ranges
    alphas: dict[str, float]
    gelu_errors: dict[int, dict[hidden.Kind, float]]


def rewrite(
    state: State,
    variant: Variant,
    pictures: Sequence[Picture],
    spec: Preprocess,
    form: Form,
    switches: Switches,
    folder: Path,
    seed: int,
    *,
    keep: Collection[str] = (),
    on_block: Callable[[int, int], None] = lambda done, total: None,
) -> Rewritten:
    """Rewrites a deployable state (`lite.deploy.deployable_state`) for INT8; the given one stays as it is.

    `spec` says how `pictures` become tensors; views of one picture stand side by side. `form` is what the network is
    to be built in; where GELU's outputs are shifted and scaled is added to it. `folder` takes files of a float32
    activation each: about 4 bytes x pictures x tokens x 7 dim. `keep` names layers that stay in float
    (`blocks.11.mlp.fc2`, `blocks.0.attn.q`; shell-style): they are neither rounded nor given rounded inputs.
    """
    blocks = 1 + max(int(match[1]) for name in state if (match := re.match(r"blocks\.(\d+)\.", name)))
    turned = rotate(state, variant, seed) if switches.rotate else dict(state)
    kept = _kept(state, keep)
    work = _Rewriting(turned, variant, form, switches, folder, len(pictures), blocks - 1, kept)
    work.embed(pictures, spec)
    for index in range(blocks):
        work.attention(index)
        work.mlp(index)
        on_block(index + 1, blocks)
    rounded, unrounded = (
        {name: np.ascontiguousarray(value, np.float32) for name, value in values.items()}
        for values in (work.state, work.state | work.unrounded)
    )
    return Rewritten(rounded, unrounded, work.form, work.ranges, work.alphas, work.gelu_errors)


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


@dataclass(frozen=True)
class _Seen:
    """A layer's inputs: each picture's least and greatest per channel, a sample, and the picture of each of its rows.

    float32 [pictures, channels] twice, [n, channels], and int [n].
    """

    low: np.ndarray
    high: np.ndarray
    rows: np.ndarray
    owners: np.ndarray

    @property
    def largest(self) -> np.ndarray:
        return np.maximum(np.abs(self.low), np.abs(self.high)).max(axis=0)


@dataclass
class _Rewriting:
    """The state being rewritten, and the activations at the input of the block under work."""

    state: State
    variant: Variant
    form: Form
    switches: Switches
    folder: Path
    count: int
    last: int
    kept: frozenset[str]
    ranges: Ranges = field(default_factory=dict)
    alphas: dict[str, float] = field(default_factory=dict)
    unrounded: State = field(default_factory=dict)
    gelu_errors: dict[int, dict[hidden.Kind, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tokens, dim = self.variant.tokens, self.variant.dim
        # Activations of all pictures lie in files, so that memory does not grow with their number.
        self.tokens, self.mixed, self.hidden = (
            mapped.array(self.folder / f"{name}.npy", (self.count, tokens, channels), np.float32)
            for name, channels in (("tokens", dim), ("mixed", dim), ("hidden", self.variant.hidden))
        )
        self.every = max(1, self.count * tokens // _SAMPLE)

    def embed(self, pictures: Sequence[Picture], spec: Preprocess) -> None:
        """Rounds the patch convolution and fills the activations with its outputs."""
        prefix = self.variant.class_tokens
        weight = self.state["patch_embed.proj.weight"]
        flat = weight.reshape(len(weight), -1).T

        def cut(part: slice) -> np.ndarray:
            return streams.patches(np.concatenate([tensor(picture, spec) for picture in pictures[part]]))

        limit = self._range(
            "patch_embed.proj", max(each(self.count, lambda part: float(np.abs(cut(part)).max())))
        )
        self.unrounded["patch_embed.proj.weight"] = weight
        if limit is not None:
            flat = self._rounded(flat, lambda part: fake_quantize(cut(part), limit))
        self.state["patch_embed.proj.weight"] = np.ascontiguousarray(flat.T).reshape(weight.shape)
        self.tokens[:, :prefix] = self.state["class_tokens"]

        def fill(part: slice) -> None:
            self.tokens[part, prefix:] = fake_quantize(cut(part), limit) @ flat + self.state["position"]

        list(each(self.count, fill))

    def attention(self, index: int) -> None:
        """Rewrites norm1, q, k, v and proj, and adds the branch to the activations."""
        name = f"blocks.{index}.attn"
        layers = [f"{name}.{part}" for part in "qkv"]
        norm = f"blocks.{index}.norm1"
        limit = self._equalize_norm(norm, layers, last=False)
        if self.switches.centre_keys:
            self._centre_keys(name, norm)
        rounded = [layer for layer in layers if layer not in self.kept]
        if rounded:
            self.ranges[f"{name}.qkv"] = limit
            self._round(rounded, lambda part: fake_quantize(self._normed(norm, part), limit))

        def mix(part: slice) -> tuple[np.ndarray, np.ndarray]:
            normed = self._normed(norm, part)
            seen = fake_quantize(normed, limit)
            query, key, values = (
                self._linear(layer, normed if layer in self.kept else seen) for layer in layers
            )
            self.mixed[part] = streams.attention(query, key, values, self.variant.heads)
            heads = self.variant.heads, self.variant.head_dim
            if index == self.last:
                query = query[:, : self.variant.class_tokens]
            return tuple(np.abs(made.reshape(-1, *heads)).max((0, 2)) for made in (query, key))

        queries, made = zip(*each(self.count, mix), strict=True)
        room = self.switches.class_tokens if index == self.last else 1.0
        self.ranges[f"{name}.query"] = [float(value) * room for value in np.max(queries, axis=0)]
        self.ranges[f"{name}.key"] = [float(value) for value in np.max(made, axis=0)]
        proj = f"{name}.proj"
        stats = self._seen(lambda part: self.mixed[part], last=index == self.last)
        scale = self._search(proj, stats, self.state[f"{proj}.weight"])
        value = layers[2]
        if f"{value}.weight" in self.unrounded:
            self.unrounded[f"{value}.weight"] = self.unrounded[f"{value}.weight"] / scale
        for kind in ("weight", "bias"):
            self.state[f"{value}.{kind}"] = self.state[f"{value}.{kind}"] / scale
        self._scale_rows(proj, scale)
        reach = self._range(proj, float((stats.largest / scale).max()) * room)
        self._branch(proj, lambda part: fake_quantize(self.mixed[part] / scale, reach))

    def mlp(self, index: int) -> None:
        """Rewrites norm2, fc1 and fc2, with the shift and scale between them, and adds the branch."""
        name, norm = f"blocks.{index}.mlp", f"blocks.{index}.norm2"
        fc1, fc2 = f"{name}.fc1", f"{name}.fc2"
        limit = self._range(fc1, self._equalize_norm(norm, [fc1], last=index == self.last))
        self._round([fc1], lambda part: fake_quantize(self._normed(norm, part), limit))

        def activate(part: slice) -> None:
            before = self._linear(fc1, fake_quantize(self._normed(norm, part), limit))
            self.hidden[part] = streams.gelu(before, tanh=self.form.tanh_gelu)

        list(each(self.count, activate))
        weight = self.state[f"{fc2}.weight"]
        affine = hidden.unchanged(len(weight))
        if fc2 not in self.kept:
            stats = self._seen(lambda part: self.hidden[part], last=index == self.last)
            seen = hidden.Seen(stats.low, stats.high, stats.rows, stats.owners)
            errors = hidden.held_out(seen, weight, self.switches.outliers)
            self.gelu_errors[index] = hidden.least(errors)
            affine = hidden.choose(seen, errors, self._prices(index, self.gelu_errors[index]))
            self._range(fc2, affine.limit)
        if affine.outliers.size:
            affine = self._split(index, affine)
            weight = self.state[f"{fc2}.weight"]
        # fc2(h) = (h / s - m / s) (s W) + b + m W
        self.state[f"{fc2}.bias"] = self.state[f"{fc2}.bias"] + affine.middle @ weight
        self._scale_rows(fc2, affine.scale)
        if affine.middle.any():
            self.state[f"{name}.shift"] = (-affine.middle / affine.scale).reshape(1, 1, -1)
            self.form = replace(self.form, shifted_gelu=self.form.shifted_gelu | {index})
        if affine.scaled:
            self.state[f"{name}.scale"] = (1.0 / affine.scale).reshape(1, 1, -1)
            self.form = replace(self.form, scaled_gelu=self.form.scaled_gelu | {index})
        count = len(affine.middle)
        self._branch(fc2, lambda part: affine(self.hidden[part, :, :count]))
        if f"{name}.outliers.weight" in self.state:
            apart = self.state[f"{name}.outliers.weight"]
            self._add(lambda part: self.hidden[part, :, count:] @ apart)

    def _prices(self, index: int, kinds: Iterable[hidden.Kind]) -> dict[hidden.Kind, float]:
        """Instructions of what may be done to GELU's outputs in this block, over those of scaling them."""
        tokens, units, dim = self.variant.tokens, self.variant.hidden, self.variant.dim
        scaling = cost.scaling(tokens, units)
        prices = {}
        for kind in kinds:
            if self.switches.allows(kind, index):
                taken = kind.scale * scaling + cost.outliers(tokens, units, kind.outliers, dim)
                prices[kind] = self.switches.price(taken / scaling, kind)
        return prices

    def _split(self, index: int, affine: hidden.Affine) -> hidden.Affine:
        """Puts outliers last and their part of fc2 into a layer of its own; the affine of the others."""
        name = f"blocks.{index}.mlp"
        order, inliers = affine.split()
        count = len(inliers.middle)
        for state in (self.state, self.unrounded):
            for kind in ("weight", "bias"):
                if f"{name}.fc1.{kind}" in state:
                    state[f"{name}.fc1.{kind}"] = state[f"{name}.fc1.{kind}"][..., order]

        def move(part: slice) -> None:
            self.hidden[part] = self.hidden[part][..., order]

        list(each(self.count, move))
        weight = self.state[f"{name}.fc2.weight"][order]
        self.state[f"{name}.fc2.weight"] = weight[:count]
        self.state[f"{name}.outliers.weight"] = weight[count:]
        self.form = replace(self.form, outliers=self.form.outliers | {(index, len(order) - count)})
        return inliers

    def _branch(self, layer: str, inputs: Callable[[slice], np.ndarray]) -> None:
        """Rounds the layer at the end of a branch and adds what it makes of its inputs to the activations."""
        self._round([layer], inputs)
        self._add(lambda part: self._linear(layer, inputs(part)))

    def _add(self, branch: Callable[[slice], np.ndarray]) -> None:
        def add(part: slice) -> None:
            self.tokens[part] += branch(part)

        list(each(self.count, add))

    def _centre_keys(self, attention: str, norm: str) -> None:
        def extremes(part: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            normed = self._normed(norm, part)
            key = self._linear(f"{attention}.k", normed)
            query = np.abs(self._linear(f"{attention}.q", normed))
            return key.min((0, 1)), key.max((0, 1)), query.max((0, 1))

        lows, highs, queries = zip(*each(self.count, extremes), strict=True)
        keys.centre(self.state, attention, np.min(lows, 0), np.max(highs, 0), np.max(queries, 0))

    def _seen(self, inputs: Callable[[slice], np.ndarray], *, last: bool) -> _Seen:
        """What was seen; in the last block, behind attention, only the class tokens count."""
        prefix = self.variant.class_tokens

        def look(part: slice) -> tuple[np.ndarray, ...]:
            values = inputs(part)
            if last:
                values = values[:, :prefix]
            pictures = np.repeat(np.arange(part.start, part.stop), values.shape[1])
            rows = values.reshape(-1, values.shape[-1])
            # Class tokens are few, unlike the others, and what the answer is made of.
            kept = np.arange(len(rows)) % values.shape[1] < prefix
            kept[:: self.every] = True
            return values.min(axis=1), values.max(axis=1), rows[kept], pictures[kept]

        return _Seen(*map(np.concatenate, zip(*each(self.count, look), strict=True)))

    def _normed(self, norm: str, part: slice) -> np.ndarray:
        return layer_norm(self.tokens[part], self.state[f"{norm}.weight"], self.state[f"{norm}.bias"])

    def _equalize_norm(self, norm: str, layers: list[str], *, last: bool) -> float:
        """Moves a scale from the norm into the layers behind it; returns the range of what is left."""
        stats = self._seen(lambda part: self._normed(norm, part), last=last)
        weight = np.concatenate([self.state[f"{layer}.weight"] for layer in layers], axis=1)
        scale = self._search(norm, stats, weight)
        for kind in ("weight", "bias"):
            self.state[f"{norm}.{kind}"] = self.state[f"{norm}.{kind}"] / scale
        for layer in layers:
            self._scale_rows(layer, scale)
        return float((stats.largest / scale).max()) * (self.switches.class_tokens if last else 1.0)

    def _range(self, layer: str, largest: float | None) -> float | None:
        """Notes the range of a layer's input; None for one that stays in float."""
        if layer in self.kept or largest is None:
            return None
        self.ranges[layer] = largest
        return largest

    def _scale_rows(self, layer: str, scale: np.ndarray) -> None:
        self.state[f"{layer}.weight"] = self.state[f"{layer}.weight"] * scale[:, None]

    def _linear(self, layer: str, inputs: np.ndarray) -> np.ndarray:
        return inputs @ self.state[f"{layer}.weight"] + self.state[f"{layer}.bias"]

    def _search(self, layer: str, stats: _Seen, weight: np.ndarray) -> np.ndarray:
        if not self.switches.equalize:
            return np.ones(len(weight), np.float32)
        scale, self.alphas[layer] = search(stats.rows, stats.largest, weight)
        return scale

    def _round(self, layers: list[str], inputs: Callable[[slice], np.ndarray]) -> None:
        """Rounds the weights [in, out] of layers that read the same INT8 inputs."""
        layers = [layer for layer in layers if layer not in self.kept]
        if not layers:
            return
        for layer in layers:
            self.unrounded[f"{layer}.weight"] = self.state[f"{layer}.weight"]
        joined = np.concatenate([self.state[f"{layer}.weight"] for layer in layers], axis=1)
        widths = np.cumsum([self.state[f"{layer}.weight"].shape[1] for layer in layers])[:-1]
        for layer, weight in zip(
            layers, np.split(self._rounded(joined, inputs), widths, axis=1), strict=True
        ):
            self.state[f"{layer}.weight"] = weight

    def _rounded(self, weight: np.ndarray, inputs: Callable[[slice], np.ndarray]) -> np.ndarray:
        if not self.switches.gptq:
            return nearest(weight)

        def moments(part: slice) -> np.ndarray:
            rows = inputs(part).reshape(-1, len(weight))
            return rows.T @ rows

        return gptq(weight, sum(each(self.count, moments), np.zeros((len(weight), len(weight)))))
