"""A state dict of weights: the numbers a file of them may hold, and the names and shapes that a variant needs.

Names are PaddleClas's. No Paddle in here; the numbers follow from the variant alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

import numpy as np

from lite.errors import InputError
from lite.shown import shown
from lite.zoo import MODELS, PATCH_SIZE, Variant

State = dict[str, np.ndarray]

# By name: the little-endian dtype that the bytes are read as. NumPy has no bfloat16, whose bits are float32's first 16.
DTYPES: dict[str, np.dtype] = {
    "float16": np.dtype("<f2"),
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
    "bfloat16": np.dtype("<u2"),
}
MAXIMUM_DIMENSIONS = 8
MAXIMUM_BYTES = 2_000_000_000


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Makes one InputError, naming the file, of whatever reading `path` raises in the block."""
    try:
        yield
    except InputError as error:
        raise InputError(f"cannot read weights {path}", why=error.reason, remedy=error.remedy) from error
    except OSError as error:
        raise InputError(f"cannot read weights {path}", why=error.strerror or str(error)) from error
    except Exception as error:  # hostile or damaged bytes can raise anything at all
        raise InputError(
            f"cannot read weights {path}",
            why=f"it is cut short or damaged ({type(error).__name__})",
            remedy="copy or download it again",
        ) from error


def checked_dtype(name: str, dtype: str) -> np.dtype:
    """The dtype of tensor `name`'s bytes. Raises InputError for numbers that weights are not made of."""
    if dtype not in DTYPES:
        raise InputError(
            f"tensor {shown(name)} has dtype {shown(dtype)}", remedy="save it as float32, float16 or bfloat16"
        )
    return DTYPES[dtype]


def is_shape(value: object) -> TypeGuard[tuple[int, ...] | list[int]]:
    """Whether `value` is a tuple or list of at most eight sizes whose product is no number out of this world."""
    if not isinstance(value, tuple | list) or len(value) > MAXIMUM_DIMENSIONS:
        return False
    if not all(type(size) is int and 0 <= size <= MAXIMUM_BYTES for size in value):
        return False
    return math.prod(value) <= MAXIMUM_BYTES


