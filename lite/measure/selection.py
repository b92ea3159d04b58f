"""Which network in which engine a command is to run, before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lite.engines import Backend
from lite.engines.base import DEFAULT, Options
from lite.errors import InputError


@dataclass(frozen=True)
class Selection:
    """What a command was asked for: a bundle, an exported folder, or a model with weights; None is not said."""

    bundle: Path | None = None
    export: Path | None = None
    model: str | None = None
    weights: str | None = None
    labels: Path | None = None
    backend: Backend | None = None
    options: Options = DEFAULT
    sha256: str | None = None

    def check(self) -> None:
        """Raises InputError for options that exclude each other."""
        if sum(place is not None for place in (self.bundle, self.export, self.model)) > 1:
            raise InputError("give one of --bundle, --export and --model")
        if self.model is None and (self.weights, self.labels, self.sha256) != (None, None, None):
            raise InputError("--weights, --labels and --sha256 need --model")
        if self.model is None and self.export is None and self.backend not in (None, "lite"):
            raise InputError(
                "a bundle runs in Paddle Lite only",
                remedy=(
                    f"for --backend {self.backend} give --model and --weights, or --export with a folder of "
                    "tools/export.py"
                ),
            )
        on_gpu, backend = self.options.device == "gpu", self.backend or self.default_backend
        if on_gpu and backend == "lite":
            raise InputError("Paddle Lite runs on this computer's CPU only", remedy="leave out --device gpu")
        if self.options.tensorrt != "off" and backend != "inference" and self.export is None:
            raise InputError(f"--tensorrt is for --backend inference, not for {backend}")

    @property
    def default_backend(self) -> Backend:
        """The backend where none is named."""
        return "lite" if self.model is None and self.export is None else "inference"
