"""DeiT-tiny in other graph forms than those of `lite/model/deploy.py`, PaddleClas's own among them.

Their instructions were counted on ARM cores (`arm_graphs.py`), so that `quant/cost/model.py` is held against graphs of
another kind. The weights are random, which costs the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import made_up
import paddle
from paddle import nn
from paddle.nn import functional

from lite import zoo
from lite.model import program as export
from lite.nb import optimizer, reader
from lite.zoo import LAYER_NORM_EPSILON, PATCH_SIZE
from quant.program import ptq
from quant.recipe import PaddleSlim, Recipe

VARIANT = zoo.find("deit_tiny")
SPLIT_OFF = 16  # hidden units whose GELU output stays float, where a form has some
FLOAT_PARTS = ("*.attn.av", "*.fc1_float", "*.fc2_float")


@dataclass(frozen=True)
class Form:
    """A way to write the graph, and the precisions that it was counted in.

    `attention`: "5-D" is PaddleClas's (packed qkv, one transpose of five dimensions, a scale operator),
    "split" packs qkv and splits it, "three" has three layers, "per head" one small layer per head.
    """

    name: str
    attention: str
    tanh: bool
    precisions: tuple[str, ...] = ("fp32", "int8")
    float_parts: bool = False


FORMS = (
    Form("PaddleClas's: packed qkv, 5-D, erf", "5-D", tanh=False, precisions=("fp32",)),
    Form("q, k, v as three layers, erf", "three", tanh=False),
    Form("q, k, v as three layers, tanh", "three", tanh=True),
    Form("packed qkv + split, tanh", "split", tanh=True),
    Form("one layer per head, tanh", "per head", tanh=True),
    Form(
        "per head, A·V and 16 channels float", "per head", tanh=True, precisions=("int8",), float_parts=True
    ),
)


class Attention(nn.Layer):
    """Attention with heads split off as `form.attention` says; [1, tokens, dim] in and out."""

    def __init__(self, form: Form):
        super().__init__()
        dim, self.heads, self.size = VARIANT.dim, VARIANT.heads, VARIANT.head_dim
        self.kind, self.tokens = form.attention, VARIANT.tokens
        self.proj = nn.Linear(dim, dim)
        if self.kind in ("5-D", "split"):
            self.qkv = nn.Linear(dim, 3 * dim)
        elif self.kind == "three":
            self.q, self.k, self.v = (nn.Linear(dim, dim) for _ in "qkv")
        else:
            self.q, self.k, self.v = (
                nn.LayerList(nn.Linear(dim, self.size) for _ in range(self.heads)) for _ in "qkv"
            )

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        if self.kind == "per head":
            of_heads = [[layer(tokens) for layer in layers] for layers in (self.q, self.k, self.v)]
            mixed = [self._mix(*(part[head] for part in of_heads)) for head in range(self.heads)]
            return self.proj(paddle.concat(mixed, axis=-1))
        if self.kind == "5-D":
            packed = self.qkv(tokens).reshape([-1, self.tokens, 3, self.heads, self.size])
            packed = packed.transpose([2, 0, 3, 1, 4])
            scores = packed[0].matmul(packed[1].transpose([0, 1, 3, 2])) * self.size**-0.5
            mixed = functional.softmax(scores, axis=-1).matmul(packed[2])
        else:
            parts = (
                self.qkv(tokens).split(3, axis=-1)
                if self.kind == "split"
                else [layer(tokens) for layer in (self.q, self.k, self.v)]
            )
            shape = [-1, self.tokens, self.heads, self.size]
            mixed = self._mix(*(part.reshape(shape).transpose([0, 2, 1, 3]) for part in parts))
        return self.proj(mixed.transpose([0, 2, 1, 3]).reshape([-1, self.tokens, self.heads * self.size]))

    def _mix(self, query: paddle.Tensor, key: paddle.Tensor, value: paddle.Tensor) -> paddle.Tensor:
        scores = paddle.matmul(query, key, transpose_y=True)
        return paddle.matmul(functional.softmax(scores, axis=-1), value)


class Mlp(nn.Layer):
    """fc1, GELU, fc2; with float parts a narrow float pair beside the wide one. [1, tokens, dim] in and out."""

    def __init__(self, form: Form):
        super().__init__()
        beside = SPLIT_OFF if form.float_parts else 0
        self.tanh = form.tanh
        self.fc1 = nn.Linear(VARIANT.dim, VARIANT.hidden - beside)
        self.fc2 = nn.Linear(VARIANT.hidden - beside, VARIANT.dim)
        self.fc1_float = nn.Linear(VARIANT.dim, beside) if beside else None
        self.fc2_float = nn.Linear(beside, VARIANT.dim, bias_attr=False) if beside else None

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        out = self.fc2(functional.gelu(self.fc1(tokens), approximate=self.tanh))
        if self.fc1_float is not None and self.fc2_float is not None:
            beside = functional.gelu(self.fc1_float(tokens), approximate=self.tanh)
            out = out + self.fc2_float(beside)
        return out


class Block(nn.Layer):
    """One transformer block over all tokens, the last one too."""

    def __init__(self, form: Form):
        super().__init__()
        self.norm1 = nn.LayerNorm(VARIANT.dim, epsilon=LAYER_NORM_EPSILON)
        self.attn = Attention(form)
        self.norm2 = nn.LayerNorm(VARIANT.dim, epsilon=LAYER_NORM_EPSILON)
        self.mlp = Mlp(form)

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class Network(nn.Layer):
    """DeiT-tiny in one form: [1, 3, H, W] → logits [1, 1000]."""

    def __init__(self, form: Form):
        super().__init__()
        self.variant, dim = VARIANT, VARIANT.dim
        self.proj = nn.Conv2D(3, dim, PATCH_SIZE, PATCH_SIZE, bias_attr=False)
        self.class_token = self.create_parameter([1, 1, dim])
        self.position = self.create_parameter([1, VARIANT.tokens, dim])
        self.blocks = nn.LayerList(Block(form) for _ in range(VARIANT.depth))
        self.norm = nn.LayerNorm(dim, epsilon=LAYER_NORM_EPSILON)
        self.head = nn.Linear(dim, 1000)

    def forward(self, pixels: paddle.Tensor) -> paddle.Tensor:
        patches = self.proj(pixels).reshape([-1, VARIANT.dim, VARIANT.grid**2]).transpose([0, 2, 1])
        tokens = paddle.concat([self.class_token, patches], axis=1) + self.position
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens)[:, 0])


def convert(form: Form, precision: str, folder: Path) -> reader.LiteModel:
    """The form as a `.nb` for ARM, "fp32" or "int8", made in the empty `folder`."""
    paddle.seed(0)
    with paddle.utils.unique_name.guard():
        network = Network(form)
    network.eval()
    skip = FLOAT_PARTS if form.float_parts else ()
    return converted(network, precision, folder, skip=skip)


def converted(
    network: nn.Layer,
    precision: str,
    folder: Path,
    *,
    skip: Sequence[str] = (),
    onnx_format: bool = False,
) -> reader.LiteModel:
    """A network as a `.nb` for ARM, made in the empty `folder`: "fp32", or "int8" but for `skip`."""
    program = export.export(network, folder / "float")
    if precision == "int8":
        slim = PaddleSlim(algo="abs_max", onnx_format=onnx_format)
        recipe = Recipe(name="counted", paddleslim=slim, skip=list(skip))
        program = ptq.quantize(
            network, program, made_up.pictures(network.variant.image), recipe, folder / "int8"
        )
    return optimizer.for_phone(program, precision, "arm", folder / "model.nb")
