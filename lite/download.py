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
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import requests
from filelock import AcquireReturnProxy, FileLock, Timeout
from requests import exceptions
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from urllib3.exceptions import HTTPError, IncompleteRead

from lite import checksum
from lite.errors import DownloadError, InputError, ToolkitError
from lite.stages import to_stderr

CACHE_VARIABLE = "DEIT_LITE_CACHE"
TIMEOUT = (10.0, 60.0)
_BLOCK = 1 << 18
# Compressed transfer would make byte ranges and sizes those of the compressed form.
_HEADERS = {"Accept-Encoding": "identity"}


class _PlainRedirect(exceptions.RequestException):
    """An https address redirects to an http one, where anybody on the way can change the file."""


# By the kind of the exception, or of the one nearest to the network behind it.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (_PlainRedirect, "it redirects from https to http, where anybody on the way can change the file"),
    (exceptions.TooManyRedirects, "it redirects in a loop"),
    (socket.gaierror, "the host name cannot be resolved (no network?)"),
    (ConnectionRefusedError, "connection refused"),
    (IncompleteRead, "the connection broke off"),
    (TimeoutError, "no answer in time"),
    (exceptions.Timeout, "no answer in time"),
    (ValueError, "that is not an http address"),
)


class _Session(requests.Session):
    """Follows redirects, but not from https to http."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None:
            to = urllib.parse.urlsplit(urllib.parse.urljoin(resp.url, target)).scheme
            if to != "https" and urllib.parse.urlsplit(resp.url).scheme == "https":
                raise _PlainRedirect(response=resp)
        return target


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


def cache_folder() -> Path:
    """Where downloads are kept: the folder that the environment names, or the user's own cache."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("deit-lite"))


def fetch(
    url: str,
    destination: Path,
    *,
    place_by_hand: str | None = None,
    minimum_bytes: int,
    maximum_bytes: int,
    verify: Callable[[Path], None],
    sha256: str | None = None,
    notify: Callable[[str], None] = to_stderr,
    timeout: tuple[float, float] = TIMEOUT,
    progress: bool = True,
) -> Path:
    """Downloads `url` to `destination`, going on from an earlier try where the server allows it.

    The file must have the SHA-256 `sha256` or, where it is None, that of the first file that came to `destination`
    (`lite/checksum.py`; `notify` is told of a first one). A file already at `destination` is checked so, too, and kept.
    `verify` gets the complete file, still under its temporary name, and raises ToolkitError for wrong content, which
    removes it. Sizes in bytes, `timeout` in seconds to connect and between two reads; `place_by_hand` replaces the
    advice where to put the file. Processes that want the same file wait for each other. No redirect is followed from
    https to http. Raises DownloadError for whatever the network or the server does, InputError when the file cannot be
    written.
    """
    advice = f"try again, {place_by_hand or f'or put the file at {destination} by hand'}"
    part, note = (destination.with_name(f"{destination.name}{end}") for end in (".part", ".part.json"))
    transfer = _Transfer(url, part, note, minimum_bytes, maximum_bytes, timeout, progress)
    if destination.exists():
        return _checked(destination, sha256, verify, notify)
    try:
        if not sha256:
            checksum.recorded(destination)  # a record that cannot be read is known before the transfer
        destination.parent.mkdir(parents=True, exist_ok=True)
        with _locked(destination):
            # Another process may have finished it while this one waited.
            if not destination.exists():
                _download(transfer)
                digest = _check(transfer, destination, sha256, advice)
                _verify(transfer, verify, advice)
                checksum.remember(destination, digest, notify=notify)
                part.replace(destination)
                transfer.discard()
                return destination
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
    return _checked(destination, sha256, verify, notify)


def check_reachable(url: str, *, seconds: float = 4.0) -> None:
    """Raises DownloadError unless `url` answers well within `seconds`, name resolution included."""
    outcome: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask() -> None:
        try:
            with (
                _Session() as session,
                session.get(url, headers=_HEADERS, stream=True, timeout=seconds) as response,
            ):
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
    with (
        _Session() as session,
        session.get(transfer.url, headers=headers, stream=True, timeout=transfer.timeout) as response,
    ):
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


def _checked(
    path: Path, sha256: str | None, verify: Callable[[Path], None], notify: Callable[[str], None]
) -> Path:
    digest = checksum.check(path, sha256, path, called=path, remedy="delete it to download it again")
    verify(path)
    checksum.remember(path, digest, notify=notify)
    return path


def _check(transfer: _Transfer, destination: Path, sha256: str | None, advice: str) -> str:
    try:
        return checksum.check(transfer.part, sha256, destination, called=transfer.url, remedy=advice)
    except InputError as error:
        transfer.discard()
        raise DownloadError(error.what, why=error.why, remedy=error.remedy) from error


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
