"""Runs chunks of pictures through an engine, in processes of this computer (with Dask: of others).

Each process opens an engine once and keeps it. A picture that cannot be read is noted and skipped; an engine
that fails stops everything.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, as_completed, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, TypeVar

import numpy as np

from lite.engines import DASK_SCHEDULER, DASK_WORKER, Predictor, Runnable, processes
from lite.errors import ConversionError, InputError, ToolkitError
from lite.files import file_sha256
from lite.pictures.picture_set import Picture
from lite.zoo import Preprocess

CHUNK = 8
_POLL_SECONDS = 5
Task = TypeVar("Task")


@dataclass(frozen=True)
class EngineJob:
    """What all chunks of a run share. `sha256` is the engine's `fingerprint`, checked where it is opened."""

    engine: Runnable
    sha256: str
    spec: Preprocess
    classes: int

    @classmethod
    def of(cls, engine: Runnable, spec: Preprocess, classes: int) -> EngineJob:
        """A job on the engine as it is now. Raises InputError if its files are not there."""
        return cls(engine, fingerprint(engine), spec, classes)


@dataclass(frozen=True)
class ChunkResult:
    """Logits float32 [N, classes], NaN for pictures that cannot be read; `unreadable`: place in it → why."""

    logits: np.ndarray
    unreadable: dict[int, ToolkitError] = field(default_factory=dict)


def none_readable(unreadable: Sequence[ToolkitError]) -> InputError:
    """The error of pictures of which not one can be read: it says why of the first."""
    return InputError(
        f"none of the {len(unreadable)} pictures can be read",
        why=f"the first: {unreadable[0].reason}",
        remedy=unreadable[0].remedy,
    )


def slices(total: int) -> list[slice]:
    """The pictures of each chunk, of `total` in all."""
    return [slice(start, min(start + CHUNK, total)) for start in range(0, total, CHUNK)]


def fingerprint(engine: Runnable) -> str:
    """SHA-256 of an engine's files. Raises InputError if they are not there."""
    try:
        return file_sha256(*engine.files)
    except InputError as error:
        raise InputError(
            f"{error.what} on {platform.node()}", why=error.why, remedy="every machine needs it at this path"
        ) from error


_USED = threading.Lock()


@lru_cache(maxsize=1)
def _opened(engine: Runnable, sha256: str) -> Predictor:
    if fingerprint(engine) != sha256:
        raise InputError(
            f"{engine.path} on {platform.node()} is not the file this run began with",
            remedy="every machine needs the same one, and it must stay while the run lasts",
        )
    return engine.open()


def run_chunk(job: EngineJob, pictures: Sequence[Picture]) -> ChunkResult:
    """Runs some pictures in this process, one at a time: a predictor must not be shared by threads.

    Raises InputError for an engine that cannot be opened, ConversionError for one with other outputs than
    `job.classes` logits.
    """
    with _USED:
        predictor = _opened(job.engine, job.sha256)
        logits = np.full((len(pictures), job.classes), np.nan, dtype=np.float32)
        unreadable: dict[int, ToolkitError] = {}
        for index, picture in enumerate(pictures):
            try:
                pixels = picture.tensor(job.spec)
            except InputError as error:
                unreadable[index] = error
                continue
            outputs = predictor.logits(pixels)[0]
            if outputs.shape != (job.classes,):
                raise ConversionError(
                    f"{job.engine.path} answers {outputs.shape}, not {job.classes} logits",
                    why="it is another network",
                )
            logits[index] = outputs
        return ChunkResult(logits, unreadable)


@dataclass(frozen=True)
class Workers:
    """Where chunks run. `slots()` is how many may be on their way; it raises once there are no workers left."""

    executor: Executor
    slots: Callable[[], int]

    def submit(self, job: EngineJob, pictures: Sequence[Picture]) -> Future[ChunkResult]:
        """Hands a chunk out and returns at once."""
        return self.executor.submit(run_chunk, job, pictures)

    def submit_all(self, job: EngineJob, pictures: Sequence[Picture]) -> Pending:
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

    def logits(self, on_progress: Callable[[int, int], None] = lambda done, total: None) -> np.ndarray:
        """Logits float32 [N, classes] of all of them, as `result`; raises InputError for one that cannot be read."""
        found = self.result(on_progress)
        if found.unreadable:
            raise found.unreadable[min(found.unreadable)]
        return found.logits


