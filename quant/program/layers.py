"""Layer names that people write (`blocks.3.mlp.fc2`) → the tensors PaddleSlim knows them by.

PaddleSlim leaves an operator in float when one of its inputs is in `skip_tensor_list`. A linear layer is
named by its weight, which only it reads; the two attention products by their left factor.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from lite.errors import ConversionError, InputError
from lite.model.deploy import DeployableDeiT
from lite.model.program import LoadedProgram
from lite.shown import shown
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
