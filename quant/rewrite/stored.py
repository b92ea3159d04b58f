"""Activations of all calibration pictures in a file, read and written a few pictures at a time.

Not a mapped file: what a process has mapped and used counts as its memory, and so would grow with the pictures.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quant.pictures import on_disk


class Stored:
    """An array [pictures, ...] in a nameless file of `folder`, gone with this object. Threads may share it.

    What is read is a copy. Raises InputError when the disk has no room for it.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: npt.DTypeLike):
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._bytes = self.dtype.itemsize * int(np.prod(shape[1:]))
        with on_disk(folder, shape, dtype):
            self._file, path = tempfile.mkstemp(dir=folder)
            weakref.finalize(self, os.close, self._file)
            Path(path).unlink()
            # Without its blocks it could be full before all is written.
            os.posix_fallocate(self._file, 0, shape[0] * self._bytes)

    def __getitem__(self, part: slice) -> np.ndarray:
        values = np.empty((part.stop - part.start, *self.shape[1:]), self.dtype)
        if os.preadv(self._file, [values.data], part.start * self._bytes) != values.nbytes:
            raise OSError("activations could not be read back from the temporary folder")
        return values

    def __setitem__(self, part: slice, values: np.ndarray) -> None:
        values = np.ascontiguousarray(values, self.dtype)
        if os.pwrite(self._file, values.data, part.start * self._bytes) != values.nbytes:
            raise OSError("activations could not be written to the temporary folder")