@contextmanager
def local(count: int | None = None) -> Iterator[Workers]:
    """At most `count` processes of this computer, one a usable core by default; they end with the block."""
    count = count or len(os.sched_getaffinity(0))
    with processes.pool(count) as executor:
        yield Workers(executor, lambda: 2 * count)


def opener(count: int | None, address: str | None) -> Callable[[], AbstractContextManager[Workers]]:
    """`local` with `count` processes, or `connected` to the Dask scheduler at `address`. Raises InputError for both."""
    if address and count:
        raise InputError("--workers is for this computer", remedy="with --dask the scheduler has its own")
    return partial(connected, address) if address else partial(local, count)


_HINT = (
    f"start workers in a clone at this path, with these files at the same paths: {DASK_WORKER} (docs/trust.md: on "
    "other machines)"
)
CONNECT_SECONDS = 5
# A nanny starts a dead worker again within seconds; longer without any, and nothing will come.
_NO_WORKERS_SECONDS = 30
_ASK_SECONDS = 5


@contextmanager
def connected(address: str) -> Iterator[Workers]:
    """The workers of the Dask scheduler at `address`: `tcp://127.0.0.1:8786`, or `tls://HOST:8786` as in docs/trust.md.

    Bundle, pictures and program lie at the same paths for all of them. Both engines of a run get loaded in one
    process there, in either order; measured with these versions, their outputs stay the same to the bit.
    Raises InputError where no scheduler answers or it has no workers.
    """
    # Its import sets the levels of its loggers, so it comes first.
    import distributed

    with _silent(distributed.__name__):
        client = _connect(address)
        try:
            executor = client.get_executor(pure=False)
            yield _DaskWorkers(executor, _DaskSlots(client, address))
        finally:
            client.close(timeout=_ASK_SECONDS)


def _connect(address: str) -> Any:
    from distributed import Client, Security
    from distributed.comm.addressing import get_address_host_port

    try:
        # Asked first: a client that fails on an address keeps trying to close itself for 20 seconds.
        get_address_host_port(address)
        if address.startswith("tls:") and not Security().get_connection_args("client").get("ssl_context"):
            raise ValueError(
                "it asks for a certificate, and DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT names none"
            )
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"no Dask scheduler at {address}",
            why=str(error).splitlines()[0],
            remedy=f"{DASK_SCHEDULER} starts one at tcp://127.0.0.1:8786 (docs/trust.md: what tls:// needs)",
        ) from error
    if not client.ncores():
        client.close(timeout=_ASK_SECONDS)
        raise InputError(f"the Dask scheduler at {address} has no workers", remedy=_HINT)
    return client


class _DaskWorkers(Workers):
    def result(self, future: Future[ChunkResult]) -> ChunkResult:
        """What a finished future holds. Raises ConversionError where a worker or its scheduler failed."""
        try:
            return future.result()
        except ToolkitError:
            raise
        except CancelledError as error:
            raise ConversionError("the Dask scheduler is gone", remedy="start it again") from error
        except Exception as error:
            lines = str(error).splitlines()
            raise ConversionError(
                f"a worker failed ({type(error).__name__}: {lines[0] if lines else ''})", remedy=_HINT
            ) from error


@dataclass
class _DaskSlots:
    """Two chunks a core of the cluster, which may grow and shrink; asked for every few seconds."""

    client: Any
    address: str
    _last_query: float = -_ASK_SECONDS
    _last_slots: float = 0.0
    _slots: int = 0

    def __call__(self) -> int:
        now = time.monotonic()
        if now - self._last_query >= _ASK_SECONDS:
            self._last_query = now
            self._slots = 2 * sum(self._cores().values())
            if self._slots or not self._last_slots:
                self._last_slots = now
        if now - self._last_slots > _NO_WORKERS_SECONDS:
            raise ConversionError(
                f"all workers of the Dask scheduler at {self.address} are gone", remedy=_HINT
            )
        return self._slots

    def _cores(self) -> dict[str, int]:
        try:
            return self.client.ncores()
        except Exception as error:
            raise ConversionError(
                f"the Dask scheduler at {self.address} is gone", remedy="start it again"
            ) from error


@contextmanager
def _silent(package: str) -> Iterator[None]:
    # Dask logs a lost connection with its traceback; what the user needs of it is in the error.
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == package]
    levels = {name: logging.getLogger(name).level for name in {package, f"{package}.client", *names}}
    for name in levels:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
