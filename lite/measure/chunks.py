"""Logits on disk, chunk by chunk, so that a run of hours can be interrupted and go on.

A folder belongs to one key: whatever changes the logits (engine, pictures, preprocessing) changes the key.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lite.engines import workers
from lite.engines.workers import ChunkResult
from lite.errors import InputError
from lite.files import new_file

SIZE = workers.CHUNK


def key(description: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON document of what the logits depend on."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Chunks:
    """The chunks of `total` pictures in `root/<start of key>`: `00000.npz` and so on, SIZE pictures each."""

    root: Path
    key: str
    total: int
    classes: int

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.root / self.key[:16]

    @property
    def slices(self) -> list[slice]:
        """The pictures of each chunk."""
        return workers.slices(self.total)

    def path(self, index: int) -> Path:
        """File of a chunk."""
        return self.folder / f"{index:05d}.npz"

    def stored(self) -> Iterator[tuple[int, ChunkResult]]:
        """Every chunk that is there and whole."""
        for index, part in enumerate(self.slices):
            found = self._read(self.path(index), part.stop - part.start)
            if found is not None:
                yield index, found

    def write(self, index: int, chunk: ChunkResult) -> None:
        """Stores a chunk, whole or not at all. Raises InputError where it cannot be written."""
        path = self.path(index)
        # In memory first: a zip file on a full disk complains once more when it is forgotten.
        data = io.BytesIO()
        np.savez(
            data,
            key=np.array(self.key),
            logits=chunk.logits,
            unreadable=np.array(list(chunk.unreadable), dtype=np.int64),
            errors=np.array(
                [json.dumps(error.as_dict()) for error in chunk.unreadable.values()], dtype=np.str_
            ),
        )
        with new_file(path, remedy="free some space or choose another --out") as part:
            part.write_bytes(data.getvalue())

    def remove(self) -> None:
        """Forgets all chunks of this key."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, path: Path, pictures: int) -> ChunkResult | None:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                logits, places = arrays["logits"], arrays["unreadable"].tolist()
                errors = [InputError(**json.loads(text)) for text in arrays["errors"].tolist()]
                same = str(arrays["key"]) == self.key
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        if not same or logits.dtype != np.float32 or logits.shape != (pictures, self.classes):
            return None
        return ChunkResult(logits, dict(zip(places, errors, strict=True)))
