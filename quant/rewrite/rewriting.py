"""The network being rewritten and its activations, and what is done at every layer: look, scale, round, go on.

The activations of all calibration pictures lie in files, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lite.model.deploy import State
from lite.model.form import Form
from lite.pictures.picture_set import Picture
from lite.zoo import Preprocess, Variant
from quant.pictures import mapped_array
from quant.program.layers import Ranges
from quant.recipe import Kind, Switches
from quant.rewrite import block
from quant.rewrite.block import Activations, each, fake_quantize, layer_norm
from quant.rewrite.equalize import search
from quant.rewrite.gptq import gptq, nearest

_SAMPLE = 2048


@dataclass
class Rewriting:
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
    gelu_errors: dict[int, dict[Kind, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tokens, dim = self.variant.tokens, self.variant.dim
        # Activations of all pictures lie in files, so that memory does not grow with their number.
        self.tokens, self.mixed, self.hidden = (
            mapped_array(self.folder / f"{name}.npy", (self.count, tokens, channels), np.float32)
            for name, channels in (("tokens", dim), ("mixed", dim), ("hidden", self.variant.hidden))
        )
        self.every = max(1, self.count * tokens // _SAMPLE)

    def embed(self, pictures: Sequence[Picture], spec: Preprocess) -> None:
        """Rounds the patch convolution and fills the activations with its outputs."""
        prefix = self.variant.class_tokens
        weight = self.state["patch_embed.proj.weight"]
        flat = weight.reshape(len(weight), -1).T

        def cut(part: slice) -> np.ndarray:
            return block.patches(np.concatenate([picture.tensor(spec) for picture in pictures[part]]))

        limit = self.note_range(
            "patch_embed.proj", max(each(self.count, lambda part: float(np.abs(cut(part)).max())))
        )
        self.unrounded["patch_embed.proj.weight"] = weight
        if limit is not None:
            flat = self.rounded(flat, lambda part: fake_quantize(cut(part), limit))
        self.state["patch_embed.proj.weight"] = np.ascontiguousarray(flat.T).reshape(weight.shape)
        self.tokens[:, :prefix] = self.state["class_tokens"]

        def fill(part: slice) -> None:
            self.tokens[part, prefix:] = fake_quantize(cut(part), limit) @ flat + self.state["position"]

        list(each(self.count, fill))

    def add_branch(self, layer: str, inputs: Callable[[slice], np.ndarray]) -> None:
        """Rounds the layer at the end of a branch and adds what it makes of its inputs to the activations."""
        self.round([layer], inputs)
        self.add(lambda part: self.linear(layer, inputs(part)))

    def add(self, branch: Callable[[slice], np.ndarray]) -> None:
        """Adds what a branch makes of some pictures, [pictures, tokens, dim], to the activations of all."""

        def add(part: slice) -> None:
            self.tokens[part] += branch(part)

        list(each(self.count, add))

    def look_at(self, inputs: Callable[[slice], np.ndarray], *, last: bool) -> Activations:
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

        return Activations(*map(np.concatenate, zip(*each(self.count, look), strict=True)))

    def normed(self, norm: str, part: slice) -> np.ndarray:
        """The activations of some pictures behind a layer norm."""
        weight, bias = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        return layer_norm(self.tokens[part], weight, bias, self.variant.epsilon)

    def equalize_norm(self, norm: str, layers: list[str], *, last: bool) -> float:
        """Moves a scale from the norm into the layers behind it; returns the range of what is left."""
        stats = self.look_at(lambda part: self.normed(norm, part), last=last)
        weight = np.concatenate([self.state[f"{layer}.weight"] for layer in layers], axis=1)
        scale = self.search_scale(norm, stats, weight)
        for kind in ("weight", "bias"):
            self.state[f"{norm}.{kind}"] = self.state[f"{norm}.{kind}"] / scale
        for layer in layers:
            self.scale_rows(layer, scale)
        return float((stats.largest / scale).max()) * (self.switches.class_tokens if last else 1.0)

    def note_range(self, layer: str, largest: float | None) -> float | None:
        """Notes the range of a layer's input; None for one that stays in float."""
        if layer in self.kept or largest is None:
            return None
        self.ranges[layer] = largest
        return largest

    def scale_rows(self, layer: str, scale: np.ndarray) -> None:
        """Multiplies a weight [in, out] by `scale`, float32 [in]."""
        self.state[f"{layer}.weight"] = self.state[f"{layer}.weight"] * scale[:, None]

    def linear(self, layer: str, inputs: np.ndarray) -> np.ndarray:
        """What a layer makes of inputs [..., in], with the weights as they are now."""
        return inputs @ self.state[f"{layer}.weight"] + self.state[f"{layer}.bias"]

    def search_scale(self, layer: str, stats: Activations, weight: np.ndarray) -> np.ndarray:
        """The scale of a weight's inputs, float32 [in], by `equalize.search`; ones where it is switched off."""
        if not self.switches.equalize:
            return np.ones(len(weight), np.float32)
        scale, self.alphas[layer] = search(stats.rows, stats.largest, weight)
        return scale

    def round(self, layers: list[str], inputs: Callable[[slice], np.ndarray]) -> None:
        """Rounds the weights [in, out] of layers that read the same INT8 inputs."""
        layers = [layer for layer in layers if layer not in self.kept]
        if not layers:
            return
        for layer in layers:
            self.unrounded[f"{layer}.weight"] = self.state[f"{layer}.weight"]
        joined = np.concatenate([self.state[f"{layer}.weight"] for layer in layers], axis=1)
        widths = np.cumsum([self.state[f"{layer}.weight"].shape[1] for layer in layers])[:-1]
        for layer, weight in zip(layers, np.split(self.rounded(joined, inputs), widths, axis=1), strict=True):
            self.state[f"{layer}.weight"] = weight

    def rounded(self, weight: np.ndarray, inputs: Callable[[slice], np.ndarray]) -> np.ndarray:
        """A weight [in, out] on its int8 grid, for inputs [..., in] of some pictures."""
        if not self.switches.gptq:
            return nearest(weight)

        def moments(part: slice) -> np.ndarray:
            rows = inputs(part).reshape(-1, len(weight))
            return rows.T @ rows

        return gptq(weight, sum(each(self.count, moments), np.zeros((len(weight), len(weight)))))
