"""The files that a user names, opened in one way: plain ones of a bounded size, nothing that could block or not end.

A FIFO would block for good, a device such as /dev/zero never ends, a sparse file of a few bytes says that it has
terabytes, and files of /proc have more in them than they say. All are refused before anything of them is read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from lite.errors import InputError

TEXT_BYTES = 1 << 24  # labels, recipes, settings, manifests: ten thousand times what they have
LIST_BYTES = 1 << 30  # some ten million lines
PICTURE_BYTES = 1 << 30  # more than 100 megapixels of four 16-bit channels, uncompressed
# Below, holes cost nothing; file systems also make some of what a program writes as zeros.
_MOST_WITH_HOLES = 1 << 26
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_file(path: Path, most: int, what: str = "") -> BinaryIO:
    """Opens a plain file of at most `most` bytes for reading; never blocks. `what` says what is read, for messages.

    Raises InputError, naming the file, for a path that leads to none, one that cannot be opened, and one that is
    larger or, over 64 MiB, has holes.
    """
    name = f"{what} {path}".lstrip()
    try:
        # Without O_NONBLOCK opening a FIFO would wait for its other end.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    try:
        _check(handle, most, name)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_bytes(path: Path, most: int, what: str = "") -> bytes:
    """All of a file. Raises InputError as `open_file` does, and for one that has more in it than it says."""
    name = f"{what} {path}".lstrip()
    with open_file(path, most, what) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            data = file.read(size)
            more = file.read(1)
        except OSError as error:
            raise _unreadable(name, error) from error
    if more:
        raise InputError(
            f"cannot read {name}",
            why=f"it has more than the {size:,} bytes that it says: it grows, or never ends",
            remedy="give a plain file",
        )
    return data


def read_text(path: Path, most: int = TEXT_BYTES, what: str = "") -> str:
    """All of a UTF-8 file, without a byte order mark and with line feeds at the ends of lines.

    Raises InputError as `read_bytes` does, UnicodeDecodeError for another encoding.
    """
    return read_bytes(path, most, what).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def _check(handle: int, most: int, name: str) -> None:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        kind = next((kind for test, kind in _KINDS if test(facts.st_mode)), "something else")
        raise InputError(f"cannot read {name}", why=f"it is {kind}", remedy="give a plain file")
    if facts.st_size > most:
        raise InputError(
            f"cannot read {name}",
            why=f"it has {facts.st_size:,} bytes, more than {most:,}",
            remedy="give the right file",
        )
    if facts.st_size > _MOST_WITH_HOLES and _has_holes(handle, facts.st_size):
        raise InputError(
            f"cannot read {name}",
            why=f"it is sparse: of its {facts.st_size:,} bytes some were never written",
            remedy="copy or download it again",
        )


def _has_holes(handle: int, size: int) -> bool:
    try:
        return os.lseek(handle, 0, os.SEEK_HOLE) < size
    except OSError:
        return False
    finally:
        os.lseek(handle, 0, os.SEEK_SET)


def _unreadable(name: str, error: OSError | ValueError) -> InputError:
    why = getattr(error, "strerror", None) or str(error)
    return InputError(f"cannot read {name}", why=why, remedy="check the path and its permissions")
