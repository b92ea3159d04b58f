"""What tools/validate.py and tools/sensitivity.py take alike: the processes or machines that share their work."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from lite import dask_workers, workers

_OPTIONS = (
    click.option("--workers", "count", type=click.IntRange(1), metavar="N", help="Processes. Default: one a core."),
    click.option("--dask", "address", metavar="ADDRESS",
                 help="Run on the workers of this Dask scheduler; see below."),
)  # fmt: skip


def worker_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets `open_workers` for them, as its Run wants it."""

    @functools.wraps(command)
    def with_workers(*, count: int | None, address: str | None, **others: Any) -> Any:
        if address and count:
            raise click.UsageError("--workers is for this computer; with --dask the scheduler has its own")
        open_workers = (
            functools.partial(dask_workers.connected, address)
            if address
            else functools.partial(workers.local, count)
        )
        return command(open_workers=open_workers, **others)

    for option in reversed(_OPTIONS):
        with_workers = option(with_workers)
    return with_workers
