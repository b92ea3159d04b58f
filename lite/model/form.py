"""How the deployable network's graph is written: the forms of `lite/model/deploy.py`, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Attention = Literal["layers", "packed", "per_head"]


@dataclass(frozen=True)
class Form:
    """How the graph is written; every form computes the same function but for `tanh_gelu`.

    `attention` is how heads come about: "layers" has three layers and splits heads off by reshape and transpose;
    "packed" has one layer for q, k and v and cuts its output into heads by `split`; "per_head" has one small layer
    per head for each of q, k and v. `tanh_gelu`: GELU's tanh approximation (Hendrycks and Gimpel, 2016), off by at
    most 5e-4 and less than half the instructions. `shifted_gelu`, `scaled_gelu`: blocks whose GELU outputs are
    shifted by `mlp.shift`, and those whose outputs are multiplied by `mlp.scale` before, one number a hidden unit,
    with the inverse in fc2. `outliers`: (block, n) where the last n hidden units are split off behind GELU and go
    through `mlp.outliers`, a layer of their own.
    """

    attention: Attention = "layers"
    tanh_gelu: bool = False
    shifted_gelu: frozenset[int] = frozenset()
    scaled_gelu: frozenset[int] = frozenset()
    outliers: frozenset[tuple[int, int]] = frozenset()


PLAIN = Form()
# Takes the fewest instructions on an ARM CPU of all forms, for every variant, in INT8 and in float
# (tests/test_attention_form.py).
CHEAPEST: Attention = "packed"
