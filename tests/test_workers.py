"""What runs chunks: processes that may die, engines that must be the right ones, clusters that are there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from waiting import HANG, runs, until

from lite import bundle
from lite.engines import processes, workers
from lite.engines.paddle_lite import LiteEngine
from lite.engines.workers import CHUNK, EngineJob
from lite.errors import ConversionError, InputError
from lite.pictures import digits
from lite.pictures.picture_set import PictureSet

ONE = PictureSet.of("digits", digits.pictures("held_out", 1)).pictures


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1", "http://127.0.0.1:1", ""])
def test_an_address_that_is_none(address):
    with pytest.raises(InputError, match="tcp://HOST:8786"), workers.connected(address):
        pytest.fail("nothing to connect to")


def end_process(pictures: list[np.ndarray], number: int) -> None:
    os.kill(os.getpid(), number)


def add(one: int, other: int) -> int:
    return one + other


def fail(error: Exception) -> None:
    raise error


def loaded() -> set[str]:
    return set(sys.modules)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGSEGV, r"took its process down \(Segmentation fault\)"),
        (signal.SIGKILL, "was killed, most likely .* for lack of memory"),
    ],
)
def test_a_process_that_dies_is_an_error_and_no_hang(number, words):
    # More than a pipe holds, and more calls than processes.
    pictures = [np.zeros((256, 256, 3), np.uint8)] * 8
    with processes.pool(1) as executor:
        assert executor.submit(add, 1, other=2).result(HANG) == 3
        calls = [executor.submit(end_process, pictures, number) for _ in range(4)]
        for call in calls:
            with pytest.raises(ConversionError, match=words):
                call.result(HANG)


def test_errors_of_the_library_and_of_the_toolkit():
    with processes.pool(1) as executor:
        with pytest.raises(InputError, match="^no picture$"):
            executor.submit(fail, InputError("no picture")).result(HANG)
        with pytest.raises(ConversionError, match=r"\(ZeroDivisionError: by nought\)"):
            executor.submit(fail, ZeroDivisionError("by nought")).result(HANG)
        assert executor.submit(add, 1, 2).result(HANG) == 3


def test_a_block_that_fails_ends_its_processes_at_once():
    calls = []

    def block() -> None:
        with processes.pool(1) as executor:
            calls.extend(executor.submit(*call) for call in [(os.getpid,), *[(time.sleep, 10000)] * 2])
            until(calls[1].running)
            raise KeyError

    with pytest.raises(KeyError):
        block()
    first, second, third = calls
    assert not runs(first.result(0))
    assert isinstance(second.exception(0), ConversionError)
    assert third.cancelled()


def test_a_process_ends_when_no_call_can_come():
    with processes.pool(2) as executor:
        pid = executor.submit(os.getpid).result(HANG)
        calls = [executor.submit(add, 1, number) for number in range(5)]
        executor.shutdown(wait=False)
        until(lambda: not runs(pid))
        assert [call.result(HANG) for call in calls] == [1, 2, 3, 4, 5]
        with pytest.raises(RuntimeError, match="no more calls"):
            executor.submit(os.getpid)


def test_a_script_without_a_main_guard_that_is_killed(root: Path, tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, time\n"
        f"sys.path.insert(0, {str(root)!r})\n"
        "from lite.engines import processes\n"
        "print('imported', flush=True)\n"
        "with processes.pool(2) as executor:\n"
        "    calls = [executor.submit(os.getpid) for _ in range(2)]\n"
        "    print(*(call.result() for call in calls), flush=True)\n"
        "    time.sleep(10000)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "imported\n"
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        process.kill()
    until(lambda: not any(map(runs, pids)))


def test_the_pictures_of_several_chunks_keep_their_places(tiny_bundle, tmp_path):
    made = bundle.read(tiny_bundle)
    job = EngineJob.of(LiteEngine(made.host_nb), made.preprocess, 10)
    (tmp_path / "bad.png").write_text("no picture")
    contents = [*digits.pictures("held_out", CHUNK + 1), tmp_path / "bad.png"]
    pictures = PictureSet.of("mixed", contents).pictures
    seen = []
    with workers.local(1) as hands:
        pending = hands.submit_all(job, pictures)
        found = pending.result(lambda *at: seen.append(at))
        pending.check()
        # Paddle in a Lite process would be seconds and memory for nothing, and could crash it.
        assert "paddle" not in hands.executor.submit(loaded).result(HANG)
    assert seen == [(CHUNK, CHUNK + 2), (CHUNK + 2, CHUNK + 2)]
    assert list(found.unreadable) == [CHUNK + 1]
    assert "bad.png" in found.unreadable[CHUNK + 1].what
    assert found.unreadable[CHUNK + 1].remedy
    alone = [workers.run_chunk(job, [picture]).logits[0] for picture in pictures[:-1]]
    np.testing.assert_array_equal(found.logits[:-1], alone)
    assert np.isnan(found.logits[-1]).all()


def test_a_chunk_that_fails_is_seen_without_waiting(tiny_bundle):
    made = bundle.read(tiny_bundle)
    job = EngineJob.of(LiteEngine(made.host_nb), made.preprocess, 7)
    with workers.local(1) as hands:
        pending = hands.submit_all(job, ONE)
        (future,) = pending.chunks
        assert isinstance(future.exception(HANG), ConversionError)
        with pytest.raises(ConversionError, match=r"answers \(10,\), not 7 logits"):
            pending.check()


def test_an_engine_of_another_size_is_no_engine_of_this_bundle(tiny_bundle, tmp_path):
    made = bundle.read(tiny_bundle)
    job = EngineJob.of(LiteEngine(made.host_nb), made.preprocess, 7)
    with pytest.raises(ConversionError, match=r"answers \(10,\), not 7 logits"):
        workers.run_chunk(job, ONE)
    shutil.copyfile(made.host_nb, tmp_path / "host.nb")
    engine = LiteEngine(tmp_path / "host.nb")
    job = EngineJob(engine, "0" * 64, made.preprocess, 10)
    with pytest.raises(InputError, match="not the file this run began with"):
        workers.run_chunk(job, ONE)
    (tmp_path / "host.nb").unlink()
    with pytest.raises(InputError, match="every machine needs it at this path"):
        workers.fingerprint(engine)
