"""Activations in files: what was written comes back, from several threads, and a full disk is said beforehand."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lite.errors import InputError
from quant.rewrite.rewriting import Stored


def test_what_was_written_comes_back(tmp_path: Path):
    stored = Stored(tmp_path, (6, 5, 7), np.float32)
    values = np.random.default_rng(0).random((6, 5, 7), np.float32)
    parts = [slice(4, 6), slice(0, 3), slice(3, 4)]
    with ThreadPoolExecutor(3) as executor:
        list(executor.map(lambda part: stored.__setitem__(part, values[part]), parts))
        read = list(executor.map(stored.__getitem__, parts))
    for part, found in zip(parts, read, strict=True):
        np.testing.assert_array_equal(found, values[part])
    read[0][:] = 0
    np.testing.assert_array_equal(stored[slice(0, 6)], values)


def test_the_type_is_kept_and_views_are_written_whole(tmp_path: Path):
    stored = Stored(tmp_path, (2, 3), np.int8)
    stored[slice(0, 2)] = np.array([[1.0, -127.0], [2.0, 127.0], [3.0, 0.0]]).T
    np.testing.assert_array_equal(stored[slice(0, 2)], np.array([[1, 2, 3], [-127, 127, 0]], np.int8))


def test_no_file_is_left_in_the_folder(tmp_path: Path):
    stored = Stored(tmp_path, (2, 3), np.int8)
    assert list(tmp_path.iterdir()) == []
    stored[slice(0, 1)] = np.ones((1, 3))


def test_a_full_disk_is_said_beforehand(tmp_path: Path, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match=r"no room for 4 MB of calibration data \(No space left on device\)"):
        Stored(tmp_path, (10, 100_000), np.float32)
