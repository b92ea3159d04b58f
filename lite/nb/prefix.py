"""Cuts the program of a `.nb` after each block: its first blocks alone, as a program that answers with their output.

What two such programs differ by in time is what the block between them takes, on a phone too, whose library tells
nothing of single operators. The cut one has the same kernels and parameters, and gives the block's output as one row.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from lite.errors import InputError
from lite.nb import program, reader
from lite.nb.flatbuffer import Buffer
from lite.nb.program import ProgramDesc, Variable
from lite.nb.reader import LiteModel
from lite.nb.shapes import Shape, ShapedOp, layers, steps

# Their results lie in memory that fetch can read.
_TARGETS = ("arm", "host", "x86", "any")
_ROW, _ROW_SHAPE = "prefix_row", "prefix_row_shape"
_OTHER = "profile a bundle of tools/opt.py for a CPU"


@dataclass(frozen=True)
class Cut:
    """Where a program can end: after the operator at `index` of `LiteModel.ops`, which makes the tensor `tensor`.

    `name` is the part of the network that ends there: `patch_embed`, or `blocks.0` and so on. `shape` is the tensor's.
    """

    name: str
    index: int
    tensor: str
    shape: Shape

    @property
    def elements(self) -> int:
        """Numbers in the tensor."""
        return math.prod(self.shape)


def cuts(model: LiteModel, input_shape: Shape) -> list[Cut]:
    """Where a DeiT's program ends its patch embedding and each of its blocks, in running order.

    A block ends with the tensor that the next one's first layer norm reads. Raises InputError for a program that is no
    chain of blocks, or runs where its tensors cannot be fetched, such as on a GPU.
    """
    foreign = sorted({op.kernel.target for op in model.ops} - set(_TARGETS))
    if foreign:
        raise InputError(f"{model.path} cannot be cut", why=f"it runs on {', '.join(foreign)}", remedy=_OTHER)
    shaped = list(steps(model, input_shape))
    names = layers(shaped, model.params)
    found: list[Cut] = []
    # Two operators make tensors of one name where opt let them share memory: the last one counts.
    maker: dict[str, ShapedOp] = {}
    for step in shaped:
        name = names.get(step.index, "")
        if step.op.type == "layer_norm" and (name == "norm" or name.endswith(".norm1")):
            (tensor,) = step.op.inputs["X"]
            before = f"blocks.{len(found) - 1}" if found else "patch_embed"
            found.append(Cut(before, maker[tensor].index, tensor, maker[tensor].outputs[tensor]))
        maker |= dict.fromkeys(step.outputs, step)
    if len(found) < 2:
        raise InputError(f"{model.path} cannot be cut", why="it is no chain of blocks", remedy=_OTHER)
    return found


def cut_program(whole: ProgramDesc, cut: Cut) -> ProgramDesc:
    """The program up to `cut`, which fetches its tensor as float32 [1, elements].

    Raises InputError for a program without the operators that this takes.
    """
    (block,) = whole.blocks
    fetch = next(each for each in block.operators if each.type == "fetch")
    flatten = next((each for each in block.operators if each.type == "reshape2"), None)
    if flatten is None:
        raise InputError("a program without reshape2 cannot be cut", remedy=_OTHER)
    shape = replace(flatten.attributes["shape"], value=(1, cut.elements))
    row = replace(
        flatten,
        inputs={"X": (cut.tensor,)},
        outputs={"Out": (_ROW,), "XShape": (_ROW_SHAPE,)},
        attributes={**flatten.attributes, "shape": shape},
    )
    operators = (*block.operators[: cut.index + 1], row, replace(fetch, inputs={"X": (_ROW,)}))
    used = {name for each in operators for name in each.names}
    variables = [each for each in block.variables if each.name in used or each.kind in reader.FEED_OR_FETCH]
    like = next(each for each in block.variables if each.dims is not None and not each.persistable)
    added: list[Variable] = [replace(like, name=name) for name in (_ROW, _ROW_SHAPE)]
    return replace(whole, blocks=(replace(block, operators=operators, variables=(*variables, *added)),))


def write(model: LiteModel, cut: Cut, out: Path) -> None:
    """Writes the program of `model` up to `cut` as the `.nb` `out`, with the parameters that it reads and no others.

    `out` is written under a temporary name and renamed. Raises InputError where it cannot be, or `cut_program` does.
    """
    cut_off = cut_program(program.read(model.path), cut)
    names = {each.name for each in cut_off.blocks[0].variables}
    kept = {name: tensor.bytes for name, tensor in model.params.items() if name in names}
    program.write(cut_off, model.path, out, lambda old, new: _copy_params(old, new, kept))


def _copy_params(old: BinaryIO, new: BinaryIO, kept: Mapping[str, int]) -> None:
    """Copies the parameters that are `kept` (name → bytes), from where `old` stands (see `reader.read_params`)."""
    begin = old.read(4)
    _, reserved = struct.unpack("<HH", begin)
    begin += old.read(reserved)
    size = old.read(2)
    header = bytearray(old.read(struct.unpack("<H", size)[0]))
    count, _ = struct.unpack_from("<HI", header)
    records = io.BytesIO()
    for _ in range(count):
        total, offset = struct.unpack("<II", old.read(8))
        record = old.read(total - 4)
        if Buffer(record[offset - 4 :]).root().text(1) in kept:
            records.write(struct.pack("<II", total, offset) + record)
    struct.pack_into("<HI", header, 0, len(kept), max(kept.values()))
    new.write(begin + size + bytes(header))
    new.write(records.getbuffer())
