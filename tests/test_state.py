"""The check of names, shapes and values: what fits passes, what does not is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lite.errors import InputError
from lite.model.network import DeiT
from lite.model.state import check_state, expected_shapes
from lite.zoo import DEITS, MODELS, Variant
from tests.states import random_state

TINY, DISTILLED = (replace(MODELS[name], depth=2) for name in ("deit_tiny", "deit_tiny_distilled"))
State = dict[str, np.ndarray]


@pytest.mark.parametrize("variant", MODELS.values(), ids=lambda variant: variant.name)
def test_expected_shapes_are_those_of_the_network(variant: Variant) -> None:
    extra = 3 if variant.distilled else 24 if variant.layer_scale else 0
    assert len(expected_shapes(variant, 1000)) == 152 + extra
    short = replace(variant, depth=1)
    network = DeiT(short, 7).state_dict()
    shapes = expected_shapes(short, 7)
    assert shapes == {name: tuple(value.shape) for name, value in network.items()}
    assert check_state({name: value.numpy() for name, value in network.items()}, short) == 7


def test_parameter_counts_are_the_published_ones() -> None:
    for variant in DEITS.values():
        assert variant.published is not None
        count = sum(int(np.prod(shape)) for shape in expected_shapes(variant, 1000).values())
        assert count / 1e6 == pytest.approx(variant.published.mparams, rel=0.015), variant.name


@pytest.mark.parametrize("given", MODELS.values(), ids=lambda variant: variant.name)
@pytest.mark.parametrize("asked", ["deit_tiny", "deit_small_distilled", "deit_base_384"])
def test_other_variants_weights_are_recognised(given: Variant, asked: str) -> None:
    state = random_state(given, 3, depth=1)
    # A DeiT without a distillation token is a ViT.
    same = [name for name, other in MODELS.items() if expected_shapes(other, 3) == expected_shapes(given, 3)]
    if asked in same:
        assert check_state(state, replace(MODELS[asked], depth=1)) == 3
    else:
        names = " or ".join(same)
        with pytest.raises(InputError, match=f"these are {names} weights; use --model {names}$"):
            check_state(state, replace(MODELS[asked], depth=1))


def spoil(variant: Variant, change: Callable[[State], object]) -> str:
    state = random_state(variant, 10)
    change(state)
    with pytest.raises(InputError) as caught:
        check_state(state, variant)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def put(name: str, value: np.ndarray) -> Callable[[State], object]:
    return lambda state: state.update({name: value})


@pytest.mark.parametrize("name", expected_shapes(DISTILLED, 10))
def test_each_missing_tensor_is_named(name: str) -> None:
    assert f"tensor {name!r} is missing" in spoil(DISTILLED, lambda state: state.pop(name))


def test_the_first_in_network_order_is_named() -> None:
    def remove(state: State) -> None:
        del state["head.weight"], state["blocks.1.norm1.bias"], state["norm.bias"]

    assert "'blocks.1.norm1.bias' is missing" in spoil(TINY, remove)
    wrong = np.zeros((3, 3), np.float32)
    assert "'blocks.0.attn.qkv.weight' has shape [3, 3], deit_tiny needs [192, 576]" in spoil(
        TINY, lambda state: state.update({"head.bias": wrong, "blocks.0.attn.qkv.weight": wrong})
    )


def test_missing_comes_before_extra_before_shape_before_values() -> None:
    def all_four(state: State) -> None:
        del state["norm.bias"]
        state["fc.weight"] = np.zeros(1, np.float32)
        state["cls_token"] = np.zeros((1, 2, 192), np.float32)
        state["pos_embed"][:] = np.nan

    repairs: list[Callable[[State], object]] = [
        put("norm.bias", np.zeros(192, np.float32)),
        lambda state: state.pop("fc.weight"),
        put("cls_token", np.zeros((1, 1, 192), np.float32)),
    ]
    state = random_state(TINY, 10)
    all_four(state)
    for words, repair in zip(["'norm.bias' is missing", "'fc.weight' is not", "'cls_token' has"], repairs,
                             strict=True):  # fmt: skip
        with pytest.raises(InputError, match=words):
            check_state(state, TINY)
        repair(state)
    with pytest.raises(InputError, match="'pos_embed' holds NaN"):
        check_state(state, TINY)


def test_extra_tensors_are_named() -> None:
    assert "'head_dist.bias' is not one of deit_tiny's 32" in spoil(TINY, put("head_dist.bias", np.zeros(10)))
    assert "'blocks.2.norm1.bias' is not" in spoil(TINY, put("blocks.2.norm1.bias", np.zeros(192)))


def test_wrong_heads() -> None:
    transposed = spoil(TINY, put("head.weight", np.zeros((10, 192), np.float32)))
    assert (
        "'head.weight' has shape [10, 192], deit_tiny needs [192, classes]; linear weights are [in"
        in transposed
    )
    assert "needs [12] (head.weight has 12 classes)" in spoil(TINY, put("head.weight", np.zeros((192, 12))))
    assert "'head_dist.weight' has shape [192, 9], deit_tiny_distilled needs [192, 10]" in spoil(
        DISTILLED, put("head_dist.weight", np.zeros((192, 9)))
    )
    assert "needs [192, classes]" in spoil(TINY, put("head.weight", np.zeros((192, 0))))


def test_transposed_linear_weights_get_a_hint() -> None:
    message = spoil(TINY, put("blocks.0.mlp.fc1.weight", np.zeros((768, 192), np.float32)))
    assert (
        "has shape [768, 192], deit_tiny needs [192, 768]; linear weights are [in, out] in Paddle" in message
    )


@pytest.mark.parametrize(("value", "words"), [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")])
def test_values_that_are_not_finite(value: float, words: str) -> None:
    def set_one(state: State) -> None:
        state["blocks.1.mlp.fc2.bias"][5] = value

    assert f"'blocks.1.mlp.fc2.bias' holds {words}" in spoil(TINY, set_one)


def test_another_network_is_told() -> None:
    with pytest.raises(InputError, match=r"not DeiT weights.*'conv1.weight'"):
        check_state({"conv1.weight": np.zeros((3, 3), np.float32)}, TINY)
