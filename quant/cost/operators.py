"""The operators that Paddle Lite's optimizer makes of a DeiT for ARM, written down: nothing is converted.

The network is that of `lite/model/deploy.py`, with everything quantized that PaddleSlim is told to quantize. Tests
compare it with converted models, operator by operator.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lite.nb.reader import Kernel, LiteModel, Op, Tensor
from lite.zoo import PATCH_SIZE, Variant


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
        read: dict[str, tuple[str, ...]] = {each: (variable,) for each, variable in inputs.items()}
        kernel = Kernel(kind, alias, target, precision, "nchw")
        self.ops.append(Op(kind, kernel, read, {output: (result,)}, attributes or {}))
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
        kernel = Kernel("concat", "def", "arm", "any", "nchw")
        self.ops.append(Op("concat", kernel, {"X": tuple(parts)}, {"Out": (result,)}, {"axis": axis}))
        return result

    def split(self, tensor: str, parts: int) -> list[str]:
        result = [self._name() for _ in range(parts)]
        kernel = Kernel("split", "def", "host", "fp32", "nchw")
        self.ops.append(Op("split", kernel, {"X": (tensor,)}, {"Out": tuple(result)}, {"axis": 2}))
        return result

    def _name(self) -> str:
        self.count += 1
        return f"v{self.count}"
