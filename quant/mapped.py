"""Arrays in files, mapped into memory: as large as the disk allows, in no one's way in memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lite.errors import InputError


def array(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """A new array of that shape in the file `path` (npy). Raises InputError when the disk has no room for it."""
    try:
        values = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        # Without its blocks the file has holes, and writing to one on a full disk ends the process by SIGBUS.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        size = np.dtype(dtype).itemsize * float(np.prod(shape)) / 1e6
        raise InputError(
            f"{path.parent}",
            why=f"no room for {size:,.0f} MB of calibration data ({error.strerror or error})",
            remedy="free some, point TMPDIR to a larger disk, or calibrate with fewer pictures",
        ) from error
    return values
