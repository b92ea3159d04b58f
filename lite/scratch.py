"""Folders for files in between: below TMPDIR, gone with the block that made them.

A run that is killed leaves its folder; the next run removes it. So that none in use is, a locked file lies beside each:
the kernel drops the lock with the last process that has it, whatever ends that.
"""

from __future__ import annotations

import fcntl
import os
import platform
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lite.errors import InputError
from lite.files import SCRATCH, check_name, full_disk, is_full, no_room

_LOCK = ".lock"
# What Paddle's own code raises where it cannot write; errors of the toolkit and of click are other types.
_OF_PADDLE = (RuntimeError, SystemError, ValueError)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Gives an empty folder, which goes with the block. Folders of this computer's killed runs go first.

    Raises InputError where none can be made, and, naming the folder, for a block that finds the disk full.
    """
    root = _root()
    try:
        _remove_left(root)
        handle, lock = _locked(root)
    except OSError as error:
        raise _cannot_make(error, root) from error
    folder = lock.with_suffix("")
    try:
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise _cannot_make(error, root) from error
        try:
            yield folder
        except OSError as error:
            if is_full(error):
                raise full_disk(error, folder) from error
            raise
        except Exception as error:
            if type(error) in _OF_PADDLE and no_room(folder):
                raise full_disk(error, folder) from error
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            lock.unlink()
        os.close(handle)


def _root() -> Path:
    try:
        root = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise InputError(
            "there is no folder for temporary files",
            why="TMPDIR, /tmp and /var/tmp are full, missing or cannot be written",
            remedy="make room there, or set TMPDIR to another folder",
        ) from error
    check_name(root)
    return root


def _cannot_make(error: OSError, root: Path) -> InputError:
    if is_full(error):
        return full_disk(error, root)
    return InputError(
        f"cannot write to {root}", why=error.strerror, remedy="set TMPDIR to a folder that can be written"
    )


def _prefix() -> str:
    # Locks of other computers, on a disk that they share, are not always seen.
    return f"{SCRATCH}{platform.node()}-"


def _locked(root: Path) -> tuple[int, Path]:
    """A new locked file of `root`: its descriptor and its path."""
    while True:
        lock = root / f"{_prefix()}{secrets.token_hex(4)}{_LOCK}"
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        # Where a file system has no locks, what is left there stays.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_at(handle, lock):
            return handle, lock
        # Another run took it for a killed one's before it was locked.
        os.close(handle)


def _remove_left(root: Path) -> None:
    for lock in root.iterdir():
        if not (lock.name.startswith(_prefix()) and lock.name.endswith(_LOCK)):
            continue
        # Another user's, or gone meanwhile.
        with suppress(OSError):
            handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if os.fstat(handle).st_uid == os.geteuid():
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(handle, lock)
            finally:
                os.close(handle)


def _remove(handle: int, lock: Path) -> None:
    folder = lock.with_suffix("")
    if _is_at(handle, lock):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            lock.unlink()


def _is_at(handle: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), lock.lstat())
    except FileNotFoundError:
        return False
