"""What a phone has of earlier pushes: an index there keeps the SHA-256 of each file that was sent.

Read without a program on the phone, each of which costs milliseconds.
"""

from __future__ import annotations

import contextlib
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass

from lite.phone import sync
from lite.phone.device import Device
from lite.phone.sync import RefusedError, Status, Sync

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


def read(device: Device, folder: str, stall: float) -> State:
    """The state of `folder`, where there may be nothing yet. Raises TimeoutError, and PhoneError as Link."""
    with sync.opened(device, stall) as link:
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


def without(names: Sequence[str]) -> list[str]:
    """Lines for the index after which nothing is known of the files `names`."""
    return [f"- {name}" for name in names]


def line(name: str, entry: Entry) -> str:
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
