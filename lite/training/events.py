"""Curves of a run as TensorBoard event files, written by tensorboardX."""

from __future__ import annotations

from pathlib import Path

from tensorboardX import SummaryWriter

from lite.errors import InputError


class Events:
    """Scalars by step in `folder`; None writes nothing. A run that goes on at `first_step` hides later ones."""

    def __init__(self, folder: Path | None, first_step: int = 0):
        self._writer: SummaryWriter | None = None
        if folder is None:
            return
        try:
            self._writer = SummaryWriter(str(folder), purge_step=first_step or None)
        except OSError as error:
            raise InputError(
                f"cannot write curves to {folder}: {error.strerror}; choose another --logs"
            ) from error

    def write(self, step: int, **scalars: float) -> None:
        """Adds one value to each named curve."""
        if self._writer is not None:
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Writes what is still in memory."""
        if self._writer is not None:
            self._writer.close()
