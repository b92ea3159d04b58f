"""PaddleSlim without its progress bars, notes and warnings: none of them is for a user to act on.

Standard error itself stays as it is, since that is where this toolkit shows how far it is.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from paddle.base.framework import IrGraph, IrNode, IrOpNode, IrVarNode
from paddle.static.quantization import post_training_quantization, quantization_pass

from lite.model.exported import Exported
from lite.model.program import LoadedProgram, static_graph
from quant.program import steps

_WITH_BARS = (post_training_quantization, quantization_pass)


class _NoBar:
    """Stands for tqdm."""

    def __init__(self, **_: object) -> None:
        pass

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self) -> None:
        """One step done."""


@contextlib.contextmanager
def without_paddle_output() -> Iterator[None]:
    """Within it, Paddle's quantization shows nothing but errors."""
    loggers = [
        logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("paddle")
    ]
    levels = [logger.level for logger in loggers]
    bars = [module.tqdm for module in _WITH_BARS]
    for logger in loggers:
        logger.setLevel(max(logger.level, logging.ERROR))
    for module in _WITH_BARS:
        module.tqdm = _NoBar
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for module, bar in zip(_WITH_BARS, bars, strict=True):
            module.tqdm = bar


@contextmanager
def unchecked_links() -> Iterator[None]:
    """Within it, `IrGraph.link_to` and `IrGraph.update_input_link` do their work and no more."""
    link_to, update_input_link = IrGraph.link_to, IrGraph.update_input_link
    IrGraph.link_to, IrGraph.update_input_link = _link_to, _update_input_link
    try:
        yield
    finally:
        IrGraph.link_to, IrGraph.update_input_link = link_to, update_input_link


def _link_to(graph: IrGraph, node_in: IrNode, node_out: IrNode) -> None:
    node_in.append_output(node_out)
    node_out.append_input(node_in)


def _update_input_link(
    graph: IrGraph, old_input_node: IrNode, new_input_node: IrNode, op_node: IrOpNode
) -> None:
    old_input_node.remove_output(op_node)
    op_node.remove_input(old_input_node)
    _link_to(graph, new_input_node, op_node)
    op_node.rename_input(old_input_node.name(), new_input_node.name())


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


_OBSERVED = ".quantized.dequantized"


def detach(quantized: Exported, skipped: Collection[str]) -> None:
    """Lets operators that read one of the tensors `skipped` read all their inputs unobserved; saves the program."""
    with static_graph() as executor:
        loaded = LoadedProgram(quantized, executor)
        block = loaded.program.global_block()
        observing = {
            step.result
            for step in filter(None, map(steps.read, block.ops))
            if step.kind == "dequantize" and step.observes
        }
        for operator in block.ops:
            if operator.type.endswith("quantize_linear"):
                continue
            sources = {name: name.removesuffix(_OBSERVED) for name in operator.input_arg_names}
            if set(sources.values()) & set(skipped):
                for name, source in sources.items():
                    if name in observing:
                        operator._rename_input(name, source)
        # Observers that nothing reads any more are not saved.
        loaded.save(quantized.model.parent)
