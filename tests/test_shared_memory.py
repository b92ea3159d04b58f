"""Tensors of a `.nb` that share memory: nothing is overwritten that is still read, and the answers stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from shallow import CHECK, VARIANT, made, recipe, shallow

from lite.engines.paddle_lite import LitePredictor
from lite.model.graph import Exported
from lite.model.program import export_weights
from lite.nb import optimizer, program, reader, shared_memory
from lite.nb.program import BOOLEAN, Attribute, Operator, ProgramBlock
from quant.program.twin import build_twin


@pytest.fixture(scope="module", params=["float", "twin"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "float":
        return export_weights(shallow(), folder)
    int8 = made(folder, recipe("blocks.*.attn.av", "head*"))
    return build_twin(int8.int8, folder / "twin")


@pytest.fixture(scope="module")
def unshared(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `.nb` for this host as Paddle Lite's optimizer leaves it."""
    out = tmp_path_factory.mktemp("unshared") / "host.nb"
    optimizer.optimize(exported, out, "fp32", ("x86",))
    return out


def test_answers_are_the_same_with_a_fraction_of_the_tensors(
    exported: Exported, unshared: Path, tmp_path: Path
) -> None:
    optimizer.for_host(exported, tmp_path / "host.nb")
    one, other = (LitePredictor(path) for path in (unshared, tmp_path / "host.nb"))
    for picture in CHECK.pictures[:4]:
        pixels = picture.tensor(VARIANT.preprocess)
        np.testing.assert_array_equal(one.run(pixels), other.run(pixels))
    before, after = (_tensors(path) for path in (unshared, tmp_path / "host.nb"))
    assert len(after) < 0.6 * len(before)


def test_everyone_reads_what_was_meant(unshared: Path) -> None:
    (block,) = program.read(unshared).blocks
    shared = shared_memory.share(block, block.operators)
    assert _read(shared) == _read(block)
    # That would show if it were wrong: one tensor for all.
    fed = set(shared_memory.fed_and_fetched(block))
    parameters = {each.name for each in block.variables if each.persistable}
    everything = {
        name: name if name in fed | parameters else "one" for op in block.operators for name in op.names
    }
    wrong = tuple(shared_memory.renamed(operator, everything) for operator in block.operators)
    assert _read(ProgramBlock(0, -1, -1, block.variables, wrong)) != _read(block)


def test_what_is_done_in_place_shares_with_none(unshared: Path) -> None:
    (block,) = program.read(unshared).blocks
    place = next(index for index, op in enumerate(block.operators) if op.type == "layer_norm")
    old = block.operators[place]
    in_place = Operator(
        old.type, old.inputs, old.outputs, {**old.attributes, "inplace": Attribute(BOOLEAN, True)}
    )
    operators = [*block.operators[:place], in_place, *block.operators[place + 1 :]]
    shared = shared_memory.share(block, operators)
    assert shared.operators[place].outputs == old.outputs
    for name in in_place.names:
        assert [name in op.names for op in shared.operators] == [name in op.names for op in operators]


def _tensors(path: Path) -> set[str]:
    model = reader.read(path)
    return {name for op in model.ops for names in op.outputs.values() for name in names} - set(model.params)


def _read(block: ProgramBlock) -> list[list[object]]:
    """Of each operator, which operators' outputs it reads; of what none wrote, the name."""
    written: dict[str, object] = {}
    read = []
    for place, operator in enumerate(block.operators):
        inputs = sorted(operator.inputs.items())
        read.append([written.get(name, name) for _, names in inputs for name in names])
        for parameter, names in operator.outputs.items():
            written |= {name: (place, parameter, index) for index, name in enumerate(names)}
    return read
