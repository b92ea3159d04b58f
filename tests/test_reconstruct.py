"""The `deit` recipe's rewrites: exact in float where they say so, better than nearest where they round."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import paddle
import pytest
from states import random_state
from threadpoolctl import threadpool_limits

from lite import zoo
from lite.errors import ConversionError
from lite.model import program, weights
from lite.model.deploy import State, deployable_state
from lite.model.graph import Form
from lite.pictures import digits, prepare
from lite.pictures.picture_set import Picture, PictureSet
from quant.pictures import Views
from quant.recipe import Kind, Rewrite
from quant.rewrite import gelu, reconstruct, rewriting
from quant.rewrite.block import fake_quantize, in_order
from quant.rewrite.equalize import ALPHAS, search, smoothing
from quant.rewrite.gptq import gptq, nearest

VARIANT = zoo.find("deit_tiny")
FORMS = [Form(attention=attention) for attention in ("layers", "packed", "per_head")]


def logits(state: State, form: Form, pixels: np.ndarray, depth: int | None = None) -> np.ndarray:
    with paddle.no_grad():
        return program.build(state, replace(VARIANT, depth=depth), form=form)(
            paddle.to_tensor(pixels)
        ).numpy()


def trained(depth: int) -> State:
    """The first blocks of the bundled weights."""
    state = weights.load(VARIANT, "digits", notify=print).state
    kept = {
        name: value
        for name, value in state.items()
        if not name.startswith("blocks.") or int(name.split(".")[1]) < depth
    }
    return deployable_state(kept, VARIANT)


def pictures(count: int) -> Sequence[Picture]:
    return PictureSet.of("digits", digits.pictures("calibration", count)).pictures


def tensors(count: int) -> np.ndarray:
    shown = digits.pictures("held_out", count)
    return np.concatenate([prepare.prepare(picture, VARIANT.preprocess) for picture in shown])


NOTHING = dict.fromkeys(
    ("rotate", "equalize", "centre_keys", "shift_gelu", "scale_gelu", "split_gelu", "gptq"), False
)


class Changed(NamedTuple):
    state: State
    unrounded: State
    form: Form
    alphas: dict[str, float]
    gelu_errors: dict[int, dict[Kind, float]]


def rewritten(
    state: State, form: Form, folder: Path, variant: zoo.Variant = VARIANT, count: int = 4, **switches: bool
) -> Changed:
    changed, of_it = reconstruct.rewrite(
        state,
        variant,
        pictures(count),
        variant.preprocess,
        Rewrite(attention=form.attention, tanh_gelu=form.tanh_gelu, **switches),
        folder,
        seed=1,
        keep_unrounded=True,
    )
    assert of_it.unrounded is not None
    return Changed(changed, of_it.unrounded, of_it.form, of_it.alphas, of_it.gelu_errors)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.attention)
def test_forms_are_exact_in_float(form: Form):
    state, pixels = trained(2), tensors(1)
    before = logits(state, Form(), pixels, depth=2)
    assert np.abs(before).max() > 0.1
    np.testing.assert_allclose(logits(state, form, pixels, depth=2), before, atol=1e-5)


@pytest.mark.parametrize("switch", [*(set(NOTHING) - {"gptq", "scale_gelu", "split_gelu"}), "all"])
def test_each_rewrite_is_exact_in_float(switch: str, tmp_path: Path, monkeypatch):
    # What scaling leaves of the error counts for nothing here, so it is chosen.
    monkeypatch.setattr(gelu, "WORTH", np.inf)
    state, pixels = trained(3), tensors(1)
    on = NOTHING if switch == "all" else {**NOTHING, switch: True}
    changed = rewritten(state, Form(), tmp_path, **({} if switch == "all" else on))
    before = logits(state, Form(), pixels, depth=3)
    after = logits(changed.unrounded, changed.form, pixels, depth=3)
    np.testing.assert_allclose(after, before, atol=1e-4)
    assert any((changed.unrounded[name] != state[name]).any() for name in state)
    np.testing.assert_array_equal(state["blocks.0.norm1.weight"], trained(3)["blocks.0.norm1.weight"])


def test_scaled_hidden_units_are_exact_in_float(tmp_path: Path):
    state, pixels = trained(2), tensors(1)
    # A few units far wider than the others, and no more important.
    state["blocks.0.mlp.fc1.weight"][:, :4] *= 30
    state["blocks.0.mlp.fc2.weight"][:4] /= 30
    changed = rewritten(state, Form(), tmp_path, split_gelu=False)
    assert 0 in changed.form.scaled_gelu
    before = logits(state, Form(), pixels, depth=2)
    after = logits(changed.unrounded, changed.form, pixels, depth=2)
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())


def test_hidden_units_are_shifted_and_scaled_in_the_blocks_that_are_named(tmp_path: Path):
    state, pixels = trained(3), tensors(1)
    changed = rewritten(state, Form(), tmp_path, shift_gelu=[2], scale_gelu=[0], split_gelu={1: 12})
    assert changed.form == Form(
        shifted_gelu=frozenset({2}), scaled_gelu=frozenset({0}), outliers=frozenset({(1, 12)})
    )
    before = logits(state, Form(), pixels, depth=3)
    np.testing.assert_allclose(logits(changed.unrounded, changed.form, pixels, depth=3), before, atol=1e-4)
    plain, all_done = Kind(False, False, 0), Kind(True, True, 0)
    for errors in changed.gelu_errors.values():
        assert errors.keys() >= {plain, all_done, Kind(True, False, 12)}
    assert 0 < changed.gelu_errors[0][all_done] < changed.gelu_errors[0][plain]


def test_outliers_that_are_split_off_are_exact_in_float(tmp_path: Path):
    state, pixels = trained(2), tensors(1)
    state["blocks.0.mlp.fc1.weight"][:, [3, 70, 500]] *= 30
    state["blocks.0.mlp.fc2.weight"][[3, 70, 500]] /= 30
    changed = rewritten(state, Form(), tmp_path, scale_gelu=False)
    count = dict(changed.form.outliers)[0]
    assert 3 <= count < 100
    assert changed.state["blocks.0.mlp.outliers.weight"].shape == (count, VARIANT.dim)
    before = logits(state, Form(), pixels, depth=2)
    after = logits(changed.unrounded, changed.form, pixels, depth=2)
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())


def test_tanh_gelu_is_an_approximation_and_close(tmp_path: Path):
    state, pixels = trained(3), tensors(1)
    exact, near = (logits(state, Form(tanh_gelu=tanh), pixels, depth=3) for tanh in (False, True))
    assert 0 < np.abs(exact - near).max() < 5e-3


def test_switched_off_nothing_but_rounding_happens(tmp_path: Path):
    state = trained(1)
    changed = rewritten(state, Form(), tmp_path, **NOTHING)
    assert changed.alphas == {}
    assert changed.form == Form()
    for name, value in state.items():
        if name.startswith("blocks."):
            linear = value.ndim == 2
            np.testing.assert_array_equal(
                changed.state[name], nearest(value) if linear else value, err_msg=name
            )


def test_rewritten_weights_lie_on_paddleslims_grid(tmp_path: Path):
    changed = rewritten(trained(2), Form(), tmp_path)
    for name, value in changed.state.items():
        apart = name.endswith("outliers.weight")
        if name.endswith(".weight") and name.startswith("blocks") and value.ndim == 2 and not apart:
            np.testing.assert_allclose(nearest(value), value, atol=1e-6 * np.abs(value).max(), err_msg=name)


def test_how_many_threads_numpy_has_changes_no_bit(tmp_path: Path):
    results = []
    for threads in (1, 2):
        (tmp_path / str(threads)).mkdir()
        with threadpool_limits(limits=threads, user_api="blas"):
            results.append(rewritten(trained(2), FORMS[1], tmp_path / str(threads)).state)
    one, two = results
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=name)


def outlying(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Correlated inputs with a few channels fifty times as large as the others, and a weight."""
    inputs = rng.standard_normal((512, 8)) @ rng.standard_normal((8, 32)) + 0.1 * rng.standard_normal(
        (512, 32)
    )
    inputs[:, :3] *= 50
    return inputs.astype(np.float32), rng.standard_normal((32, 16)).astype(np.float32)


