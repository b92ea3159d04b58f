"""Downloads one file over HTTP: resumable, checked, and never half there under its final name.

While it comes it is `<name>.part`; `<name>.part.json` keeps what a later try needs to go on from there.
"""

from __future__ import annotations

import errno
import json
import os
import queue
import re
import shutil
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import AcquireReturnProxy, FileLock, Timeout
from requests import exceptions
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from urllib3.exceptions import HTTPError, IncompleteRead

from lite.errors import DownloadError, InputError, ToolkitError

TIMEOUT = (10.0, 60.0)
_BLOCK = 1 << 18
# Compressed transfer would make byte ranges and sizes those of the compressed form.
_HEADERS = {"Accept-Encoding": "identity"}
# By the kind of the exception, or of the one nearest to the network behind it.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (exceptions.TooManyRedirects, "it redirects in a loop"),
    (socket.gaierror, "the host name cannot be resolved (no network?)"),
    (ConnectionRefusedError, "connection refused"),
    (IncompleteRead, "the connection broke off"),
    (TimeoutError, "no answer in time"),
    (exceptions.Timeout, "no answer in time"),
    (ValueError, "that is not an http address"),
)


class _TransferError(Exception):
    """Why a transfer failed, in a few words; `fetch` adds the address and the remedy."""


@dataclass(frozen=True)
class _Transfer:
    url: str
    part: Path
    note: Path
    minimum: int
    maximum: int
    timeout: tuple[float, float]
    progress: bool

    def resume_point(self) -> tuple[int, str, int | None]:
        """Bytes already here, the server's mark of that version, its full size; 0 bytes if unusable."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
            size = self.part.stat().st_size
            mark, total = note["mark"], note["total"]
            if note["url"] == self.url and mark and (total is None or size <= total):
                return size, mark, total
        except (OSError, ValueError, KeyError, TypeError):
            pass  # no note, or one that cannot be used: from the beginning
        return 0, "", None

    def start_over(self, mark: str, total: int | None) -> None:
        """Forgets what is here and notes the version that is about to come."""
        self.discard()
        note = {"url": self.url, "mark": mark, "total": total}
        self.note.write_text(json.dumps(note), encoding="utf-8")

    def discard(self) -> None:
        """Removes both files."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def fetch(
    url: str,
    destination: Path,
    *,
    place_by_hand: str | None = None,
    minimum_bytes: int,
    maximum_bytes: int,
    verify: Callable[[Path], None],
    timeout: tuple[float, float] = TIMEOUT,
    progress: bool = True,
) -> Path:
    """Downloads `url` to `destination`, going on from an earlier try where the server allows it.

    A file already at `destination` is verified and kept. `verify` gets the complete file, still under its
    temporary name, and raises ToolkitError for wrong content, which removes it. Sizes in bytes, `timeout` in
    seconds to connect and between two reads; `place_by_hand` replaces the advice where to put the file.
    Processes that want the same file wait for each other. Raises DownloadError for whatever the network or
    the server does, InputError when the file cannot be written.
    """
    advice = f"try again, {place_by_hand or f'or put the file at {destination} by hand'}"
    part, note = (destination.with_name(f"{destination.name}{end}") for end in (".part", ".part.json"))
    transfer = _Transfer(url, part, note, minimum_bytes, maximum_bytes, timeout, progress)
    if destination.exists():
        verify(destination)
        return destination
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with _locked(destination):
            # Another process may have finished it while this one waited.
            if not destination.exists():
                _download(transfer)
                _verify(transfer, verify, advice)
                part.replace(destination)
                transfer.discard()
    except (_TransferError, exceptions.RequestException, HTTPError) as error:
        kept = transfer.resume_point()[0]
        resume = f" ({kept:,} bytes are kept; the next try goes on from there)" if kept else ""
        raise DownloadError(
            f"could not download {url}", why=f"{_reason(error)}{resume}", remedy=advice
        ) from error
    except OSError as error:
        remedy = "free some space" if error.errno == errno.ENOSPC else "check the folder and its permissions"
        raise InputError(
            f"cannot write {destination}", why=error.strerror or str(error), remedy=remedy
        ) from error
    return destination


