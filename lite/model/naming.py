"""What others call the tensors of a DeiT or ViT, one table a source, and the way from their names to PaddleClas's.

A table maps PaddleClas's names to the source's; `{}` is a block's number. Where a layer of ours is several of theirs
(q, k and v apart), these are joined in the table's order. PyTorch keeps the weights of linear layers as [out, in],
Paddle as [in, out].

Sources: PaddleClas's `vision_transformer.py`; the original DeiT's `models.py` and `models_v2.py`; timm's
`vision_transformer.py` and `deit.py`; transformers' `modeling_vit.py` and `modeling_deit.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lite.model.state import State
from lite.zoo import Variant


@dataclass(frozen=True)
class NamingScheme:
    """One source's names. It is known by a name that begins with `mark`; names under `unused` answer for no class.

    Names that are not in the table are PaddleClas's. `epsilon` is its layer norms' where no configuration says another;
    None leaves the variant's. `one_head`: where the table has no second head, a distilled network answers by the class
    head alone.
    """

    title: str
    mark: str
    names: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...] = ()
    epsilon: float | None = None
    one_head: bool = False


def _transformers(title: str, model: str, mark: str, heads: Mapping[str, tuple[str, ...]]) -> NamingScheme:
    block = f"{model}.encoder.layer.{{}}"
    attention = f"{block}.attention.attention"
    names = {
        "cls_token": (f"{model}.embeddings.cls_token",),
        "dist_token": (f"{model}.embeddings.distillation_token",),
        "pos_embed": (f"{model}.embeddings.position_embeddings",),
        "patch_embed.proj": (f"{model}.embeddings.patch_embeddings.projection",),
        "blocks.{}.norm1": (f"{block}.layernorm_before",),
        "blocks.{}.attn.qkv": (f"{attention}.query", f"{attention}.key", f"{attention}.value"),
        "blocks.{}.attn.proj": (f"{block}.attention.output.dense",),
        "blocks.{}.norm2": (f"{block}.layernorm_after",),
        "blocks.{}.mlp.fc1": (f"{block}.intermediate.dense",),
        "blocks.{}.mlp.fc2": (f"{block}.output.dense",),
        "norm": (f"{model}.layernorm",),
        **heads,
    }
    # The classifiers read the class token and no pooler, which files made of a whole ViT hold all the same.
    return NamingScheme(title, mark, names, (f"{model}.pooler.",), epsilon=1e-12, one_head=True)


_ONE_HEAD = {"head": ("classifier",)}
_TWO_HEADS = {"head": ("cls_classifier",), "head_dist": ("distillation_classifier",)}
# The first whose mark is there is taken.
SOURCES = (
    _transformers("Hugging Face DeiT with a teacher's head", "deit", "cls_classifier.", _TWO_HEADS),
    _transformers("Hugging Face DeiT", "deit", "deit.", _ONE_HEAD),
    _transformers("Hugging Face ViT", "vit", "vit.", _ONE_HEAD),
    NamingScheme(
        "timm with layer scale",
        "blocks.0.ls1.",
        {"blocks.{}.gamma_1": ("blocks.{}.ls1.gamma",), "blocks.{}.gamma_2": ("blocks.{}.ls2.gamma",)},
    ),
    # PaddleClas took its names from there.
    NamingScheme("the original DeiT, timm or PaddleClas", "", {}),
)
# What training wraps a network in, which each name then begins with.
_WRAPPERS = ("module.", "_orig_mod.", "model.")
_KINDS = (".weight", ".bias")


@dataclass(frozen=True)
class Translated:
    """Tensors by PaddleClas's names, the source that they were told by, and the `variant` that it makes of them."""

    state: State
    source: NamingScheme
    variant: Variant
    prefix: str = ""

    def called(self, name: str) -> str:
        """What the file calls the tensor, or the first of the tensors, that PaddleClas calls `name`."""
        return _theirs(self.source, name, self.prefix)[0]


def translate(state: State, variant: Variant, *, transposed: bool) -> Translated:
    """The tensors of a file by PaddleClas's names, linear weights as [in, out]; `state` is emptied on the way.

    `transposed`: linear weights are [out, in] in the file. Names that the table does not have stay as they are, and so
    do parts of a layer whose other parts are missing.
    """
    prefix = _wrapper(state)
    names = {name.removeprefix(prefix) for name in state}
    source = next(source for source in SOURCES if any(name.startswith(source.mark) for name in names))
    ours = {theirs: name for name in _possible(source, names) for theirs in _theirs(source, name, prefix)}
    translated: State = {}
    for theirs in list(state):
        if theirs not in state:  # it was joined with another
            continue
        bare = theirs.removeprefix(prefix)
        if bare.startswith(source.unused):
            del state[theirs]
            continue
        name = ours.get(theirs, bare)
        parts = _theirs(source, name, prefix) if theirs in ours else [theirs]
        if not all(part in state for part in parts):
            translated[theirs] = state.pop(theirs)
            continue
        translated[name] = _joined([state.pop(part) for part in parts], name, transposed=transposed)
    if source.epsilon is not None:
        variant = replace(variant, epsilon=source.epsilon)
    if source.one_head:
        variant = replace(variant, distillation_head="head_dist" in source.names)
    return Translated(translated, source, variant, prefix)


def _wrapper(state: State) -> str:
    prefix = ""
    while True:
        more = next((w for w in _WRAPPERS if state and all(n.startswith(prefix + w) for n in state)), None)
        if more is None:
            return prefix
        prefix += more


def _possible(source: NamingScheme, names: set[str]) -> list[str]:
    """PaddleClas's names, of those that the table has, for as many blocks as the file's names count."""
    blocks = sorted({int(match[1]) for name in names if (match := re.search(r"\.(\d{1,3})\.", name))})
    possible = []
    for stem in source.names:
        for layer in [stem.format(block) for block in blocks] if "{}" in stem else [stem]:
            possible += [layer, *(layer + kind for kind in _KINDS)]
    return possible


def _theirs(source: NamingScheme, name: str, prefix: str) -> list[str]:
    kind = next((kind for kind in _KINDS if name.endswith(kind)), "")
    stem = name.removesuffix(kind)
    block = re.search(r"(?<=^blocks\.)\d+", stem)
    if block:
        stem = f"blocks.{{}}{stem[block.end() :]}"
    found = source.names.get(stem, (stem,))
    return [prefix + layer.format(block[0] if block else "") + kind for layer in found]


def _joined(parts: list[np.ndarray], name: str, *, transposed: bool) -> np.ndarray:
    linear = name.endswith(".weight") and all(part.ndim == 2 for part in parts)
    if linear and transposed:
        parts = [part.T for part in parts]
    if len(parts) == 1:
        return np.ascontiguousarray(parts[0])
    if len({part.shape[:-1] for part in parts}) > 1:
        # The check of shapes names it.
        return parts[0]
    return np.ascontiguousarray(np.concatenate(parts, axis=-1))
