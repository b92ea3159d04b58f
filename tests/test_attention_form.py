"""The form of attention that conversions take is the one that costs least on an ARM core."""

from __future__ import annotations

from typing import get_args

import pytest

from lite import zoo
from lite.model.graph import CHEAPEST, Attention
from quant.cost import model
from quant.cost.operators import operators


@pytest.mark.parametrize("quantized", [["conv2d", "matmul_v2"], []], ids=["int8", "fp32"])
@pytest.mark.parametrize("variant", zoo.DEITS.values(), ids=lambda variant: variant.name)
def test_no_form_takes_fewer_instructions(variant: zoo.Variant, quantized: list[str]):
    # tests/test_prices.py holds these graphs against converted models, operator by operator.
    shape = (1, 3, variant.image, variant.image)
    costs = {
        form: model.instructions(operators(variant, 1000, form, tanh_gelu=True, quantized=quantized), shape)
        for form in get_args(Attention)
    }
    assert min(costs, key=lambda form: costs[form]) == CHEAPEST
    assert len(set(costs.values())) == len(costs)
