"""GELU's outputs on one scale: shifted always, scaled where it pays, with room for what was not seen."""

from __future__ import annotations

import numpy as np

from quant.recipe import OUTLIERS, Kind
from quant.rewrite import gelu
from quant.rewrite.block import Activations, fake_quantize

PICTURES, ROWS, UNITS = 16, 64, 96


def seen(values: np.ndarray) -> Activations:
    """`values` [pictures, rows, units]."""
    owners = np.repeat(np.arange(len(values)), values.shape[1])
    return Activations(values.min(1), values.max(1), values.reshape(-1, values.shape[-1]), owners)


def activations(seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(PICTURES, ROWS, UNITS)).astype(np.float32)
    return np.maximum(values, -0.17)


def weight() -> np.ndarray:
    return np.random.default_rng(9).normal(size=(UNITS, 24)).astype(np.float32)


def choose(values: np.ndarray, *kinds: Kind) -> gelu.Affine:
    """Of these kinds, or of all that shift, none of which costs anything."""
    known = seen(values)
    errors = gelu.held_out(known, weight())
    return gelu.choose(
        known, errors, dict.fromkeys(kinds or [kind for kind in gelu.least(errors) if kind.shift], 0.0)
    )


PLAIN, SHIFTED, SCALED = Kind(False, False, 0), Kind(True, False, 0), Kind(True, True, 0)


def rounded(affine: gelu.Affine, values: np.ndarray) -> np.ndarray:
    """What INT8 makes of GELU's outputs."""
    shifted = affine.shifted(values)
    whole = fake_quantize(shifted, affine.limit)
    whole[..., affine.outliers] = shifted[..., affine.outliers]
    return whole


def error(affine: gelu.Affine, values: np.ndarray) -> float:
    """Mean square of what INT8 loses of fc2's outputs, undone as fc2 undoes it."""
    lost = (rounded(affine, values) - (values - affine.middle) / affine.scale) * affine.scale
    return float(np.square(lost @ weight()).mean())


def test_units_alike_are_shifted_and_not_scaled():
    known = seen(activations(0))
    errors = gelu.held_out(known, weight())
    prices = {SHIFTED: 0.0, SCALED: 1.0, Kind(True, False, 4): 1.0}
    affine = gelu.choose(known, errors, prices)
    assert not affine.scaled
    assert not affine.outliers.size
    np.testing.assert_array_equal(affine.scale, 1)
    assert affine.middle.min() > 0.5
    without = choose(activations(0), PLAIN)
    np.testing.assert_array_equal(without.middle, 0)
    assert error(affine, activations(1)) < 0.5 * error(without, activations(1))


def test_wide_units_are_scaled_down():
    values, others = activations(0), activations(1)
    for array in (values, others):
        array[..., :3] *= 40
    wide = choose(values, SHIFTED, SCALED)
    assert wide.scaled
    assert wide.scale[:3].min() > 3
    np.testing.assert_array_equal(wide.scale[3:], 1)
    assert error(wide, others) < 0.5 * error(choose(values, SHIFTED), others)


def test_outliers_are_split_off_as_many_as_there_are():
    values, others = activations(0), activations(1)
    for array in (values, others):
        array[..., [5, 17, 60]] *= 40
    affine = choose(values, SHIFTED, *(Kind(True, False, count) for count in OUTLIERS))
    assert affine.outliers.size >= 3
    assert {5, 17, 60} <= set(affine.outliers)
    assert error(affine, others) < 0.1 * error(choose(values, SHIFTED), others)
    np.testing.assert_array_equal(rounded(affine, others)[..., affine.outliers], others[..., affine.outliers])
    order, rest = affine.split()
    np.testing.assert_array_equal(order[-affine.outliers.size :], affine.outliers)
    inliers = order[: len(rest.middle)]
    np.testing.assert_array_equal(rounded(rest, others[..., inliers]), rounded(affine, others)[..., inliers])


def test_errors_are_those_of_int8_on_the_other_half():
    values = activations(0) * np.random.default_rng(4).lognormal(0, 0.5, (PICTURES, 1, UNITS)).astype(
        np.float32
    )
    errors = gelu.held_out(seen(values), weight())
    halves = values[: PICTURES // 2], values[PICTURES // 2 :]
    cost = np.square(weight()).sum(axis=1)
    for choice in (
        gelu.Choice(True, None, 0, 1.0),
        gelu.Choice(True, 1.5, 0, 1.15),
        gelu.Choice(False, None, 8, 1.3),
    ):
        expected = 0.0
        for known, tried in (halves, halves[::-1]):
            # With nothing else to choose from, its ranges are those of all pictures it is given.
            affine = gelu.choose(seen(known), {choice: 1.0}, {choice.kind: 0.0})
            lost = rounded(affine, tried) - affine.shifted(tried)
            expected += float((np.square(lost * affine.scale).sum((0, 1)) * cost).sum())
        np.testing.assert_allclose(errors[choice], expected, rtol=1e-4)


def test_there_is_room_where_pictures_differ():
    # Each picture is as loud as it likes: the loudest of one half says little about the other half.
    loudness = np.random.default_rng(3).lognormal(0, 0.8, (PICTURES, 1, 1)).astype(np.float32)
    alike, unlike = activations(0), activations(0) * loudness
    room = [
        choose(values, SHIFTED).limit / np.abs(values - (values.min((0, 1)) + values.max((0, 1))) / 2).max()
        for values in (alike, unlike)
    ]
    assert room[0] < room[1]


def test_the_least_error_of_each_kind_is_told():
    errors = gelu.held_out(seen(activations(0)), weight())
    least = gelu.least(errors)
    assert {kind[:2] for kind in least} == {(False, False), (False, True), (True, False), (True, True)}
    assert {kind.outliers for kind in least} == set(OUTLIERS)
    assert not any(kind.scale and kind.outliers for kind in least)
    assert least[SHIFTED] < least[PLAIN]
    assert min(least.values()) == min(errors.values())


def test_one_picture_is_enough():
    assert choose(activations(0)[:1]).limit is not None


def test_an_fc2_in_float_is_left_alone():
    values = activations(0)
    affine = gelu.unchanged(UNITS)
    assert affine.limit is None
    np.testing.assert_array_equal(affine.shifted(values), values)
