"""Makes Paddle's quantization passes visit a graph in the order its nodes were made in.

Paddle 2.6.2 hands the nodes out as Python sets, whose order is that of memory addresses: names of new variables
and the order of operators change from run to run, and with them the bytes of the programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from paddle.base.framework import IrGraph, IrNode, IrOpNode, IrVarNode


@contextmanager
def nodes_in_order() -> Iterator[None]:
    """Within it, `IrGraph.all_op_nodes`, `all_var_nodes` and `all_persistable_nodes` give sorted lists."""
    before = IrGraph.all_op_nodes, IrGraph.all_var_nodes, IrGraph.all_persistable_nodes
    IrGraph.all_op_nodes, IrGraph.all_var_nodes, IrGraph.all_persistable_nodes = _ops, _vars, _persistable
    try:
        yield
    finally:
        IrGraph.all_op_nodes, IrGraph.all_var_nodes, IrGraph.all_persistable_nodes = before


def _ops(graph: IrGraph) -> list[IrOpNode]:
    return sorted((IrOpNode(node) for node in graph.graph.nodes() if node.is_op()), key=_number)


def _vars(graph: IrGraph) -> list[IrVarNode]:
    return sorted((IrVarNode(node) for node in graph.graph.nodes() if node.is_var()), key=_number)


def _persistable(graph: IrGraph) -> list[IrVarNode]:
    # Nodes that only order other nodes have no variable.
    return [node for node in _vars(graph) if node.var() is not None and node.persistable()]


def _number(node: IrNode) -> int:
    return int(node.node.id())
