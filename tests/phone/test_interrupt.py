"""Ctrl-C: once, and what was measured is kept; again, and nothing is waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench import ENDLESS, ROOT, a_run_succeeds, demo_runs, measuring, results, start
from conftest import server_pid
from phone import Phone
from waiting import ended, until


def test_ctrl_c_keeps_what_was_measured(phone: Phone, options: tuple[object, ...], tmp_path: Path) -> None:
    command = start(*options, "--threads", "1,2", "--repeats", 40, "--rounds", 20, "--warmup", 0)
    first = measuring(phone)
    until(lambda: not Path(f"/proc/{first}").exists())
    measuring(phone)
    command.send_signal(signal.SIGINT)
    done = ended(command)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "error: interrupted"
    (one,) = results(tmp_path / "out")["phones"]
    assert one["status"] == "stopped"
    assert one["measurements"][0]["rounds"]
    until(lambda: not demo_runs(phone))
    a_run_succeeds(options)


def test_ctrl_c_again_does_not_wait(
    phone: Phone, options: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The adb server hangs, which the first Ctrl-C waits for; then people press it again, and again."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for times in (2, 20):
        command = start(*options, *ENDLESS)
        measuring(phone)
        os.kill(server_pid(), signal.SIGSTOP)
        try:
            command.send_signal(signal.SIGINT)
            _read_until(command, "stopping; Ctrl-C again ends this at once, with the rounds that have ended")
            time.sleep(0.5)
            assert command.poll() is None
            for _ in range(1, times):
                command.send_signal(signal.SIGINT)
                time.sleep(0.002)
            done = ended(command)
        finally:
            os.kill(server_pid(), signal.SIGCONT)
        assert done.returncode == 130
        # Beyond the second it may be said more than once, and what is temporary may stay.
        assert {line for line in done.stderr.splitlines() if line} == {
            "error: interrupted twice: ended at once; results.json has the rounds that had ended"
        }
        assert times > 2 or (len(done.stderr.splitlines()) == 1 and not list(tmp_path.glob("deit-lite-*")))
        assert not (tmp_path / "out/results.json").exists()
        until(lambda: not demo_runs(phone))
    a_run_succeeds(options)


def test_ctrl_c_again_ends_it_whatever_standard_error_takes() -> None:
    script = (
        "import os, signal, sys; sys.path[:0] = ['tools']\n"
        "import _command\n"
        "from _bench import interruptible\n"
        "with interruptible():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    except KeyboardInterrupt:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stderr=full)
    assert done.returncode == 130


def _read_until(command: subprocess.Popen[str], words: str) -> None:
    assert command.stderr
    for line in command.stderr:
        if words in line:
            return
    raise AssertionError("it ended")
