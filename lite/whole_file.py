"""Where outputs go: folders that are made, and text files that are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from lite.errors import InputError


def make_folder(path: Path) -> None:
    """Makes a folder with those above it. Raises InputError where that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {error.strerror}; choose another --out") from error


def write_text(path: Path, text: str, *, remedy: str = "choose another --out") -> None:
    """Writes `text` under a temporary name beside `path`, then renames it: an earlier file stays whole.

    Raises InputError where it cannot be written, which ends in `remedy`.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; {remedy}") from error
    finally:
        # Also after Ctrl-C.
        with suppress(OSError):
            part.unlink(missing_ok=True)
