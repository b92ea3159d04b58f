"""The cheapest way to write attention for an ARM core, by measured cost and not by hand.

`form_costs.json` holds the instructions of one block in each form, for each size of DeiT: programs converted by Paddle
Lite's optimizer, costed by `quant/cost.py`. `benchmarks/form_costs.py` makes it, a test holds it against a new
measurement.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import paddle

from lite.model import program as export
from lite.model.deploy import Attention, DeployableDeiT, Form
from lite.nb import optimizer
from lite.pictures.picture_set import PictureSet
from lite.zoo import Variant
from quant import cost
from quant.program import ptq
from quant.recipe import PaddleSlim, Recipe

Precision = Literal["int8", "fp32"]
FORMS: tuple[Attention, ...] = get_args(Attention)
TABLE = Path(__file__).with_name("form_costs.json")

_RECIPE = Recipe(
    name="forms",
    paddleslim=PaddleSlim(algo="abs_max", onnx_format=False),
    skip=["blocks.*.attn.av"],
)


def size_of(variant: Variant) -> str:
    """What a block's cost depends on: `192x3@224`, channels, heads and pixels (a distillation token changes little)."""
    return f"{variant.dim}x{variant.heads}@{variant.image}"


def cheapest(variant: Variant, precision: Precision) -> Attention:
    """The form whose blocks take the fewest instructions on an ARM core, for INT8 or for fp32."""
    costs = json.loads(TABLE.read_text())[precision][size_of(variant)]
    return min(FORMS, key=lambda form: float(costs[form]))


def block_cost(variant: Variant, attention: Attention, precision: Precision) -> float:
    """Instructions of one block behind the first and before the last, with tanh GELU and attention × value in float.

    The weights are random, which costs the same. Raises ConversionError when a conversion fails.
    """
    return _cost(variant, attention, precision, 3) - _cost(variant, attention, precision, 2)


def _cost(variant: Variant, attention: Attention, precision: Precision, depth: int) -> float:
    paddle.seed(1)
    network = DeployableDeiT(variant, 10, depth=depth, form=Form(attention=attention, tanh_gelu=True))
    network.eval()
    side = variant.image
    rng = np.random.default_rng(1)
    pictures = tuple(rng.integers(0, 256, (2, side, side, 3), dtype=np.uint8))
    with tempfile.TemporaryDirectory(prefix="forms-") as name:
        folder = Path(name)
        program = export.export(network, folder / "float")
        if precision == "int8":
            program = ptq.quantize(
                network, program, PictureSet.of("random", pictures), _RECIPE, folder / "int8"
            )
        expect = optimizer.Expectation(precision, ("arm",))
        model = optimizer.optimize(
            program.model, program.params, folder / "model.nb", targets=("arm",), expect=expect
        )
    return cost.instructions(model, (1, 3, side, side))
