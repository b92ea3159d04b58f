"""SHA-256 of files that come from elsewhere: the one that is demanded, or that of the first use.

Nobody publishes the SHA-256 of the official weights and releases, so the first one is trusted: it is recorded beside
the file, as `<name>.sha256` in the form that `sha256sum -c` reads, and stays when the file is deleted. From then on
another file is refused, whether it comes from the server or lies in the cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lite.errors import InputError
from lite.files import file_sha256, write_text
from lite.shown import shown

_RECORD = re.compile(r"([0-9a-f]{64})( .*)?\s*")


def parse(text: str) -> str:
    """The 64 digits of a SHA-256 in lower case, given with or without `sha256:`. Raises InputError for other text."""
    digits = text.strip().lower().removeprefix("sha256:")
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise InputError(
            f"{shown(text, 80)} is no SHA-256",
            remedy="give its 64 hexadecimal digits, as sha256sum prints them",
        )
    return digits


def record_of(path: Path) -> Path:
    """The file that keeps the SHA-256 of `path`."""
    return path.with_name(f"{path.name}.sha256")


def check(file: Path, demanded: str | None, place: Path | None, *, called: object, remedy: str) -> str:
    """The SHA-256 of `file` as hexadecimal digits.

    Raises InputError if it is not the `demanded` one or, where none is, that recorded of `place` (None: of no place),
    where the file is or will be; and for a record or a `file` that cannot be read. The error calls the file `called`,
    and ends in `remedy` and how to accept the change.
    """
    wanted = demanded or (recorded(place) if place else None)
    found = file_sha256(file)
    if wanted in (None, found):
        return found
    first, accept = "the one that --sha256 demands", f"give --sha256 {found}"
    if place and not demanded:
        first, accept = "at its first use", f"delete {record_of(place)} or {accept}"
    raise InputError(
        f"{called} is another file than {first}",
        why=f"its SHA-256 is {found}, not {wanted}",
        remedy=f"{remedy}; if it is meant to be this one, {accept}",
    )


def remember(path: Path, digest: str, *, notify: Callable[[str], None]) -> None:
    """Records `digest` as that of `path`, and says so, unless it is recorded already. Call it after `check`."""
    record = record_of(path)
    try:
        with suppress(InputError):
            if recorded(path) == digest:
                return
        write_text(record, f"{digest}  {path.name}\n")
    except InputError as error:
        notify(f"WARNING: {path.name} has SHA-256 {digest}, which is not recorded ({error.reason})")
        return
    notify(
        f"{path.name} has SHA-256 {digest}; it is recorded in {record}, and another file is refused from now on"
    )


def recorded(path: Path) -> str | None:
    """The SHA-256 recorded of `path`, None if none is. Raises InputError for a record that cannot be read."""
    record = record_of(path)
    if not record.exists():
        return None
    try:
        found = _RECORD.fullmatch(record.read_text(encoding="ascii")) if record.is_file() else None
    except (OSError, ValueError):
        found = None
    if found is None:
        raise InputError(f"{record} holds no SHA-256", remedy="delete it, and the next use records one anew")
    return found[1]
