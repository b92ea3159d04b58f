"""Puts operators of an ARM program on fp16 kernels: INT8 and FP16 in one `.nb`, which opt itself never writes.

opt ignores fp16 for a quantized program, but the loader believes the kernel that a file names, operator by operator.
So the file is rewritten after opt: other kernels, conversions (`calib`) where the precision changes, one for all that
read the tensor, and memory shared anew. Weights stay float32 in the file, and are marked for the loader to halve.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from lite.nb import precisions, program, reader, shared_memory
from lite.nb.program import (
    BOOLEAN,
    FLOAT,
    INT,
    STRING,
    Attribute,
    Operator,
    ProgramBlock,
    ProgramDesc,
)
from lite.nb.reader import LiteModel, Op

# Operators that have an fp16 kernel of the same attributes; what only moves numbers takes fp16 as it takes float.
COMPUTE = (
    "elementwise_add", "elementwise_div", "elementwise_mul", "elementwise_sub", "fc", "hard_swish", "matmul_v2",
    "relu", "scale", "sigmoid", "softmax", "split", "swish", "tanh",
)  # fmt: skip
MOVE = ("concat", "reshape", "reshape2", "transpose", "transpose2")
GELU = "gelu"
# tanh(u) = 2 sigmoid(2u) - 1 makes GELU's tanh form x * sigmoid(x * (A + B x²)) with these.
GELU_STEPS = ("elementwise_mul", "scale", "elementwise_mul", "sigmoid", "elementwise_mul")
GELU_A, GELU_B = 1.5957691216057308, 0.0713548162726


def can_be_fp16(model: LiteModel) -> frozenset[int]:
    """Indices of the operators of an ARM program for which `to_fp16` has an fp16 kernel."""
    readers = Counter(name for op in model.ops for names in op.inputs.values() for name in set(names))
    return frozenset(
        index for index, op in enumerate(model.ops) if _has_kernel(op) and _weights_fit(op, model, readers)
    )


def to_fp16(whole: ProgramDesc, model: LiteModel, chosen: Collection[int]) -> ProgramDesc:
    """The program with the operators at the indices `chosen` of `model.ops` on fp16 kernels.

    `model` is the same file's; `chosen` are of `can_be_fp16`. The same arguments give the same program.
    """
    (block,) = whole.blocks
    rewriting = _Rewriting(model, frozenset(chosen))
    for index, operator in enumerate(_written_once(block, model)):
        rewriting.take(index, operator)
    return replace(whole, blocks=(shared_memory.share(block, rewriting.operators),))


def _has_kernel(op: Op) -> bool:
    if op.type in MOVE:
        return op.kernel.precision == "any"
    if op.kernel.precision != "fp32" or op.kernel.alias != "def":
        return False
    if op.type == GELU:
        return bool(op.attributes.get("approximate"))
    return op.type in COMPUTE


def _weights_fit(op: Op, model: LiteModel, readers: Counter[str]) -> bool:
    """Whether the operator's parameters can be halved: by a mark, and nobody else reads them."""
    weights = [name for names in op.inputs.values() for name in names if name in model.params]
    return not weights or (
        op.type in precisions.HALVED_BY_MARK
        and all(model.params[name].dtype == "float32" and readers[name] == 1 for name in weights)
    )


