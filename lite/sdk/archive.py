"""Unpacks a .tar.gz that nobody vouches for: whole or not at all, and never outside the folder it is given.

`tarfile`'s own `data` filter is used where Python has it (3.10.12), but it resolves links while they are being
made and has been led astray that way; the rules here do not depend on what already lies on the disk.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from lite.errors import InputError
from lite.input_file import open_file
from lite.shown import shown

MAX_BYTES = 1 << 30
MAX_MEMBERS = 20_000
# Between the content of two members: their headers, long names and padding, all of it read into memory.
_MAX_HEADER = 1 << 20
_HAS_FILTER = hasattr(tarfile, "data_filter")
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"<", "a web page"),
)
# What tarfile and gzip raise for broken content; BadGzipFile is an OSError, but not one of the disk.
_BROKEN = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    RecursionError,
    ValueError,
    OverflowError,
)


class _Bounded:
    """`plain` for tarfile to read from, up to a limit; remembers where the last byte that is not zero was."""

    def __init__(self, plain: gzip.GzipFile) -> None:
        self._plain = plain
        self.position = self.content_end = 0
        self.limit = _MAX_HEADER

    def read(self, size: int) -> bytes:
        block = self._plain.read(size)
        content = len(block.rstrip(b"\0"))
        if content:
            self.content_end = self.position + content
        self.position += len(block)
        if self.position > self.limit:
            raise InputError(f"its headers or its padding take more than {_MAX_HEADER:,} bytes")
        return block


def unpack(path: Path, folder: Path, *, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS) -> None:
    """Unpacks the .tar.gz `path` into the new folder `folder`; `max_bytes` bounds the sum of all files.

    Files, folders, and links that end inside are unpacked. Everything else (absolute names, `..`, links that
    end outside or nowhere, members behind a link or there twice, devices, sparse files), an archive that is
    no .tar.gz, cut short, damaged or over the limits raises InputError, and `folder` may be half full then.
    OSError for a folder that cannot be written.
    """
    with open_file(path, MAX_BYTES) as file:
        try:
            kind = _wrong_kind(file.read(512))
        except OSError as error:
            raise InputError(f"cannot read {path}", why=error.strerror, remedy="copy it again") from error
        if kind:
            raise InputError(f"{path} is {kind}, not a .tar.gz archive")
        file.seek(0)
        folder.mkdir()
        try:
            with gzip.GzipFile(fileobj=file) as plain:
                _unpack(_Bounded(plain), folder, max_bytes, max_members)
        except InputError as error:
            raise InputError(
                f"{path} is not safe to unpack or damaged", why=error.reason, remedy=error.remedy
            ) from error
        except _BROKEN as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"{path} is cut short or damaged ({reason})", remedy="download or pack it again"
            ) from error


def check_links(folder: Path) -> None:
    """Raises InputError unless every link below `folder` leads to something below `folder`.

    Nothing is written through a link while unpacking; after this, nothing outside is read through one either.
    """
    root = Path(os.path.realpath(folder))
    for place, folders, files in os.walk(root):
        for link in (Path(place, name) for name in (*folders, *files)):
            if not link.is_symlink():
                continue
            name = link.relative_to(root)
            try:
                inside = Path(os.path.realpath(link, strict=True)).is_relative_to(root)
            except OSError as error:
                raise InputError(f"{shown(str(name))} is a link to nothing") from error
            if not inside:
                raise InputError(f"{shown(str(name))} is a link out of the archive")


def _wrong_kind(head: bytes) -> str:
    if head.startswith(b"\x1f\x8b"):
        return ""
    if not head:
        return "empty"
    if head[257:262] == b"ustar":
        return "a tar archive without compression"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((kind for magic, kind in _KINDS if start.startswith(magic)), "something else")


def _unpack(stream: _Bounded, folder: Path, max_bytes: int, max_members: int) -> None:
    kinds: dict[tuple[str, ...], str] = {}
    total = 0
    # tarfile asks of its source a `read` and nothing else in this mode.
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=1) as tar:  # type: ignore[call-overload]
        for count, member in enumerate(iter(tar.next, None), start=1):
            stream.limit = tar.offset + _MAX_HEADER
            total += member.size
            if count > max_members:
                raise InputError(f"it holds more than {max_members:,} files")
            if member.size < 0 or total > max_bytes:
                raise InputError(f"its files come to more than {max_bytes:,} bytes")
            if not _is_known_root(member) and _admit(member, kinds):
                _extract(tar, member, folder)
        end = tar.offset
        while stream.read(1 << 16):
            pass
    # tarfile takes a header that it cannot read for the end.
    if stream.content_end > end or stream.position < end + tarfile.BLOCKSIZE:
        raise InputError("it breaks off, or a header in it is damaged")
    check_links(folder)


def _is_known_root(member: tarfile.TarInfo) -> bool:
    # `tar czf x.tar.gz .` begins with it.
    return member.isdir() and not PurePosixPath(member.name).parts


def _admit(member: tarfile.TarInfo, kinds: dict[tuple[str, ...], str]) -> bool:
    """Notes `member` in `kinds`, or raises InputError; False for a folder that is already there."""
    name = PurePosixPath(member.name)
    parts = name.parts
    if name.is_absolute():
        raise InputError(f"{shown(member.name)} is an absolute path")
    if ".." in parts or not parts:
        raise InputError(f"{shown(member.name)} leads out of the archive")
    if any(len(os.fsencode(part)) > 255 for part in parts):
        raise InputError(f"it holds a file whose name is too long ({shown(member.name, 60)})")
    if member.issparse() or not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise InputError(f"{shown(member.name)} is neither a plain file nor a folder nor a link")
    kind = "folder" if member.isdir() else "link" if member.issym() else "file"
    for depth in range(1, len(parts)):
        if kinds.setdefault(parts[:depth], "folder") != "folder":
            raise InputError(f"{shown(member.name)} lies behind a file or a link")
    if parts in kinds and (kind, kinds[parts]) != ("folder", "folder"):
        raise InputError(f"{shown(member.name)} is there twice")
    target = PurePosixPath(member.linkname)
    if member.issym() and _leads_out(parts[:-1], target):
        raise InputError(f"{shown(member.name)} is a link out of the archive (to {shown(member.linkname)})")
    if member.islnk() and kinds.get(target.parts) != "file":
        raise InputError(
            f"{shown(member.name)} is a hard link to no file of the archive ({shown(member.linkname)})"
        )
    new = parts not in kinds
    kinds[parts] = kind
    return new


def _leads_out(base: tuple[str, ...], target: PurePosixPath) -> bool:
    depth = len(base)
    for part in target.parts:
        depth += -1 if part == ".." else 1
        if depth < 0 or target.is_absolute():
            return True
    return False


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    if _HAS_FILTER:
        try:
            tar.extract(member, folder, filter="data")
        except tarfile.FilterError as error:
            raise InputError(str(error)) from error
    else:
        # Without owners, modes and times: the part of the filter that `_admit` does not stand in for.
        tar.extract(member, folder, set_attrs=False)