def test_gptq_loses_less_than_rounding_each_weight_alone():
    inputs, weight = outlying(np.random.default_rng(0))
    wanted = inputs @ weight
    moments = inputs.T.astype(np.float64) @ inputs
    errors = [
        np.square(inputs @ rounded - wanted).sum() for rounded in (gptq(weight, moments), nearest(weight))
    ]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("rows", [1, 63, 64, 130, 200])
def test_gptq_rounds_as_the_papers_algorithm_does_with_the_inverse_of_the_hessian(rows: int) -> None:
    rng = np.random.default_rng(rows)
    inputs = rng.standard_normal((512, rows)) @ rng.standard_normal((rows, rows))
    weight = rng.standard_normal((rows, 16)).astype(np.float32)
    hessian = inputs.T @ inputs
    before = hessian.copy()
    rounded = gptq(weight, hessian)
    np.testing.assert_array_equal(hessian, before)

    # Algorithm 1 without its blocks, rows by falling mean square ("act order").
    order = np.argsort(-np.diag(hessian), kind="stable")
    damped = hessian[np.ix_(order, order)] + 0.01 * np.diag(hessian).mean() * np.eye(rows)
    inverse = np.linalg.cholesky(np.linalg.inv(damped)).T
    step = np.abs(weight.astype(np.float64)).max(axis=0) / 127
    values, whole = weight[order].astype(np.float64), np.empty(weight.shape)
    for row in range(rows):
        whole[row] = np.clip(np.rint(values[row] / step), -127, 127)
        error = (values[row] - whole[row] * step) / inverse[row, row]
        values[row:] -= np.outer(inverse[row, row:], error)
    largest = np.abs(whole).argmax(axis=0), np.arange(16)
    whole[largest] = np.copysign(127, whole[largest])
    wanted = np.empty_like(weight)
    wanted[order] = whole * step
    np.testing.assert_array_equal(rounded, wanted)


