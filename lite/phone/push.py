"""Sends files to a phone: only those that changed, each under a temporary name until it is whole.

An index on the phone keeps the SHA-256 of what was sent; running it again goes on with what is missing.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lite.digest import file_sha256
from lite.errors import InputError
from lite.phone import sync
from lite.phone.device import Device
from lite.phone.errors import PhoneError
from lite.phone.sync import RefusedError

FOLDER = "/data/local/tmp/deit_lite"
# Seconds without progress after which a transfer is given up; flash memory may take its time to flush.
STALL = 30.0
_PLACE = "/data/local/tmp/"
_SHELL_SECONDS = 30.0
_INDEX = ".index"
# What was sent, and how the phone's `stat` showed it then: size, time, name.
_ENTRY = re.compile(r"(?P<sent>[0-9a-f]{64} [0-7]+) (?P<status>\d+ \d+ (?P<name>.+))")
_SEPARATOR = "=files="
_KEPT = "what is complete there is not sent again"
_REMEDIES = {
    "No space left": "free some space on it, or remove what earlier runs left there with --clean",
    "Permission denied": f"its user shell must be able to write there, as it is to {_PLACE}",
    "Read-only": f"its user shell must be able to write there, as it is to {_PLACE}",
}

# The file's name, bytes done and bytes in all (of all files that are sent).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Pushed:
    """What was done: names sent and kept; bytes sent, and the seconds that sending took."""

    folder: str
    sent: tuple[str, ...]
    kept: tuple[str, ...]
    bytes: int
    seconds: float


@dataclass(frozen=True)
class _File:
    name: str
    path: Path
    sha256: str
    bytes: int
    mtime: int
    mode: int

    @property
    def part(self) -> str:
        """Its temporary name, beside its own."""
        name = PurePosixPath(self.name)
        return str(name.with_name(f".{name.name}.part"))

    @property
    def sent(self) -> str:
        """What makes it the same file: its SHA-256 and its permissions."""
        return f"{self.sha256} {self.mode:o}"

    @property
    def status(self) -> str:
        """Size, time and name, as the phone's `stat` gives them."""
        return f"{self.bytes} {self.mtime} {self.name}"


def push(
    device: Device,
    files: Mapping[str, Path],
    folder: str = FOLDER,
    *,
    stall: float = STALL,
    on_progress: Progress | None = None,
) -> Pushed:
    """Brings `files` (names below `folder`, such as `bundle/model.nb`, → paths here) to the phone.

    What the phone has with the same SHA-256 is kept, unless its size or time there changed since. What is
    executable here is there. `stall` in seconds. Raises InputError for files that cannot be read and names that
    cannot be used, PhoneError for the phone; an earlier file on it stays whole until the new one is.
    """
    _check_folder(folder)
    wanted = [_read(name, path) for name, path in files.items()]
    kept = _kept(device, folder, wanted) if wanted else set()
    missing = [one for one in wanted if one.name not in kept]
    total = sum(one.bytes for one in missing)
    started, done = time.monotonic(), 0
    for one in missing:
        _send(device, folder, one, stall, _counted(on_progress, one.name, done, total))
        done += one.bytes
    seconds = time.monotonic() - started
    sent = tuple(one.name for one in missing)
    return Pushed(folder, sent, tuple(one.name for one in wanted if one.name in kept), total, seconds)


def clean(device: Device, folder: str = FOLDER) -> None:
    """Removes `folder` with all in it from the phone. Raises InputError for one outside of /data/local/tmp."""
    _check_folder(folder)
    done = device.run(["rm", "-rf", folder], _SHELL_SECONDS)
    if done.code:
        raise _refused(device, f"{folder} cannot be removed", done.stderr)


