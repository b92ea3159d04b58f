"""An exported program as its two files; to name them takes no Paddle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

INPUT_NAME = "image"


@dataclass(frozen=True)
class Exported:
    """An inference program on disk: `model` is the `.pdmodel`, `params` the `.pdiparams`."""

    model: Path
    params: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Exported:
        """The pair `model.pdmodel`, `model.pdiparams` of `folder` (they need not exist yet)."""
        return cls(folder / "model.pdmodel", folder / "model.pdiparams")
