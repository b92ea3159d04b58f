"""What a DeiT takes on ARM in its cheapest INT8 form, as a whole and by layer: in INT8, in FP16 and in float.

A function of the variant, its classes and the recipe: neither weights nor pictures are asked. Nothing is converted: the
operators that Paddle Lite's optimizer makes of a DeiT for ARM are written down here, for the network of
`lite/model/deploy.py` with everything quantized that PaddleSlim is told to quantize. Tests compare them with converted
models, operator by operator.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lite.nb.reader import Kernel, LiteModel, Op, Tensor
from lite.zoo import PATCH_SIZE, Variant
from quant.cost import fp16, model
from quant.cost.rates import CORES, DEFAULT_CORE
from quant.recipe import Kind, Recipe


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

    `mixed`: what is not in INT8 runs on fp16 kernels where that pays (`quant/int8_fp16.py`).
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
        taken = kind.shift * model.shift(rows, inliers, self.core)
        taken += kind.scale * model.scaling(rows, inliers, self.core)
        return taken + model.outliers(rows, self.variant.hidden, kind.outliers, self.variant.dim, self.core)


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
        for kind, of_kind in _layers(variant, classes, attention, core).items()
        if kind in quantized
        for name, price in of_kind.items()
    }
    whole = (fp16 if mixed else model).instructions(graph, (1, 3, side, side), core)
    return Prices(variant, whole, layers, core, mixed)


def convolution(filters: int, depth: int, places: int, core: str = DEFAULT_CORE) -> LayerPrice:
    """Of a convolution whose patches do not overlap; there is none on fp16 kernels (`lite/nb/fp16.py`)."""
    quantization = model.quantization(depth * places, core)
    int8, fp32 = (model.convolution(filters, depth, places, int8=int8, core=core) for int8 in (True, False))
    return LayerPrice(quantization + int8, fp32)


def linear(rows: int, inputs: int, outputs: int, core: str = DEFAULT_CORE) -> LayerPrice:
    """Of a linear layer with bias."""
    int8, fp32 = (model.linear(rows, inputs, outputs, int8=int8, core=core) for int8 in (True, False))
    if not CORES[core].fp16:
        return LayerPrice(int8, fp32)
    moved = model.conversion(rows * inputs, CORES[core]) + model.conversion(rows * outputs, CORES[core])
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
    core: str = DEFAULT_CORE,
) -> LayerPrice:
    """Of `count` products of activations, [rows, depth] with [depth, columns], without their operators' starts.

    `transposed`: the second is stored as [columns, depth]. `quantizations`: how many elements each operator that
    quantizes factors is given; one that makes them fp16 would be given the same. So many
    `operators` share the products.
    """
    int8, fp32 = (
        count * model.matmul(rows, depth, columns, int8=int8, transposed=transposed, core=core)
        for int8 in (True, False)
    )
    int8 += sum(model.quantization(elements, core) for elements in quantizations)
    if not CORES[core].fp16:
        return LayerPrice(int8, fp32)
    half = count * model.matmul_fp16(rows, depth, columns, transposed=transposed, core=core)
    moved = sum(model.conversion(elements, CORES[core]) for elements in quantizations)
    result = operators * model.conversion(count * rows * columns // operators, CORES[core])
    return LayerPrice(int8, fp32, half + moved + result)


def _layers(variant: Variant, classes: int, attention: str, core: str) -> dict[str, dict[str, LayerPrice]]:
    """Each layer by the type of its operators, in the order and by the names of `quant.program.layers.tensors`."""
    depth, dim, rows = variant.depth, variant.dim, variant.tokens
    linears: dict[str, LayerPrice] = {}
    products: dict[str, LayerPrice] = {}
    for block in range(depth):
        name, queries = f"blocks.{block}", variant.class_tokens if block == depth - 1 else rows
        for layer, price in _factors(variant, attention, queries, core).items():
            linears[f"{name}.attn.{layer}"] = price
        linears[f"{name}.attn.proj"] = linear(queries, dim, dim, core)
        linears[f"{name}.mlp.fc1"] = linear(queries, dim, variant.hidden, core)
        linears[f"{name}.mlp.fc2"] = linear(queries, variant.hidden, dim, core)
        for layer, price in _products(variant, attention, queries, core).items():
            products[f"{name}.attn.{layer}"] = price
    for head in ["head", "head_dist"][: variant.answers]:
        linears[head] = linear(1, dim, classes, core)
    patches = convolution(dim, 3 * PATCH_SIZE**2, variant.grid**2, core)
    return {"conv2d": {"patch_embed.proj": patches}, "matmul_v2": linears | products}


def _factors(variant: Variant, attention: str, queries: int, core: str) -> dict[str, LayerPrice]:
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
        # Layers per head write INT8 where only INT8 reads; what they write in float is quantized behind them.
        int8, fp32, half = linear(count, dim, variant.head_dim, core)
        behind = model.quantization(count * variant.head_dim, core)
        each = LayerPrice(int8, fp32 + behind, half and half + behind)
        found[layer] = LayerPrice.total(heads * [each])
    return found


def _products(variant: Variant, attention: str, queries: int, core: str) -> dict[str, LayerPrice]:
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


def operators(
    variant: Variant, classes: int, attention: str, *, tanh_gelu: bool, quantized: Collection[str]
) -> LiteModel:
    """The network with heads made by `attention` (`lite.model.deploy.Form`), for one picture.

    `quantized`: the types of operators in INT8, of `conv2d` and `matmul_v2` (linear layers too). Running order is
    not opt's. Kernels' layouts and the sizes of parameters are left out.
    """
    graph = _Graph(variant, tanh_gelu, "matmul_v2" in quantized)
    dim, patches = variant.dim, variant.grid**2
    graph.add("feed", {}, target="host", precision="any", name="image")
    attributes = {
        "strides": (PATCH_SIZE, PATCH_SIZE),
        "paddings": (0, 0),
        "dilations": (1, 1),
        "groups": 1,
    }
    int8 = "conv2d" in quantized
    inputs = {
        "Input": graph.quantized("image") if int8 else "image",
        "Filter": graph.parameter(dim, 3, PATCH_SIZE, PATCH_SIZE),
    }
    kernel = {"precision": "int8", "alias": "fp32_out"} if int8 else {}
    embedded = graph.add("conv2d", inputs, attributes, "Output", **kernel)
    embedded = graph.reshape(embedded, 1, dim, patches)
    placed = graph.sum(graph.transpose(embedded, 0, 2, 1), graph.parameter(1, patches, dim))
    tokens = graph.concat([graph.parameter(1, variant.class_tokens, dim), placed], axis=1)
    for block in range(variant.depth):
        tokens = _block(graph, tokens, attention, last=block == variant.depth - 1)
    normed = graph.norm(tokens)
    answers = [
        graph.linear(graph.slice(normed, token, token + 1, drop=True), dim, classes)
        for token in range(variant.answers)
    ]
    logits = answers[0] if len(answers) == 1 else graph.sum(*answers)
    graph.add("scale", {"X": logits})
    return LiteModel(Path(variant.name), 0, 0, "", tuple(graph.ops), {"image": ()}, graph.params)


def _block(graph: _Graph, tokens: str, attention: str, *, last: bool) -> str:
    variant = graph.variant
    dim, hidden = variant.dim, variant.hidden
    normed = queries = graph.norm(tokens)
    if last:
        tokens, queries = (graph.slice(each, 0, variant.class_tokens) for each in (tokens, normed))
    mixed = _ATTENTIONS[attention](graph, queries, normed, last)
    tokens = graph.sum(tokens, graph.linear(mixed, dim, dim))
    active = graph.add(
        "gelu", {"X": graph.linear(graph.norm(tokens), dim, hidden)}, {"approximate": graph.tanh_gelu}
    )
    return graph.sum(tokens, graph.linear(active, hidden, dim))


def _q_k_v_layers(graph: _Graph, queries: str, tokens: str, last: bool) -> str:
    variant = graph.variant
    dim, heads, rows = variant.dim, variant.heads, variant.tokens
    count = variant.class_tokens if last else rows

    def split(inputs: str, tokens: int) -> str:
        result = graph.reshape(graph.linear(inputs, dim, dim), 1, tokens, heads, variant.head_dim)
        return graph.transpose(result, 0, 2, 1, 3)

    query, key, value = split(queries, count), split(tokens, rows), split(tokens, rows)
    mixed = graph.transpose(_mixed(graph, query, key, value), 0, 2, 1, 3)
    return graph.reshape(mixed, 1, count, dim)


def _packed(graph: _Graph, queries: str, tokens: str, last: bool) -> str:
    dim, heads = graph.variant.dim, graph.variant.heads
    if last:
        parts = graph.split(graph.linear(queries, dim, dim), heads)
        parts += graph.split(graph.linear(tokens, dim, 2 * dim), 2 * heads)
    else:
        parts = graph.split(graph.linear(tokens, dim, 3 * dim), 3 * heads)
    heads_mixed = [_mixed(graph, *parts[head::heads]) for head in range(heads)]
    return graph.concat(heads_mixed, axis=-1)


def _per_head(graph: _Graph, queries: str, tokens: str, last: bool) -> str:
    dim, size = graph.variant.dim, graph.variant.head_dim

    def head() -> str:
        # What only INT8 reads is written in INT8.
        return _mixed(
            graph, *(graph.linear(each, dim, size, int8_out=True) for each in (queries, tokens, tokens))
        )

    return graph.concat([head() for _ in range(graph.variant.heads)], axis=-1)


_ATTENTIONS = {"layers": _q_k_v_layers, "packed": _packed, "per_head": _per_head}


def _mixed(graph: _Graph, query: str, key: str, value: str) -> str:
    weights = graph.add("softmax", {"X": graph.product(query, key, transposed=True)})
    return graph.product(weights, value, transposed=False)


@dataclass
class _Graph:
    """Operators as they are added; each method gives the name of what its operator makes."""

    variant: Variant
    tanh_gelu: bool
    int8: bool
    ops: list[Op] = field(default_factory=list)
    params: dict[str, Tensor] = field(default_factory=dict)
    in_int8: set[str] = field(default_factory=set)
    count: int = 0

    def add(
        self,
        kind: str,
        inputs: dict[str, str],
        attributes: dict[str, Any] | None = None,
        output: str = "Out",
        *,
        precision: str = "fp32",
        target: str = "arm",
        alias: str = "def",
        name: str = "",
    ) -> str:
        result = name or self._name()
        self._add(kind, {each: (variable,) for each, variable in inputs.items()}, attributes or {},
                  {output: (result,)}, Kernel(kind, alias, target, precision, "nchw"))  # fmt: skip
        return result

    def parameter(self, *shape: int) -> str:
        name = self._name()
        self.params[name] = Tensor(shape, "float32", 0)
        return name

    def quantized(self, tensor: str) -> str:
        """The tensor in INT8; each reader has a calib of its own."""
        if tensor in self.in_int8:
            return tensor
        return self.add("calib", {"Input": tensor}, precision="int8", alias="fp32_to_int8")

    def linear(self, inputs: str, depth: int, columns: int, *, int8_out: bool = False) -> str:
        read = {"Input": inputs, "W": self.parameter(depth, columns), "Bias": self.parameter(columns)}
        if not self.int8:
            return self.add("fc", read, {"op_type": "matmul_v2"})
        read["Input"] = self.quantized(inputs)
        alias = "int8out" if int8_out else "fp32out"
        result = self.add("fc", read, {"op_type": "matmul_v2"}, precision="int8", alias=alias)
        if int8_out:
            self.in_int8.add(result)
        return result

    def product(self, left: str, right: str, *, transposed: bool) -> str:
        attributes = {"trans_x": False, "trans_y": transposed}
        if not self.int8:
            return self.add("matmul_v2", {"X": left, "Y": right}, attributes)
        read = {"X": self.quantized(left), "Y": self.quantized(right)}
        return self.add("matmul_v2", read, attributes, precision="int8")

    def sum(self, left: str, right: str) -> str:
        return self.add("elementwise_add", {"X": left, "Y": right}, {"axis": -1})

    def norm(self, tokens: str) -> str:
        dim = self.variant.dim
        read = {"X": tokens, "Scale": self.parameter(dim), "Bias": self.parameter(dim)}
        return self.add("layer_norm", read, {"begin_norm_axis": 2}, "Y")

    def slice(self, tokens: str, start: int, end: int, *, drop: bool = False) -> str:
        attributes = {"axes": (1,), "starts": (start,), "ends": (end,), "decrease_axis": (1,) * drop}
        return self.add("slice", {"Input": tokens}, attributes)

    def reshape(self, tensor: str, *shape: int) -> str:
        return self.add("reshape2", {"X": tensor}, {"shape": shape}, precision="any", target="host")

    def transpose(self, tensor: str, *axes: int) -> str:
        return self.add("transpose2", {"X": tensor}, {"axis": axes}, precision="any")

    def concat(self, parts: list[str], axis: int) -> str:
        result = self._name()
        self._add("concat", {"X": tuple(parts)}, {"axis": axis}, {"Out": (result,)},
                  Kernel("concat", "def", "arm", "any", "nchw"))  # fmt: skip
        return result

    def split(self, tensor: str, parts: int) -> list[str]:
        result = [self._name() for _ in range(parts)]
        self._add("split", {"X": (tensor,)}, {"axis": 2}, {"Out": tuple(result)},
                  Kernel("split", "def", "host", "fp32", "nchw"))  # fmt: skip
        return result

    def _name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def _add(
        self,
        kind: str,
        inputs: dict[str, tuple[str, ...]],
        attributes: dict[str, Any],
        outputs: dict[str, tuple[str, ...]],
        kernel: Kernel,
    ) -> None:
        self.ops.append(Op(kind, kernel, inputs, outputs, attributes))