def _written_once(block: ProgramBlock, model: LiteModel) -> Iterator[Operator]:
    """The operators with a name of its own for every tensor, but for parameters and what is fed and fetched."""
    kept = set(model.params) | set(shared_memory.fed_and_fetched(block))
    numbers = itertools.count()
    current: dict[str, str] = {}

    def rename(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(current.get(name, name) for name in names)

    for operator in block.operators:
        inputs = {parameter: rename(names) for parameter, names in operator.inputs.items()}
        for names in operator.outputs.values():
            current |= {name: f"tensor_{next(numbers)}" for name in names if name not in kept}
            if operator.type == "feed":
                current |= {name: name for name in names}
        outputs = {parameter: rename(names) for parameter, names in operator.outputs.items()}
        yield replace(operator, inputs=inputs, outputs=outputs)


@dataclass
class _Rewriting:
    """Operators as they are written, and in which precisions each tensor is there."""

    model: LiteModel
    chosen: frozenset[int]
    operators: list[Operator] = field(default_factory=list)
    # By tensor: the precision it was made in first, then what it has been converted to.
    copies: dict[str, dict[str, str]] = field(default_factory=dict)
    calibs: dict[tuple[str, Attribute], str] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def take(self, index: int, operator: Operator) -> None:
        """Writes the operator at `index` with what converts its inputs."""
        op = self.model.ops[index]
        half = index in self.chosen
        inputs, given = {}, []
        for parameter, names in operator.inputs.items():
            wanted = "fp16" if half else precisions.reads(op, parameter)
            inputs[parameter] = tuple(self.form(self.alias.get(name, name), wanted) for name in names)
            given += [self.precision(name) for name in inputs[parameter]]
        if op.type == "calib" and self.is_there(operator, inputs["Input"][0]):
            return
        result = "fp16" if half else precisions.gives(op, given)
        for name in (name for names in operator.outputs.values() for name in names):
            self.copies[name] = {result: name}
        if half and op.type == GELU:
            self.gelu(inputs["X"][0], operator.outputs["Out"][0])
            return
        operator = replace(operator, inputs=inputs)
        self.operators.append(self.on_fp16(operator) if half and op.type not in MOVE else operator)

    def precision(self, name: str) -> str:
        """What the tensor `name` holds; "" for what is fed."""
        if name in self.model.params:
            return precisions.of_parameter(self.model.params[name])
        copies = self.copies.get(name, {})
        return next((precision for precision, copy in copies.items() if copy == name), "")

    def form(self, name: str, wanted: str) -> str:
        """The tensor `name` as `wanted`: converted where it is not there yet; a parameter as it is."""
        copies = self.copies.get(name)
        if copies is None or wanted in copies:
            return copies[wanted] if copies else name
        had = next(iter(copies))
        if wanted == "any":
            # What moves a tensor and stays in float takes it in the precision it had before.
            wanted = "fp32" if had == "fp16" else had
            return self.form(name, wanted)
        copies[wanted] = f"{name}_{wanted}"
        self.copies[copies[wanted]] = {wanted: copies[wanted]}
        kernel = f"calib/{had}_to_{wanted}/{reader.place('arm', 'fp16', 'nchw')}"
        self.add("calib", kernel, {"Input": copies[had]}, copies[wanted], {})
        return copies[wanted]

    def is_there(self, calib: Operator, source: str) -> bool:
        """Whether another calib has quantized the tensor by the same scale: its result serves this one's readers."""
        (result,) = calib.outputs["Out"]
        key = source, calib.attributes.get("scale", Attribute(FLOAT, 1.0))
        if key in self.calibs:
            self.alias[result] = self.calibs[key]
            return True
        self.calibs[key] = result
        return False

    def on_fp16(self, operator: Operator) -> Operator:
        """The operator with its fp16 kernel, its parameters marked."""
        target = "host" if operator.type == "split" else "arm"
        kernel = f"{operator.type}/def/{reader.place(target, 'fp16', 'nchw')}"
        weights = [name for names in operator.inputs.values() for name in names if name in self.model.params]
        marks = {name + precisions.MARK: Attribute(STRING, "fp16") for name in weights}
        attributes = {**operator.attributes, **marks, program.KERNEL_ATTRIBUTE: Attribute(STRING, kernel)}
        return replace(operator, attributes=attributes)

    def gelu(self, x: str, result: str) -> None:
        """Writes GELU's tanh form: fp16 has no kernel for it, but for each of its steps."""
        square, factor, inside, gate = (f"half_{next(self.numbers)}" for _ in range(4))
        axis = {"axis": Attribute(INT, -1)}
        line = {
            "scale": Attribute(FLOAT, GELU_B),
            "bias": Attribute(FLOAT, GELU_A),
            "bias_after_scale": Attribute(BOOLEAN, True),
        }
        made: tuple[tuple[dict[str, str], str, dict[str, Attribute]], ...] = (
            ({"X": x, "Y": x}, square, axis),
            ({"X": square}, factor, line),
            ({"X": x, "Y": factor}, inside, axis),
            ({"X": inside}, gate, {}),
            ({"X": x, "Y": gate}, result, axis),
        )
        for kind, step in zip(GELU_STEPS, made, strict=True):
            self.add(kind, f"{kind}/def/{reader.place('arm', 'fp16', 'nchw')}", *step)

    def add(
        self,
        kind: str,
        kernel: str,
        inputs: dict[str, str],
        result: str,
        attributes: Mapping[str, Attribute],
    ) -> None:
        self.operators.append(
            Operator(
                kind,
                {parameter: (name,) for parameter, name in inputs.items()},
                {"Out": (result,)},
                {**attributes, program.KERNEL_ATTRIBUTE: Attribute(STRING, kernel)},
            )
        )
