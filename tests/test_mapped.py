"""Arrays in files: there is room for all of them before the first value is written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from lite.errors import InputError
from quant import pictures


def test_the_file_has_its_blocks(tmp_path: Path):
    made = pictures.mapped_array(tmp_path / "values.npy", (3, 100_000), np.float32)
    made[2] = 7
    made.flush()
    assert (tmp_path / "values.npy").stat().st_blocks * 512 >= made.nbytes
    np.testing.assert_array_equal(np.load(tmp_path / "values.npy")[2, :5], 7)


def test_a_full_disk_is_said_beforehand(tmp_path: Path, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match=r"no room for 4 MB of calibration data \(No space left on device\)"):
        pictures.mapped_array(tmp_path / "values.npy", (10, 100_000), np.float32)
