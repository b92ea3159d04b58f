"""Where outputs go: folders that are made, and text files that are written whole or not at all."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lite.errors import InputError
from lite.input_file import open_file
from lite.shown import shown

SCRATCH = "deit-lite-"  # what folders for files in between begin with
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_ROOM = 1 << 20
_HASHED_BYTES = 1 << 36
_ELSEWHERE = "choose another folder"


def check_name(path: Path | str) -> None:
    """Raises InputError for a path that is not UTF-8, which neither Paddle nor JSON can hold."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{shown(str(path))} is not UTF-8",
            remedy="rename it, or give another (pictures of any name are found in a folder)",
        ) from None


def check_writable_file(path: Path) -> None:
    """Raises InputError unless a file `path` could be written now, with the folders above it. Leaves nothing behind."""
    _check_regular(path)
    _check_makeable(path, path)
    if path.is_dir():
        raise InputError(f"cannot write {path}", why="it is a folder", remedy="give a file name")


def check_writable_folder(path: Path) -> None:
    """Raises InputError unless files could be written into a folder `path` now. Leaves nothing behind."""
    _check_makeable(path / "x", path)


def _check_makeable(out: Path, given: Path) -> None:
    out = Path(os.path.realpath(out))
    check_name(out)
    with _explained(given):
        above = next(folder for folder in out.parents if os.path.lexists(folder))
        # In a folder of its own: another run may be about to make and fill the same ones.
        probe = above / _temporary_name(out)
        try:
            folder = probe / out.parent.relative_to(above)
            folder.mkdir(parents=True)
            # The longest name that it will have on the way.
            (folder / _temporary_name(out)).mkdir()
        finally:
            shutil.rmtree(probe, ignore_errors=True)


def make_folder(path: Path) -> None:
    """Makes a folder with those above it. Raises InputError where that, or writing into it, is not possible."""
    check_writable_folder(path)
    with _explained(path):
        path.mkdir(parents=True, exist_ok=True)


def write_text(path: Path, text: str, *, remedy: str = _ELSEWHERE) -> None:
    """Writes `text` under a temporary name beside `path`, then renames it: an earlier file stays whole.

    What is not UTF-8, as in a picture's name, is written as an escape. Raises InputError where it cannot be written,
    which ends in `remedy`.
    """
    with new_file(path, remedy=remedy) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")


@contextmanager
def new_file(path: Path, *, remedy: str = _ELSEWHERE) -> Iterator[Path]:
    """Gives a temporary name beside `path`; the file there becomes `path` when the block ends well, else it goes.

    So `path` is written whole or not at all, also when the power goes. Its folder is made; of a link what it leads to
    is replaced. Raises InputError, which ends in `remedy`, for an OSError of the block or of what is done around it,
    and for a device.
    """
    _check_regular(path)
    place = Path(os.path.realpath(path))
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb") as file:
            # Renamed before its bytes are on the disk, a power cut could leave neither the old nor the new.
            os.fsync(file.fileno())
        part.replace(place)
    except OSError as error:
        raise InputError(f"cannot write {path}", why=error.strerror, remedy=remedy) from error
    finally:
        # Also after Ctrl-C.
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _check_regular(path: Path) -> None:
    # What replaced a device would be gone with it: /dev/null, for root.
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return  # nothing is there, or nothing can be
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(
            f"cannot write {path}", why="it is a device, pipe or socket", remedy="give a file name"
        )


def remove_parts(path: Path) -> None:
    """Removes what runs that were killed while they wrote `path` by `new_file` have left."""
    path = Path(os.path.realpath(path))
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        part.unlink(missing_ok=True)


