"""The matrix of what is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from lite import bundle
from lite.errors import InputError
from lite.phone import plan
from lite.phone.plan import BenchPlan, Configuration


def test_matrix_is_threads_by_cores() -> None:
    found = BenchPlan(threads=(1, 4), power_modes=("high", "low")).configurations()
    assert [str(one) for one in found] == [
        "1 thread, high", "1 thread, low", "4 threads, high", "4 threads, low",
    ]  # fmt: skip


def test_masks_take_the_place_of_the_default_mode_and_stand_beside_others() -> None:
    assert BenchPlan(cores=("f0", "0f")).configurations() == [
        Configuration(1, cpu_mask="f0"),
        Configuration(1, cpu_mask="0f"),
    ]
    assert BenchPlan(power_modes=("high",), cores=("f0",)).configurations() == [
        Configuration(1, "high"),
        Configuration(1, cpu_mask="f0"),
    ]


def test_repeats_are_spread_over_the_rounds() -> None:
    made = BenchPlan(repeats=17, rounds=5)
    assert [made.repeats_of(number) for number in range(5)] == [4, 4, 3, 3, 3]
    with pytest.raises(InputError, match="--repeats 4 is less than --rounds 5"):
        BenchPlan(repeats=4, rounds=5)


def test_two_bundles_of_one_name_are_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    made = bundle.read(tiny_bundle)
    plan.check_names([made])
    with pytest.raises(InputError, match=f"two bundles are called {made.path.name}"):
        plan.check_names([made, made])
