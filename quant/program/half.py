"""fp16 in the host twin: which operators of a Paddle program a `.nb` runs on fp16 kernels, and rounding like them.

A float32 is rounded to float16's eleven binary digits by Veltkamp's splitting (Dekker, "A floating-point technique for
extending the available precision", 1971): c = (2^13 + 1) x, then c - (c - x). These are float operators that every
engine has and Paddle Lite's optimizer keeps. Two things of float16 are not in it: its end at 65504, and that numbers
under 6e-5 have fewer digits.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from paddle.static import Operator

from lite.model.program import LoadedProgram
from lite.nb import fp16
from lite.nb.reader import LiteModel
from quant.program.steps import ProgramWriter

_SPLIT = np.float32(2**13 + 1)


class Place(NamedTuple):
    """Where an operator without parameters stands: behind how many layer norms, of what type, transposing or not."""

    norms: int
    type: str
    transposes: bool


@dataclass(frozen=True)
class Halved:
    """What runs on fp16 kernels: operators by their place, those with parameters by these."""

    places: frozenset[Place]
    parameters: frozenset[str]


def halved(model: LiteModel, chosen: Collection[int]) -> Halved:
    """What the operators at the indices `chosen` of an INT8 `.nb` are called in the program that it was made of.

    Between two layer norms, operators of one type without parameters do alike: where one is chosen, all are.
    """
    places, parameters, norms = set(), set(), 0
    for index, op in enumerate(model.ops):
        norms += op.type == "layer_norm"
        if index in chosen:
            own = [name for names in op.inputs.values() for name in names if name in model.params]
            parameters.update(own)
            if not own:
                places.add(Place(norms, op.type, bool(op.attributes.get("trans_y"))))
    return Halved(frozenset(places), frozenset(parameters))


class Rounding:
    """Copies operators of a program, with the rounding of fp16 where `which` says so."""

    def __init__(self, which: Halved, loaded: LoadedProgram, write: ProgramWriter):
        self.which, self.loaded, self.write = which, loaded, write
        self.norms = 0
        # By tensor: the one that holds it rounded.
        self.rounded: dict[str, str] = {}

    def copy(self, operator: Operator) -> None:
        """Appends the operator as the phone computes it."""
        self.norms += operator.type == "layer_norm"
        for name in operator.output_arg_names:
            self.rounded.pop(name, None)
        if not self._is_halved(operator):
            self.write.copy(operator)
            return
        if operator.type == fp16.GELU:
            self._gelu(operator)
            return
        kept = {name: self.write.name(name) for name in operator.input_arg_names}
        for name, source in kept.items():
            self.write.alias[name] = self._rounded(source)
        self.write.copy(operator)
        for name, source in kept.items():
            if name not in operator.output_arg_names:
                self.write.alias[name] = source
        if operator.type not in fp16.MOVE and operator.type != "split":
            (result,) = operator.output("Out")
            self.write.alias[result] = self._rounded(result)

    def _is_halved(self, operator: Operator) -> bool:
        if not self.which.parameters.isdisjoint(operator.input_arg_names):
            return True
        transposes = operator.has_attr("trans_y") and bool(operator.attr("trans_y"))
        return Place(self.norms, operator.type, transposes) in self.which.places and not any(
            self.loaded.program.global_block().var(name).persistable for name in operator.input_arg_names
        )

    def _rounded(self, tensor: str) -> str:
        """Name of the tensor or parameter with its values rounded."""
        if tensor not in self.rounded:
            result = f"{tensor}.fp16"
            if self.write.block.var(tensor).persistable:
                values = self.loaded.parameter(tensor)
                self.write.constant(result, values.astype(np.float16).astype(np.float32))
            else:
                self.round(tensor, result)
            self.rounded[tensor] = result
        return self.rounded[tensor]

    def round(self, source: str, result: str) -> None:
        """Writes `result` = source rounded to float16's digits."""
        self.write.scale(source, f"{result}.times", _SPLIT)
        self.write.binary("elementwise_sub", f"{result}.times", source, f"{result}.rest")
        self.write.binary("elementwise_sub", f"{result}.times", f"{result}.rest", result)

    def _gelu(self, operator: Operator) -> None:
        """Writes GELU's tanh form by the steps that `lite.nb.fp16` writes, each rounded."""
        x = self._rounded(self.write.name(operator.input("X")[0]))
        (result,) = operator.output("Out")
        square, factor, inside, gate = (f"{result}.{name}" for name in ("square", "factor", "inside", "gate"))
        self.write.binary("elementwise_mul", x, x, square)
        scale, bias = (np.float32(np.float16(value)) for value in (fp16.GELU_B, fp16.GELU_A))
        self.write.scale(self._rounded(square), factor, scale, bias)
        self.write.binary("elementwise_mul", x, self._rounded(factor), inside)
        self.write.unary("sigmoid", self._rounded(inside), gate)
        self.write.binary("elementwise_mul", x, self._rounded(gate), result)
        self.write.alias[result] = self._rounded(result)
