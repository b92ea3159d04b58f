"""What every engine is: something small to send to a process, which opens it there and gets a predictor."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np


class Predictor(Protocol):
    """A network in an engine. `batch` is the number of pictures it takes at once, None for any number."""

    batch: int | None

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [classes] of one picture, float32 [1, 3, H, W]."""
        ...

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [N, classes] of float32 [N, 3, H, W]; raises InputError for an N it can't take."""
        ...


class Runnable(Protocol):
    """What a process can open as a Predictor: small enough to send, with the files that its answers depend on."""

    @property
    def path(self) -> Path:
        """The file or folder to name in messages."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """All that is read."""
        ...

    def open(self) -> Predictor:
        """Loads it in this process; raises InputError or ConversionError for a bad file."""
        ...

    def __hash__(self) -> int:
        """Equal ones are opened once."""
        ...
