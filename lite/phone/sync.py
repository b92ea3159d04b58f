"""adb's file transfer with a phone, with the reason when it fails and progress while it goes on.

adbutils' own says only FAIL, nothing of progress, and sends 4 KiB at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lite.errors import InputError
from lite.phone.device import Device
from lite.phone.link import Link

# The protocol (adb's SYNC.TXT): a word and little-endian uint32s, then as many bytes; 64 KiB at most for DATA.
_HEAD = struct.Struct("<4sI")
_STATUS = struct.Struct("<4s3I")
_LISTED = struct.Struct("<4s4I")
_MOST_DATA = 64 << 10
# So many of them are given to the system at once.
_CHUNKS = 16
_LONGEST_PATH = 1024
_LONGEST_REASON = 64 << 10


class RefusedError(Exception):
    """The phone's own words why it does not take or give a file; `send` leaves nothing of it there."""


@dataclass(frozen=True)
class Status:
    """A file or folder on the phone: `mode` as stat's, 0 where there is none; size modulo 2³² and time in seconds."""

    mode: int
    bytes: int
    mtime: int


class Sync:
    """A link to the phone's file service; `stall` seconds without progress raise TimeoutError.

    After any exception the link is of no use.
    """

    def __init__(self, link: Link, stall: float) -> None:
        self._link = link
        self._stall = stall

    def send(
        self, path: Path, remote: str, mode: int, mtime: int, on_bytes: Callable[[int], None] | None = None
    ) -> tuple[int, str]:
        """Sends the file `path` to `remote`; returns how many bytes, and their SHA-256.

        Folders are made. `mode` are permission bits, `mtime` seconds since 1970 as the file's time on the phone;
        `on_bytes` gets how many bytes have been handed to adb. Raises InputError when `path` cannot be read,
        RefusedError, TimeoutError, and PhoneError as Link.
        """
        self._ask(b"SEND", f"{remote},{stat.S_IFREG | mode}")
        done, digest = 0, hashlib.sha256()
        for packets, chunks in _packets(path):
            self._link.send(packets, self._stall)
            # While the system is still at sending it.
            for chunk in chunks:
                digest.update(chunk)
                done += len(chunk)
            if on_bytes:
                on_bytes(done)
            if self._link.readable():
                # Only a refusal comes before the end.
                break
        else:
            self._link.send(_HEAD.pack(b"DONE", mtime), self._stall)
        self._expect(b"OKAY")
        return done, digest.hexdigest()

    def status(self, remote: str) -> Status:
        """What `remote` is. Raises TimeoutError, and PhoneError as Link."""
        self._ask(b"STAT", remote)
        _, mode, size, mtime = _STATUS.unpack(self._link.receive(_STATUS.size, self._stall))
        return Status(mode, size, mtime)

    def listed(self, folder: str) -> dict[str, Status]:
        """What lies in `folder`, by name; nothing where there is none or it cannot be read. Raises as `status`."""
        self._ask(b"LIST", folder)
        found: dict[str, Status] = {}
        while True:
            word, mode, size, mtime, length = _LISTED.unpack(self._link.receive(_LISTED.size, self._stall))
            if word != b"DENT":
                return found
            name = self._link.receive(length, self._stall).decode(errors="replace")
            if name not in (".", ".."):
                found[name] = Status(mode, size, mtime)

    def read(self, remote: str) -> bytes:
        """The content of a small file. Raises RefusedError, TimeoutError, and PhoneError as Link."""
        self._ask(b"RECV", remote)
        content = bytearray()
        while (size := self._expect(b"DATA", b"DONE")) is not None:
            content += self._link.receive(size, self._stall)
        return bytes(content)

    def _ask(self, word: bytes, target: str) -> None:
        name = target.encode()
        if len(name) > _LONGEST_PATH:
            raise InputError(f"the name {target} is too long for adb", remedy="shorten it")
        self._link.send(_HEAD.pack(word, len(name)) + name, self._stall)

    def _expect(self, word: bytes, last: bytes = b"") -> int | None:
        """The number beside `word`; None where `last` comes. Raises RefusedError for anything else."""
        said, size = _HEAD.unpack(self._link.receive(_HEAD.size, self._stall))
        if said not in (word, last):
            reason = self._link.receive(min(size, _LONGEST_REASON), self._stall)
            raise RefusedError(" ".join(reason.decode(errors="replace").split()))
        return int(size) if said == word else None


@contextlib.contextmanager
def opened(device: Device, stall: float) -> Iterator[Sync]:
    """The phone's file service, closed at the end. Raises TimeoutError, and PhoneError as Link."""
    with device.open("sync:", stall) as link:
        yield Sync(link, stall)


def _packets(path: Path) -> Iterator[tuple[memoryview, list[memoryview]]]:
    """The file as DATA packets, some at a time, and the same without their heads; in one buffer, without copies."""
    buffer = memoryview(bytearray(_CHUNKS * (_HEAD.size + _MOST_DATA)))
    try:
        with path.open("rb", buffering=0) as file:
            while True:
                end, chunks = 0, []
                for _ in range(_CHUNKS):
                    start = end + _HEAD.size
                    size = file.readinto(buffer[start : start + _MOST_DATA])
                    if not size:
                        break
                    _HEAD.pack_into(buffer, end, b"DATA", size)
                    end = start + size
                    chunks.append(buffer[start:end])
                if not chunks:
                    return
                yield buffer[:end], chunks
    except OSError as error:
        raise InputError(f"cannot read {path}", why=error.strerror or str(error)) from error
