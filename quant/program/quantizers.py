"""An INT8 program taken apart: the float program under it, and what each quantizer does to which operator's input.

`Segments` puts it together again, cut at its transformer blocks: each part can be run alone, with any of its quantizers
on. What comes before a block does not depend on what is quantized in it, so it is computed once and kept. With all
quantizers on it computes what Paddle's simulation computes, but for the last bits of float32: here a weight is scaled
before it is multiplied, there the product is.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import paddle
from paddle.static import Operator

from lite.errors import ConversionError
from lite.model.program import LoadedProgram
from quant.program import steps
from quant.program.steps import LEVELS, TO_EVEN, ProgramWriter, Step


class Read(NamedTuple):
    """An operator, named by what it gives, that reads a tensor: an activation or a weight."""

    output: str
    tensor: str


@dataclass(frozen=True)
class Quantizer:
    """Rounds an activation to whole multiples of `scale` / 127, from `lowest` to 127 of them."""

    scale: np.float32
    lowest: float
    ties_to_even: bool


@dataclass(frozen=True)
class Parts:
    """`loaded` computes in float; its weights, before they are replaced, are those of INT8.

    `activations` and `weights` say what INT8 puts in the place of what an operator reads: a quantizer, or the int8
    weight times its scale (float32, the weight's shape).
    """

    loaded: LoadedProgram
    activations: Mapping[Read, Quantizer]
    weights: Mapping[Read, np.ndarray]


def take_apart(loaded: LoadedProgram) -> Parts:
    """Takes the quantizers out of an INT8 program, in place. Within `static_graph()`.

    Raises ConversionError when nothing in it is quantized or it holds a quantizer that is not known here.
    """
    work = _Apart(loaded)
    for operator in loaded.program.global_block().ops:
        work.take(operator)
    if not work.weights:
        raise ConversionError(
            "nothing in the INT8 program is quantized",
            remedy="see skip and quantizable_op_type in the recipe",
        )
    logits = work.write.name(loaded.fetches[0].name)
    loaded.program, loaded.fetches = work.write.program, [work.write.block.var(logits)]
    return Parts(loaded, work.activations, work.weights)


def set_parameter(loaded: LoadedProgram, name: str, values: np.ndarray) -> None:
    """Gives a parameter of the program, or a new one, a float32 value."""
    tensor = loaded.scope.var(name).get_tensor()
    tensor.set(np.ascontiguousarray(values, dtype=np.float32), paddle.CPUPlace())


class _Apart:
    """Both formats that PaddleSlim writes; see `quant/program/steps.py` for what they compute."""

    def __init__(self, loaded: LoadedProgram):
        self.loaded, self.source = loaded, loaded.program.global_block()
        self.write = ProgramWriter(loaded)
        self.activations: dict[Read, Quantizer] = {}
        self.weights: dict[Read, np.ndarray] = {}
        self.quantized: dict[str, Quantizer] = {}
        self.dequantized: dict[str, np.ndarray] = {}
        self.producers = {name: op for op in self.source.ops for name in op.output_arg_names}

    def take(self, operator: Operator) -> None:
        """Copies an operator, or notes the quantizer that it is."""
        step = steps.read(operator)
        if step is None:
            if operator.type not in ("feed", "fetch"):
                self._copy(operator)
        elif step.kind == "weight":
            self._weight(step)
        elif step.kind == "product":
            self._scaled_product(step)
        else:
            self._activation(step)

    def _copy(self, operator: Operator) -> None:
        output = operator.output_arg_names[0]
        for name in operator.input_arg_names:
            raw = self.write.alias.get(name, name)
            if name in self.quantized:
                self.activations[Read(output, raw)] = self.quantized[name]
            if name in self.dequantized:
                self.weights[Read(output, raw)] = self.dequantized[name]
        self.write.copy(operator)

    def _activation(self, step: Step) -> None:
        self.write.alias[step.result] = self.write.name(step.source)
        self.quantized.pop(step.result, None)
        if step.scale is not None and not step.observes:
            scale = steps.activation_scale(self.loaded, step.scale)
            self.quantized[step.result] = Quantizer(scale, step.lowest, step.ties_to_even)

    def _weight(self, step: Step) -> None:
        assert step.weight_scales is not None
        scales = self.loaded.parameter(step.weight_scales)
        values = steps.scaled_weight(self.loaded, step.source, scales, step.axis)
        self.write.constant(step.source, values)
        self.write.alias[step.result] = step.source
        self.dequantized[step.result] = values

    def _scaled_product(self, step: Step) -> None:
        # The older format multiplies a layer's product; here its weight is multiplied.
        product = step.source
        (weight,) = (
            name for name in self.producers[product].input_arg_names if self.source.var(name).persistable
        )
        if step.weight_scales is None:
            scales = np.array([LEVELS * LEVELS / np.float32(step.max_range)])
        else:
            scales = self.loaded.parameter(step.weight_scales)
        values = steps.scaled_weight(self.loaded, weight, scales, step.axis)
        set_parameter(self.loaded, weight, values)
        self.weights[Read(product, weight)] = values
        self.write.alias[step.result] = self.write.name(product)


_INT8 = "@int8"


class Segment:
    """A part of the network as a program of its own: one tensor in, one out, any number of pictures at once."""

    def __init__(self, program: paddle.static.Program, source: str, result: str, loaded: LoadedProgram):
        self.program, self.source, self.result, self.loaded = program, source, result, loaded
        # Class tokens are put before the patches of one picture.
        self.single = source == loaded.feed
        self.executor = loaded.executor

    def kept(self) -> Segment:
        """The same, for running it many times: an executor forgets all but the last few programs."""
        self.executor = paddle.static.Executor(paddle.CPUPlace())
        return self

    def run(self, values: np.ndarray) -> np.ndarray:
        """Output float32 [N, ...] for float32 [N, ...]."""
        if self.single:
            return np.concatenate([self._run(values[place : place + 1]) for place in range(len(values))])
        return self._run(values)

    def _run(self, values: np.ndarray) -> np.ndarray:
        (found,) = self.executor.run(
            self.program, feed={self.source: values}, fetch_list=[self.result], scope=self.loaded.scope
        )
        return found


class Segments:
    """The parts: patch embedding, each block, head. Make and use it within `static_graph()`.

    Raises ConversionError for a program that is not a chain of blocks.
    """

    def __init__(self, parts: Parts):
        self.parts, self.loaded = parts, parts.loaded
        operators = self.loaded.program.global_block().ops
        normed = [operator.input("X")[0] for operator in operators if operator.type == "layer_norm"]
        self.tensors = [self.loaded.feed, *normed[::2], self.loaded.fetches[0].name]
        self.operators = self._cut()
        self.places = {
            name: place
            for place, part in enumerate(self.operators)
            for operator in part
            for name in operator.output_arg_names
        }
        for read, values in parts.weights.items():
            set_parameter(self.loaded, read.tensor + _INT8, values)

    def __len__(self) -> int:
        return len(self.operators)

    def place(self, read: Read) -> int:
        """The part that an operator is in."""
        return self.places[read.output]

    def build(self, place: int, active: Collection[Read]) -> Segment:
        """The part at `place` with the quantizers of what `active` names; others in it may be named too."""
        source, result = self.tensors[place : place + 2]
        reader = copy.copy(self.loaded)
        reader.feed = source
        write = ProgramWriter(reader)
        write.block.var(source).desc.set_need_check_feed(False)
        for operator in self.operators[place]:
            output = operator.output_arg_names[0]
            on = [name for name in operator.input_arg_names if Read(output, name) in active]
            for name in on:
                self._put(write, Read(output, name))
                write.alias[name] = name + _INT8
            write.copy(operator)
            for name in on:
                write.alias.pop(name, None)
        return Segment(write.program, source, result, self.loaded)

    def _put(self, write: ProgramWriter, read: Read) -> None:
        """Makes the INT8 version of a tensor, unless it is there."""
        name = read.tensor + _INT8
        if name in write.block.vars:
            return
        if read in self.parts.weights:
            values = self.parts.weights[read]
            write.block.create_var(name=name, shape=values.shape, dtype="float32", persistable=True)
        else:
            fake_quantize(write, read.tensor, name, self.parts.activations[read])

    def _cut(self) -> list[list[paddle.static.Operator]]:
        cut: list[list[paddle.static.Operator]] = [[]]
        for operator in self.loaded.program.global_block().ops:
            cut[-1].append(operator)
            if len(cut) < len(self.tensors) - 1 and self.tensors[len(cut)] in operator.output_arg_names:
                cut.append([])
        block = self.loaded.program.global_block()
        for source, part in zip(self.tensors, cut, strict=False):
            known = {source}
            for operator in part:
                for name in operator.input_arg_names:
                    if name not in known and not block.var(name).persistable:
                        raise ConversionError(
                            "the network is not a chain of blocks",
                            why=f"{operator.type} reads {name} of an earlier one",
                        )
                known.update(operator.output_arg_names)
        return cut


def fake_quantize(write: ProgramWriter, source: str, result: str, quantizer: Quantizer) -> None:
    """Writes `result` = `source` rounded as int8 rounds it."""
    scaled, shifted, rounded, clipped = (
        f"{result}.{step}" for step in ("scaled", "shifted", "rounded", "clipped")
    )
    write.scale(source, scaled, LEVELS * (np.float32(1) / quantizer.scale))
    if quantizer.ties_to_even:
        shift = write.number(TO_EVEN)
        write.binary("elementwise_add", scaled, shift, shifted)
        write.binary("elementwise_sub", shifted, shift, rounded)
    else:
        write.unary("round", scaled, rounded)
    write.unary("clip", rounded, clipped, min=quantizer.lowest, max=float(LEVELS))
    write.scale(clipped, result, quantizer.scale / LEVELS)
