"""Outputs: whether they can be written is known before any work, and asking leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lite import bundle, files
from lite.errors import InputError
from lite.exports import export

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
    "check_writable": files.check_writable,
    "make_folder": files.make_folder,
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
    if asked == "make_folder" and bad == "a name that is too long on the way":
        pytest.skip("a folder has no other name on the way")
    before = everything(place)
    with pytest.raises(InputError, match=why) as caught:
        ASKING[asked](place / name)
    assert caught.value.remedy
    str(caught.value).encode()
    assert everything(place) == before


@pytest.mark.parametrize("asked", ["check_writable", "make_folder", "a bundle"])
def test_a_file_system_that_is_read_only_is_refused_at_once(tmp_path: Path, asked: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    (tmp_path / "there").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", tmp_path / "there"], check=True)
    try:
        for out in ([] if asked == "a bundle" else [tmp_path / "there"]) + [tmp_path / "there" / "a" / "b"]:
            if asked == "check_writable" and out.name == "there":
                out = out / "x"
            with pytest.raises(InputError, match="Read-only file system"):
                ASKING[asked](out)
    finally:
        subprocess.run(["umount", tmp_path / "there"], check=True)


@pytest.mark.parametrize("name", ["out", "a/b/c/out", "ü 猫/out", "file/../out", "there"])
def test_asking_leaves_nothing_behind(place: Path, name: str) -> None:
    (place / "there").mkdir()
    before = everything(place)
    files.check_writable(place / name)
    assert everything(place) == before


def test_what_is_not_utf_8_is_written_as_an_escape(tmp_path: Path) -> None:
    files.write_text(tmp_path / "page", f"pictures/{UNTRUE}.jpg: ü")
    assert (tmp_path / "page").read_text(encoding="utf-8") == "pictures/n\\udce9.jpg: ü"
