"""Headroom widens the ranges it is meant for, and only those."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import programs

from lite.export import LoadedProgram, static_graph
from quant.headroom import widen


def scales(program) -> dict[tuple[int, ...], list[float]]:
    """Activation scales of the quantized program, by the shape of what they quantize."""
    found: dict[tuple[int, ...], list[float]] = {}
    with static_graph() as executor:
        loaded = LoadedProgram(program, executor)
        block = loaded.program.global_block()
        for operator in block.ops:
            if operator.type == "fake_quantize_range_abs_max":
                shape = tuple(block.var(operator.input("X")[0]).shape)
                found.setdefault(shape, []).append(float(loaded.parameter(operator.input("InScale")[0])[0]))
    return found


def test_only_class_tokens_and_gelu_outputs_are_widened(tmp_path: Path):
    program = programs.quantized(programs.deployable(tmp_path / "float"), tmp_path / "int8")
    before = scales(program)
    assert widen(program, programs.VARIANT, class_tokens=1.5, gelu=1.25) == 5
    after = scales(program)
    factors = {(1, 197, 768): 1.25, (1, 1, 192): 1.5, (1, 1, 768): 1.5}
    assert set(factors) < set(before)
    for shape, values in before.items():
        np.testing.assert_allclose(after[shape], np.multiply(values, factors.get(shape, 1.0)), rtol=1e-6)
