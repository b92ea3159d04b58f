"""adb's file transfer with a phone, with the reason when it fails and progress while it goes on.

adbutils' own says only FAIL, nothing of progress, and sends 4 KiB at a time. An index on the phone keeps the SHA-256
of each file that was sent. It is read without a program on the phone, each of which costs milliseconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
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
        self, path: Path, remote: str, mode: int, mtime: int, on_bytes: Callable[[int], None]
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


NAME = ".index"
PART = ".part"
# What was sent, and how the phone showed it then: size and time.
_ENTRY = re.compile(r"(?P<sha256>[0-9a-f]{64}) (?P<mode>[0-7]+) (?P<bytes>\d+) (?P<mtime>\d+) (?P<name>.+)")


@dataclass(frozen=True)
class Entry:
    """A file as it was sent: SHA-256, permission bits, size modulo 2³², time in seconds since 1970."""

    sha256: str
    mode: int
    bytes: int
    mtime: int


@dataclass(frozen=True)
class State:
    """What is on the phone below a folder: files that are as they were sent, and what broken transfers left."""

    sent: dict[str, Entry]
    parts: list[str]


def read_index(device: Device, folder: str, stall: float) -> State:
    """The state of `folder`, where there may be nothing yet. Raises TimeoutError, and PhoneError as Link."""
    with opened(device, stall) as link:
        there = dict(_files(link, folder))
        known: dict[str, Entry] = {}
        if NAME in there:
            # Who may not read it may not write to it either, which is said then.
            with contextlib.suppress(RefusedError):
                known = _parsed(link.read(f"{folder}/{NAME}").decode(errors="replace"))
    return State(
        {name: entry for name, entry in known.items() if name in there and _is_as_sent(there[name], entry)},
        [name for name in there if name.rpartition("/")[2].startswith(".") and name.endswith(PART)],
    )


def index_without(names: Sequence[str]) -> list[str]:
    """Lines for the index after which nothing is known of the files `names`."""
    return [f"- {name}" for name in names]


def index_line(name: str, entry: Entry) -> str:
    """The line for the index that makes a file known."""
    return f"{entry.sha256} {entry.mode:o} {entry.bytes} {entry.mtime} {name}"


def _files(link: Sync, folder: str) -> list[tuple[str, Status]]:
    found, folders = [], [""]
    while folders:
        below = folders.pop()
        for name, status in link.listed(f"{folder}/{below}").items():
            if stat.S_ISDIR(status.mode):
                folders.append(f"{below}{name}/")
            elif stat.S_ISREG(status.mode):
                found.append((f"{below}{name}", status))
    return found


def _parsed(text: str) -> dict[str, Entry]:
    known: dict[str, Entry] = {}
    for said in text.splitlines():
        # The last line about a file counts. What is no entry takes the file away, or was cut short.
        if match := _ENTRY.fullmatch(said):
            known[match["name"]] = Entry(
                match["sha256"], int(match["mode"], 8), int(match["bytes"]), int(match["mtime"])
            )
        elif said.startswith("- "):
            known.pop(said[2:], None)
    return known


def _is_as_sent(status: Status, entry: Entry) -> bool:
    return (status.bytes, status.mtime) == (entry.bytes, entry.mtime)
