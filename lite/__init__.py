"""The Paddle Lite side: from weights to a checked bundle for a phone.

For notebooks and pipelines, together with `quant`'s names; everything else may change:

- `load_weights(model, source)`: a DeiT's weights, checked;
- `Bundle.open(folder)`: what a conversion has made;
- `ToolkitError`: what goes wrong and a user can mend, in one line; what can be raised are its subclasses in
  `lite/errors.py`.

Importing this package sets environment defaults that must stand before Paddle and Paddle Lite load; a
value the user has set is kept.
"""

from __future__ import annotations

import os

# Before Paddle: imported first after it, zlib crashes the process on some hosts (two copies of one library).
import zlib  # noqa: F401
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lite.bundle import Bundle
    from lite.errors import ToolkitError
    from lite.model.weights import load_weights

__all__ = ["Bundle", "ToolkitError", "load_weights"]
_HOMES = {"Bundle": "lite.bundle", "ToolkitError": "lite.errors", "load_weights": "lite.model.weights"}


def _set_environment_defaults() -> None:
    # Paddle's start-up chatter ("New Executor is Running") is no news to a user of these commands.
    os.environ.setdefault("GLOG_minloglevel", "2")
    # One thread an engine: pictures are shared out over processes instead, which scales better.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # The MKL in both wheels takes its slowest path on AMD processors; this makes it take the AVX2 one
    # (2.6 times the speed of Lite's x86 fc here). Intel processors already get AVX-512.
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and "AuthenticAMD" in cpuinfo.read_text(errors="replace"):
        os.environ.setdefault("MKL_DEBUG_CPU_TYPE", "5")


_set_environment_defaults()


if not TYPE_CHECKING:  # mypy would believe that every name is there

    def __getattr__(name: str) -> object:
        # Late (PEP 562): commands import this package for less than all that these bring along.
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
