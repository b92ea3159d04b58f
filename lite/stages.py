"""Stages of a long run: what is going on, for a display, and how long each took, for a benchmark; notes to a user."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Stages:
    """Wall time of each stage in `seconds`, in order of their first start.

    `on_start` gets a stage's name, `on_progress` what is done and what there is to do in it; `on_end` is called after
    each stage that raised nothing.
    """

    on_start: Callable[[str], None] = lambda name: None
    on_progress: Callable[[int, int], None] = lambda done, total: None
    seconds: dict[str, float] = field(default_factory=dict)
    on_end: Callable[[], None] = lambda: None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a stage; one that is entered again adds up."""
        self.on_start(name)
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
        self.on_end()


def to_stderr(message: str) -> None:
    """Prints what a user should know as a line on standard error: what `notify` is where nobody gives another."""
    print(message, file=sys.stderr)