def to_float32(raw: np.ndarray, dtype: str) -> np.ndarray:
    """A copy in C order as float32 of an array that `DTYPES[dtype]` was read as."""
    if dtype == "bfloat16":
        return (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
    # What overflows becomes infinite, which the check of the values then names.
    with np.errstate(over="ignore"):
        return np.array(raw, dtype=np.float32, order="C")


def check_total(sizes: int, file_size: int) -> None:
    """Raises InputError where tensors have more bytes together than their file."""
    if sizes > file_size:
        raise InputError(
            "its tensors have more bytes than the file",
            why="several names share one buffer, which no DeiT needs",
        )


def damaged(name: str) -> InputError:
    """The error for a tensor whose place or size is not in its file."""
    return InputError(f"tensor {shown(name)} is damaged", why="its shape does not fit its bytes")


def expected_shapes(variant: Variant, classes: int) -> dict[str, tuple[int, ...]]:
    """Name → shape of every tensor of `variant`, in network order: 152, 155 when distilled, 176 of DeiT III.

    Linear weights are [in, out] as in Paddle.
    """
    dim, hidden = variant.dim, variant.hidden
    shapes: dict[str, tuple[int, ...]] = {
        "pos_embed": (1, variant.positions, dim),
        "cls_token": (1, 1, dim),
    }
    if variant.distilled:
        shapes["dist_token"] = (1, 1, dim)
    shapes["patch_embed.proj.weight"] = (dim, 3, PATCH_SIZE, PATCH_SIZE)
    shapes["patch_embed.proj.bias"] = (dim,)
    for index in range(variant.depth):
        block = f"blocks.{index}"
        if variant.layer_scale:
            shapes[f"{block}.gamma_1"] = shapes[f"{block}.gamma_2"] = (dim,)
        _norm(shapes, f"{block}.norm1", dim)
        _linear(shapes, f"{block}.attn.qkv", dim, 3 * dim)
        _linear(shapes, f"{block}.attn.proj", dim, dim)
        _norm(shapes, f"{block}.norm2", dim)
        _linear(shapes, f"{block}.mlp.fc1", dim, hidden)
        _linear(shapes, f"{block}.mlp.fc2", hidden, dim)
    _norm(shapes, "norm", dim)
    _linear(shapes, "head", dim, classes)
    if variant.answers == 2:
        _linear(shapes, "head_dist", dim, classes)
    return shapes


def _norm(shapes: dict[str, tuple[int, ...]], name: str, dim: int) -> None:
    shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (dim,)


def _linear(shapes: dict[str, tuple[int, ...]], name: str, inputs: int, outputs: int) -> None:
    shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (inputs, outputs), (outputs,)


def check_state(
    state: State,
    variant: Variant,
    *,
    called: Callable[[str], str] = lambda name: name,
) -> int:
    """Checks names, shapes and values of `state` for `variant`; returns the number of classes of its head.

    Raises InputError: another variant's weights are recognised as such; otherwise the first missing, extra,
    misshapen or non-finite tensor is named, in this order, each in network order, by what it is `called` in the file.
    """
    classes = _classes(state, variant)
    shapes = expected_shapes(variant, classes)
    others = _recognised(state)
    if others and variant.name not in others:
        names = " or ".join(others)
        raise InputError(f"these are {names} weights", remedy=f"use --model {names}")
    if not shapes.keys() & state.keys():
        first = next(iter(state), "nothing")
        raise InputError(
            "these are not DeiT weights", why=f"no tensor has a DeiT name, the first is {shown(first)}"
        )
    for name in shapes:
        if name not in state:
            raise InputError(
                f"tensor {shown(called(name))} is missing",
                why=f"{variant.name} has {len(shapes)} tensors, here are {len(state)}",
            )
    for name in state:
        if name not in shapes:
            raise InputError(f"tensor {shown(name)} is not one of {variant.name}'s {len(shapes)}")
    for name, shape in shapes.items():
        _check_shape(name, state[name].shape, shape, variant, classes, called(name))
    for name in shapes:
        if not np.isfinite(state[name]).all():
            what = "NaN" if np.isnan(state[name]).any() else "infinite values"
            raise InputError(
                f"tensor {shown(called(name))} holds {what}",
                why="the weights are damaged or training diverged",
            )
    return classes


def _classes(state: State, variant: Variant) -> int:
    # 0 where the head cannot tell, which no head.weight then passes.
    head = state.get("head.weight")
    if head is None or head.ndim != 2 or head.shape[0] != variant.dim:
        return 0
    return int(head.shape[1])


def _check_shape(
    name: str,
    found: tuple[int, ...],
    expected: tuple[int, ...],
    variant: Variant,
    classes: int,
    called: str,
) -> None:
    unreadable_head = name == "head.weight" and classes == 0
    if found == expected and not unreadable_head:
        return
    if unreadable_head:
        wanted = f"[{variant.dim}, classes]"
        transposed = found[1:] == (variant.dim,)
    else:
        wanted = f"{list(expected)}"
        transposed = found == expected[::-1]
        if name.startswith("head"):
            wanted += f" (head.weight has {classes} classes)"
    hint = "; linear weights are [in, out] in Paddle" if transposed else ""
    if called != name:
        # Of a file in PyTorch's layout, whose linear weights were turned.
        hint = "; in Paddle's layout, linear weights being [in, out]" if name.endswith(".weight") else ""
    raise InputError(f"tensor {shown(called)} has shape {list(found)}, {variant.name} needs {wanted}{hint}")


def _recognised(state: State) -> list[str]:
    # The class tokens, the position embedding and layer scale tell the variants apart; a DeiT is a ViT.
    if "cls_token" not in state or "pos_embed" not in state:
        return []
    found = [
        variant
        for variant in MODELS.values()
        if state["cls_token"].shape == (1, 1, variant.dim)
        and state["pos_embed"].shape == (1, variant.positions, variant.dim)
        and variant.distilled == ("dist_token" in state)
    ]
    scaled = "blocks.0.gamma_1" in state
    blocks = any(name.startswith("blocks.") for name in state)
    return [variant.name for variant in found if not blocks or variant.layer_scale == scaled]
