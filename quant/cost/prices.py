"""What a DeiT takes on ARM in its cheapest INT8 form, as a whole and by layer.

A function of the variant, its classes and the recipe: neither weights nor pictures are asked, nothing is converted
(`quant/cost/lite_graph.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lite.zoo import PATCH_SIZE, Variant
from quant.cost import lite_graph, model
from quant.recipe import Kind, Recipe

# Instructions of a layer in INT8 and in float.
Pair = tuple[float, float]


@dataclass(frozen=True)
class Prices:
    """Instructions on ARM: of the `whole` network in its cheapest form, of each of its layers in INT8 and in float."""

    variant: Variant
    whole: float
    layers: Mapping[str, Pair]

    @property
    def least(self) -> float:
        """Of the network with layers in float where that is no dearer."""
        return self.whole + sum(min(fp32 - int8, 0.0) for int8, fp32 in self.layers.values())

    def gelu(self, block: int, kind: Kind) -> float:
        """Of what is done to GELU's outputs in a block; in the last, to those of class tokens only."""
        last = block == self.variant.depth - 1
        rows = self.variant.class_tokens if last else self.variant.tokens
        inliers = self.variant.hidden - kind.outliers
        taken = kind.shift * model.shift(rows, inliers) + kind.scale * model.scaling(rows, inliers)
        return taken + model.outliers(rows, self.variant.hidden, kind.outliers, self.variant.dim)


def prices(variant: Variant, classes: int, recipe: Recipe) -> Prices:
    """Of the recipe's cheapest form: all in INT8 that PaddleSlim is told to quantize, GELU's outputs as they are.

    The recipe must have a `rewrite`.
    """
    rewrite, quantized = recipe.rewrite, recipe.paddleslim.quantizable_op_type
    assert rewrite is not None
    attention = rewrite.attention_form
    graph = lite_graph.operators(
        variant, classes, attention, tanh_gelu=rewrite.tanh_gelu, quantized=quantized
    )
    side = variant.preprocess.crop
    layers = {
        name: pair
        for kind, of_kind in _layers(variant, classes, attention).items()
        if kind in quantized
        for name, pair in of_kind.items()
    }
    return Prices(variant, model.instructions(graph, (1, 3, side, side)), layers)


def convolution(filters: int, depth: int, places: int) -> Pair:
    """Instructions of a convolution whose patches do not overlap, in INT8 and in float.

    Quantizing its input is part of the first; so it is in `linear` and `product`.
    """
    quantization = model.quantization(depth * places)
    int8, fp32 = (model.convolution(filters, depth, places, int8=int8) for int8 in (True, False))
    return quantization + int8, fp32


def linear(rows: int, inputs: int, outputs: int) -> Pair:
    """Instructions of a linear layer with bias, in INT8 and in float."""
    return model.linear(rows, inputs, outputs, int8=True), model.linear(rows, inputs, outputs, int8=False)


def product(
    count: int, rows: int, depth: int, columns: int, *, transposed: bool, quantizations: tuple[int, ...]
) -> Pair:
    """Instructions of `count` products of activations, [rows, depth] with [depth, columns], in INT8 and in float.

    `transposed`: the second is stored as [columns, depth]. `quantizations`: how many elements each operator that
    quantizes factors is given.
    """
    int8, fp32 = (
        count * model.matmul(rows, depth, columns, int8=int8, transposed=transposed) for int8 in (True, False)
    )
    return int8 + sum(map(model.quantization, quantizations)), fp32


def _layers(variant: Variant, classes: int, attention: str) -> dict[str, dict[str, Pair]]:
    """Each layer by the type of its operators, in the order and by the names of `quant.program.layers.tensors`."""
    depth, dim, rows = variant.depth, variant.dim, variant.tokens
    linears: dict[str, Pair] = {}
    products: dict[str, Pair] = {}
    for block in range(depth):
        name, queries = f"blocks.{block}", variant.class_tokens if block == depth - 1 else rows
        for layer, pair in _factors(variant, attention, queries).items():
            linears[f"{name}.attn.{layer}"] = pair
        linears[f"{name}.attn.proj"] = linear(queries, dim, dim)
        linears[f"{name}.mlp.fc1"] = linear(queries, dim, variant.hidden)
        linears[f"{name}.mlp.fc2"] = linear(queries, variant.hidden, dim)
        for layer, pair in _products(variant, attention, queries).items():
            products[f"{name}.attn.{layer}"] = pair
    for head in ["head", "head_dist"][: variant.answers]:
        linears[head] = linear(1, dim, classes)
    patches = convolution(dim, 3 * PATCH_SIZE**2, variant.grid**2)
    return {"conv2d": {"patch_embed.proj": patches}, "matmul_v2": linears | products}


def _factors(variant: Variant, attention: str, queries: int) -> dict[str, Pair]:
    dim, rows, heads = variant.dim, variant.tokens, variant.heads
    if attention == "packed":
        if queries == rows:
            return {"qkv": linear(rows, dim, 3 * dim)}
        return {"q": linear(queries, dim, dim), "kv": linear(rows, dim, 2 * dim)}
    counts = {"q": queries, "k": rows, "v": rows}
    if attention == "layers":
        return {layer: linear(count, dim, dim) for layer, count in counts.items()}
    found = {}
    for layer, count in counts.items():
        # Layers per head write INT8 where only INT8 reads; what they write in float is quantized behind them.
        int8, fp32 = linear(count, dim, variant.head_dim)
        found[layer] = heads * int8, heads * (fp32 + model.quantization(count * variant.head_dim))
    return found


def _products(variant: Variant, attention: str, queries: int) -> dict[str, Pair]:
    rows, heads, size = variant.tokens, variant.heads, variant.head_dim
    # One operator for all heads, or one for each.
    operators = 1 if attention == "layers" else heads
    each = heads // operators

    def of(depth: int, columns: int, *factors: int) -> Pair:
        quantizations = tuple(each * factor for factor in factors) * operators
        return product(
            heads, queries, depth, columns, transposed=columns == rows, quantizations=quantizations
        )

    query, weights, other = queries * size, queries * rows, rows * size
    if attention == "per_head":
        return {"qk": of(size, rows), "av": of(rows, size, weights)}
    return {"qk": of(size, rows, query, other), "av": of(rows, size, weights, other)}
