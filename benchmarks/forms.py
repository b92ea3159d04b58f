"""DeiT-tiny in the graph forms whose instructions were counted on ARM, beside what `quant/cost.py` makes of them.

    ./run.sh benchmarks/forms.py

Each form is built, exported, quantized (absolute maxima of two pictures; the weights are random, which costs the
same) and converted for ARM. Blocks are alike, so one and two of them give the twelve. Prints a table, then one
JSON line.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional
from rich.console import Console
from rich.table import Table

from lite import export, nb, optimizer, zoo
from lite.pictures.picture_set import PictureSet
from lite.zoo import LAYER_NORM_EPSILON, PATCH_SIZE, Variant
from quant import cost, ptq
from quant.recipe import PaddleSlim, Recipe

VARIANT = zoo.find("deit_tiny")
BLOCKS = 12
SPLIT_OFF = 16  # hidden units whose GELU output stays float, where a form has some
FLOAT_PARTS = ["*.attn.av", "*.fc1_float", "*.fc2_float"]


@dataclass(frozen=True)
class Form:
    """A way to write the graph. `fp32` and `int8` are the counts in millions, None where none was made.

    `attention`: "5-D" is PaddleClas's (packed qkv, one transpose of five dimensions, a scale operator),
    "split" packs qkv and splits it, "three" has three layers, "per head" one small layer per head.
    """

    name: str
    attention: str
    tanh: bool
    fp32: float | None
    int8: float | None
    float_parts: bool = False


FORMS = (
    Form("PaddleClas's: packed qkv, 5-D, erf", "5-D", tanh=False, fp32=584, int8=None),
    Form("q, k, v as three layers, erf", "three", tanh=False, fp32=501, int8=245),
    Form("q, k, v as three layers, tanh", "three", tanh=True, fp32=476, int8=220),
    Form("packed qkv + split, tanh", "split", tanh=True, fp32=476, int8=219),
    Form("one layer per head, tanh", "per head", tanh=True, fp32=449, int8=195),
    Form("per head, A·V and 16 channels float", "per head", tanh=True, fp32=None, int8=214, float_parts=True),
)


TOKENS = 197
# Linear layers over 197 tokens alone: inputs, outputs → counts in millions in float and in int8.
LAYERS = {
    (192, 768): (9.1, 3.0),
    (768, 192): (9.1, 2.8),
    (192, 192): (2.3, 0.86),
    (192, 576): (6.8, 2.3),
    (192, 64): (0.83, 0.38),
}


class Attention(nn.Layer):
    """Attention with heads split off as `form.attention` says; [1, tokens, dim] in and out."""

    def __init__(self, variant: Variant, form: Form):
        super().__init__()
        dim, self.heads, self.size = variant.dim, variant.heads, variant.head_dim
        self.kind, self.tokens = form.attention, variant.tokens
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
            parts = [[layer(tokens) for layer in layers] for layers in (self.q, self.k, self.v)]
            mixed = [self._mix(*(part[head] for part in parts)) for head in range(self.heads)]
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

    def __init__(self, variant: Variant, form: Form):
        super().__init__()
        beside = SPLIT_OFF if form.float_parts else 0
        self.tanh = form.tanh
        self.fc1 = nn.Linear(variant.dim, variant.hidden - beside)
        self.fc2 = nn.Linear(variant.hidden - beside, variant.dim)
        self.fc1_float = nn.Linear(variant.dim, beside) if beside else None
        self.fc2_float = nn.Linear(beside, variant.dim, bias_attr=False) if beside else None

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        out = self.fc2(functional.gelu(self.fc1(tokens), approximate=self.tanh))
        if self.fc1_float is not None:
            beside = functional.gelu(self.fc1_float(tokens), approximate=self.tanh)
            out = out + self.fc2_float(beside)
        return out


class Block(nn.Layer):
    """One transformer block over all tokens, the last one too."""

    def __init__(self, variant: Variant, form: Form):
        super().__init__()
        self.norm1 = nn.LayerNorm(variant.dim, epsilon=LAYER_NORM_EPSILON)
        self.attn = Attention(variant, form)
        self.norm2 = nn.LayerNorm(variant.dim, epsilon=LAYER_NORM_EPSILON)
        self.mlp = Mlp(variant, form)

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class Network(nn.Layer):
    """DeiT in one form, `depth` blocks deep: [1, 3, H, W] → logits [1, 1000]."""

    def __init__(self, variant: Variant, form: Form, depth: int):
        super().__init__()
        self.variant = variant
        dim = variant.dim
        self.proj = nn.Conv2D(3, dim, PATCH_SIZE, PATCH_SIZE, bias_attr=False)
        self.class_token = self.create_parameter([1, 1, dim])
        self.position = self.create_parameter([1, variant.tokens, dim])
        self.blocks = nn.LayerList(Block(variant, form) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, epsilon=LAYER_NORM_EPSILON)
        self.head = nn.Linear(dim, 1000)

    def forward(self, pixels: paddle.Tensor) -> paddle.Tensor:
        patches = self.proj(pixels).reshape([-1, self.variant.dim, self.variant.grid**2]).transpose([0, 2, 1])
        tokens = paddle.concat([self.class_token, patches], axis=1) + self.position
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens)[:, 0])


def convert(form: Form, precision: str, depth: int, folder: Path) -> nb.LiteModel:
    """The form as a `.nb` for ARM, "fp32" or "int8", made in the empty `folder`."""
    paddle.seed(0)
    with paddle.utils.unique_name.guard():
        network = Network(VARIANT, form, depth)
    network.eval()
    program = export.export(network, folder / "fp32")
    if precision == "int8":
        pictures = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
        recipe = Recipe(
            name="abs_max",
            paddleslim=PaddleSlim(algo="abs_max", onnx_format=False),
            skip=FLOAT_PARTS if form.float_parts else [],
        )
        calibration = PictureSet.of("random", pictures)
        program = ptq.quantize(network, program, calibration, recipe, folder / "int8")
    return optimizer.optimize(
        program.model,
        program.params,
        folder / "model.nb",
        targets=("arm",),
        expect=optimizer.Expectation(precision, ("arm",)),
    )


def instructions(form: Form, precision: str, folder: Path) -> float:
    """Modelled instructions of the form with all its blocks; one and two of them are converted in `folder`."""
    image = (1, 3, VARIANT.image, VARIANT.image)
    one, two = (
        cost.instructions(convert(form, precision, depth, folder / f"{depth}"), image) for depth in (1, 2)
    )
    return one + (BLOCKS - 1) * (two - one)


def main() -> None:
    rows: list[tuple[str, str, float, float]] = []
    for form in FORMS:
        for precision in ("fp32", "int8"):
            if (counted := getattr(form, precision)) is not None:
                with tempfile.TemporaryDirectory() as work:
                    rows.append(
                        (form.name, precision, counted, instructions(form, precision, Path(work)) / 1e6)
                    )
    for (inputs, outputs), counts in LAYERS.items():
        for precision, counted in zip(("fp32", "int8"), counts, strict=True):
            modelled = (cost.RUN + cost.linear(TOKENS, inputs, outputs, int8=precision == "int8")) / 1e6
            rows.append((f"linear {inputs}→{outputs}", precision, counted, modelled))
    table = Table("form", "", "counted, M", "modelled, M", "off")
    for name, precision, counted, modelled in rows:
        table.add_row(name, precision, f"{counted:g}", f"{modelled:.4g}", f"{modelled / counted - 1:+.1%}")
    Console().print(table)
    keys = ("form", "precision", "counted", "modelled")
    print(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))


if __name__ == "__main__":
    main()
