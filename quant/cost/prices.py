"""What a DeiT takes on ARM in its cheapest INT8 form, as a whole and by layer: in INT8, in FP16 and in float.

A function of the variant, its classes and the recipe: neither weights nor pictures are asked. Nothing is converted:
`operators.py` knows what the optimizer makes of a DeiT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lite.zoo import PATCH_SIZE, Variant
from quant.cost import fp16, model, products
from quant.cost.operators import operators
from quant.cost.rates import CORES, DEFAULT_CORE, Core
from quant.recipe import Kind, Recipe

_PATCHES = "patch_embed.proj"


class LayerPrice(NamedTuple):
    """Instructions of a layer in INT8, what quantizes its inputs included, and in float.

    `fp16`: on fp16 kernels, what converts its inputs and its result included, so at most so many: neighbours in fp16
    share that. None where the core or Paddle Lite has no such kernel.
    """

    int8: float
    fp32: float
    fp16: float | None = None

    @classmethod
    def total(cls, prices: Sequence[LayerPrice]) -> LayerPrice:
        """Of all of them together."""
        int8, fp32, fp16 = zip(*prices, strict=True)
        return cls(sum(int8), sum(fp32), None if None in fp16 else sum(fp16))


@dataclass(frozen=True)
class Prices:
    """Instructions on a core: of the `whole` network in its cheapest form, and of each of its layers.

    `mixed`: what is not in INT8 runs on fp16 kernels where that pays (`quant/int8.py`).
    """

    variant: Variant
    whole: float
    layers: Mapping[str, LayerPrice]
    core: str = DEFAULT_CORE
    mixed: bool = False

    @property
    def least(self) -> float:
        """Of the network with layers in float where that is no dearer."""
        return self.whole + sum(min(self.skip(layer), 0.0) for layer in self.layers)

    @property
    def most(self) -> float:
        """Of the network with every layer left out of INT8."""
        return self.whole + sum(map(self.skip, self.layers))

    def skip(self, layer: str) -> float:
        """More than in INT8 when `layer` is left out of it."""
        price = self.layers[layer]
        half = price.fp16 if self.mixed else None
        return (price.fp32 if half is None else min(price.fp32, half)) - price.int8

    def gelu(self, block: int, kind: Kind) -> float:
        """Of what is done to GELU's outputs in a block; in the last, to those of class tokens only."""
        last = block == self.variant.depth - 1
        rows = self.variant.class_tokens if last else self.variant.tokens
        inliers = self.variant.hidden - kind.outliers
        core = CORES[self.core]
        taken = kind.shift * model.shift(rows, inliers, core)
        taken += kind.scale * model.scaling(rows, inliers, core)
        return taken + model.outliers(rows, self.variant.hidden, kind.outliers, self.variant.dim, core)


def prices(
    variant: Variant, classes: int, recipe: Recipe, *, mixed: bool = False, core: str = DEFAULT_CORE
) -> Prices:
    """Of the recipe's cheapest form: all in INT8 that PaddleSlim is told to quantize, GELU's outputs as they are.

    The recipe must have a `rewrite`. `mixed`: see `Prices`; the core must have fp16.
    """
    rewrite, quantized = recipe.rewrite, recipe.paddleslim.quantizable_op_type
    assert rewrite is not None
    attention = rewrite.attention_form
    graph = operators(variant, classes, attention, tanh_gelu=rewrite.tanh_gelu, quantized=quantized)
    side = variant.preprocess.crop
    layers = {
        name: price
        for name, price in _layers(variant, classes, attention, CORES[core]).items()
        if ("conv2d" if name == _PATCHES else "matmul_v2") in quantized
    }
    whole = (fp16 if mixed else model).instructions(graph, (1, 3, side, side), core)
    return Prices(variant, whole, layers, core, mixed)


def layer_names(variant: Variant, classes: int, attention: str) -> list[str]:
    """All layers that can be in INT8, with q, k and v as `attention` (`Form.attention`) has them. Nothing is built."""
    return list(_layers(variant, classes, attention, CORES[DEFAULT_CORE]))


def convolution(filters: int, depth: int, places: int, core: Core) -> LayerPrice:
    """Of a convolution whose patches do not overlap; there is none on fp16 kernels (`lite/nb/fp16.py`)."""
    quantization = model.quantization(depth * places, core)
    int8, fp32 = (
        products.convolution(filters, depth, places, core, int8=int8, unfolds=True) for int8 in (True, False)
    )
    return LayerPrice(quantization + int8, fp32)


