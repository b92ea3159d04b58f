"""Writes a program from another one, operator by operator: some copied, some replaced by new ones.

Tensors keep their names. New tensors are float32 and get the name the caller gives them.
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle.static import Operator

from lite.model.program import LoadedProgram


class ProgramWriter:
    """A new program in `program`, fed like `loaded`, whose parameters go into the scope `loaded` was read in.

    `alias` maps a tensor that is left out to the one that holds its values.
    """

    def __init__(self, loaded: LoadedProgram):
        self.feed, self.source = loaded.feed, loaded.program.global_block()
        self.program = paddle.static.Program()
        self.block = self.program.global_block()
        self.alias: dict[str, str] = {}
        self._declare(self.feed)

    def name(self, name: str) -> str:
        """The new program's variable with the values of the source's `name`."""
        name = self.alias.get(name, name)
        self._declare(name)
        return name

    def copy(self, operator: Operator) -> None:
        """Appends the operator as it is saved (an export leaves out outputs that `append_op` insists on)."""
        inputs = {name: self.name(name) for name in operator.input_arg_names}
        description = self.block.desc.append_op()
        description.copy_from(operator.desc)
        for old, new in inputs.items():
            description._rename_input(old, new)
        for name in operator.output_arg_names:
            self._written(name)
            self._declare(name)
        for name in description.attr_names():
            if name.startswith("quantization") or name.endswith("threshold"):
                description.remove_attr(name)
        self.block.ops.append(Operator(self.block, description))

    def constant(self, name: str, values: np.ndarray) -> None:
        """A float32 parameter."""
        self._written(name)
        self.block.create_var(name=name, shape=values.shape, dtype="float32", persistable=True)
        tensor = paddle.static.global_scope().var(name).get_tensor()
        tensor.set(np.ascontiguousarray(values, dtype=np.float32), paddle.CPUPlace())

    def number(self, value: np.float32) -> str:
        """Name of a parameter [1] with this value, one for all that ask for it."""
        name = f"number_{value:.0f}"
        if name not in self.block.vars:
            self.constant(name, np.array([value]))
        return name

    def unary(self, kind: str, source: str, result: str, **attributes: float) -> None:
        """Gives `result` = kind(source)."""
        self._append(kind, {"X": [source]}, result, attributes)

    def scale(self, source: str, result: str, factor: np.float32, bias: np.float32 | float = 0.0) -> None:
        """Gives `result` = source * factor + bias."""
        attributes = {"scale": float(factor), "bias": float(bias), "bias_after_scale": True}
        self._append("scale", {"X": [source]}, result, attributes)

    def binary(self, kind: str, left: str, right: str, result: str, axis: int = -1) -> None:
        """Gives `result` = kind(left, right); `right` has the dimensions of `left` from `axis` on."""
        self._append(kind, {"X": [left], "Y": [right]}, result, {"axis": axis})

    def _append(
        self, kind: str, inputs: dict[str, list[str]], result: str, attributes: dict[str, float]
    ) -> None:
        self._written(result)
        if result not in self.block.vars:
            shape = self.block.var(inputs["X"][0]).shape
            self.block.create_var(name=result, shape=shape, dtype="float32")
        self.block.append_op(type=kind, inputs=inputs, outputs={"Out": [result]}, attrs=attributes)

    def _written(self, name: str) -> None:
        # PaddleSlim may use a name for an observer's output first and for a quantizer's later.
        self.alias.pop(name, None)

    def _declare(self, name: str) -> None:
        if name not in self.block.vars:
            known = self.source.var(name)
            self.block.create_var(
                name=name,
                shape=known.shape,
                dtype=known.dtype,
                persistable=known.persistable,
                need_check_feed=name == self.feed,
            )
