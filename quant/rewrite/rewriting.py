"""The network being rewritten and its activations, and what is done at every layer: look, scale, round, go on.

The activations of all calibration pictures lie in files, so that memory does not grow with their number. These are not
mapped: what a process has mapped and used counts as its memory.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lite.model.deploy import State
from lite.model.graph import Form
from lite.pictures.picture_set import Picture
from lite.zoo import Preprocess, Variant
from quant.pictures import on_disk
from quant.program.layers import Ranges
from quant.recipe import Kind, Rewrite
from quant.rewrite import block
from quant.rewrite.block import Activations, each, fake_quantize, layer_norm, level, to_levels
from quant.rewrite.equalize import search
from quant.rewrite.gptq import gptq, nearest


class Stored:
    """An array [pictures, ...] in a nameless file of `folder`, gone with this object. Threads may share it.

    What is read is a copy. Raises InputError when the disk has no room for it.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: npt.DTypeLike):
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._bytes = self.dtype.itemsize * int(np.prod(shape[1:]))
        with on_disk(folder, shape, dtype):
            self._file, path = tempfile.mkstemp(dir=folder)
            weakref.finalize(self, os.close, self._file)
            Path(path).unlink()
            # Without its blocks it could be full before all is written.
            os.posix_fallocate(self._file, 0, shape[0] * self._bytes)

    def __getitem__(self, part: slice) -> np.ndarray:
        values = np.empty((part.stop - part.start, *self.shape[1:]), self.dtype)
        if os.preadv(self._file, [values.data], part.start * self._bytes) != values.nbytes:
            raise OSError("activations could not be read back from the temporary folder")
        return values

    def __setitem__(self, part: slice, values: np.ndarray) -> None:
        values = np.ascontiguousarray(values, self.dtype)
        if os.pwrite(self._file, values.data, part.start * self._bytes) != values.nbytes:
            raise OSError("activations could not be written to the temporary folder")


_SAMPLE = 2048
# Of one picture in a Hessian. Neighbouring tokens of larger pictures (577 at 384 pixels) are much alike.
_MOST_ROWS = 200
# Makes some pictures' values [pictures, ..., channels].
Values = Callable[[slice], np.ndarray]