def linear(rows: int, inputs: int, outputs: int, core: Core) -> LayerPrice:
    """Of a linear layer with bias."""
    int8, fp32 = (model.linear(rows, inputs, outputs, int8=int8, core=core) for int8 in (True, False))
    if not core.fp16:
        return LayerPrice(int8, fp32)
    moved = model.conversion(rows * inputs, core) + model.conversion(rows * outputs, core)
    return LayerPrice(int8, fp32, model.linear_fp16(rows, inputs, outputs, core) + moved)


def product(
    count: int,
    rows: int,
    depth: int,
    columns: int,
    *,
    transposed: bool,
    quantizations: tuple[int, ...],
    operators: int = 1,
    core: Core,
) -> LayerPrice:
    """Of `count` products of activations, [rows, depth] with [depth, columns], without their operators' starts.

    `transposed`: the second is stored as [columns, depth]. `quantizations`: how many elements each operator that
    quantizes factors is given; one that makes them fp16 would be given the same. So many
    `operators` share the products.
    """
    int8, fp32 = (
        count * products.matmul(rows, depth, columns, core, int8=int8, transposed=transposed)
        for int8 in (True, False)
    )
    int8 += sum(model.quantization(elements, core) for elements in quantizations)
    if not core.fp16:
        return LayerPrice(int8, fp32)
    half = count * products.product_fp16(rows, depth, columns, core, transposed=transposed)
    moved = sum(model.conversion(elements, core) for elements in quantizations)
    result = operators * model.conversion(count * rows * columns // operators, core)
    return LayerPrice(int8, fp32, half + moved + result)


def _layers(variant: Variant, classes: int, attention: str, core: Core) -> dict[str, LayerPrice]:
    """Each layer, in the order and by the names of `quant.program.layers.tensors`."""
    depth, dim, rows = variant.depth, variant.dim, variant.tokens
    found = {_PATCHES: convolution(dim, 3 * PATCH_SIZE**2, variant.grid**2, core)}
    of_attention: dict[str, LayerPrice] = {}
    for block in range(depth):
        name, queries = f"blocks.{block}", variant.class_tokens if block == depth - 1 else rows
        for layer, price in _factors(variant, attention, queries, core).items():
            found[f"{name}.attn.{layer}"] = price
        found[f"{name}.attn.proj"] = linear(queries, dim, dim, core)
        found[f"{name}.mlp.fc1"] = linear(queries, dim, variant.hidden, core)
        found[f"{name}.mlp.fc2"] = linear(queries, variant.hidden, dim, core)
        for layer, price in _products(variant, attention, queries, core).items():
            of_attention[f"{name}.attn.{layer}"] = price
    for head in ["head", "head_dist"][: variant.answers]:
        found[head] = linear(1, dim, classes, core)
    return found | of_attention


def _factors(variant: Variant, attention: str, queries: int, core: Core) -> dict[str, LayerPrice]:
    dim, rows, heads = variant.dim, variant.tokens, variant.heads
    if attention == "packed":
        if queries == rows:
            return {"qkv": linear(rows, dim, 3 * dim, core)}
        return {"q": linear(queries, dim, dim, core), "kv": linear(rows, dim, 2 * dim, core)}
    counts = {"q": queries, "k": rows, "v": rows}
    if attention == "layers":
        return {layer: linear(count, dim, dim, core) for layer, count in counts.items()}
    found = {}
    for layer, count in counts.items():
        # Layers per head write INT8 where only INT8 reads; what they write in float is quantized after them.
        int8, fp32, half = linear(count, dim, variant.head_dim, core)
        behind = model.quantization(count * variant.head_dim, core)
        each = LayerPrice(int8, fp32 + behind, half and half + behind)
        found[layer] = LayerPrice.total(heads * [each])
    return found


def _products(variant: Variant, attention: str, queries: int, core: Core) -> dict[str, LayerPrice]:
    rows, heads, size = variant.tokens, variant.heads, variant.head_dim
    # One operator for all heads, or one for each.
    operators = 1 if attention == "layers" else heads
    each = heads // operators

    def of(depth: int, columns: int, *factors: int) -> LayerPrice:
        quantizations = tuple(each * factor for factor in factors) * operators
        return product(
            heads,
            queries,
            depth,
            columns,
            transposed=columns == rows,
            quantizations=quantizations,
            operators=operators,
            core=core,
        )

    query, weights, other = queries * size, queries * rows, rows * size
    if attention == "per_head":
        return {"qk": of(size, rows), "av": of(rows, size, weights)}
    return {"qk": of(size, rows, query, other), "av": of(rows, size, weights, other)}