def _read(name: str, path: Path) -> _File:
    parts = name.split("/")
    if not name.isprintable() or any(part.startswith(".") or not part for part in parts):
        raise InputError(f"{name!r} cannot be a file's name on the phone; give one without hidden parts")
    try:
        status = path.stat()
        mode = 0o755 if status.st_mode & 0o111 else 0o644
        return _File(name, path, file_sha256(path), status.st_size, int(status.st_mtime), mode)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _kept(device: Device, folder: str, wanted: Sequence[_File]) -> set[str]:
    """The names that need not be sent; makes the folders, and removes what broken transfers left."""
    folders = sorted({str(PurePosixPath(folder, one.name).parent) for one in wanted})
    script = (
        f"mkdir -p {shlex.join(folders)} || exit 1; cd {shlex.quote(folder)} || exit 1; "
        f"find . -type f -name '.*.part' -exec rm -f {{}} +; cat {_INDEX} 2>/dev/null; echo; echo {_SEPARATOR}; "
        f"stat -c '%s %Y %n' {shlex.join(one.name for one in wanted)} 2>/dev/null; exit 0"
    )
    done = device.run(script, _SHELL_SECONDS)
    index, separator, statuses = done.stdout.partition(f"\n{_SEPARATOR}\n")
    if done.code or not separator:
        raise _refused(device, f"{folder} cannot be made", done.stderr)
    known: dict[str, tuple[str, str]] = {}
    for line in index.splitlines():
        # The last line about a file counts. What is no entry takes the file away, or was cut short.
        if match := _ENTRY.fullmatch(line):
            known[match["name"]] = (match["sent"], match["status"])
        elif line.startswith("- "):
            known.pop(line[2:], None)
    there = set(statuses.splitlines())
    found = {one.name: known.get(one.name, ("", "")) for one in wanted}
    return {one.name for one in wanted if found[one.name][0] == one.sent and found[one.name][1] in there}


def _send(
    device: Device, folder: str, one: _File, stall: float, on_bytes: Callable[[int], None] | None
) -> None:
    done = 0

    def count(bytes_done: int) -> None:
        nonlocal done
        done = bytes_done
        if on_bytes:
            on_bytes(bytes_done)

    where = f"while {one.name} was sent"
    try:
        with sync.opened(device, stall) as link:
            size = link.send(one.path, f"{folder}/{one.part}", one.mode, one.mtime, count)
    except TimeoutError:
        why = f"nothing has moved for {stall:g} s {where} ({_progress(done, one)})"
        remedy = f"check the cable and run this again ({_KEPT})"
        raise PhoneError(device.serial, why, remedy, lost=True) from None
    except RefusedError as error:
        raise _refused(device, f"{folder}/{one.name} cannot be written", str(error)) from None
    except PhoneError as error:
        why = f"{error.why} {where} ({_progress(done, one)})"
        raise PhoneError(device.serial, why, f"{error.remedy} ({_KEPT})", lost=error.lost) from error
    if size != one.bytes:
        raise InputError(f"{one.path} changed while it was sent; run this again")
    _publish(device, folder, one)


def _publish(device: Device, folder: str, one: _File) -> None:
    name, part = shlex.quote(one.name), shlex.quote(one.part)
    # Between the two lines of the index nothing is known of the file. Each begins with a line break, for the case
    # that an earlier one was cut short.
    note = f"printf '\\n%s\\n' {{}} >>{_INDEX}"
    steps = (
        f"cd {shlex.quote(folder)}",
        note.format(shlex.quote(f"- {one.name}")),
        f"mv -f {part} {name}",
        f"stat -c '%s %Y %n' {name}",
        note.format(shlex.quote(f"{one.sent} {one.status}")),
    )
    done = device.run(" && ".join(steps), _SHELL_SECONDS)
    if done.code:
        raise _refused(device, f"{folder}/{one.name} cannot be written", done.stderr)
    if done.stdout.strip() != one.status:
        why = f"{folder}/{one.name} is not what was sent ({done.stdout.strip()!r}, not {one.status!r})"
        raise PhoneError(device.serial, why, "see whether something else writes there, and run this again")


def _counted(
    on_progress: Progress | None, name: str, before: int, total: int
) -> Callable[[int], None] | None:
    if on_progress is None:
        return None
    return lambda done: on_progress(name, before + done, total)


def _refused(device: Device, what: str, reason: str) -> PhoneError:
    lines = reason.strip().splitlines()
    said = lines[-1] if lines else "it gives no reason"
    remedy = next((words for mark, words in _REMEDIES.items() if mark in said), "check the folder")
    return PhoneError(device.serial, f"{what}: {said}", remedy)


def _progress(done: int, one: _File) -> str:
    return f"{done / 1e6:.1f} of {one.bytes / 1e6:.1f} MB"


def _check_folder(folder: str) -> None:
    parts = folder.removeprefix(_PLACE).split("/")
    if not folder.startswith(_PLACE) or not folder.isprintable() or {"", ".", ".."} & set(parts):
        raise InputError(f"{folder!r} is no folder below {_PLACE}, the only place for programs on a phone")
