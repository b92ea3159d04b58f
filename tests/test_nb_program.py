"""lite/nb/program.py reads the whole program of a `.nb` and writes it back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import programs
import pytest

from lite.engines.paddle_lite import LitePredictor
from lite.errors import InputError
from lite.model.graph import GPU, Exported
from lite.nb import optimizer, program, reader
from lite.nb.program import Attribute


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return programs.deployable(tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="module")
def files(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    int8 = programs.quantized(exported, tmp_path_factory.mktemp("int8"))
    gpu = programs.deployable(tmp_path_factory.mktemp("gpu"), GPU)
    asked = {
        "host": (exported, ("x86",), "fp32"),
        "fp32": (exported, ("arm",), "fp32"),
        "fp16": (exported, ("arm",), "fp16"),
        "int8": (int8, ("arm",), "int8"),
        "opencl": (gpu, ("opencl", "arm"), "fp32"),
    }
    for name, (source, targets, precision) in asked.items():
        optimizer.optimize(source, folder / f"{name}.nb", precision, targets)
    return {name: folder / f"{name}.nb" for name in asked}


@pytest.mark.parametrize("name", ["host", "fp32", "fp16", "int8", "opencl"])
def test_a_written_program_reads_back_the_same(files: dict[str, Path], name: str, tmp_path: Path) -> None:
    source, out = files[name], tmp_path / "written.nb"
    whole = program.read(source)
    program.write(whole, source, out)
    assert program.read(out) == whole
    old, new = reader.read(source), reader.read(out)
    assert (new.ops, new.params, new.inputs, new.opt_version) == (
        old.ops,
        old.params,
        old.inputs,
        old.opt_version,
    )
    assert _parameters(out) == _parameters(source)
    # Written once more, not a byte changes.
    program.write(program.read(out), out, tmp_path / "again.nb")
    assert (tmp_path / "again.nb").read_bytes() == out.read_bytes()


def test_the_runtime_answers_the_same_for_a_written_program(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "host.nb"
    program.write(program.read(files["host"]), files["host"], out)
    picture = np.random.default_rng(0).standard_normal((1, 3, 224, 224), dtype=np.float32)
    expected = LitePredictor(files["host"]).run(picture)
    assert np.ptp(expected) > 0
    assert (LitePredictor(out).run(picture) == expected).all()


def test_a_change_is_in_the_written_file_where_the_loader_looks_for_it(
    files: dict[str, Path], tmp_path: Path
) -> None:
    whole = program.read(files["fp32"])
    (block,) = whole.blocks
    place = next(place for place, each in enumerate(block.operators) if each.type == "softmax")
    softmax = block.operators[place]
    # Attributes are searched by halving: they are sorted, however they were put in.
    attributes = {"zebra": Attribute(program.STRING, "z"), **softmax.attributes}
    changed = replace(softmax, attributes={**attributes, "aardvark": Attribute(program.FLOAT, 0.5)})
    operators = (*block.operators[:place], changed, *block.operators[place + 1 :])
    program.write(
        replace(whole, blocks=(replace(block, operators=operators),)), files["fp32"], tmp_path / "changed.nb"
    )
    found = program.read(tmp_path / "changed.nb").blocks[0].operators[place]
    assert found == changed
    assert list(found.attributes) == sorted(found.attributes)


def test_a_folder_that_cannot_be_made_is_named(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write .*file/out.nb: File exists"):
        program.write(program.read(files["fp32"]), files["fp32"], tmp_path / "file" / "out.nb")


def _parameters(path: Path) -> bytes:
    data = path.read_bytes()
    _, _, length = program.HEADER.unpack_from(data)
    return data[program.HEADER.size + length :]
