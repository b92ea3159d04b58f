"""The `deit` recipe's rewrite: block by block, weights that lose little once PaddleSlim rounds them.

The calibration pictures' activations go through the network as INT8 will compute them with what has been
rewritten so far. At each layer

1. a scale per input channel moves into the weights (`quant/equalize.py`), alpha searched by measured error;
   behind GELU, where nothing can take a scale, the outputs are scaled and shifted by small operators of their
   own, and the inverse goes into fc2;
2. the weights are rounded with the layer's output in view (`quant/rounding.py`).

1 is exact in float, 2 is quantization. PaddleSlim then calibrates the rewritten network and finds the weights
on its grid. The query, the key and attention's output cost nothing measurable, and stay float in here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lite.deploy import Form, State
from lite.evaluate import Picture, tensor
from lite.zoo import Preprocess, Variant
from quant import streams
from quant.equalize import search, smoothing
from quant.rounding import gptq, nearest
from quant.streams import chunks, fake_quantize, layer_norm

# Chosen on a pretrained ViT-S: lower leaves outlier channels, higher clips what calibration has not seen.
GELU_ALPHA = 0.65
_SAMPLE = 2048


@dataclass(frozen=True)
class Switches:
    """Which rewrites are made besides the form's: scales into weights, and rounding by GPTQ."""

    equalize: bool = True
    gptq: bool = True


@dataclass(frozen=True)
class Rewritten:
    """A deployable state in the form it is meant for; `alphas` says what was chosen for which layer."""

    state: State
    form: Form
    alphas: dict[str, float]


def rewrite(
    state: State,
    variant: Variant,
    pictures: Sequence[Picture],
    spec: Preprocess,
    form: Form,
    switches: Switches,
    folder: Path,
    on_block: Callable[[int, int], None] = lambda done, total: None,
) -> Rewritten:
    """Rewrites a deployable state (`lite.deploy.deployable_state`) for INT8; the given one stays as it is.

    `spec` says how `pictures` become tensors. `form.scaled_gelu` names the blocks whose GELU outputs are scaled.
    `folder` takes files of a float32 activation each: about 4 bytes x pictures x tokens x 7 dim.
    """
    blocks = 1 + max(int(match[1]) for name in state if (match := re.match(r"blocks\.(\d+)\.", name)))
    work = _Rewriting(dict(state), variant, form, switches, folder, len(pictures))
    work.embed(pictures, spec)
    for index in range(blocks):
        work.attention(f"blocks.{index}")
        work.mlp(f"blocks.{index}", scaled=index in form.scaled_gelu)
        on_block(index + 1, blocks)
    tidy = {name: np.ascontiguousarray(value, np.float32) for name, value in work.state.items()}
    return Rewritten(tidy, form, work.alphas)


@dataclass
class _Seen:
    """A layer's inputs over all tokens: least and greatest per channel, and a sample."""

    low: np.ndarray
    high: np.ndarray
    sample: np.ndarray

    @classmethod
    def of(cls, parts: Iterator[np.ndarray], every: int) -> _Seen:
        low = high = None
        samples = []
        for part in parts:
            rows = part.reshape(-1, part.shape[-1])
            low = rows.min(axis=0) if low is None else np.minimum(low, rows.min(axis=0))
            high = rows.max(axis=0) if high is None else np.maximum(high, rows.max(axis=0))
            samples.append(rows[::every])
        assert low is not None
        assert high is not None
        return cls(low, high, np.concatenate(samples))

    @property
    def largest(self) -> np.ndarray:
        return np.maximum(np.abs(self.low), np.abs(self.high))


