"""Where outputs go: folders that are made, and text files that are written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lite.errors import InputError


def make_folder(path: Path) -> None:
    """Makes a folder with those above it. Raises InputError where that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {path}", why=error.strerror, remedy="choose another --out"
        ) from error


def write_text(path: Path, text: str, *, remedy: str = "choose another --out") -> None:
    """Writes `text` under a temporary name beside `path`, then renames it: an earlier file stays whole.

    Raises InputError where it cannot be written, which ends in `remedy`.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}", why=error.strerror, remedy=remedy) from error
    finally:
        # Also after Ctrl-C.
        with suppress(OSError):
            part.unlink(missing_ok=True)


def file_sha256(*paths: Path) -> str:
    """SHA-256 over the bytes of `paths` one after the other, as hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


_FULL = (errno.ENOSPC, errno.EDQUOT)


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
    mine = f".{out.name}.{platform.node()}.{os.getpid()}.{secrets.token_hex(4)}"
    folder = out.with_name(f"{mine}.new")
    with _explained(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        _clean_stale(out)
        check_replaceable(out, holds, force)
        folder.mkdir()
    try:
        try:
            yield folder
        except OSError as error:
            if error.errno in _FULL:
                raise _full(out) from error
            raise
        with _explained(out):
            check_replaceable(out, holds, force)
            _publish(folder, out, out.with_name(f"{mine}.old"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _full(out) from error
        raise InputError(f"cannot write {out}", why=error.strerror, remedy="choose another --out") from error


def _full(out: Path) -> InputError:
    return InputError(
        f"the disk is full, {out} was not written", remedy="free some space or choose another --out"
    )


def check_replaceable(out: Path, holds: str, force: bool) -> None:
    """Raises InputError unless `out` is free, empty, or (with `force`) a folder with the file `holds`."""
    with _explained(out):
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return
        is_ours = (out / holds).is_file()
    if not is_ours:
        raise InputError(
            f"{out} exists and holds no {holds}, so it is never replaced", remedy="choose another --out"
        )
    if not force:
        raise InputError(
            f"{out} exists already", remedy="give --force to replace it, or choose another --out"
        )


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
