"""Measures rows of sensitivity in a process: the program is opened once, and what stands before a block kept.

A chunk of pictures goes through the float and the INT8 network once; each row then runs its own part of the network
and those behind it.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import paddle

from lite.engines import processes
from lite.errors import ConversionError, InputError
from lite.model.program import LoadedProgram, static_graph
from lite.pictures.picture_set import Picture
from lite.zoo import Preprocess
from quant.program.quantizers import Read
from quant.program.segments import Segment, Segments
from quant.sensitivity.figures import Measured, Row, Sums, Whole
from quant.sensitivity.program import Program


@dataclass(frozen=True)
class Job:
    """What all rows share. `sha256` is the program's, checked where it is opened; `pictures` a digest of them all."""

    program: Program
    sha256: str
    pictures: str
    spec: Preprocess


@dataclass(frozen=True)
class _Chunk:
    """What goes into each part of the network for some pictures, and last what comes out; `reference`: float logits."""

    floats: list[np.ndarray]
    int8: list[np.ndarray]
    reference: np.ndarray


class _Opened:
    def __init__(self, job: Job):
        if job.program.sha256 != job.sha256:
            raise InputError(
                f"{job.program.folder} on {platform.node()} is not what this run began with",
                remedy="every machine needs the same, and it must stay while the run lasts",
            )
        self.spec = job.spec
        with static_graph() as executor:
            self.reference = LoadedProgram(job.program.fp32, executor)
        with static_graph() as executor:
            self.segments = job.program.open(executor)
            self.scope = self.segments.loaded.scope
            parts = self.segments.parts
            self.every = {*parts.activations, *parts.weights}
            places = range(len(self.segments))
            self.floats = [self.segments.build(place, ()).kept() for place in places]
            self.int8 = [self.segments.build(place, self.every).kept() for place in places]
        self.chunk: tuple[str, int, _Chunk] | None = None

    def at(self, job: Job, index: int, pictures: Sequence[Picture]) -> _Chunk:
        """The activations of chunk `index`; those of the last one asked for are kept."""
        if self.chunk is None or self.chunk[:2] != (job.pictures, index):
            self.chunk = None
            pixels = np.concatenate([picture.tensor(self.spec) for picture in pictures])
            with paddle.static.scope_guard(self.reference.scope):
                reference = np.concatenate([self.reference.run(one[None])[0] for one in pixels])
            floats, int8 = _through(self.floats, pixels), _through(self.int8, pixels)
            self.chunk = job.pictures, index, _Chunk(floats, int8, reference)
        return self.chunk[2]


@lru_cache(maxsize=1)
def _opened(job: Job) -> _Opened:
    return _Opened(job)


@lru_cache(maxsize=1)
def _process() -> tuple[Executor, ExitStack]:
    """A process, and what it ends with when nobody holds it any more."""
    held = ExitStack()
    return held.enter_context(processes.pool(1)), held


def measure(job: Job, row: Row | None, index: int, pictures: Sequence[Picture]) -> Measured | Whole:
    """A row's figures for the chunk of `pictures` with this index; None for the network's own.

    Raises InputError for an unreadable picture or a program that is not the job's, ConversionError for NaN.
    """
    if threading.current_thread() is not threading.main_thread():
        # As in a Dask worker. Paddle leaves its dynamic mode in the main thread only, so it goes to a process.
        try:
            return _process()[0].submit(measure, job, row, index, pictures).result()
        except ConversionError:
            # That may have been its end.
            _process.cache_clear()
            raise
    with _at(job, index, pictures) as (opened, chunk):
        if row is None:
            return _whole(chunk)
        without = _with(opened.segments, row, opened.every - row.reads, opened.int8, chunk.int8)
        return Measured(_alone(opened, chunk, row), Sums.of(chunk.reference, without))


def alone(job: Job, row: Row | None, index: int, pictures: Sequence[Picture]) -> Sums | Whole:
    """As `measure`, but only the row's own damage, which is half of the work. In a process's main thread."""
    with _at(job, index, pictures) as (opened, chunk):
        return _whole(chunk) if row is None else _alone(opened, chunk, row)


@contextmanager
def _at(job: Job, index: int, pictures: Sequence[Picture]) -> Iterator[tuple[_Opened, _Chunk]]:
    with static_graph():
        opened = _opened(job)
        with paddle.static.scope_guard(opened.scope):
            yield opened, opened.at(job, index, pictures)


def _whole(chunk: _Chunk) -> Whole:
    return Whole(
        Sums.of(chunk.reference, chunk.int8[-1]),
        Sums.of(chunk.reference, chunk.floats[-1]),
        Sums.of(chunk.floats[-1], chunk.int8[-1]),
    )


def _alone(opened: _Opened, chunk: _Chunk, row: Row) -> Sums:
    found = _with(opened.segments, row, row.reads, opened.floats, chunk.floats)
    return Sums.of(chunk.floats[-1], found)


def _with(
    segments: Segments,
    row: Row,
    active: Collection[Read],
    others: Sequence[Segment],
    kept: Sequence[np.ndarray],
) -> np.ndarray:
    """Logits with the quantizers `active` in the row's part, the network's `others` behind it."""
    values = segments.build(row.place, active).run(kept[row.place])
    return _through(others[row.place + 1 :], values)[-1]


def _through(segments: Sequence[Segment], values: np.ndarray) -> list[np.ndarray]:
    found = [values]
    for segment in segments:
        found.append(segment.run(found[-1]))
    return found
