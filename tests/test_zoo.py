"""The table of variants, against what can be computed from an architecture."""

from __future__ import annotations

import math

import pytest

from lite import zoo
from lite.errors import InputError
from lite.model.state import expected_shapes

VARIANTS = list(zoo.DEITS.values())


def test_there_are_eight_deits_beside_vits_and_deit_iii():
    assert len(zoo.DEITS) == 8
    assert all(variant.published for variant in VARIANTS)
    others = [variant for variant in zoo.MODELS.values() if variant.name not in zoo.DEITS]
    assert {variant.name.split("_")[0] for variant in others} == {"vit", "deit3"}
    assert not any(variant.published or variant.weights_url or variant.distilled for variant in others)
    assert all(variant.layer_scale != variant.class_position for variant in others)
    assert sum(variant.distilled for variant in VARIANTS) == 4


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_published_parameter_count_is_the_architectures(variant: zoo.Variant):
    parameters = sum(math.prod(shape) for shape in expected_shapes(variant, zoo.IMAGENET_CLASSES).values())
    # PaddleClas's figures stand up to 1 % below the count of all parameters.
    assert parameters / 1e6 == pytest.approx(variant.published.mparams, rel=0.011)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_published_multiply_adds_are_the_architectures(variant: zoo.Variant):
    tokens, dim = variant.tokens, variant.dim
    linear = variant.depth * tokens * 12 * dim * dim
    attention = variant.depth * 2 * tokens * tokens * dim
    patches = variant.grid**2 * 3 * zoo.PATCH_SIZE**2 * dim
    # The page's "GFLOPs" are multiply-adds, some of its rows without the attention products.
    published = variant.published.gflops * 1e9
    assert 0.97 * (linear + patches) <= published <= 1.03 * (linear + attention + patches)


def test_models_are_found_by_either_name():
    assert zoo.find("DeiT_tiny_patch16_224") is zoo.find("deit_tiny")
    assert zoo.find("deit3_small_patch16_384") is zoo.find("deit3_small_384")


@pytest.mark.parametrize("name", ["deit_tinny", "", None])
def test_an_unknown_model_is_refused_with_the_list(name):
    with pytest.raises(InputError, match=rf"^no model {name!r}.*deit_tiny, deit_small") as caught:
        zoo.find(name)
    assert caught.value.exit_code == 2