@dataclass
class Rewriting:
    """The state being rewritten, and the activations at the input of the block under work.

    `form` is what the network is to be built in; where GELU's outputs are shifted, scaled and split is added to it.
    `unrounded` takes weights as they are before they are rounded; None where nobody wants them.
    """

    state: State
    variant: Variant
    form: Form
    switches: Rewrite
    folder: Path
    count: int
    last: int
    kept: frozenset[str]
    unrounded: State | None
    ranges: Ranges = field(default_factory=dict)
    alphas: dict[str, float] = field(default_factory=dict)
    gelu_errors: dict[int, dict[Kind, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tokens, dim = self.variant.tokens, self.variant.dim
        # Activations of all pictures lie in files, so that memory does not grow with their number.
        self.tokens, self.mixed, self.hidden = (
            Stored(self.folder, (self.count, tokens, channels), np.float32)
            for channels in (dim, dim, self.variant.hidden)
        )
        self.every = max(1, self.count * tokens // _SAMPLE)

    def embed(self, pictures: Sequence[Picture], spec: Preprocess) -> None:
        """Rounds the patch convolution and fills the activations with its outputs."""
        prefix = self.variant.class_tokens
        weight = self.state["patch_embed.proj.weight"]
        flat = weight.reshape(len(weight), -1).T

        patches = Stored(self.folder, (self.count, self.variant.grid**2, flat.shape[0]), np.float32)

        def cut(part: slice) -> float:
            values = block.patches(np.concatenate([picture.tensor(spec) for picture in pictures[part]]))
            patches[part] = values
            return float(np.abs(values).max())

        limit = self.note_range("patch_embed.proj", max(each(self.count, cut)))
        self.note_unrounded("patch_embed.proj")
        quantized: Values = patches.__getitem__
        if limit is not None:
            flat, quantized = self.rounded(flat, quantized, limit, self.variant.grid**2)
        self.state["patch_embed.proj.weight"] = np.ascontiguousarray(flat.T).reshape(weight.shape)

        def fill(part: slice) -> None:
            tokens = np.empty((part.stop - part.start, *self.tokens.shape[1:]), np.float32)
            tokens[:, :prefix] = self.state["class_tokens"]
            np.add(_times(quantized(part), flat), self.state["position"], out=tokens[:, prefix:])
            self.tokens[part] = tokens

        list(each(self.count, fill))

    def add_branch(self, layer: str, inputs: Values, limit: float | None) -> None:
        """Rounds the layer at the end of a branch and adds what it makes of its inputs to the activations."""
        quantized = self.round([layer], inputs, limit)
        self.add(lambda part: self.linear(layer, quantized(part)))

    def add(self, branch: Values) -> None:
        """Adds what a branch makes of some pictures, [pictures, tokens, dim], to the activations of all."""

        def add(part: slice) -> None:
            self.tokens[part] = self.tokens[part] + branch(part)

        list(each(self.count, add))

    def look_at(self, inputs: Values, *, last: bool) -> Activations:
        """What was seen; in the last block, after attention, only the class tokens count."""
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
        """The activations of some pictures after a layer norm."""
        weight, bias = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        return layer_norm(self.tokens[part], weight, bias, self.variant.epsilon)

    def equalize_norm(self, norm: str, layers: list[str], *, last: bool) -> float:
        """Moves a scale from the norm into the layers after it; returns the range of what is left."""
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

    def note_unrounded(self, layer: str) -> None:
        """Keeps a layer's weight, which is about to be rounded, where that is asked for."""
        if self.unrounded is not None:
            self.unrounded[f"{layer}.weight"] = self.state[f"{layer}.weight"]

    def scale_rows(self, layer: str, scale: np.ndarray) -> None:
        """Multiplies a weight [in, out] by `scale`, float32 [in]."""
        self.state[f"{layer}.weight"] = self.state[f"{layer}.weight"] * scale[:, None]

    def linear(self, layer: str, inputs: np.ndarray) -> np.ndarray:
        """What a layer makes of inputs [..., in], with the weights as they are now."""
        outputs = _times(inputs, self.state[f"{layer}.weight"])
        outputs += self.state[f"{layer}.bias"]
        return outputs

    def search_scale(self, layer: str, stats: Activations, weight: np.ndarray) -> np.ndarray:
        """The scale of a weight's inputs, float32 [in], by `equalize.search`; ones where it is switched off."""
        if not self.switches.equalize:
            return np.ones(len(weight), np.float32)
        scale, self.alphas[layer] = search(stats.rows, stats.largest, weight)
        return scale

    def round(self, layers: list[str], inputs: Values, limit: float | None) -> Values:
        """Rounds the weights [in, out] of layers that read the same inputs, which INT8 rounds up to `limit`.

        Returns what INT8 makes of the inputs: these themselves where no layer is rounded.
        """
        layers = [layer for layer in layers if layer not in self.kept]
        if not layers:
            return inputs
        assert limit is not None
        for layer in layers:
            self.note_unrounded(layer)
        joined = np.concatenate([self.state[f"{layer}.weight"] for layer in layers], axis=1)
        widths = np.cumsum([self.state[f"{layer}.weight"].shape[1] for layer in layers])[:-1]
        weight, quantized = self.rounded(joined, inputs, limit, self.variant.tokens)
        for layer, part in zip(layers, np.split(weight, widths, axis=1), strict=True):
            self.state[f"{layer}.weight"] = np.ascontiguousarray(part)
        return quantized

    def rounded(
        self, weight: np.ndarray, inputs: Values, limit: float, rows: int
    ) -> tuple[np.ndarray, Values]:
        """A weight [in, out] on its int8 grid, for `rows` inputs a picture, and what INT8 makes of the inputs."""
        if not self.switches.gptq:
            return nearest(weight), lambda part: fake_quantize(inputs(part), limit)
        levels = Stored(self.folder, (self.count, rows, len(weight)), np.int8)
        step = -(-rows // _MOST_ROWS)

        def moments(part: slice) -> np.ndarray:
            whole = np.empty((part.stop - part.start, rows // step, len(weight)), np.float32)
            # One by one, so that a picture's values stay in the processor's cache.
            for place in range(part.start, part.stop):
                one = slice(place, place + 1)
                rounded = to_levels(inputs(one), limit)
                levels[one] = rounded
                some = rounded[0, place % step :: step][: rows // step]
                np.multiply(some, level(limit), out=whole[place - part.start])
            flat = whole.reshape(-1, len(weight))
            return flat.T @ flat

        def quantized(part: slice) -> np.ndarray:
            return levels[part] * level(limit)

        hessian = np.zeros((len(weight), len(weight)))
        for found in each(self.count, moments):
            hessian += found
        return gptq(weight, hessian), quantized


def _times(inputs: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Inputs [..., in] times a weight [in, out], as one product of matrices."""
    return (inputs.reshape(-1, len(weight)) @ weight).reshape(*inputs.shape[:-1], -1)
