"""Activation scales of an INT8 program set to the ranges that the rewrite measured.

The rewrite (`quant/rewrite/reconstruct.py`) sees more than PaddleSlim does: more views of each picture, as INT8 will
compute them, with room for what neither has seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import paddle

from lite.errors import ConversionError
from lite.model.deploy import DeployableDeiT
from lite.model.exported import Exported
from lite.model.program import LoadedProgram, static_graph
from quant.program import layers, steps

# What is measured at the input of which layer; a list has a range per head.
Ranges = dict[str, float | list[float]]

_QKV = re.compile(r"(?<=\.attn\.)(q|k|v|kv)$")


def assign(quantized: Exported, network: DeployableDeiT, exported: Exported, ranges: Ranges) -> int:
    """Writes `ranges` into a quantized program, in place; returns how many scales were set.

    `exported` is the float program that was quantized, of `network`. Names of ranges are those of layers, with
    `blocks.N.attn.qkv` for what q, k and v read, and `blocks.N.attn.query` and `.key` for the factors of
    `blocks.N.attn.qk`, a range per head. A layer that is left in float has no scale to set. Raises ConversionError when
    a quantized layer has no range.
    """
    with static_graph() as executor:
        named = layers.tensors(network, LoadedProgram(exported, executor))
    # Where one tensor holds all heads, its range is the widest of theirs.
    readers = {
        tensor: (layer, head if len(behind) > 1 else None)
        for layer, behind in named.items()
        for head, tensor in enumerate(behind)
    }
    with static_graph() as executor:
        loaded = LoadedProgram(quantized, executor)
        scales, source = _quantizers(loaded)
        values: dict[str, float] = {}
        for operator in loaded.program.global_block().ops:
            if operator.type not in ("conv2d", "matmul_v2"):
                continue
            inputs = [source.get(name, name) for name in operator.input_arg_names]
            for name, other in zip(inputs, reversed(inputs), strict=True):
                layer, head = readers.get(name, ("", None))
                if layer.endswith(".qk") and name in scales:
                    values[scales[name]] = _value(ranges, layer.replace(".qk", ".query"), head)
                    values[scales[other]] = _value(ranges, layer.replace(".qk", ".key"), head)
                elif layer and not layer.endswith((".qk", ".av")) and other in scales:
                    if layer.startswith("head"):
                        continue
                    values[scales[other]] = _value(ranges, _QKV.sub("qkv", layer), None)
        for scale, value in values.items():
            tensor = loaded.scope.find_var(scale).get_tensor()
            tensor.set(np.full_like(np.array(tensor), value), paddle.CPUPlace())
        loaded.save(quantized.model.parent)
        return len(values)


def _quantizers(loaded: LoadedProgram) -> tuple[dict[str, str], Mapping[str, str]]:
    """Scale of each quantized tensor, and the tensor behind each quantized name."""
    scales: dict[str, str] = {}
    source: dict[str, str] = {}
    block = loaded.program.global_block()
    for step in filter(None, map(steps.read, block.ops)):
        raw = source.get(step.source, step.source)
        parameter = raw.removesuffix(".quantized") if block.var(raw).persistable else raw
        source.setdefault(step.result, parameter)
        if step.kind in ("quantize", "both") and step.scale is not None and not step.observes:
            scales[parameter] = step.scale
    return scales, source


def _value(ranges: Ranges, name: str, head: int | None) -> float:
    found = ranges.get(name)
    if found is None:
        raise ConversionError(f"{name} is quantized, but the rewrite measured no range for it")
    if isinstance(found, list):
        found = max(found) if head is None else found[head]
    return max(found, 1e-8)
