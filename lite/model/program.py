"""Network → `.pdmodel` and `.pdiparams`, and back into a program that Paddle can run.

Paddle's parameter names come from a process-wide counter; exports count from zero each time, so that the
same weights give the same bytes.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.base import core
from paddle.base.proto import framework_pb2

from lite.errors import ConversionError
from lite.model.deploy import DeployableDeiT, State, deployable_state, shaped_state
from lite.model.graph import INPUT_NAME, PLAIN, Exported, Form
from lite.model.weights import Weights
from lite.zoo import Variant

_CALL_STACK = "op_callstack"


@contextmanager
def static_graph() -> Iterator[paddle.static.Executor]:
    """Static-graph mode with a scope and a name counter of its own; dynamic mode comes back after it.

    The scope, with all parameters in it, lives as long as the executor.
    """
    was_dynamic = paddle.in_dynamic_mode()
    paddle.enable_static()
    scope = paddle.static.Scope()
    try:
        with (
            paddle.static.scope_guard(scope),
            paddle.static.program_guard(paddle.static.Program(), paddle.static.Program()),
            paddle.utils.unique_name.guard(),
        ):
            executor = paddle.static.Executor(paddle.CPUPlace())
            # Paddle keeps every scope until the process ends.
            weakref.finalize(executor, scope._remove_from_pool)
            yield executor
    finally:
        if was_dynamic:
            paddle.disable_static()


def build(state: State, variant: Variant, *, form: Form = PLAIN) -> DeployableDeiT:
    """The network of a `deployable_state`, parameter names counted from zero, in evaluation mode.

    Raises ConversionError when `state` does not fit the network exactly.
    """
    shaped = shaped_state(state, variant, form)
    with paddle.utils.unique_name.guard():
        network = DeployableDeiT(variant, len(state["head.bias"]), form=form)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    given = {name: value.shape for name, value in shaped.items()}
    if expected != given:
        wrong = sorted(
            name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name)
        )
        raise ConversionError(
            f"the network and its state disagree on {wrong[0]}",
            why=f"{expected.get(wrong[0])} is needed, {given.get(wrong[0])} was given",
        )
    network.set_state_dict(shaped)
    network.eval()
    return network


def export(network: DeployableDeiT, folder: Path) -> Exported:
    """Saves `network` for input [1, 3, H, W] as `model.pdmodel` and `model.pdiparams` in `folder`."""
    return _save(network, [1, 3, *[network.variant.image] * 2], folder)


def _save(network: nn.Layer, shape: list[int], folder: Path) -> Exported:
    folder.mkdir(parents=True, exist_ok=True)
    spec = paddle.static.InputSpec(shape, "float32", INPUT_NAME)
    with paddle.utils.unique_name.guard(), _without_scopes():
        paddle.jit.save(network, str(folder / "model"), input_spec=[spec], clip_extra=True)
    return without_call_stacks(folder)


@contextmanager
def _without_scopes() -> Iterator[None]:
    """Frees the scopes that are made within it, which Paddle keeps, and with them the parameters of what it saves."""
    make, scopes = core.Scope, []

    def scope() -> Any:
        scopes.append(make())
        return scopes[-1]

    core.Scope = scope
    try:
        yield
    finally:
        core.Scope = make
        # What runs in them goes first.
        gc.collect()
        for one in scopes:
            one._remove_from_pool()


def without_call_stacks(folder: Path) -> Exported:
    """Takes out of the `model.pdmodel` of `folder` from where in which Python files its operators were made.

    Paddle leaves that in some operators, so that programs would differ by their callers and name private folders.
    """
    exported = Exported.in_folder(folder)
    program = framework_pb2.ProgramDesc.FromString(exported.model.read_bytes())
    for operator in (operator for block in program.blocks for operator in block.ops):
        kept = [attribute for attribute in operator.attrs if attribute.name != _CALL_STACK]
        del operator.attrs[:]
        operator.attrs.extend(kept)
    exported.model.write_bytes(program.SerializeToString(deterministic=True))
    return exported


def build_weights(weights: Weights, *, form: Form = PLAIN) -> DeployableDeiT:
    """The network of `weights` in `form`, as `build` makes it."""
    return build(deployable_state(weights.state, weights.variant), weights.variant, form=form)


def export_weights(weights: Weights, folder: Path, *, form: Form = PLAIN) -> Exported:
    """The float program of `weights`, in `folder`, its graph written in `form`. The network itself is not kept."""
    return export(build_weights(weights, form=form), folder)


class LoadedProgram:
    """An exported program in Paddle's executor, with any of its variables at hand by name.

    Make and run it within `static_graph()`; it keeps to the scope it was made in.
    """

    def __init__(self, exported: Exported, executor: paddle.static.Executor):
        self.executor, self.scope = executor, paddle.static.global_scope()
        self.program, feeds, self.fetches = paddle.static.load_inference_model(
            str(exported.model.with_suffix("")), executor
        )
        (self.feed,) = feeds

    @property
    def stream(self) -> list[str]:
        """Names of the residual stream's tensors: what enters the first transformer block, then what leaves each.

        Each block has two layer normalisations and reads its input with the first; the last one of the
        network reads the last block's output.
        """
        operators = self.program.global_block().ops
        read = [op.input("X")[0] for op in operators if op.type == "layer_norm"]
        return [name.split(".quantized")[0] for name in read[::2]]

    def run(self, pixels: np.ndarray, names: Sequence[str] = ()) -> list[np.ndarray]:
        """Logits [1, classes] for float32 [1, 3, H, W], then the values of the variables `names`."""
        return self.executor.run(
            self.program,
            feed={self.feed: pixels},
            fetch_list=[*self.fetches, *names],
            scope=self.scope,
        )

    def parameter(self, name: str) -> np.ndarray:
        """Value of the persistable variable `name`."""
        return np.array(self.scope.find_var(name).get_tensor())

    def save(self, folder: Path) -> Exported:
        """Saves the program, changed or not, with its parameters."""
        folder.mkdir(parents=True, exist_ok=True)
        block = self.program.global_block()
        paddle.static.save_inference_model(
            str(folder / "model"),
            [block.var(self.feed)],
            self.fetches,
            self.executor,
            program=self.program,
            clip_extra=True,
        )
        return without_call_stacks(folder)


class AnyBatch(nn.Layer):
    """`network` for [N, 3, H, W] with any N; it shares its parameters."""

    def __init__(self, network: DeployableDeiT):
        super().__init__()
        self.network = network

    @paddle.jit.not_to_static  # as in DeployableDeiT
    def forward(self, pixels: paddle.Tensor) -> paddle.Tensor:
        """[N, 3, H, W] float32 → logits [N, classes]."""
        network = self.network
        patches = network.embed(pixels)
        # Adding zeros made of each picture repeats the class tokens for it.
        first = patches[:, :1] * 0.0 + network.class_tokens
        return network.classify(paddle.concat([first, patches + network.position], axis=1))


def export_any_batch(network: DeployableDeiT, folder: Path) -> Exported:
    """Saves `network` for input [N, 3, H, W], N open, as `model.pdmodel` and `model.pdiparams` in `folder`.

    Nothing in it asks for N: operators on shapes are what converters of other engines trip over.
    """
    return _save(AnyBatch(network), [-1, 3, *[network.variant.image] * 2], folder)