@dataclass
class _Rewriting:
    """The state being rewritten, and the activations at the input of the block under work."""

    state: State
    variant: Variant
    form: Form
    switches: Switches
    folder: Path
    count: int
    alphas: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tokens, dim = self.variant.tokens, self.variant.dim
        self.tokens = streams.array(self.folder, "tokens", (self.count, tokens, dim))
        self.mixed = streams.array(self.folder, "mixed", (self.count, tokens, dim))
        self.hidden = streams.array(self.folder, "hidden", (self.count, tokens, self.variant.hidden))
        self.every = max(1, self.count * tokens // _SAMPLE)

    def embed(self, pictures: Sequence[Picture], spec: Preprocess) -> None:
        """Rounds the patch convolution and fills the activations with its outputs."""
        prefix = self.variant.class_tokens
        weight = self.state["patch_embed.proj.weight"]
        flat = weight.reshape(len(weight), -1).T

        def parts() -> Iterator[tuple[slice, np.ndarray]]:
            for part in chunks(self.count):
                pixels = np.concatenate([tensor(picture, spec) for picture in pictures[part]])
                yield part, streams.patches(pixels)

        limit = max(float(np.abs(cut).max()) for _, cut in parts())
        flat = self._rounded(flat, (fake_quantize(cut, limit) for _, cut in parts()))
        self.state["patch_embed.proj.weight"] = np.ascontiguousarray(flat.T).reshape(weight.shape)
        self.tokens[:, :prefix] = self.state["class_tokens"]
        for part, cut in parts():
            self.tokens[part, prefix:] = fake_quantize(cut, limit) @ flat + self.state["position"]

    def attention(self, block: str) -> None:
        """Rewrites norm1, q, k, v and proj, and adds the branch to the activations."""
        layers = [f"{block}.attn.{part}" for part in "qkv"]
        limit = self._equalize_norm(f"{block}.norm1", layers)
        self._round(layers, (fake_quantize(part, limit) for part in self._normed(f"{block}.norm1")))
        for part, normed in zip(chunks(self.count), self._normed(f"{block}.norm1"), strict=True):
            seen = fake_quantize(normed, limit)
            query, key, value = (self._linear(layer, seen) for layer in layers)
            self.mixed[part] = streams.attention(query, key, value, self.variant.heads)
        proj = f"{block}.attn.proj"
        stats = _Seen.of((self.mixed[part] for part in chunks(self.count)), self.every)
        scale = self._search(proj, stats, self.state[f"{proj}.weight"])
        for kind in ("weight", "bias"):
            self.state[f"{layers[2]}.{kind}"] = self.state[f"{layers[2]}.{kind}"] / scale
        self._scale_rows(proj, scale)
        limit = float((stats.largest / scale).max())
        self._round([proj], (fake_quantize(self.mixed[part] / scale, limit) for part in chunks(self.count)))
        for part in chunks(self.count):
            self.tokens[part] += self._linear(proj, fake_quantize(self.mixed[part] / scale, limit))

    def mlp(self, block: str, *, scaled: bool) -> None:
        """Rewrites norm2, fc1 and fc2, with the scale and shift between them, and adds the branch."""
        fc1, fc2 = f"{block}.mlp.fc1", f"{block}.mlp.fc2"
        limit = self._equalize_norm(f"{block}.norm2", [fc1])
        self._round([fc1], (fake_quantize(part, limit) for part in self._normed(f"{block}.norm2")))
        for part, normed in zip(chunks(self.count), self._normed(f"{block}.norm2"), strict=True):
            before = self._linear(fc1, fake_quantize(normed, limit))
            self.hidden[part] = streams.gelu(before, tanh=self.form.tanh_gelu)
        stats = _Seen.of((self.hidden[part] for part in chunks(self.count)), self.every)
        scale, middle = np.ones(self.variant.hidden, np.float32), np.zeros(self.variant.hidden, np.float32)
        if scaled:
            middle = (stats.low + stats.high) / 2
            scale = smoothing((stats.high - stats.low) / 2, self.state[f"{fc2}.weight"], GELU_ALPHA)
            # fc2(h) = (h / s - m / s) (s W) + b + m W
            self.state[f"{block}.mlp.scale"] = (1.0 / scale).reshape(1, 1, -1)
            self.state[f"{block}.mlp.shift"] = (-middle / scale).reshape(1, 1, -1)
            self.state[f"{fc2}.bias"] = self.state[f"{fc2}.bias"] + middle @ self.state[f"{fc2}.weight"]
            self._scale_rows(fc2, scale)
        largest = np.maximum(np.abs(stats.low - middle), np.abs(stats.high - middle)) / scale
        limit = float(largest.max())

        def inputs() -> Iterator[np.ndarray]:
            return (fake_quantize((self.hidden[part] - middle) / scale, limit) for part in chunks(self.count))

        self._round([fc2], inputs())
        for part, seen in zip(chunks(self.count), inputs(), strict=True):
            self.tokens[part] += self._linear(fc2, seen)

    def _normed(self, norm: str) -> Iterator[np.ndarray]:
        weight, bias = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        return (layer_norm(self.tokens[part], weight, bias) for part in chunks(self.count))

    def _equalize_norm(self, norm: str, layers: list[str]) -> float:
        """Moves a scale from the norm into the layers behind it; returns the largest magnitude left."""
        stats = _Seen.of(self._normed(norm), self.every)
        weight = np.concatenate([self.state[f"{layer}.weight"] for layer in layers], axis=1)
        scale = self._search(norm, stats, weight)
        for kind in ("weight", "bias"):
            self.state[f"{norm}.{kind}"] = self.state[f"{norm}.{kind}"] / scale
        for layer in layers:
            self._scale_rows(layer, scale)
        return float((stats.largest / scale).max())

    def _scale_rows(self, layer: str, scale: np.ndarray) -> None:
        self.state[f"{layer}.weight"] = self.state[f"{layer}.weight"] * scale[:, None]

    def _linear(self, layer: str, inputs: np.ndarray) -> np.ndarray:
        return inputs @ self.state[f"{layer}.weight"] + self.state[f"{layer}.bias"]

    def _search(self, layer: str, stats: _Seen, weight: np.ndarray) -> np.ndarray:
        if not self.switches.equalize:
            return np.ones(len(weight), np.float32)
        scale, self.alphas[layer] = search(stats.sample, stats.largest, weight)
        return scale

    def _round(self, layers: list[str], inputs: Iterator[np.ndarray]) -> None:
        """Rounds the weights [in, out] of layers that read the same INT8 inputs."""
        joined = np.concatenate([self.state[f"{layer}.weight"] for layer in layers], axis=1)
        widths = np.cumsum([self.state[f"{layer}.weight"].shape[1] for layer in layers])[:-1]
        for layer, weight in zip(
            layers, np.split(self._rounded(joined, inputs), widths, axis=1), strict=True
        ):
            self.state[f"{layer}.weight"] = weight

    def _rounded(self, weight: np.ndarray, inputs: Iterator[np.ndarray]) -> np.ndarray:
        if not self.switches.gptq:
            return nearest(weight)
        moments = np.zeros((len(weight), len(weight)))
        for part in inputs:
            rows = part.reshape(-1, part.shape[-1])
            moments += rows.T @ rows
        return gptq(weight, moments)
