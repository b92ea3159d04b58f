"""Processes that never outlive the one that started them, whatever ends that: its end, a crash, SIGKILL.

Their standard input is a pipe that nothing is ever written to. Its other end closes with the process that holds it, and
then the kernel kills the child on the spot (fcntl(2), F_SETSIG): also in the middle of a call of an engine, or a
read that never ends, where no Python code of the child would run any more.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from typing import Any


def start(command: Sequence[str], **options: Any) -> tuple[subprocess.Popen[bytes], int]:
    """Starts `command` with `subprocess.Popen`'s options; the child calls `hold` first of all.

    The second is a file descriptor: once it is closed, or this process is no more, the child is killed. Raises OSError
    where it cannot be started.
    """
    theirs, ours = os.pipe()
    try:
        return subprocess.Popen(command, stdin=theirs, **options), ours
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)


def hold() -> None:
    """Has the kernel kill this process when the one that began it with `start` is no more."""
    handle = 0
    fcntl.fcntl(handle, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(handle, fcntl.F_SETFL, fcntl.fcntl(handle, fcntl.F_GETFL) | os.O_ASYNC)
    # It may have ended before that was said.
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    if any(event & select.POLLHUP for _, event in poll.poll(0)):
        os.kill(os.getpid(), signal.SIGKILL)
