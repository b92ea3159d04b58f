"""Layer names that people write (`blocks.3.mlp.fc2`) → the tensors PaddleSlim knows them by.

PaddleSlim leaves an operator in float when one of its inputs is in `skip_tensor_list`. A linear layer is
named by its weight, which only it reads; the two attention products by their left factor.

The rewrite (`quant/rewrite/reconstruct.py`) sees more than PaddleSlim does: more views of each picture, as INT8 will
compute them, with room for what neither has seen. So `assign_ranges` sets activation scales to the ranges it measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import paddle

from lite.errors import ConversionError, InputError
from lite.model.deploy import DeployableDeiT
from lite.model.graph import Exported
from lite.model.program import LoadedProgram, static_graph
from lite.shown import shown
from quant.program import steps
from quant.recipe import Recipe

Tensors = dict[str, tuple[str, ...]]

# Layers that are never quantized: they are split off for that.
FLOAT = ".mlp.outliers.weight"
_BLOCK = re.compile(r"blocks\.(\d+)\.")
_HEAD = re.compile(r"(?<=\.attn\.[qkv])\.\d+$")


def tensors(network: DeployableDeiT, loaded: LoadedProgram) -> Tensors:
    """Name of every layer that can be quantized, in network order, with the tensors that stand for it.

    `loaded` is the exported program of `network`. The attention products are `blocks.N.attn.qk` (query times
    key) and `blocks.N.attn.av` (attention times value). A form of the network with one layer per head has a
    tensor per head behind the same names. Raises ConversionError if the program is not the network's.
    """
    named: Tensors = {}
    for name, parameter in network.named_parameters():
        if name.endswith(".weight") and "norm" not in name and not name.endswith(FLOAT):
            layer = _HEAD.sub("", name.removesuffix(".weight"))
            named[layer] = (*named.get(layer, ()), parameter.name)
    operators = loaded.program.global_block().ops
    softmaxes = [operator for operator in operators if operator.type == "softmax"]
    blocks = len(network.blocks)
    if not softmaxes or len(softmaxes) % blocks:
        raise ConversionError(
            f"the program has {len(softmaxes)} softmax operators, its network {blocks} blocks",
            remedy="export it again",
        )
    producers = {name: operator for operator in operators for name in operator.output_arg_names}
    for place, softmax in enumerate(softmaxes):
        block = f"blocks.{place // (len(softmaxes) // blocks)}.attn"
        query = producers[softmax.input("X")[0]].input("X")[0]
        named[f"{block}.qk"] = (*named.get(f"{block}.qk", ()), query)
        named[f"{block}.av"] = (*named.get(f"{block}.av", ()), softmax.output("Out")[0])
    return named


def never_quantized(network: DeployableDeiT) -> list[str]:
    """The tensors of layers that stay in float whatever a recipe says."""
    return [parameter.name for name, parameter in network.named_parameters() if name.endswith(FLOAT)]


def select(named: Tensors, recipe: Recipe) -> list[str]:
    """Tensors of the layers that match any pattern of the recipe's `skip` (shell-style).

    Raises InputError naming a pattern that matches no layer and the recipe's line, and when nothing is left
    to quantize.
    """
    chosen: dict[str, None] = {}
    for place, pattern in enumerate(recipe.skip):
        matches = matching(list(named), [pattern])
        if not matches:
            raise InputError(
                f"{recipe.place('skip', place)}",
                why=f"no layer matches {shown(pattern)}",
                remedy=f"layers are {', '.join(_some(named))}",
            )
        chosen.update(dict.fromkeys(tensor for layer in matches for tensor in named[layer]))
    if len(chosen) == sum(map(len, named.values())):
        raise InputError(
            f"{recipe.place('skip')}",
            why="every layer is left in float, so nothing is INT8",
            remedy="skip fewer, or use precision fp32",
        )
    return list(chosen)


def matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Those of a network's layer names that match any of the patterns (shell-style).

    Blocks can be counted from the end: `blocks.-1.mlp.fc2` is the last one's.
    """
    blocks = 1 + max((int(match[1]) for name in names if (match := _BLOCK.match(name))), default=-1)

    def from_the_end(name: str) -> str:
        return _BLOCK.sub(lambda match: f"blocks.{int(match[1]) - blocks}.", name)

    return [
        name
        for name in names
        if any(fnmatchcase(name, pattern) or fnmatchcase(from_the_end(name), pattern) for pattern in patterns)
    ]


def _some(named: Tensors) -> list[str]:
    """The layers of the first block and outside the blocks."""
    return [layer for layer in named if not layer.startswith("blocks.") or layer.startswith("blocks.0.")]


# What is measured at the input of which layer; a list has a range per head.
Ranges = dict[str, float | list[float]]

_QKV = re.compile(r"(?<=\.attn\.)(q|k|v|kv)$")


def all_measured(network: DeployableDeiT, recipe: Recipe) -> bool:
    """Whether `assign_ranges` sets all that PaddleSlim takes from its pictures and a kernel reads.

    The rewrite measures no ranges for attention × value and for heads. In the ONNX format ranges of outputs are stored,
    too; in the older one they are notes at operators (`out_threshold`).
    """
    unmeasured = [f"blocks.{index}.attn.av" for index in range(len(network.blocks))]
    unmeasured += ["head", "head_dist"][: network.variant.answers]
    return not recipe.paddleslim.onnx_format and len(matching(unmeasured, recipe.skip)) == len(unmeasured)


def assign_ranges(quantized: Exported, network: DeployableDeiT, exported: Exported, ranges: Ranges) -> int:
    """Writes `ranges` into a quantized program, in place; returns how many scales were set.

    `exported` is the float program that was quantized, of `network`. Names of ranges are those of layers, with
    `blocks.N.attn.qkv` for what q, k and v read, and `blocks.N.attn.query` and `.key` for the factors of
    `blocks.N.attn.qk`, a range per head. A layer that is left in float has no scale to set. Raises ConversionError when
    a quantized layer has no range.
    """
    with static_graph() as executor:
        named = tensors(network, LoadedProgram(exported, executor))
    # Where one tensor holds all heads, its range is the widest of theirs.
    readers = {
        tensor: (layer, head if len(behind) > 1 else None)
        for layer, behind in named.items()
        for head, tensor in enumerate(behind)
    }
    with static_graph() as executor:
        loaded = LoadedProgram(quantized, executor)
        scales, source = _quantizers_by_source(loaded)
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


def _quantizers_by_source(loaded: LoadedProgram) -> tuple[dict[str, str], Mapping[str, str]]:
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
