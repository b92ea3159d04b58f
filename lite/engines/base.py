"""The engine that pictures go through: what to run, and how to open it in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

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


@dataclass(frozen=True)
class Engine:
    """What to run: a `.nb` in Paddle Lite, or the exported program of a folder in Paddle Inference."""

    kind: Literal["lite", "paddle"]
    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The `.nb`, or the two files of the program."""
        if self.kind == "lite":
            return (self.path,)
        return self.path / "model.pdmodel", self.path / "model.pdiparams"

    def open(self) -> Predictor:
        """Loads the engine in this process; raises InputError or ConversionError for a bad file."""
        # Imported here so that a process loads the engine it runs and no other: together they can crash.
        if self.kind == "lite":
            from lite.engines.paddle_lite import LitePredictor

            return LitePredictor(self.path)
        from lite.engines.paddle_inference import PaddlePredictor
        from lite.model.program import Exported

        return PaddlePredictor(Exported.in_folder(self.path))
