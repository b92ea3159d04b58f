"""Which operators of a program pay on fp16 kernels: the cheapest choice, what converts tensors between included.

An operator in fp16 takes about half of what it takes in float, but where its neighbours stay in float or INT8 their
tensors have to be converted, once for all readers. The choice with the least sum is a minimum cut between "fp16" and
"float" (Greig, Porteous and Seheult, "Exact maximum a posteriori estimation for binary images", 1989).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from lite.nb import fp16
from lite.nb.reader import Kernel, LiteModel
from lite.nb.shapes import Shape, ShapedOp, steps
from quant.cost import model as cost
from quant.cost.rates import CORES, DEFAULT_CORE, Core

# The two ends of the cut, before the nodes that are numbered.
_FP16, _FLOAT = 0, 1
# scipy's flow has 32 bits: no sum of what can be cut comes near this.
_UNCUT = 2**30


def cheapest(model: LiteModel, input_shape: Shape, core: str = DEFAULT_CORE) -> frozenset[int]:
    """Indices of the operators of a `.nb` for ARM that are cheapest on fp16 kernels, for `lite.nb.fp16.to_fp16`.

    Sums of two tensors, which are the residual stream, stay in float: in fp16 it would be rounded at every block, for
    0.2 % of DeiT-tiny's instructions. The same model gives the same choice. Raises UnknownCostError or
    UnknownShapeError for a model that cannot be judged.
    """
    return _cut(model, input_shape, CORES[core]).choose()[0]


def instructions(model: LiteModel, input_shape: Shape, core: str = DEFAULT_CORE) -> float:
    """Instructions of one run of what `lite.nb.fp16.to_fp16` makes of the model by the cheapest choice.

    Raises as `cheapest` does.
    """
    cut = _cut(model, input_shape, CORES[core])
    return cost.of_run(input_shape, CORES[core]) + cut.fixed + cut.choose()[1]


def _cut(model: LiteModel, input_shape: Shape, core: Core) -> _Cut:
    found = list(steps(model, input_shape))
    sums = {
        step.index
        for step in found
        if step.op.type == "elementwise_add" and step.op.inputs["Y"][0] not in model.params
    }
    cut = _Cut(core, fp16.can_be_fp16(model) - sums)
    for step in found:
        cut.add(step)
    return cut


def in_fp16(step: ShapedOp) -> Iterator[ShapedOp]:
    """The operators that `lite.nb.fp16.to_fp16` puts in the place of one, for costing."""
    op = step.op
    if op.type != fp16.GELU:
        moves = op.type in fp16.MOVE
        yield step if moves else replace(step, op=replace(op, kernel=_kernel(op.type, op.kernel.target)))
        return
    (shape,) = step.inputs["X"]
    for kind in fp16.GELU_STEPS:
        read = ("X", "Y") if kind.startswith("elementwise") else ("X",)
        inputs: dict[str, tuple[Shape | None, ...]] = dict.fromkeys(read, (shape,))
        part = replace(op, type=kind, kernel=_kernel(kind), attributes={"axis": -1})
        yield replace(step, op=part, inputs=inputs)


def _kernel(kind: str, target: str = "arm") -> Kernel:
    return Kernel(kind, "def", target, "fp16", "nchw")


@dataclass
class _Cut:
    """The graph: an edge from fp16 to an operator is what it takes in float, from it to float what it takes in fp16.

    What one end of an edge pays if it is on fp16's side and the other on float's.
    """

    core: Core
    candidates: frozenset[int]
    nodes: dict[int, int] = field(default_factory=dict)
    edges: defaultdict[tuple[int, int], float] = field(default_factory=lambda: defaultdict(float))
    # By variable, of its last writer: the writer's node, and what is paid for the conversion to fp16 and from it.
    writers: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    count: int = 2
    # Instructions of what is no candidate, and what has been quantized: the first of several serves all.
    fixed: float = 0.0
    quantized: set[tuple[object, object]] = field(default_factory=set)

    def add(self, step: ShapedOp) -> None:
        """Adds an operator, after those that make its inputs."""
        node = _FLOAT
        if step.index in self.candidates:
            node = self.nodes[step.index] = self.new()
            self.edges[_FP16, node] = cost.of_step(step, self.core)
            self.edges[node, _FLOAT] = sum(cost.of_step(part, self.core) for part in in_fp16(step))
        elif not self.is_there(step):
            self.fixed += cost.of_step(step, self.core)
        for name in {name for names in step.op.inputs.values() for name in names}:
            if name in self.writers:
                _, to_fp16, from_fp16 = self.writers[name]
                self.edges[node, to_fp16] = self.edges[from_fp16, node] = float("inf")
        for name, shape in step.outputs.items():
            conversion = cost.conversion(prod(shape), self.core)
            to_fp16, from_fp16 = self.new(), self.new()
            self.edges[to_fp16, node] = self.edges[node, from_fp16] = conversion
            self.writers[name] = node, to_fp16, from_fp16

    def is_there(self, step: ShapedOp) -> bool:
        """Whether the same tensor has been quantized by the same scale: `to_fp16` does it once."""
        if step.op.type != "calib":
            return False
        (source,) = step.op.inputs["Input"]
        key = self.writers.get(source, source), step.op.attributes.get("scale")
        known = key in self.quantized
        self.quantized.add(key)
        return known

    def new(self) -> int:
        """A new node's number."""
        self.count += 1
        return self.count - 1

    def choose(self) -> tuple[frozenset[int], float]:
        """The operators on fp16's side of the least cut, and what it costs; of equal ones the one with the fewest."""
        edges = {ends: weight for ends, weight in self.edges.items() if ends[0] != ends[1]}
        # Whole numbers, as fine as 32 bits allow.
        unit = sum(weight for weight in edges.values() if weight != float("inf")) / (_UNCUT / 2)
        weights = [_UNCUT if weight == float("inf") else round(weight / unit) for weight in edges.values()]
        sources, sinks = np.array(list(edges)).T
        shape = (self.count, self.count)
        capacity = coo_array((np.array(weights, np.int32), (sources, sinks)), shape).tocsr()
        flow = maximum_flow(capacity, _FP16, _FLOAT).flow
        left = capacity - flow
        left.eliminate_zeros()
        reached = set(breadth_first_order(left, _FP16, return_predecessors=False).tolist())
        taken = sum(
            weight for (one, other), weight in edges.items() if one in reached and other not in reached
        )
        return frozenset(index for index, node in self.nodes.items() if node in reached), taken