def test_gptq_behind_a_pruned_layer_rounds_each_weight_alone():
    weight = np.random.default_rng(0).standard_normal((96, 16)).astype(np.float32)
    np.testing.assert_allclose(gptq(weight, np.zeros((96, 96))), nearest(weight), rtol=1e-6)


def test_gptq_says_that_activations_are_not_finite():
    hessian = np.eye(8)
    hessian[3, 3] = np.nan
    with pytest.raises(ConversionError, match="activations are not finite; check the weights"):
        gptq(np.ones((8, 2), np.float32), hessian)


def test_after_an_error_what_waits_is_not_done():
    begun = []

    def work(item: int) -> None:
        begun.append(item)
        time.sleep(0.05)
        raise OSError(item)

    with pytest.raises(OSError, match="0"):
        list(in_order(range(100), work))
    assert len(begun) < 2 * len(os.sched_getaffinity(0)) + 2


def test_gptq_keeps_each_channels_largest_at_127():
    inputs, weight = outlying(np.random.default_rng(1))
    rounded = gptq(weight, inputs.T.astype(np.float64) @ inputs)
    step = np.abs(rounded).max(axis=0) / 127
    np.testing.assert_allclose(step, np.abs(weight).max(axis=0) / 127, rtol=0.35)
    np.testing.assert_allclose(rounded / step, np.rint(rounded / step), atol=1e-3)


def test_an_equalized_layer_loses_less_to_outliers():
    inputs, weight = outlying(np.random.default_rng(2))
    scale, alpha = search(inputs, np.abs(inputs).max(axis=0), weight)
    assert alpha > 0
    ones = np.ones(32, np.float32)
    assert scaled_error(inputs, weight, scale) < 0.2 * scaled_error(inputs, weight, ones)


def scaled_error(inputs: np.ndarray, weight: np.ndarray, scale: np.ndarray) -> float:
    scaled = inputs / scale
    seen = fake_quantize(scaled, float(np.abs(scaled).max()))
    return float(np.square(seen @ nearest(weight * scale[:, None]) - inputs @ weight).sum())


