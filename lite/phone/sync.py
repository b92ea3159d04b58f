"""adb's file transfer to a phone, with the reason when it fails and progress while it goes on.

adbutils' own says only FAIL, nothing of progress, and sends 4 KiB at a time.
"""

from __future__ import annotations

import contextlib
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from lite.errors import InputError
from lite.phone.device import Device
from lite.phone.link import Link

# The protocol (adb's SYNC.TXT): a word and a little-endian uint32, then as many bytes; 64 KiB at most for DATA.
_HEAD = struct.Struct("<4sI")
_MOST_DATA = 64 << 10
# So many of them are given to the system at once.
_CHUNKS = 16
_LONGEST_PATH = 1024
_LONGEST_REASON = 64 << 10


class RefusedError(Exception):
    """The phone's own words why it does not take a file; `send` leaves nothing of it there."""


class Sync:
    """A link to the phone's file service; `stall` seconds without progress raise TimeoutError."""

    def __init__(self, link: Link, stall: float) -> None:
        self._link = link
        self._stall = stall

    def send(
        self, path: Path, remote: str, mode: int, mtime: int, on_bytes: Callable[[int], None] | None = None
    ) -> int:
        """Sends the file `path` to `remote` and returns its size in bytes.

        `mode` are permission bits, `mtime` seconds since 1970 as the file's time on the phone; `on_bytes` gets
        how many bytes have been handed to adb. After any exception the link is of no use. Raises InputError when
        `path` cannot be read, RefusedError, TimeoutError, and PhoneError as Link.
        """
        target = f"{remote},{stat.S_IFREG | mode}".encode()
        if len(target) > _LONGEST_PATH:
            raise InputError(f"the name {remote} is too long for adb; shorten it")
        self._link.send(_HEAD.pack(b"SEND", len(target)) + target, self._stall)
        done = 0
        for block in _blocks(path):
            chunks = [block[start : start + _MOST_DATA] for start in range(0, len(block), _MOST_DATA)]
            packets = b"".join(
                piece for chunk in chunks for piece in (_HEAD.pack(b"DATA", len(chunk)), chunk)
            )
            self._link.send(packets, self._stall)
            done += len(block)
            if on_bytes:
                on_bytes(done)
            if self._link.readable():
                # Only a refusal comes before the end.
                break
        else:
            self._link.send(_HEAD.pack(b"DONE", mtime), self._stall)
        word, size = _HEAD.unpack(self._link.receive(_HEAD.size, self._stall))
        if word != b"OKAY":
            reason = self._link.receive(min(size, _LONGEST_REASON), self._stall)
            raise RefusedError(" ".join(reason.decode(errors="replace").split()))
        return done


@contextlib.contextmanager
def opened(device: Device, stall: float) -> Iterator[Sync]:
    """The phone's file service, closed at the end. Raises TimeoutError, and PhoneError as Link."""
    with device.open("sync:", stall) as link:
        yield Sync(link, stall)


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(_CHUNKS * _MOST_DATA):
                yield block
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
