"""The metrics against numbers worked out by hand, the gate at its edge, outputs that cannot be compared."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from lite.errors import ConversionError, InputError
from lite.measure import drift
from lite.measure.drift import SNR_LIMIT_DB

REFERENCE = np.array([[3, 4, 0], [0, 1, 0], [1, 0, 2], [5, 0, 0]], dtype=np.float32)
# Rows: the same; twice as long; first class changed; at a right angle.
DEPLOYED = np.array([[3, 4, 0], [0, 2, 0], [2, 0, 1], [0, 5, 0]], dtype=np.float32)


def compare(reference=REFERENCE, deployed=DEPLOYED, labels=None):
    return drift.compare(reference, deployed, labels, reference_name="fp32")


def test_figures_by_hand():
    result = compare(labels=np.array([1, 1, 2, 0]))
    assert result.images == 4
    assert result.reference == "fp32"
    assert result.cosine_mean == pytest.approx((1 + 1 + 4 / 5 + 0) / 4)
    assert result.cosine_min == pytest.approx(0)
    assert result.snr_db == pytest.approx(10 * np.log10(56 / (0 + 1 + 2 + 50)))
    assert result.top1_agreement == 0.5
    assert (result.top1_reference, result.top1_deployed) == (1.0, 0.5)
    assert result.max_abs == 5


def test_ten_percent_noise_is_twenty_decibels():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(500, 100)).astype(np.float32)
    deployed = reference + 0.1 * rng.normal(size=reference.shape).astype(np.float32)
    assert compare(reference, deployed).snr_db == pytest.approx(20, abs=0.1)


def test_equal_outputs_have_figures_that_json_can_hold():
    result = compare(deployed=REFERENCE.copy())
    assert (result.snr_db, result.cosine_min, result.top1_agreement, result.max_abs) == (
        SNR_LIMIT_DB,
        1,
        1,
        0,
    )
    assert json.loads(json.dumps(result.as_dict(), allow_nan=False)) == result.as_dict()


def test_without_labels_accuracy_is_unknown():
    assert compare().top1_reference is None
    assert compare().top1_deployed is None


def test_large_outputs_do_not_overflow():
    huge = REFERENCE * np.float32(1e30)
    result = compare(huge, huge * np.float32(1.1))
    assert result.cosine_min == pytest.approx(1)
    assert result.snr_db == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize("outputs", [np.zeros((2, 3), np.float32), np.full((2, 3), 2, np.float32)])
def test_zero_outputs_have_a_cosine_too(outputs):
    zeros = np.zeros((2, 3), np.float32)
    assert drift.cosines(zeros, outputs).tolist() == ([1, 1] if not outputs.any() else [0, 0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["reference", "deployed"])
def test_nan_and_infinity_name_the_first_picture(side, value):
    broken = {"reference": REFERENCE.copy(), "deployed": DEPLOYED.copy()}
    broken[side][2, 1] = value
    with pytest.raises(ConversionError, match=rf"the {side}.* first for picture 2"):
        compare(**broken)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ConversionError, match=r"\(4, 3\).*\(4, 2\)"):
        compare(deployed=DEPLOYED[:, :2])


def test_no_pictures_are_refused():
    with pytest.raises(InputError, match="no pictures"):
        compare(REFERENCE[:0], DEPLOYED[:0])


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 1, 2, 3], [-1, 0, 1, 2], [0.0, 1.0, 2.0, 0.0]])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(InputError, match="labels"):
        compare(labels=np.array(labels))


def agreeing(images: int, changed: int) -> drift.Drift:
    reference = np.tile(np.array([[1, 0]], np.float32), (images, 1))
    deployed = reference.copy()
    deployed[:changed] = [0, 1]
    return compare(reference, deployed)


def test_many_pictures_are_compared_in_little_memory():
    rng = np.random.default_rng(4)
    reference = rng.normal(size=(7500, 400)).astype(np.float32)
    deployed = reference + 0.1 * rng.normal(size=reference.shape).astype(np.float32)
    noise = reference.astype(np.float64) - deployed
    snr_db = 10 * np.log10(np.square(reference, dtype=np.float64).sum() / np.square(noise).sum())
    tracemalloc.start()
    result = compare(reference, deployed)
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.snr_db == pytest.approx(snr_db, rel=1e-12)
    assert result.max_abs == np.abs(noise).max()
    assert highest < 0.7 * reference.nbytes


@pytest.mark.parametrize(("changed", "max_drift"), [(0, 0.0), (4, 0.01), (28, 0.07), (400, 1.0)])
def test_the_gate_lets_just_its_share_pass(changed, max_drift):
    assert drift.over_gate(agreeing(400, changed), max_drift) is None


def test_the_gate_stops_one_more_and_says_so():
    error = drift.over_gate(agreeing(400, 5), 0.01)
    assert error is not None
    message = str(error)
    assert "5 of 400" in message
    assert "1.25%" in message
    assert "allowed are 1%" in message


def test_a_passed_gate_says_what_few_pictures_leave_room_for():
    # Wilson's upper end for none of n is z^2 / (n + z^2).
    squared = 1.959964**2
    assert drift.room(agreeing(100, 0), 0.03) == pytest.approx(squared / (100 + squared))
    assert drift.room(agreeing(400, 0), 0.01) is None
    assert drift.room(agreeing(400, 3), 0.01) > 0.02
    assert drift.room(agreeing(400, 5), 0.01) is None  # the gate is not passed


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_gate_outside_0_to_1_is_refused(share):
    with pytest.raises(InputError, match="--max-drift"):
        drift.over_gate(agreeing(4, 0), share)


def test_worst_pictures_come_first_and_ties_keep_their_order():
    assert drift.worst(REFERENCE, DEPLOYED, 3) == [3, 2, 0]
    assert drift.worst(REFERENCE, DEPLOYED, 99) == [3, 2, 0, 1]
    assert drift.worst(REFERENCE, DEPLOYED, 0) == []


def blocks(seed: int, noise: tuple[float, float], count: int):
    """Two blocks' outputs a picture, of different shapes, with `noise` times as much error as signal."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        clean = [rng.normal(size=(1, 50, 64)), rng.normal(size=(1, 1, 64))]
        yield [
            (output + level * rng.normal(size=output.shape)).astype(np.float32)
            for output, level in zip(clean, noise, strict=True)
        ]


