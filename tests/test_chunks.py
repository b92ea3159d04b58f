"""Stored logits are those that were written for this very key, or none."""

from __future__ import annotations

import os

import numpy as np
import pytest

from lite.engines.workers import ChunkResult
from lite.errors import InputError
from lite.measure.chunks import SIZE, Chunks


def test_chunks_are_read_as_they_were_written_and_never_another_keys(tmp_path):
    errors = {2: InputError("größer \udce9", why="ün", remedy="kleiner"), 3: InputError("ün")}
    chunk = ChunkResult(np.arange(12, dtype=np.float32).reshape(4, 3), errors)
    store = Chunks(tmp_path, "a" * 64, SIZE + 4, 3)
    store.write(1, chunk)
    ((index, found),) = store.stored()
    assert (index, list(found.unreadable)) == (1, [2, 3])
    for place, error in errors.items():
        assert found.unreadable[place].as_dict() == error.as_dict()
    np.testing.assert_array_equal(found.logits, chunk.logits)
    other = Chunks(tmp_path, "a" * 16 + "b" * 48, SIZE + 4, 3)
    assert other.folder == store.folder
    assert not list(other.stored())
    assert not list(Chunks(tmp_path, store.key, SIZE + 5, 3).stored())
    path = store.path(1)
    path.write_bytes(path.read_bytes()[:-30])
    assert not list(store.stored())
    assert [file.name for file in store.folder.iterdir()] == ["00001.npz"]


def test_a_full_disk_is_said_plainly(tmp_path):
    store = Chunks(tmp_path, "a" * 64, 4, 3)
    store.folder.mkdir()
    (store.folder / f".00000.npz.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(InputError, match="No space left"):
        store.write(0, ChunkResult(np.zeros((4, 3), np.float32)))
    assert not list(store.folder.iterdir())
