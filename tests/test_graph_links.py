"""Without the assertion at each link the passes give the same program, and they get it back."""

from __future__ import annotations

from pathlib import Path

import programs
import pytest
from paddle.base.framework import IrGraph

from quant.program.ptq import unchecked_links


def test_same_program_with_and_without_the_assertion(tmp_path: Path) -> None:
    program = programs.deployable(tmp_path / "fp32")
    checked = programs.quantized(program, tmp_path / "checked", onnx_format=True)
    with unchecked_links():
        unchecked = programs.quantized(program, tmp_path / "unchecked", onnx_format=True)
    assert unchecked.params.read_bytes() == checked.params.read_bytes()
    # The passes go through sets, so the order of operators without an order between them is chance.
    assert operators(unchecked) == operators(checked)


def operators(program: programs.Exported) -> list[tuple[str, list[str], list[str]]]:
    from lite.model.program import LoadedProgram, static_graph

    with static_graph() as executor:
        loaded = LoadedProgram(program, executor).program
        return sorted(
            (op.type, sorted(op.input_arg_names), sorted(op.output_arg_names))
            for op in loaded.global_block().ops
        )


def test_the_assertion_comes_back() -> None:
    before = IrGraph.link_to, IrGraph.update_input_link
    with pytest.raises(InterruptedError), unchecked_links():
        raise InterruptedError
    assert (IrGraph.link_to, IrGraph.update_input_link) == before
