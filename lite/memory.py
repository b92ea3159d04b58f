"""Memory that this process has freed and the C library keeps: arrays of a few megabytes lie on its heaps."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Gives freed memory back to the system, where the C library can (glibc's `malloc_trim`)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