def test_the_search_for_alpha_finds_what_trying_all_to_the_end_finds():
    chosen = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        inputs, weight = outlying(rng)
        # Outliers of every size, and more rows than are looked at in one go.
        inputs = np.concatenate([inputs] * 8) ** rng.choice([1, 3])
        largest = np.abs(inputs).max(axis=0)
        errors = {alpha: scaled_error(inputs, weight, smoothing(largest, weight, alpha)) for alpha in ALPHAS}
        errors[0.0] = scaled_error(inputs, weight, np.ones(32, np.float32))
        _, alpha = search(inputs, largest, weight)
        assert errors[alpha] == pytest.approx(min(errors.values()), rel=1e-5)
        chosen.add(alpha)
    assert len(chosen) > 2


def test_some_tokens_of_a_larger_picture_are_enough_to_round_by(tmp_path: Path, monkeypatch):
    state, shown = trained(3), np.split(tensors(4), 4)
    before = [logits(state, Form(), pixels, depth=3) for pixels in shown]

    def left(name: str, **switches: bool) -> tuple[float, Changed]:
        folder = tmp_path / name
        folder.mkdir()
        changed = rewritten(state, Form(), folder, **switches)
        after = [logits(changed.state, changed.form, pixels, depth=3) for pixels in shown]
        return float(np.square(np.subtract(after, before)).sum()), changed

    (every, whole), (alone, _) = left("every"), left("alone", gptq=False)
    monkeypatch.setattr(rewriting, "_MOST_ROWS", 70)
    third, part = left("third")
    assert any((part.state[name] != whole.state[name]).any() for name in whole.state)
    assert third < 0.5 * alone
    assert third < 2 * every


def test_smoothing_follows_its_formula():
    largest, weight = np.array([4.0, 1.0], np.float32), np.array([[1.0, -2.0], [0.5, 0.1]], np.float32)
    raw = largest**0.5 / np.array([2.0, 0.5]) ** 0.5
    np.testing.assert_allclose(smoothing(largest, weight, 0.5), raw / np.sqrt(raw[0] * raw[1]), rtol=1e-6)


def test_views_are_the_pictures_and_more_of_them():
    shown = pictures(2)
    made, again = Views(shown, 4, seed=3), Views(shown, 4, seed=3)
    assert len(made) == 8
    np.testing.assert_array_equal(made[0].pixels(), shown[0].pixels())
    np.testing.assert_array_equal(made[1].pixels(), shown[0].pixels()[:, ::-1])
    assert min(made[2].pixels().shape[:2]) < 256
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one.pixels(), other.pixels())
    assert len(Views(shown, 1, seed=3)) == 2
    np.testing.assert_array_equal(made[3:6][1].pixels(), made[4].pixels())


def test_a_distilled_variant_is_rewritten_too(tmp_path: Path):
    variant = replace(zoo.find("deit_tiny_distilled"), depth=2)
    state = deployable_state(
        {k: v if "norm" in k else 5 * v for k, v in random_state(variant, 4).items()}, variant
    )
    form = Form(attention="packed", tanh_gelu=True)
    changed = rewritten(state, form, tmp_path, variant, count=2)
    pixels = paddle.to_tensor(tensors(1))
    with paddle.no_grad():
        before = program.build(state, variant)(pixels).numpy()
        after = program.build(changed.state, variant, form=changed.form)(pixels).numpy()
    assert np.square(before).sum() > 300 * np.square(after - before).sum()


@pytest.fixture
def one_core() -> Iterator[None]:
    """What threads hold at once depends on how they meet."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path, one_core: None):
    state, shown = trained(1), pictures(56)

    def peak(count: int) -> int:
        folder = tmp_path / str(count)
        folder.mkdir()
        tracemalloc.start()
        reconstruct.rewrite(
            state,
            VARIANT,
            Views(shown, count // 56, 1),
            VARIANT.preprocess,
            Rewrite(attention="layers", tanh_gelu=False),
            folder,
            seed=1,
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = peak(56), peak(168)
    assert many < 1.2 * few
    # What lies in files instead: tokens, mixed values and hidden units.
    assert 1.5 * many < 168 * 197 * 6 * 192 * 4
