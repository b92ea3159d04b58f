"""Where a file is asked for, only a plain file of a bounded size is opened, and nothing else is waited for or read."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lite import bundle, input_file, labels
from lite.engines import export as exports
from lite.errors import InputError
from lite.pictures import folders, prepare
from lite.pictures.picture_set import Picture
from lite.sdk import archive, library
from quant.recipe import Recipe


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def _sparse(size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.touch()
        os.truncate(path, size)

    return make


def _beside(path: Path, make: Callable[[Path], None]) -> None:
    other = path.with_name("elsewhere")
    make(other)
    path.symlink_to(other)


# What stands where a file should → what is said of it.
STRANGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "nothing": (lambda path: None, "No such file"),
    "a folder": (Path.mkdir, "it is a folder"),
    "a FIFO": (os.mkfifo, "it is a FIFO"),
    "a link to a FIFO": (lambda path: _beside(path, os.mkfifo), "it is a FIFO"),
    "a socket": (_socket, "No such device or address|it is a socket"),
    "/dev/zero": (lambda path: path.symlink_to("/dev/zero"), "it is a device"),
    "/dev/random": (lambda path: path.symlink_to("/dev/random"), "it is a device"),
    "/dev/tty": (lambda path: path.symlink_to("/dev/tty"), "it is a device|No such device"),
    "memory": (lambda path: path.symlink_to("/proc/self/mem"), "Input/output error|Invalid argument"),
    "a link to itself": (lambda path: path.symlink_to(path), "Too many levels"),
    "a sparse file": (_sparse(200 << 20), r"it is sparse: of its 209,715,200|has 209,715,200 bytes, more"),
    "a sparse file of a terabyte": (_sparse(1 << 40), "bytes, more than"),
    "a name with a NUL": (lambda path: None, "null byte|null character"),
}


# What asks for a file → how it is read and what it is called.
READERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a picture": (prepare.decode, "x.png"),
    "a picture's digest": (lambda path: Picture("x", path).digest(), "x.png"),
    "labels": (lambda path: labels.read(path, 10), "x.txt"),
    "a list": (folders.read, "x.txt"),
    "a recipe": (Recipe.named, "x.yaml"),
    "an archive": (lambda path: archive.unpack(path, path.with_name("out")), "x.tar.gz"),
    "a library": (library.read, "x.so"),
    "a program": (library.read_elf, "deit"),
    "a manifest": (lambda path: bundle.read(path.parent), "manifest.json"),
    "an export's manifest": (lambda path: exports.read(path.parent), "export.json"),
}


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.timeout(60)
def test_what_is_no_plain_file_is_refused(tmp_path: Path, reader: str, strange: str) -> None:
    make, why = STRANGE[strange]
    read, name = READERS[reader]
    path = tmp_path / ("a\0b" if "NUL" in strange else name)
    if "NUL" in strange and ("manifest" in reader or reader == "a list"):
        pytest.skip("its name says what it is")
    if (reader, strange) == ("a list", "a folder"):
        pytest.skip("it is one of pictures then")
    make(path)
    with pytest.raises(InputError) as caught:
        read(path)
    if strange in ("nothing", "a link to itself", "a name with a NUL"):
        # Who asks may know better what is missing.
        why += "|there is no such folder|it has no |no recipe|Too many"
    assert re.search(why, str(caught.value))


def test_a_file_that_has_more_than_it_says_is_refused(tmp_path: Path) -> None:
    # Those of /proc say that they are empty.
    with pytest.raises(InputError, match="it has more than the 0 bytes that it says"):
        input_file.read_bytes(Path("/proc/self/status"), 1 << 20)


def test_plain_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert input_file.read_bytes(path, 10) == path.read_bytes()
    assert input_file.read_text(path) == "a\nb\nc\n"
    (tmp_path / "link").symlink_to(path)
    assert input_file.read_text(tmp_path / "link") == "a\nb\nc\n"
    with pytest.raises(InputError, match="it has 10 bytes, more than 9"):
        input_file.read_bytes(path, 9)


@pytest.mark.parametrize("hole", [0, 30 << 20])
def test_large_files_are_read_and_so_are_those_with_a_hole_such_as_linkers_leave(
    tmp_path: Path, hole: int
) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.seek(hole)
        file.write(b"x" * ((65 << 20) - hole))
    assert len(input_file.read_bytes(path, 1 << 30)) == 65 << 20
