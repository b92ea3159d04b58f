"""PaddleSlim's static post-training quantization of an exported program.

PaddleSlim 2.6.0 on Paddle 2.6.2 takes its pictures only from a `paddle.io.DataLoader` made with `feed_list`
and `return_list=False`. Its progress bars, notes and warnings are kept back: none of them is for a user to act on.
Standard error itself stays as it is, since that is where this toolkit shows how far it is.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle.base.framework import IrGraph, IrNode, IrOpNode, IrVarNode
from paddle.static.quantization import post_training_quantization, quantization_pass

from lite.errors import ConversionError, InputError
from lite.model.deploy import DeployableDeiT
from lite.model.graph import INPUT_NAME, Exported
from lite.model.program import LoadedProgram, static_graph, without_call_stacks
from lite.pictures.picture_set import Picture, PictureSet
from lite.scratch import scratch_folder
from lite.zoo import Preprocess
from quant.pictures import cropped, for_recipe
from quant.program import layers, steps
from quant.recipe import Recipe

# The line of a C++ error that says what happened; a traceback stands before it, a hint after it.
_CPP_ERROR = re.compile(r"[A-Z]\w*Error: ")
_OBSERVED = ".quantized.dequantized"
_WITH_BARS = (post_training_quantization, quantization_pass)


def quantize(
    network: DeployableDeiT,
    exported: Exported,
    calibration: PictureSet,
    recipe: Recipe,
    folder: Path,
    *,
    seed: int = 2026,
    ranges_known: bool = False,
    on_picture: Callable[[int, int], None] = lambda place, count: None,
) -> Exported:
    """Quantizes the exported program of `network` and writes the INT8 program into `folder`.

    Uses the first `recipe.batches` pictures, one a batch, some algorithms twice; `on_picture` gets the place of
    the one that is read and their number. The same network, pictures and recipe give the same bytes. Raises
    InputError for fewer pictures than `recipe.batches`, an unreadable picture, pictures that are all alike or
    an unknown layer in `recipe.skip`, ConversionError when PaddleSlim fails. `seed` starts Paddle's and numpy's
    random numbers. `ranges_known`: those of all activations will be assigned, so one picture is enough.
    """
    with warnings.catch_warnings():
        # setuptools warns that it replaces distutils.
        warnings.simplefilter("ignore")
        from paddleslim.quant import quant_post_static

    calibration = for_recipe(calibration, recipe)
    spec = network.variant.preprocess
    paddle.seed(seed)
    np.random.seed(seed)
    with (
        scratch_folder() as scratch,
        static_graph() as executor,
        without_paddle_output(),
        unchecked_links(),
        nodes_in_order(),
    ):
        calibration = cropped(calibration.first(1 if ranges_known else None), spec, scratch)
        # A cropped picture is its own centre crop, so no pixel changes.
        spec = replace(spec, resize_short=spec.crop)
        skipped = []
        if recipe.skip:
            skipped = layers.select(layers.tensors(network, LoadedProgram(exported, executor)), recipe)
        skipped += layers.never_quantized(network)
        feed = paddle.static.data(INPUT_NAME, [1, 3, spec.crop, spec.crop], "float32")
        loader = paddle.io.DataLoader(
            TensorDataset(calibration.pictures, spec, on_picture),
            feed_list=[feed],
            return_list=False,
            batch_size=1,
            shuffle=False,
            drop_last=False,
            places=paddle.CPUPlace(),
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            quant_post_static(
                executor,
                str(exported.model.parent),
                str(folder),
                data_loader=loader,
                model_filename=exported.model.name,
                params_filename=exported.params.name,
                save_model_filename="model.pdmodel",
                save_params_filename="model.pdiparams",
                batch_size=1,
                batch_nums=len(calibration.pictures),
                scope=paddle.static.global_scope(),
                skip_tensor_list=skipped or None,
                **recipe.paddleslim.model_dump(),
            )
            if skipped and recipe.paddleslim.onnx_format:
                detach(Exported.in_folder(folder), skipped)
            return without_call_stacks(folder)
        except OSError as error:
            raise InputError(
                f"{folder}", why=f"can't write the INT8 program ({error.strerror or error})"
            ) from error
        except Exception as error:
            raise ConversionError(
                f"PaddleSlim failed with algo {recipe.paddleslim.algo}",
                why=_what(error),
                remedy="check the weights, or try another algo in the recipe",
            ) from error


def _what(error: Exception) -> str:
    """What a Python or C++ error of Paddle's says, in one line, without its traceback and its hint."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    summary = [line for line in lines if _CPP_ERROR.match(line)]
    return (summary or lines or [type(error).__name__])[-1].rstrip(".")


class TensorDataset(paddle.io.Dataset):
    """Input tensors of pictures for a `paddle.io.DataLoader`: one float32 [3, crop, crop] a sample.

    `on_picture` gets the place of each picture that is read, from 1, and the number of pictures.
    """

    def __init__(self, pictures: Sequence[Picture], spec: Preprocess, on_picture: Callable[[int, int], None]):
        super().__init__()
        self.pictures, self.spec, self.on_picture = pictures, spec, on_picture

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        self.on_picture(index + 1, len(self.pictures))
        return (self.pictures[index].tensor(self.spec)[0],)


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


@contextmanager
def _replaced(owner: Any, **values: object) -> Iterator[None]:
    """Within it, these attributes of a class or a module have other values."""
    before = {name: getattr(owner, name) for name in values}
    try:
        for name, value in values.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


@contextmanager
def without_paddle_output() -> Iterator[None]:
    """Within it, Paddle's quantization shows nothing but errors."""
    with ExitStack() as held:
        for name in logging.root.manager.loggerDict:
            if name.startswith("paddle"):
                logger = logging.getLogger(name)
                held.callback(logger.setLevel, logger.level)
                logger.setLevel(max(logger.level, logging.ERROR))
        for module in _WITH_BARS:
            held.enter_context(_replaced(module, tqdm=_NoBar))
        held.enter_context(redirect_stdout(io.StringIO()))
        held.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield


def unchecked_links() -> AbstractContextManager[None]:
    """Within it, `IrGraph.link_to` and `IrGraph.update_input_link` do their work and no more."""
    return _replaced(IrGraph, link_to=_link_to, update_input_link=_update_input_link)


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


def nodes_in_order() -> AbstractContextManager[None]:
    """Within it, `IrGraph.all_op_nodes`, `all_var_nodes` and `all_persistable_nodes` give sorted lists."""
    return _replaced(IrGraph, all_op_nodes=_ops, all_var_nodes=_vars, all_persistable_nodes=_persistable)


def _ops(graph: IrGraph) -> list[IrOpNode]:
    return sorted((IrOpNode(node) for node in graph.graph.nodes() if node.is_op()), key=_number)


def _vars(graph: IrGraph) -> list[IrVarNode]:
    return sorted((IrVarNode(node) for node in graph.graph.nodes() if node.is_var()), key=_number)


def _persistable(graph: IrGraph) -> list[IrVarNode]:
    # Nodes that only order other nodes have no variable.
    return [node for node in _vars(graph) if node.var() is not None and node.persistable()]


def _number(node: IrNode) -> int:
    return int(node.node.id())


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
