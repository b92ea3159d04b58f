"""Sends files to a phone: only those that changed, each under a temporary name until it is whole.

An index on the phone (sync.py) tells what is there; running it again goes on with what is missing.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from lite.errors import InputError
from lite.files import file_sha256
from lite.phone import sync
from lite.phone.device import Device
from lite.phone.link import PhoneError
from lite.phone.sync import Entry, RefusedError
from lite.shown import shown

FOLDER = "/data/local/tmp/deit_lite"
# Seconds without progress after which a transfer is given up; flash memory may take its time to flush.
STALL = 30.0
_PLACE = "/data/local/tmp/"
_SHELL_SECONDS = 120.0
# Files get their names in one command, once they are that many or that large together.
_MOST_FILES, _MOST_BYTES = 16, 4 << 20
_LARGEST_WORD = 2**32 - 1
_KEPT = "what is complete there is not sent again"
_REMEDIES = {
    "No space left": "free some space on it, or remove what earlier runs left there with --clean",
    "Permission denied": f"its user shell must be able to write there, as it is to {_PLACE}; what root has left there "
    "is moved out of the way by --clean",
    "Read-only": f"its user shell must be able to write there, as it is to {_PLACE}",
}

# Prints the new name of what cannot be removed.
_CLEAN = """
said=$(rm -rf "$1" 2>&1) && exit 0
n=1
while [ -e "$1.left-$n" ]; do n=$((n + 1)); done
mv "$1" "$1.left-$n" 2>/dev/null && echo "$1.left-$n" && exit 0
echo "$said" >&2
exit 1
"""

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
    bytes: int
    mtime: int
    mode: int

    @property
    def part(self) -> str:
        """Its temporary name, beside its own."""
        name = PurePosixPath(self.name)
        return str(name.with_name(f".{name.name}{sync.PART}"))


def push(
    device: Device,
    files: Mapping[str, Path],
    folder: str = FOLDER,
    *,
    stall: float = STALL,
    on_progress: Progress = lambda name, done, total: None,
) -> Pushed:
    """Brings `files` (names below `folder`, such as `bundle/model.nb`, → paths here) to the phone.

    What the phone has with the same SHA-256 is kept, unless its size or time there changed since. What is
    executable here is there. `stall` in seconds. Raises InputError for files that cannot be read and names that
    cannot be used, PhoneError for the phone; an earlier file on it stays whole until the new one is.
    """
    _check_folder(folder)
    wanted = [_found(name, path) for name, path in files.items()]
    kept = _kept(device, folder, wanted, stall) if wanted else set()
    missing = [one for one in wanted if one.name not in kept]
    total = sum(one.bytes for one in missing)
    started, done = time.monotonic(), 0
    whole: dict[_File, Entry] = {}
    for one in missing:
        together = one.bytes + sum(other.bytes for other in whole)
        if len(whole) == _MOST_FILES or together > _MOST_BYTES:
            _publish(device, folder, whole)
            whole = {}
        whole[one] = _send(device, folder, one, stall, partial(_tell, on_progress, one.name, done, total))
        done += one.bytes
    _publish(device, folder, whole)
    seconds = time.monotonic() - started
    sent = tuple(one.name for one in missing)
    return Pushed(folder, sent, tuple(one.name for one in wanted if one.name in kept), total, seconds)


def clean(device: Device, folder: str = FOLDER) -> str | None:
    """Removes `folder` with all in it from the phone.

    Where that is not possible, as with what root has left, it gets another name, which is returned: whoever may write
    to the folder above may do that. Raises InputError for one outside of /data/local/tmp, PhoneError for what can be
    neither removed nor renamed.
    """
    _check_folder(folder)
    done = device.run(f"set -- {shlex.quote(folder)}\n{_CLEAN}", _SHELL_SECONDS)
    if done.code:
        lines = done.stderr.strip().splitlines() or ["it gives no reason"]
        remedy = f"remove it as root: adb root; {device.adb} shell rm -rf {folder}"
        raise PhoneError(device.serial, f"{folder} cannot be removed: {lines[-1]}", remedy)
    return done.stdout.strip() or None


def _found(name: str, path: Path) -> _File:
    parts = name.split("/")
    if not name.isprintable() or any(part.startswith(".") or not part for part in parts):
        raise InputError(
            f"{shown(name)} cannot be a file's name on the phone", remedy="give one without hidden parts"
        )
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    mode = 0o755 if status.st_mode & 0o111 else 0o644
    # adb's words for it have 32 bits.
    return _File(name, path, status.st_size, min(max(int(status.st_mtime), 0), _LARGEST_WORD), mode)


def _kept(device: Device, folder: str, wanted: Sequence[_File], stall: float) -> set[str]:
    """The names that need not be sent; removes what broken transfers left."""
    try:
        state = sync.read_index(device, folder, stall)
    except TimeoutError:
        why = f"it has not said within {stall:g} s what it has in {folder}"
        raise PhoneError(device.serial, why, "check the cable and run this again", lost=True) from None
    if state.parts:
        done = device.run(["rm", "-f", *(f"{folder}/{part}" for part in state.parts)], _SHELL_SECONDS)
        if done.code:
            raise _refused(device, f"{folder} cannot be tidied", done.stderr)
    return {one.name for one in wanted if _is_sent(one, state.sent.get(one.name))}


def _is_sent(one: _File, entry: Entry | None) -> bool:
    # Only a file that may be the same is read for its SHA-256.
    if entry is None or (entry.mode, entry.bytes) != (one.mode, one.bytes & _LARGEST_WORD):
        return False
    return file_sha256(one.path) == entry.sha256


def _send(device: Device, folder: str, one: _File, stall: float, on_bytes: Callable[[int], None]) -> Entry:
    """Sends a file under its temporary name; the entry that it gets in the index."""
    done = 0

    def count(bytes_done: int) -> None:
        nonlocal done
        done = bytes_done
        on_bytes(bytes_done)

    where = f"while {one.name} was sent"
    try:
        with sync.opened(device, stall) as link:
            size, sha256 = link.send(one.path, f"{folder}/{one.part}", one.mode, one.mtime, count)
            there = link.status(f"{folder}/{one.part}")
    except TimeoutError:
        why = f"nothing has moved for {stall:g} s {where} ({_progress(done, one)})"
        remedy = f"check the cable and run this again ({_KEPT})"
        raise PhoneError(device.serial, why, remedy, lost=True) from None
    except RefusedError as error:
        raise _refused(device, f"{folder}/{one.name} cannot be written", str(error)) from None
    except PhoneError as error:
        why = f"{error.why} {where} ({_progress(done, one)})"
        raise PhoneError(device.serial, why, f"{error.remedy} ({_KEPT})", lost=error.lost) from error
    if size != one.bytes or _found(one.name, one.path) != one:
        raise InputError(f"{one.path} changed while it was sent", remedy="run this again")
    entry = Entry(sha256, one.mode, one.bytes & _LARGEST_WORD, one.mtime)
    if (there.bytes, there.mtime) != (entry.bytes, entry.mtime):
        why = (
            f"{folder}/{one.name} is not what was sent "
            f"({there.bytes} bytes of {there.mtime}, not {entry.bytes} of {entry.mtime})"
        )
        raise PhoneError(device.serial, why, "see whether something else writes there, and run this again")
    return entry


def _publish(device: Device, folder: str, whole: Mapping[_File, Entry]) -> None:
    """Gives files that have been sent their names, and tells the index."""
    if not whole:
        return
    # Between the two notes nothing is known of the files. Each begins with a line break, for the case that an earlier
    # one was cut short.
    steps = [
        f"cd {shlex.quote(folder)}",
        _note(sync.index_without([one.name for one in whole])),
        *(_rename(shlex.quote(f"./{one.part}"), shlex.quote(f"./{one.name}")) for one in whole),
        _note([sync.index_line(one.name, entry) for one, entry in whole.items()]),
    ]
    done = device.run(" && ".join(steps), _SHELL_SECONDS)
    if done.code:
        names = ", ".join(f"{folder}/{one.name}" for one in whole)
        raise _refused(device, f"{names} cannot be written", done.stderr)


def _rename(part: str, name: str) -> str:
    # What Android's shell does itself, here and below, spares a process.
    return f"{{ rename {part} {name} 2>/dev/null || mv -f {part} {name}; }}"


def _note(lines: Sequence[str]) -> str:
    text = shlex.quote("\n" + "\n".join(lines))
    # Its echo takes a backslash for more than that.
    return (f"printf '%s\\n' {text}" if "\\" in text else f"echo {text}") + f" >>{sync.NAME}"


def _tell(on_progress: Progress, name: str, before: int, total: int, done: int) -> None:
    on_progress(name, before + done, total)


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot read {path}", why=error.strerror or str(error))


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
        raise InputError(
            f"{shown(folder)} is no folder below {_PLACE}, the only place for programs on a phone"
        )