def test_per_layer_finds_the_noisy_one():
    clean = [[output.astype(np.float32) for output in picture] for picture in blocks(1, (0, 0), 40)]
    rng = np.random.default_rng(2)
    noisy = [
        [one + 0.01 * rng.normal(size=one.shape), two + 0.1 * rng.normal(size=two.shape)]
        for one, two in clean
    ]
    first, second = drift.per_layer(["blocks.0", "blocks.1"], clean, noisy)
    assert (first.name, second.name) == ("blocks.0", "blocks.1")
    assert first.images == second.images == 40
    assert first.snr_db == pytest.approx(40, abs=0.5)
    assert second.snr_db == pytest.approx(20, abs=0.5)
    assert 0.999 < first.cosine < 1
    assert 0.99 < second.cosine < 0.998


def test_per_layer_sums_signal_and_noise_over_pictures():
    reference = [[np.array([1.0, 0.0])], [np.array([3.0, 0.0])]]
    deployed = [[np.array([1.0, 1.0])], [np.array([3.0, 0.0])]]
    (layer,) = drift.per_layer(["a"], reference, deployed)
    assert layer.snr_db == pytest.approx(10)
    assert layer.cosine == pytest.approx((0.5**0.5 + 1) / 2)


def chain(*snr_db: float) -> list[drift.LayerDrift]:
    return [drift.LayerDrift(str(index), value, 1.0, 8) for index, value in enumerate(snr_db)]


def test_what_each_layer_of_a_chain_adds_to_the_noise():
    # Noise 1, 2, 1.5 and 4: the third takes some away.
    powers = np.array([1, 2, 1.5, 4]) * 1e-4
    added = drift.added_noise(chain(*(-10 * np.log10(powers))))
    np.testing.assert_allclose(added, np.array([1, 1, -0.5, 2.5]) / 4)
    assert drift.added_noise(chain(SNR_LIMIT_DB)).tolist() == [1.0]


def test_per_layer_keeps_no_pictures():
    def peak(count: int) -> int:
        tracemalloc.start()
        drift.per_layer(["a", "b"], blocks(3, (0, 0), count), blocks(3, (0, 0), count))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(2)
    assert peak(60) < 1.2 * peak(6)


def test_per_layer_names_a_broken_block():
    good = [[np.ones(3), np.ones(2)], [np.ones(3), np.ones(2)]]
    bad = [[np.ones(3), np.ones(2)], [np.ones(3), np.array([1, np.nan])]]
    with pytest.raises(ConversionError, match=r"blocks\.1 of the deployed network .* picture 1"):
        drift.per_layer(["blocks.0", "blocks.1"], good, bad)


@pytest.mark.parametrize(
    ("reference", "deployed", "message"),
    [
        ([[np.ones(3)]], [[np.ones(4)]], "a is"),
        ([[np.ones(3)]], [[np.ones(3), np.ones(3)]], "1 layers are named"),
        ([[np.ones(3)]] * 2, [[np.ones(3)]], "deployed network stopped after 1"),
        ([[np.ones(3)]], [[np.ones(3)]] * 2, "reference stopped after 1"),
    ],
)
def test_per_layer_refuses_sides_that_do_not_match(reference, deployed, message):
    with pytest.raises(ConversionError, match=message):
        drift.per_layer(["a"], reference, deployed)


def test_per_layer_needs_a_picture():
    with pytest.raises(InputError, match="at least one"):
        drift.per_layer(["a"], [], [])
