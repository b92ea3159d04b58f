"""Runs sensitivity over all rows and pictures: on all cores or a Dask cluster, stored as it goes.

A process opens the program once and keeps what stands before a block. A chunk of pictures goes through the float and
the INT8 network once; each row then runs its own part of the network and those after it.
"""

from __future__ import annotations

import json
import platform
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import paddle

from lite.engines import processes
from lite.engines.workers import Workers
from lite.errors import ConversionError, InputError, InterruptedRunError
from lite.files import make_folder, write_text
from lite.measure import chunks
from lite.model.program import LoadedProgram, static_graph
from lite.pictures.picture_set import Picture, PictureSet
from lite.stages import Stages
from lite.zoo import Preprocess
from quant.cost.rates import DEFAULT_CORE
from quant.program.quantizers import Read, Segment, Segments
from quant.sensitivity.figures import Row, RowFigures, Sums, Whole
from quant.sensitivity.program import PreparedProgram

# Larger chunks run no faster, and a worker keeps the activations of one twice.
CHUNK = 16


@dataclass(frozen=True)
class Sensitivity:
    """What was found: the network's own figures, and each row's, in network order."""

    whole: Whole
    rows: list[tuple[Row, RowFigures]]


@dataclass
class SensitivityRun:
    """One measurement and its file in `out`.

    `open_workers` starts what the rows run on; `core` is the one that layers' instructions are given for.
    """

    program: PreparedProgram
    check: PictureSet
    spec: Preprocess
    out: Path
    open_workers: Callable[[], AbstractContextManager[Workers]]
    stages: Stages = field(default_factory=Stages)
    core: str = DEFAULT_CORE

    def run(self, *, restart: bool = False) -> Sensitivity:
        """Measures what is missing; `restart` forgets what earlier runs of the same key stored.

        Raises InterruptedRunError (exit code 130) on Ctrl-C, InputError for an unreadable picture or a file that
        cannot be written, ConversionError for NaN and for workers that are lost.
        """
        make_folder(self.out)
        job = RowJob(
            PreparedProgram(self.program.folder.absolute()), self.program.sha256, self.check.sha256, self.spec
        )
        store = Store(self.out / "sensitivity.jsonl", _key(job))
        if restart:
            store.forget()
        rows = self.program.rows(self.core)
        count = -(-len(self.check.pictures) // CHUNK)
        wanted: dict[Place, Row | None] = {}
        for chunk in range(count):
            wanted |= {(WHOLE, chunk): None, **{(row.name, chunk): row for row in rows}}
        found = {place: figures for place, figures in store.read().items() if place in wanted}
        missing = {place: row for place, row in wanted.items() if place not in found}
        try:
            with self.stages.stage("sensitivity"):
                self.stages.on_progress(len(found), len(wanted))
                for place, figures in self._measured(job, missing):
                    store.add(place, figures)
                    found[place] = figures
                    self.stages.on_progress(len(found), len(wanted))
        except KeyboardInterrupt:
            raise InterruptedRunError(
                "interrupted",
                why=f"{len(found)} of {len(wanted)} measurements done",
                remedy="the same command goes on from there",
            ) from None
        except ConversionError as error:
            what = f"{error.what} ({len(found)} of {len(wanted)} measurements done, and kept)"
            raise ConversionError(what, why=error.why, remedy=error.remedy) from error
        return _together(rows, found, range(count))

    def _measured(self, job: RowJob, missing: Mapping[Place, Row | None]) -> Iterator[tuple[Place, Figures]]:
        """Figures in the order they come."""
        if not missing:
            return
        with self.open_workers() as pool:

            def submit(place: Place) -> Future[Figures]:
                chunk = place[1]
                part = self.check.pictures[chunk * CHUNK : (chunk + 1) * CHUNK]
                return pool.executor.submit(measure, job, missing[place], chunk, part)

            yield from pool.as_they_come(missing, submit)


def _together(rows: Sequence[Row], found: Mapping[Place, Figures], chunk_range: Iterable[int]) -> Sensitivity:
    def total(name: str, part: str) -> Sums:
        return Sums.total(getattr(found[name, chunk], part) for chunk in chunk_range)

    whole = Whole(total(WHOLE, "int8"), total(WHOLE, "float_graph"), total(WHOLE, "isolated"))
    return Sensitivity(
        whole, [(row, RowFigures(total(row.name, "isolated"), total(row.name, "without"))) for row in rows]
    )


def _key(job: RowJob) -> str:
    """SHA-256 of all that the figures depend on."""
    return chunks.key(
        {
            "program": job.sha256,
            "pictures": job.pictures,
            "preprocess": asdict(job.spec),
            "opencv": version("opencv-python"),
            "paddlepaddle": version("paddlepaddle"),
            "chunk": CHUNK,
        }
    )


WHOLE = "network"
Place = tuple[str, int]  # a row's name, or WHOLE, and a chunk
Figures = RowFigures | Whole


_MORE_ROOM = "free some space or choose another --out"


@dataclass(frozen=True)
class Store:
    """The lines of `key` in the file at `path`."""

    path: Path
    key: str

    def read(self) -> dict[Place, Figures]:
        """All figures of this key; a line that was cut off is left out."""
        found = (self._parse(line) for line in self._lines())
        return dict(each for each in found if each is not None)

    def add(self, place: Place, figures: Figures) -> None:
        """Stores one. Raises InputError where it cannot be written."""
        row, chunk = place
        line = json.dumps({"key": self.key, "row": row, "chunk": chunk, **asdict(figures)}) + "\n"
        try:
            with self.path.open("ab+") as file:
                # An earlier run may have been cut off within a line.
                if file.tell():
                    file.seek(-1, 2)
                    line = line if file.read() == b"\n" else "\n" + line
                file.write(line.encode())
        except OSError as error:
            raise InputError(f"cannot write {self.path}", why=error.strerror, remedy=_MORE_ROOM) from error

    def forget(self) -> None:
        """Takes the figures of this key away."""
        lines = [line for line in self._lines() if self._parse(line) is None]
        write_text(self.path, "".join(f"{line}\n" for line in lines), remedy=_MORE_ROOM)

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(
                f"cannot read {self.path}", why=error.strerror, remedy="choose another --out"
            ) from error

    def _parse(self, line: str) -> tuple[Place, Figures] | None:
        try:
            values = json.loads(line)
            if values.pop("key") != self.key:
                return None
            place = values.pop("row"), values.pop("chunk")
            sums = {part: Sums(**figures) for part, figures in values.items()}
            return place, Whole(**sums) if place[0] == WHOLE else RowFigures(**sums)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


@dataclass(frozen=True)
class RowJob:
    """What all rows share. `sha256` is the program's, checked where it is opened; `pictures` a digest of them all."""

    program: PreparedProgram
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
    def __init__(self, job: RowJob):
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

    def at(self, job: RowJob, index: int, pictures: Sequence[Picture]) -> _Chunk:
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
def _opened(job: RowJob) -> _Opened:
    return _Opened(job)


@lru_cache(maxsize=1)
def _process() -> tuple[Executor, ExitStack]:
    """A process, and what it ends with when nobody holds it any more."""
    held = ExitStack()
    return held.enter_context(processes.pool(1)), held


def measure(job: RowJob, row: Row | None, index: int, pictures: Sequence[Picture]) -> RowFigures | Whole:
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
        return RowFigures(_isolated(opened, chunk, row), Sums.of(chunk.reference, without))


def isolated(job: RowJob, row: Row | None, index: int, pictures: Sequence[Picture]) -> Sums | Whole:
    """As `measure`, but only the row's own damage, which is half of the work. In a process's main thread."""
    with _at(job, index, pictures) as (opened, chunk):
        return _whole(chunk) if row is None else _isolated(opened, chunk, row)


@contextmanager
def _at(job: RowJob, index: int, pictures: Sequence[Picture]) -> Iterator[tuple[_Opened, _Chunk]]:
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


def _isolated(opened: _Opened, chunk: _Chunk, row: Row) -> Sums:
    found = _with(opened.segments, row, row.reads, opened.floats, chunk.floats)
    return Sums.of(chunk.floats[-1], found)


def _with(
    segments: Segments,
    row: Row,
    active: Collection[Read],
    others: Sequence[Segment],
    kept: Sequence[np.ndarray],
) -> np.ndarray:
    """Logits with the quantizers `active` in the row's part, the network's `others` after it."""
    values = segments.build(row.place, active).run(kept[row.place])
    return _through(others[row.place + 1 :], values)[-1]


def _through(segments: Sequence[Segment], values: np.ndarray) -> list[np.ndarray]:
    found = [values]
    for segment in segments:
        found.append(segment.run(found[-1]))
    return found