def file_sha256(*paths: Path) -> str:
    """SHA-256 over the bytes of `paths` one after the other, as hexadecimal digits.

    Raises InputError for what is no plain file, mostly holes, over 64 GiB, or cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        with open_file(path, _HASHED_BYTES) as file:
            try:
                while block := file.read(1 << 20):
                    digest.update(block)
            except OSError as error:
                raise InputError(f"cannot read {path}", why=error.strerror, remedy="copy it again") from error
    return digest.hexdigest()


def is_full(error: OSError) -> bool:
    """Whether a write failed because there was no space left, or no more was allowed."""
    return error.errno in _FULL


def no_room(folder: Path) -> bool:
    """Whether less than 1 MiB is free where `folder` lies."""
    return _free(folder) < _NO_ROOM


def full_disk(error: Exception, folder: Path) -> InputError:
    """What to raise for a write below `folder` that found no space: it names the folder whose disk is full.

    Where the error does not say which, that is `folder` or the one for temporary files, whichever has less space.
    """
    temporary = Path(tempfile.tempdir or os.environ.get("TMPDIR") or "/tmp").absolute()  # noqa: S108
    # Of a copy or a move the second name is what was written.
    named = getattr(error, "filename2", None) or getattr(error, "filename", None)
    place = Path(named).parent if isinstance(named, str) else min(folder, temporary, key=_free)
    place = place.absolute()
    below = place.relative_to(temporary).parts if place.is_relative_to(temporary) else None
    # An --out can lie in the folder for temporary files, too.
    in_temporary = below is not None and (not below or below[0].startswith(SCRATCH))
    return InputError(
        "the disk is full",
        why=f"no space left in {place}",
        remedy="free some, or set TMPDIR to a folder on another disk"
        if in_temporary
        else f"free some, or {_ELSEWHERE}",
    )


def _free(folder: Path) -> float:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return float("inf")


@contextmanager
def new_folder(out: Path, *, holds: str, force: bool = False) -> Iterator[Path]:
    """Gives an empty folder to fill; it becomes `out` when the block ends without an exception.

    Until then `out` is untouched, and on any exception (Ctrl-C too) the folder goes. With `force` an earlier
    `out` is replaced if it holds the file `holds` (so that a slip never deletes someone's home), and it stays
    whole until the new one is complete. What killed runs left beside `out` is removed, and what they had
    moved aside is put back.

    Raises InputError when `out` exists and may not be replaced, cannot be written, or the disk is full.
    """
    out = Path(os.path.realpath(out))
    check_name(out)
    folder = out.with_name(_temporary_name(out))
    with _explained(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        _clean_stale(out)
        check_replaceable(out, holds, force)
        folder.mkdir()
    try:
        try:
            yield folder
        except OSError as error:
            if is_full(error):
                raise full_disk(error, folder) from error
            raise
        with _explained(out):
            check_replaceable(out, holds, force)
            _publish(folder, out, folder.with_suffix(".old"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _temporary_name(out: Path) -> str:
    return f".{out.name}.{platform.node()}.{os.getpid()}.{secrets.token_hex(4)}.new"


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise full_disk(error, out.parent) from error
        raise InputError(f"cannot write {out}", why=error.strerror, remedy=_ELSEWHERE) from error


def check_new_folder(out: Path, holds: str, force: bool) -> None:
    """Raises InputError where `new_folder` would refuse `out`: for what is there, or because it cannot be written."""
    check_replaceable(out, holds, force)
    _check_makeable(out, out)


def check_replaceable(out: Path, holds: str, force: bool) -> None:
    """Raises InputError unless `out` is free, empty, or (with `force`) a folder with the file `holds`."""
    with _explained(out):
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return
        is_ours = (out / holds).is_file()
    if not is_ours:
        raise InputError(f"{out} exists and holds no {holds}, so it is never replaced", remedy=_ELSEWHERE)
    if not force:
        raise InputError(f"{out} exists already", remedy=f"give --force to replace it, or {_ELSEWHERE}")


def _publish(folder: Path, out: Path, aside: Path) -> None:
    try:
        if out.exists():
            out.rename(aside)
        folder.rename(out)
    except BaseException:
        if aside.exists() and not out.exists():
            aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _clean_stale(out: Path) -> None:
    # The host is part of the name: whether another host's process lives (on a shared disk) cannot be asked.
    left = re.compile(
        rf"\.{re.escape(out.name)}\.{re.escape(platform.node())}\.(?P<pid>[1-9]\d*)\.[0-9a-f]+\.(?P<kind>new|old)"
    )
    for path in list(out.parent.iterdir()):
        match = left.fullmatch(path.name)
        if match is None or _alive(int(match["pid"])):
            continue
        if match["kind"] == "old" and not out.exists():
            path.rename(out)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
