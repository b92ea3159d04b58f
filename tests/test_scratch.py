"""Folders for files in between: gone with their run, or with the next one, but never while a run is at work in them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mounts import tmpfs
from waiting import ended, until

from lite.errors import InputError
from lite.scratch import scratch_folder

RUN = """
import os, sys, time
from lite.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("x")
    print(folder, flush=True)
    {}
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TMPDIR of this process and of those that it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def runs() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def start(runs: list[subprocess.Popen[str]], then: str) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", RUN.format(then)], stdout=subprocess.PIPE, text=True)
    runs.append(process)
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_a_folder_is_empty_and_goes_with_its_block(temporary: Path) -> None:
    with scratch_folder() as folder, scratch_folder() as other:
        assert list(folder.iterdir()) == list(other.iterdir()) == []
        assert folder.parent == other.parent == temporary
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "file").touch()
    assert list(temporary.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), scratch_folder():
        raise KeyboardInterrupt
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    "end",
    [
        "os.kill(os.getpid(), 9)",
        "os.kill(os.getpid(), 11)",
        "os._exit(0)",
        "os.rename(folder, str(folder) + 'x'); os._exit(0)",
    ],
)
def test_what_a_killed_run_left_is_removed_by_the_next(temporary: Path, runs: list, end: str) -> None:
    killed, left = start(runs, end)
    ended(killed)
    assert left.exists() or "rename" in end
    with scratch_folder() as folder:
        assert not left.exists()
        assert {path.stem for path in temporary.iterdir() if "x" not in path.suffix} >= {folder.name}
        assert len([path for path in temporary.iterdir() if path.suffix == ".lock"]) == 1


def test_of_many_runs_only_those_at_work_keep_their_folders(temporary: Path, runs: list) -> None:
    started = [start(runs, "time.sleep(10000)") for _ in range(6)]
    for place, (process, _) in enumerate(started):
        process.send_signal(signal.SIGSTOP if place % 2 else signal.SIGKILL)
        if place % 2 == 0:
            ended(process)
    for _ in range(2):
        with scratch_folder():
            assert [folder.exists() for _, folder in started] == [False, True] * 3
    for process, folder in started[1::2]:
        assert (folder / "deep" / "file").read_text() == "x"
        process.kill()
        ended(process)
    with scratch_folder() as folder:
        assert {path.stem for path in temporary.iterdir()} == {folder.name}


def test_a_child_that_goes_on_keeps_the_folder(temporary: Path, runs: list) -> None:
    forked, folder = start(
        runs,
        # Only the parent says a number: the child's is 0, and to kill that is to kill whoever runs the tests.
        "pid = os.fork()\n    print(pid, flush=True) if pid else time.sleep(10000)\n    os._exit(0)",
    )
    child = int(forked.stdout.readline())
    try:
        forked.wait()
        with scratch_folder():
            assert folder.exists()
    finally:
        os.kill(child, signal.SIGKILL)

    def gone() -> bool:
        with scratch_folder():
            return not folder.exists()

    until(gone)


def test_what_is_not_of_a_killed_run_stays(temporary: Path, runs: list) -> None:
    with scratch_folder() as folder:
        own = folder.name
    prefix = own.rpartition("-")[0]
    precious = temporary / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (temporary / f"{prefix}-1").symlink_to(precious)
    (temporary / f"{prefix}-1.lock").touch()
    (temporary / f"{prefix}-2").mkdir()
    (temporary / f"{prefix}-3.lock").symlink_to(precious / "file")
    os.mkfifo(temporary / f"{prefix}-4.lock")
    (temporary / "deit-lite-another.host-5.lock").touch()
    (temporary / "deit-lite-another.host-5").mkdir()
    with scratch_folder():
        pass
    assert (precious / "file").exists()
    left = {path.name.removeprefix(prefix) for path in temporary.iterdir()}
    assert {"-2", "-3.lock", "deit-lite-another.host-5", "deit-lite-another.host-5.lock"} <= left


@pytest.mark.parametrize("kind", ["os", "write", "paddle"])
def test_a_full_disk_names_the_folder_and_tmpdir(temporary: Path, kind: str) -> None:
    with tmpfs(temporary / "small", "size=1m") as small:
        tempfile.tempdir = str(small)
        with pytest.raises(InputError) as caught, scratch_folder() as folder:  # noqa: PT012
            try:
                (folder / "file").write_bytes(bytes(4 << 20))
            except OSError as error:
                if kind == "paddle":
                    raise RuntimeError("(Unavailable) Cannot write") from None
                if kind == "os":
                    raise OSError(error.errno, "No space left on device", str(folder / "file")) from None
                raise
        assert caught.value.what == "the disk is full"
        assert str(small) in caught.value.why
        assert "TMPDIR" in caught.value.remedy
        assert list(small.iterdir()) == []


def test_other_errors_of_a_block_are_its_own(temporary: Path) -> None:
    for error in (OSError(errno.EIO, "broken"), RuntimeError("no"), InputError("bad")):
        with pytest.raises(type(error)) as caught, scratch_folder():
            raise error
        assert caught.value is error
