"""Runs chunks of pictures through an engine, in processes of this computer (`dask_workers.py`: of others).

Each process opens an engine once and keeps it. A picture that cannot be read is noted and skipped; an engine
that fails stops everything.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, as_completed, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from lite import processes
from lite.digest import file_sha256
from lite.errors import ConversionError, InputError
from lite.evaluate import Predictor, Runnable
from lite.pictures.picture_set import Picture
from lite.zoo import Preprocess

CHUNK = 8
_POLL_SECONDS = 5
Task = TypeVar("Task")


@dataclass(frozen=True)
class Job:
    """What all chunks of a run share. `sha256` is the engine's `fingerprint`, checked where it is opened."""

    engine: Runnable
    sha256: str
    spec: Preprocess
    classes: int

    @classmethod
    def of(cls, engine: Runnable, spec: Preprocess, classes: int) -> Job:
        """A job on the engine as it is now. Raises InputError if its files are not there."""
        return cls(engine, fingerprint(engine), spec, classes)


@dataclass(frozen=True)
class ChunkResult:
    """Logits float32 [N, classes], NaN for pictures that cannot be read; `unreadable`: place in it → why."""

    logits: np.ndarray
    unreadable: dict[int, str] = field(default_factory=dict)


def slices(total: int) -> list[slice]:
    """The pictures of each chunk, of `total` in all."""
    return [slice(start, min(start + CHUNK, total)) for start in range(0, total, CHUNK)]


def fingerprint(engine: Runnable) -> str:
    """SHA-256 of an engine's files. Raises InputError if they are not there."""
    try:
        return file_sha256(*engine.files)
    except OSError as error:
        raise InputError(
            f"cannot read {error.filename} on {platform.node()}: {error.strerror}; every machine needs it at this path"
        ) from error


_USED = threading.Lock()


@lru_cache(maxsize=1)
def _opened(engine: Runnable, sha256: str) -> Predictor:
    if fingerprint(engine) != sha256:
        raise InputError(
            f"{engine.path} on {platform.node()} is not the file this run began with; "
            "every machine needs the same one, and it must stay while the run lasts"
        )
    return engine.open()


def run_chunk(job: Job, pictures: Sequence[Picture]) -> ChunkResult:
    """Runs some pictures in this process, one at a time: a predictor must not be shared by threads.

    Raises InputError for an engine that cannot be opened, ConversionError for one with other outputs than
    `job.classes` logits.
    """
    with _USED:
        predictor = _opened(job.engine, job.sha256)
        logits = np.full((len(pictures), job.classes), np.nan, dtype=np.float32)
        unreadable = {}
        for index, picture in enumerate(pictures):
            try:
                pixels = picture.tensor(job.spec)
            except InputError as error:
                unreadable[index] = str(error)
                continue
            outputs = predictor.run(pixels)
            if outputs.shape != (job.classes,):
                raise ConversionError(
                    f"{job.engine.path} answers {outputs.shape}, not {job.classes} logits; it is another network"
                )
            logits[index] = outputs
        return ChunkResult(logits, unreadable)


@dataclass(frozen=True)
class Workers:
    """Where chunks run. `slots()` is how many may be on their way; it raises once there are no workers left."""

    executor: Executor
    slots: Callable[[], int]

    def submit(self, job: Job, pictures: Sequence[Picture]) -> Future[ChunkResult]:
        """Hands a chunk out and returns at once."""
        return self.executor.submit(run_chunk, job, pictures)

    def submit_all(self, job: Job, pictures: Sequence[Picture]) -> Pending:
        """Hands all the pictures out, in chunks, and returns at once."""
        return Pending(
            self, {self.submit(job, pictures[part]): part for part in slices(len(pictures))}, job.classes
        )

    def result(self, future: Future[ChunkResult]) -> ChunkResult:
        """What a finished future holds. Raises what `run_chunk` raises, ConversionError where its process died."""
        return future.result()

    def as_they_come(
        self, tasks: Collection[Task], submit: Callable[[Task], Future[Any]]
    ) -> Iterator[tuple[Task, Any]]:
        """Each task with what it came to, in the order they end; `submit` hands one out. Raises as `result` does.

        A bounded number is on the way: neither pictures, which go with each, nor futures pile up.
        """
        todo, left = iter(tasks), len(tasks)
        pending: dict[Future[Any], Task] = {}
        while left:
            while len(pending) < self.slots() and (task := next(todo, None)) is not None:
                pending[submit(task)] = task
            if not pending:
                time.sleep(_POLL_SECONDS)
            done, _ = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                yield pending.pop(future), self.result(future)
                left -= 1


@dataclass(frozen=True)
class Pending:
    """Pictures on their way: the future of each chunk, and which ones are in it."""

    workers: Workers
    chunks: dict[Future[ChunkResult], slice]
    classes: int

    def check(self) -> None:
        """Raises, without waiting, what `Workers.result` raises for a chunk that has failed."""
        for future in self.chunks:
            if future.done():
                self.workers.result(future)

    def result(self, on_progress: Callable[[int, int], None] = lambda done, total: None) -> ChunkResult:
        """Waits for all of them; `on_progress` gets the pictures done and all. Raises as `Workers.result` does."""
        total = sum(part.stop - part.start for part in self.chunks.values())
        whole, done = ChunkResult(np.empty((total, self.classes), dtype=np.float32)), 0
        for future in as_completed(self.chunks):
            part, chunk = self.chunks[future], self.workers.result(future)
            whole.logits[part] = chunk.logits
            whole.unreadable.update({part.start + place: why for place, why in chunk.unreadable.items()})
            done += part.stop - part.start
            on_progress(done, total)
        return whole


@contextmanager
def local(count: int | None = None) -> Iterator[Workers]:
    """At most `count` processes of this computer, one a usable core by default; they end with the block."""
    count = count or len(os.sched_getaffinity(0))
    with processes.pool(count) as executor:
        yield Workers(executor, lambda: 2 * count)
