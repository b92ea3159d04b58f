"""Outputs: whether they can be written is known before any work, and asking leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mounts import tmpfs
from waiting import ended

from lite import bundle, files
from lite.engines import export
from lite.errors import InputError

UNTRUE = b"n\xe9".decode("utf-8", "surrogateescape")


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


# What cannot be written → why.
BAD: dict[str, tuple[str, str]] = {
    "under a file": ("file/out", "Not a directory|File exists"),
    "far under a file": ("file/a/b/out", "Not a directory|File exists"),
    "a name that is too long": ("a" * 300, "File name too long"),
    "a name that is too long on the way": ("a" * 250, "File name too long"),
    "a folder whose name is too long": (f"{'a' * 300}/out", "File name too long"),
    "a path that is too long": ("/".join(["a" * 200] * 30), "File name too long"),
    "under a link to itself": ("loop/out", "Too many levels|File exists"),
    "under a link to nothing of /proc": ("proc/out", "No such file|File exists"),
    "a name that is not UTF-8": (UNTRUE, "is not UTF-8"),
    "under a folder that is not UTF-8": (f"{UNTRUE}/out", "is not UTF-8"),
    "under a link to one": ("untrue/out", "is not UTF-8"),
}
ASKING: dict[str, Callable[[Path], object]] = {
    "a file": files.check_writable_file,
    "a folder": files.check_writable_folder,
    "a made folder": files.make_folder,
    "a bundle": lambda out: bundle.check_free(out, force=False),
    "an export": lambda out: export.check_free(out, force=True),
    "a new bundle": lambda out: bundle.new_bundle(out).__enter__(),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "place"
    place.mkdir()
    (place / "file").touch()
    (place / "loop").symlink_to(place / "loop")
    (place / "proc").symlink_to("/proc/self/none")
    (tmp_path / UNTRUE).mkdir()
    (place / "untrue").symlink_to(tmp_path / UNTRUE)
    return place


@pytest.mark.parametrize("asked", ASKING)
@pytest.mark.parametrize("bad", BAD)
def test_what_cannot_be_written_is_refused_at_once(place: Path, bad: str, asked: str) -> None:
    name, why = BAD[bad]
    if "folder" in asked and bad == "a name that is too long on the way":
        pytest.skip("a folder has no other name on the way")
    before = everything(place)
    with pytest.raises(InputError, match=why) as caught:
        ASKING[asked](place / name)
    assert caught.value.remedy
    str(caught.value).encode()
    assert everything(place) == before


@pytest.mark.parametrize("asked", ASKING)
def test_a_file_system_that_is_read_only_is_refused_at_once(tmp_path: Path, asked: str) -> None:
    with tmpfs(tmp_path / "there", "ro,size=1m") as there:
        for out in (there / "out", there / "a" / "b"):
            with pytest.raises(InputError, match="Read-only file system"):
                ASKING[asked](out)


@pytest.mark.parametrize("asked", ASKING)
def test_a_disk_without_room_for_one_more_file_is_named_at_once(tmp_path: Path, asked: str) -> None:
    said = f"the disk is full: no space left in {tmp_path / 'there'}; free some"
    with tmpfs(tmp_path / "there", "size=1m,nr_inodes=1") as there, pytest.raises(InputError, match=said):
        ASKING[asked](there / "out")


@pytest.mark.parametrize("write", [shutil.copyfile, shutil.copy2, shutil.move])
def test_a_full_disk_is_the_one_that_is_written_to(
    tmp_path: Path, write: Callable[[Path, Path], object]
) -> None:
    (tmp_path / "file").write_bytes(bytes(4 << 20))
    with tmpfs(tmp_path / "there", "size=1m") as there:
        with pytest.raises(InputError) as caught, files.new_folder(there / "out", holds="x") as new:
            write(tmp_path / "file", new / "file")
        assert caught.value.why.startswith(f"no space left in {there}")
        assert caught.value.remedy == "free some, or choose another folder"


def test_runs_that_ask_for_one_place_at_once_do_not_hinder_each_other(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from lite import files\n"
        "for _ in range(100): files.check_writable_folder(Path(sys.argv[1]))"
    )
    asked = [sys.executable, "-c", script, tmp_path / "a" / "b" / "out"]
    running = [subprocess.Popen(asked, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [ended(one).stderr for one in running] == [""] * 4
    assert everything(tmp_path) == []


@pytest.mark.parametrize("name", ["out", "a/b/c/out", "ü 猫/out", "file/../out", "there"])
def test_asking_leaves_nothing_behind(place: Path, name: str) -> None:
    (place / "there").mkdir()
    before = everything(place)
    files.check_writable_folder(place / name)
    if not (place / name).exists():
        files.check_writable_file(place / name)
    assert everything(place) == before


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_file_is_never_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    else:
        path = Path(os.ttyname(os.openpty()[1]))
    for write in (files.check_writable_file, lambda path: files.write_text(path, "x")):
        with pytest.raises(InputError, match="it is a device, pipe or socket; give a file name"):
            write(path)
    assert not path.is_file()


def test_a_link_stays_and_what_it_leads_to_is_written_whole(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    link, target = tmp_path / "latest.json", tmp_path / "runs" / "7.json"
    link.symlink_to(target)
    files.write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert everything(tmp_path) == [link, tmp_path / "runs", target]


def test_what_is_not_utf_8_is_written_as_an_escape(tmp_path: Path) -> None:
    files.write_text(tmp_path / "page", f"pictures/{UNTRUE}.jpg: ü")
    assert (tmp_path / "page").read_text(encoding="utf-8") == "pictures/n\\udce9.jpg: ü"
