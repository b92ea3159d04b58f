"""Waiting in tests: for a state, not for a time, so that a slow or busy machine fails none."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Seconds. What has not come by then never will: more than ten times what anything here takes on two busy cores.
HANG = 900.0


def until(get: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> Any:
    """What `get` gives once that is true; fails when `process` ends before, and after HANG."""
    end = time.monotonic() + HANG
    while not (got := get()):
        if process is not None and process.poll() is not None:
            raise AssertionError(f"it ended by itself: {process.stderr.read() if process.stderr else ''}")
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
    return got


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """The process once it has ended by itself, with what it said; killed after HANG, and whatever comes between."""
    try:
        out, err = process.communicate(timeout=HANG)
    finally:
        process.kill()
        process.wait()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
