"""The residual stream turned into another basis, so that no channel stands out.

A LayerNorm without weight and bias commutes with every orthogonal matrix that leaves the vector of ones where it is:
mean and variance over the channels stay as they are. So the layers that write to the residual stream write turned
vectors, and those that read from it turn them back. Exact in real arithmetic and free: no operator is added.
Sources: Ashkboos et al., "SliceGPT" (2024) and "QuaRot" (2024), which turn an RMSNorm's stream.
"""

from __future__ import annotations

import re

import numpy as np

from lite.model.deploy import State
from lite.zoo import Variant
from quant.rewrite.block import in_order


def orthogonal(size: int, seed: int) -> np.ndarray:
    """A random orthogonal matrix [size, size] that maps the vector of ones to itself, float64."""
    rng = np.random.default_rng(seed)
    ones = np.ones((size, 1)) / np.sqrt(size)
    # The complement of the ones: an orthonormal basis [size, size - 1].
    basis = np.linalg.qr(np.concatenate([ones, rng.normal(size=(size, size - 1))], axis=1))[0][:, 1:]
    turn, upper = np.linalg.qr(rng.normal(size=(size - 1, size - 1)))
    turn *= np.sign(np.diag(upper))
    return ones @ ones.T + basis @ turn @ basis.T


def turned_back(stream: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """The residual stream [..., dim] of a network after `rotate` by `turn`, in the basis of before, float32.

    Its mean over the channels stays gone, which no layer norm sees.
    """
    return (stream @ turn.T).astype(np.float32)


def rotate(state: State, variant: Variant, seed: int) -> State:
    """A deployable state that computes the same with its residual stream in a random basis.

    The layer norms' weights and biases go into the layers after them.
    """
    turn = orthogonal(variant.dim, seed)
    turned = dict(state)
    blocks = 1 + max(int(match[1]) for name in state if (match := re.match(r"blocks\.(\d+)\.", name)))

    # Each tensor is turned in double precision, one at a time: of all of them that would be much memory.
    def put(name: str, values: np.ndarray) -> None:
        turned[name] = np.ascontiguousarray(values, np.float32)

    def read(norm: str, layers: list[str]) -> None:
        weight, bias = (turned[f"{norm}.{kind}"].astype(np.float64) for kind in ("weight", "bias"))
        for layer in layers:
            behind = turned[f"{layer}.weight"].astype(np.float64)
            put(f"{layer}.bias", turned[f"{layer}.bias"] + bias @ behind)
            put(f"{layer}.weight", turn.T @ (weight[:, None] * behind))
        put(f"{norm}.weight", np.ones_like(weight))
        put(f"{norm}.bias", np.zeros_like(bias))

    def write(name: str) -> None:
        values = turned[name].astype(np.float64)
        put(name, (values - values.mean(-1, keepdims=True)) @ turn)

    def block(index: int) -> None:
        name = f"blocks.{index}"
        read(f"{name}.norm1", [f"{name}.attn.{part}" for part in "qkv"])
        read(f"{name}.norm2", [f"{name}.mlp.fc1"])
        for layer in ("attn.proj", "mlp.fc2"):
            write(f"{name}.{layer}.weight")
            write(f"{name}.{layer}.bias")

    list(in_order(range(blocks), block))
    heads = ["head", "head_dist"] if variant.answers == 2 else ["head"]
    read("norm", heads)
    write("class_tokens")
    write("position")
    kernel = turned["patch_embed.proj.weight"]
    flat = kernel.reshape(len(kernel), -1).T.astype(np.float64)
    flat = (flat - flat.mean(-1, keepdims=True)) @ turn
    put("patch_embed.proj.weight", flat.T.reshape(kernel.shape))
    return turned
