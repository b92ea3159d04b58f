"""lite/sdk/archive.py: what is unpacked, what is refused, and that nothing is ever written outside."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import resource
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from lite.errors import InputError
from lite.sdk import archive
from tests.releases import pack, special, write

DATA = os.urandom(5_000)


def unpack(tmp_path: Path, data: bytes, **limits: int) -> Path:
    folder = tmp_path / "inner" / "folder"
    folder.parent.mkdir(exist_ok=True)
    archive.unpack(write(tmp_path / "some.tar.gz", data), folder, **limits)
    return folder


def refused(tmp_path: Path, data: bytes, why: str, **limits: int) -> None:
    with pytest.raises(InputError, match=why) as caught:
        unpack(tmp_path, data, **limits)
    assert str(tmp_path / "some.tar.gz") in str(caught.value)
    assert "\n" not in str(caught.value)
    # Wherever it wanted to go, only the archive and the folder are there.
    assert {path.name for path in tmp_path.iterdir()} <= {"some.tar.gz", "inner", "outside"}
    assert {path.name for path in tmp_path.glob("inner/*")} <= {"folder"}


def test_files_folders_modes_and_links_inside(tmp_path: Path) -> None:
    program = tarfile.TarInfo("bin/run")
    program.mode = 0o4777
    folder = unpack(
        tmp_path,
        pack(
            {
                "": special("./", tarfile.DIRTYPE),
                "lib/libx.so.1": DATA,
                "1": special("lib", tarfile.DIRTYPE),
                "2": special("lib/libx.so", tarfile.SYMTYPE, "libx.so.1"),
                "3": special("lib/hard.so", tarfile.LNKTYPE, "lib/libx.so.1"),
                "4": special("up.so", tarfile.SYMTYPE, "lib/../lib/libx.so"),
                "5": program,
                "empty/" + "é" * 120: b"",
            },
            top="",
        ),
    )
    for name in ("lib/libx.so.1", "lib/libx.so", "lib/hard.so", "up.so"):
        assert (folder / name).read_bytes() == DATA
    assert (folder / "lib/libx.so").readlink() == Path("libx.so.1")
    assert (folder / "bin/run").stat().st_mode & 0o7777 == 0o755
    assert (folder / "empty" / ("é" * 120)).read_bytes() == b""


def test_a_python_without_the_data_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_HAS_FILTER", False)
    content = {"a": DATA, "1": special("l", tarfile.SYMTYPE, "a"), "2": special("h", tarfile.LNKTYPE, "a")}
    folder = unpack(tmp_path, pack(content, top=""))
    assert [(folder / name).read_bytes() for name in "alh"] == [DATA] * 3
    (tmp_path / "some.tar.gz").unlink()
    with pytest.raises(InputError, match="leads out"):
        archive.unpack(write(tmp_path / "b", pack({"../x": DATA}, top="")), tmp_path / "other")


@pytest.mark.parametrize(
    ("name", "why"),
    [("../evil", "'../evil' leads out"), ("a/../../evil", "leads out"), ("/tmp/evil", "is an absolute path"),
     ("//evil", "is an absolute path"), ("a/" + "n" * 256, "name is too long"), ("a/..", "leads out")],
)  # fmt: skip
def test_a_name_that_leads_elsewhere(tmp_path: Path, name: str, why: str) -> None:
    refused(tmp_path, pack({"fine": DATA, name: DATA}, top=""), why)
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE])
def test_what_is_no_file(tmp_path: Path, kind: bytes) -> None:
    refused(tmp_path, pack({"x": special("null", kind)}), "'null' is neither a plain file nor a folder")


@pytest.mark.parametrize(
    ("target", "why"),
    [("/etc/passwd", "link out of the archive"), ("../../outside", "link out of the archive"),
     ("../../../../../../etc/passwd", "link out of the archive"), ("nothing", "link to nothing"),
     ("here", "link to nothing"), ("../a/../..", "link out of the archive")],
)  # fmt: skip
def test_a_symbolic_link_that_does_not_end_inside(tmp_path: Path, target: str, why: str) -> None:
    write(tmp_path / "outside", b"secret")
    refused(tmp_path, pack({"x": special("a/here", tarfile.SYMTYPE, target)}), why)


@pytest.mark.parametrize("has_filter", [True, False])
def test_links_that_lead_out_only_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_filter: bool
) -> None:
    monkeypatch.setattr(archive, "_HAS_FILTER", has_filter and archive._HAS_FILTER)
    # Each is inside if read word by word, but `b/..` is the parent of the top, where b leads.
    first, second = (
        special("x/y/b", tarfile.SYMTYPE, "../.."),
        special("x/y/c", tarfile.SYMTYPE, "b/.."),
    )
    refused(
        tmp_path,
        pack({"x/y/a": DATA, "1": first, "2": second}, top=""),
        "not safe.*'x/y/c' (is a link out|would link to .* outside)",
    )


def test_a_file_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    content = {"f/a": DATA, "1": special("out", tarfile.SYMTYPE, "f"), "out/evil": DATA}
    refused(tmp_path, pack(content, top=""), "'out/evil' lies behind a file or a link")


@pytest.mark.parametrize(
    "second", [b"new", special("x", tarfile.SYMTYPE, "y"), special("x", tarfile.DIRTYPE)]
)
def test_a_name_that_is_there_twice(tmp_path: Path, second: bytes | tarfile.TarInfo) -> None:
    first = special("x", tarfile.SYMTYPE, "y")
    content = {"y": DATA, "first": first, "x" if isinstance(second, bytes) else "z": second}
    refused(tmp_path, pack(content, top=""), "'x' is there twice")


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "link", "none"])
def test_a_hard_link_to_what_is_no_file_of_the_archive(tmp_path: Path, target: str) -> None:
    write(tmp_path / "outside", b"secret")
    content = {
        "a": DATA,
        "1": special("link", tarfile.SYMTYPE, "a"),
        "2": special("h", tarfile.LNKTYPE, target),
    }
    refused(tmp_path, pack(content, top=""), "hard link to no file of the archive")


@pytest.mark.parametrize("kept", [10, 200, 2_000, -1, -9])
def test_cut_short(tmp_path: Path, kept: int) -> None:
    refused(tmp_path, pack({"a": DATA})[:kept], r"is cut short or damaged \(.*\); download or pack it again$")


def test_a_tar_that_is_cut_short_inside_a_whole_gzip(tmp_path: Path) -> None:
    plain = gzip.decompress(pack({"a": DATA, "b": DATA}))
    # In a's content, right after it, in b's header, in b's content, before the two empty blocks at the end.
    for index, kept in enumerate((1_000, 512 + 5_120, 512 + 5_120 + 100, 9_000, 2 * (512 + 5_120))):
        place = tmp_path / str(index)
        place.mkdir()
        refused(place, gzip.compress(plain[:kept]), "damaged")


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    plain = bytearray(gzip.decompress(pack({"a": DATA, "b": DATA})))
    plain[512 + 5_120 + 20] ^= 1
    refused(tmp_path, gzip.compress(plain), "a header in it is damaged")


def test_damaged_content(tmp_path: Path) -> None:
    data = bytearray(pack({"a": DATA}))
    data[-6] ^= 1
    refused(tmp_path, bytes(data), r"cut short or damaged \(CRC")


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a", "b")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"", "empty"), (b"\n <!DOCTYPE html><html>log in</html>", "a web page"), (_zip(), "a zip archive"),
     (lzma.compress(b"a"), "an xz archive"), (b"BZh91AY", "a bzip2 archive"), (b"hello", "something else"),
     (gzip.decompress(pack({"a": DATA})), "a tar archive without compression")],
)  # fmt: skip
def test_another_kind_of_file(tmp_path: Path, data: bytes, kind: str) -> None:
    refused(tmp_path, data, rf"is {kind}, not a \.tar\.gz")


def test_a_gzip_of_something_else(tmp_path: Path) -> None:
    refused(tmp_path, gzip.compress(DATA), "cut short or damaged")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.tar.gz", "No such file"), (tmp_path, "it is a folder")):
        with pytest.raises(InputError, match=f"cannot read .*{why}"):
            archive.unpack(path, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_limits(tmp_path: Path) -> None:
    two = pack({"a": DATA, "b": DATA})
    assert unpack(tmp_path, two, max_bytes=10_000, max_members=2).is_dir()
    for index, (limits, why) in enumerate(
        (({"max_bytes": 9_999}, "come to more than 9,999 bytes"), ({"max_members": 1}, "more than 1 files"))
    ):
        place = tmp_path / str(index)
        place.mkdir()
        refused(place, two, why, **limits)


def test_a_bomb_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    refused(
        tmp_path,
        pack({"x": special("huge", tarfile.REGTYPE, size=1 << 40)}),
        "come to more than 1,073,741,824",
    )
    assert not (tmp_path / "inner/folder/huge").exists()


def test_a_bomb_in_a_header_or_after_the_end(tmp_path: Path) -> None:
    zeros = gzip.compress(bytes(200 << 20), 1)
    # A header for a long name of 8 GiB, and 200 MiB of it; members are joined as gzip allows.
    long_name = special("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=8**11 - 1).tobuf()
    whole = pack({"a": DATA})
    tracemalloc.start()
    refused(tmp_path, gzip.compress(long_name) + zeros, "headers or its padding")
    (tmp_path / "after").mkdir()
    refused(tmp_path / "after", whole + zeros, "headers or its padding")
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_a_folder_that_cannot_be_written_is_no_fault_of_the_archive(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = write(tmp_path / "some.tar.gz", pack({"a": bytes(500_000)}))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            archive.unpack(path, tmp_path / "folder")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
