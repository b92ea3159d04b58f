"""Runs a program in a process of its own and measures its time and memory, with all it starts; says on what machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import click

INTERVAL = 0.02  # seconds between two looks at the memory
_PAGE = os.sysconf("SC_PAGE_SIZE")
PACKAGES = ("paddlepaddle", "paddleslim", "paddlelite", "numpy")


@dataclass(frozen=True)
class Measured:
    """One run of a program that ends by printing a JSON object {"imported": t, "steps": [[name, t, t], …]}.

    Times are seconds of the system's monotonic clock, memory is in bytes. `samples` are pairs of time and memory:
    the anonymous pages of all processes added up, and the file pages (libraries, which they share) of the one
    that has most; what comes and goes within `INTERVAL` is missed. `told` is the whole JSON object.
    """

    started: float
    ended: float
    steps: list[tuple[str, float, float]]
    samples: list[tuple[float, int]]
    told: dict[str, Any] = field(default_factory=dict)

    def seconds(self, *names: str) -> float:
        """Time in the steps of these names."""
        return sum(end - begin for name, begin, end in self.steps if name in names)

    def peak(self, *names: str) -> int | None:
        """Most memory in the steps of these names; None when they were over before a look at it."""
        inside = [
            memory
            for when, memory in self.samples
            if any(name in names and begin <= when <= end for name, begin, end in self.steps)
        ]
        return max(inside, default=None)


def run(command: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Runs a Python program of this folder. Raises click.ClickException with its last words when it fails."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        samples = []
        try:
            while process.poll() is None:
                samples.append((time.monotonic(), _memory(process.pid)))
                time.sleep(INTERVAL)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finished = time.monotonic()
        said = _last_line(output)
        if process.returncode:
            why = _last_line(errors) or said
            raise click.ClickException(f"{Path(command[0]).name} ended with {process.returncode}: {why}")
    told = json.loads(said)
    steps = [("imports", started, told["imported"]), *map(tuple, told["steps"])]
    return Measured(started, finished, steps, samples, told)


def _memory(root: int) -> int:
    anonymous, shared = 0, 0
    for process in _with_children(root):
        # In pages: all, resident, and of these the ones that belong to files.
        resident, files = map(int, _read(Path(f"/proc/{process}/statm")).split()[1:3] or (0, 0))
        anonymous += resident - files
        shared = max(shared, files)
    return (anonymous + shared) * _PAGE


def _with_children(process: int) -> Iterator[int]:
    yield process
    try:
        threads = list(Path(f"/proc/{process}/task").glob("*/children"))
    except FileNotFoundError:  # it has ended
        threads = []
    for thread in threads:
        for child in map(int, _read(thread).split()):
            # Until a new process has started its program it has its parent's memory, which counts already.
            if _read(Path(f"/proc/{child}/cmdline")) != _read(Path(f"/proc/{process}/cmdline")):
                yield from _with_children(child)


def _read(path: Path) -> bytes:
    """Contents of a file of a process; nothing once the process has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _last_line(file: IO[bytes]) -> str:
    file.seek(0)
    lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def host(load: float, packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """What figures hold for, with the versions of `packages`; `load` is the average of the minute before."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": load,
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def megabytes(count: float | None) -> str:
    return "-" if count is None else f"{count / 1e6:.0f} MB"
