"""Post-training INT8: recipes, calibration, PaddleSlim, and the twin that checks the result on this host.

For notebooks and pipelines, together with `lite`'s names; everything else may change:

- `convert(weights, out)`: what `tools/opt.py` does, for one bundle;
- `Recipe.named(name_or_file)`: what INT8 quantization does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# Its environment defaults must stand before Paddle loads, which modules in here import.
import lite  # noqa: F401

if TYPE_CHECKING:
    from quant.conversion import convert
    from quant.recipe import Recipe

__all__ = ["Recipe", "convert"]
_HOMES = {"Recipe": "quant.recipe", "convert": "quant.conversion"}


if not TYPE_CHECKING:  # mypy would believe that every name is there

    def __getattr__(name: str) -> object:
        # Late (PEP 562): `convert` brings Paddle, which takes seconds to import.
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
