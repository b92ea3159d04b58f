"""The Paddle Lite side: from weights to a checked bundle for a phone.

Importing this package sets environment defaults that must stand before Paddle and Paddle Lite load; a
value the user has set is kept.
"""

from __future__ import annotations

import os

# Before Paddle: imported first after it, zlib crashes the process on some hosts (two copies of one library).
import zlib  # noqa: F401
from pathlib import Path


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