def check_reachable(url: str, *, seconds: float = 4.0) -> None:
    """Raises DownloadError unless `url` answers well within `seconds`, name resolution included."""
    outcome: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask() -> None:
        try:
            with requests.get(url, headers=_HEADERS, stream=True, timeout=seconds) as response:
                outcome.put("" if response.ok else _status(response))
        except (exceptions.RequestException, HTTPError) as error:
            outcome.put(_reason(error))

    # A thread, since no time limit can be set on name resolution, which hangs on some offline machines.
    threading.Thread(target=ask, daemon=True).start()
    try:
        reason = outcome.get(timeout=seconds)
    except queue.Empty:
        reason = f"no answer within {seconds:g} s"
    if reason:
        raise DownloadError(f"could not reach {url}", why=reason)


def _locked(destination: Path) -> AcquireReturnProxy:
    lock = FileLock(f"{destination}.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        Console(stderr=True).print(f"waiting: another process is downloading {destination.name}")
        return lock.acquire()


def _download(transfer: _Transfer) -> None:
    offset, mark, total = transfer.resume_point()
    if offset and offset == total:
        return
    if not (offset and _receive(transfer, offset, mark)):
        _receive(transfer, 0, "")


def _receive(transfer: _Transfer, offset: int, mark: str) -> bool:
    """Receives the file, or the rest of it; False if the server cannot go on from `offset` of `mark`."""
    headers = {**_HEADERS, "Range": f"bytes={offset}-", "If-Range": mark} if offset else _HEADERS
    with requests.get(transfer.url, headers=headers, stream=True, timeout=transfer.timeout) as response:
        if offset and response.status_code == 416:
            return False
        if response.status_code not in (200, 206):
            raise _TransferError(_status(response))
        start, total = 0, _content_length(response)
        if response.status_code == 206:
            start, total = _content_range(response)
            if not offset or start != offset or _mark(response) not in ("", mark):
                return False
        if total is not None and not transfer.minimum <= total <= transfer.maximum:
            wanted = f"{transfer.minimum:,} to {transfer.maximum:,}"
            raise _TransferError(f"the server offers {total:,} bytes, {wanted} are expected")
        if not start:
            transfer.start_over(_mark(response), total)
        if shutil.disk_usage(transfer.part.parent).free < (total or transfer.minimum) - start:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        size = _write(transfer, response, start, total)
    if size != (total or size) or size < transfer.minimum:
        raise _TransferError(f"only {size:,} of {total or transfer.minimum:,} bytes came")
    return True


def _write(transfer: _Transfer, response: requests.Response, start: int, total: int | None) -> int:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bar = Progress(*columns, console=Console(stderr=True), disable=not transfer.progress)
    size = start
    with bar, transfer.part.open("ab" if start else "wb") as file:
        task = bar.add_task(transfer.part.stem, total=total, completed=start)
        for block in response.raw.stream(_BLOCK, decode_content=False):
            size += len(block)
            if size > transfer.maximum:
                raise _TransferError(f"the server sends more than {transfer.maximum:,} bytes")
            file.write(block)
            bar.update(task, completed=size)
        file.flush()
        os.fsync(file.fileno())
    return size


def _verify(transfer: _Transfer, verify: Callable[[Path], None], advice: str) -> None:
    try:
        verify(transfer.part)
    except ToolkitError as error:
        transfer.discard()
        raise DownloadError(f"{transfer.url} gave a wrong file", why=error.reason, remedy=advice) from error


def _mark(response: requests.Response) -> str:
    # Weak ETags may not be used to resume (RFC 9110, 13.1.5).
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _content_range(response: requests.Response) -> tuple[int, int | None]:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    start, total = found.groups() if found else ("-1", "*")
    return int(start), None if total == "*" else int(total)


def _status(response: requests.Response) -> str:
    return f"the server answered {response.status_code} {response.reason}".rstrip()


def _reason(error: BaseException) -> str:
    cause: BaseException = error
    while isinstance(deeper := cause.__cause__ or cause.__context__, (OSError, HTTPError)):
        cause = deeper
    if isinstance(error, exceptions.ProxyError):
        return f"the proxy does not answer or refuses ({cause})"
    if isinstance(cause, ssl.SSLError):
        return f"no secure connection ({cause.reason})"
    for kind, words in _REASONS:
        if isinstance(error, kind) or isinstance(cause, kind):
            return words
    return " ".join(str(cause).split()) or type(cause).__name__
