"""Runs tools/adb_bench.py as a user does, and finds what it runs on a test phone."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from phone import Phone
from waiting import until

from lite.phone.push import FOLDER

ROOT = Path(__file__).resolve().parents[2]
# Enough to be in the middle of it whenever a fault comes, and longer than any test.
ENDLESS = ("--repeats", "1000000", "--timeout", "10000", "--sensors-every", "0")


def bench(*options: object) -> subprocess.CompletedProcess[str]:
    """The ended command."""
    return subprocess.run(command_line(options), capture_output=True, text=True)


def start(*options: object) -> subprocess.Popen[str]:
    """The running command; a hang-up is heard, also where the tests were started by nohup."""
    return subprocess.Popen(
        command_line(options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_hang_ups,
    )


def hear_hang_ups() -> None:
    """Gives SIGHUP its effect again."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def on_a_terminal(*options: object) -> tuple[int, str]:
    """The ended command's exit code, and all that its standard error showed on a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command_line(options), stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as command:
        os.close(theirs)
        shown = b""
        # Where nobody writes to it any more, reading a terminal fails.
        with contextlib.suppress(OSError):
            while block := os.read(ours, 1 << 16):
                shown += block
    os.close(ours)
    return command.returncode, shown.decode()


def a_run_succeeds(options: tuple[object, ...]) -> None:
    """As after a fault."""
    done = bench(*options, "--repeats", 2, "--warmup", 0)
    assert done.returncode == 0, done.stderr


def results(out: Path) -> dict[str, Any]:
    """What the command wrote."""
    document: dict[str, Any] = json.loads((out / "results.json").read_text())
    return document


def measuring(phone: Phone) -> int:
    """The process of the demo that measures on the phone, as this computer numbers it, once it is there."""
    return int(until(lambda: _demo(phone, b"--bench")))


def demo_runs(phone: Phone) -> bool:
    """Whether any demo is at work on the phone."""
    return _demo(phone, b"") is not None


def _demo(phone: Phone, option: bytes) -> int | None:
    namespace = Path(f"/proc/{phone.pid}/ns/pid").readlink()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "ns/pid").readlink() != namespace:
                continue
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == f"{FOLDER}/deit".encode() and (not option or option in words):
            return int(folder.name)
    return None


def command_line(options: tuple[object, ...]) -> list[str]:
    return [sys.executable, str(ROOT / "tools" / "adb_bench.py"), *map(str, options)]
