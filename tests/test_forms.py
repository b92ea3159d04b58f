"""The form of attention follows from measured costs, which still hold."""

from __future__ import annotations

import json

import pytest

from lite import zoo
from quant import forms


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("variant", zoo.MODELS.values(), ids=lambda variant: variant.name)
def test_every_variant_gets_the_form_that_costs_least(variant: zoo.Variant, precision: forms.Precision):
    costs = json.loads(forms.TABLE.read_text())[precision][forms.size_of(variant)]
    assert set(costs) == set(forms.FORMS)
    assert costs[forms.cheapest(variant, precision)] == min(costs.values())


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_the_table_is_what_is_measured(precision: forms.Precision):
    variant = zoo.find("deit_tiny")
    costs = json.loads(forms.TABLE.read_text())[precision][forms.size_of(variant)]
    for form in ("packed", "per_head"):
        assert forms.block_cost(variant, form, precision) == pytest.approx(costs[form], rel=1e-6)
