"""Ctrl-C while phones are at work: the first ends them in order and keeps the figures, the second does not wait."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

_CODE = 128 + signal.SIGINT
_LINE = b"error: interrupted twice: ended at once, what was measured may be lost; run this again\n"


class _SecondInterrupt(KeyboardInterrupt):
    pass


@contextlib.contextmanager
def twice() -> Iterator[None]:
    """Raises KeyboardInterrupt in the block for the first Ctrl-C; at the second one line is said and the process ends.

    With it end its links to the phones, and with these what runs there.
    """
    earlier = signal.getsignal(signal.SIGINT)
    # Who ignores Ctrl-C, as what a shell runs in the background does, goes on ignoring it.
    if not callable(earlier):
        yield
        return
    count = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count == 1:
            earlier(number, frame)
        if count == 2:
            # Temporary files go and the terminal is as it was.
            raise _SecondInterrupt
        _leave()

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except _SecondInterrupt:
        _leave()
    finally:
        signal.signal(signal.SIGINT, earlier)


def _leave() -> NoReturn:
    # Not by way of Python's end, which threads that still wait for a phone can disturb.
    os.write(2, _LINE)
    os._exit(_CODE)
