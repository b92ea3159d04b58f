"""The workers of a Dask scheduler, as processes on other machines that chunks run on."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lite.errors import ConversionError, InputError, ToolkitError
from lite.workers import ChunkResult, Workers

_HINT = (
    "start workers in a clone at this path, with these files at the same paths: "
    "./run.sh -m dask worker ADDRESS --nthreads 1 --nworkers N"
)
CONNECT_SECONDS = 5
# A nanny starts a dead worker again within seconds; longer without any, and nothing will come.
_NO_WORKERS_SECONDS = 30
_ASK_SECONDS = 5


@contextmanager
def connected(address: str) -> Iterator[Workers]:
    """The workers of the Dask scheduler at `address` (`tcp://HOST:8786`).

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
    from distributed import Client
    from distributed.comm.addressing import get_address_host_port

    try:
        # Asked first: a client that fails on an address keeps trying to close itself for 20 seconds.
        get_address_host_port(address)
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"no Dask scheduler at {address} ({str(error).splitlines()[0]}); its address looks like "
            "tcp://HOST:8786, and ./run.sh -m dask scheduler starts one"
        ) from error
    if not client.ncores():
        client.close(timeout=_ASK_SECONDS)
        raise InputError(f"the Dask scheduler at {address} has no workers; {_HINT}")
    return client


class _DaskWorkers(Workers):
    def result(self, future: Future[ChunkResult]) -> ChunkResult:
        """What a finished future holds. Raises ConversionError where a worker or its scheduler failed."""
        try:
            return future.result()
        except ToolkitError:
            raise
        except CancelledError as error:
            raise ConversionError("the Dask scheduler is gone; start it again") from error
        except Exception as error:
            lines = str(error).splitlines()
            raise ConversionError(
                f"a worker failed ({type(error).__name__}: {lines[0] if lines else ''}); {_HINT}"
            ) from error


@dataclass
class _DaskSlots:
    """Two chunks a core of the cluster, which may grow and shrink; asked for every few seconds."""

    client: Any
    address: str
    _asked: float = -_ASK_SECONDS
    _seen: float = 0.0
    _slots: int = 0

    def __call__(self) -> int:
        now = time.monotonic()
        if now - self._asked >= _ASK_SECONDS:
            self._asked = now
            self._slots = 2 * sum(self._cores().values())
            if self._slots or not self._seen:
                self._seen = now
        if now - self._seen > _NO_WORKERS_SECONDS:
            raise ConversionError(f"all workers of the Dask scheduler at {self.address} are gone; {_HINT}")
        return self._slots

    def _cores(self) -> dict[str, int]:
        try:
            return self.client.ncores()
        except Exception as error:
            raise ConversionError(f"the Dask scheduler at {self.address} is gone; start it again") from error


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
