"""No process outlives the one that started it, whatever ends that and whatever it is at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import runs, until

# What a process is at: a sleep, a read that never ends, a call that holds Python's lock, a process of its own, opt.
BUSY = """
import os, sys, time
from lite.engines import processes
from lite.nb import optimizer

def here(folder, name):
    part = folder / f".{name}"
    part.write_text(str(os.getpid()))
    part.rename(folder / name)

def sleeping(folder):
    here(folder, "worker")
    time.sleep(10000)

def reading(folder):
    here(folder, "worker")
    open(folder / "fifo").read()

def computing(folder):
    here(folder, "worker")
    pow(3, 10**9)

def nested(folder):
    here(folder, "worker")
    with processes.pool(1) as executor:
        executor.submit(inner, folder).result()

def inner(folder):
    here(folder, "inner")
    time.sleep(10000)

def opt(folder):
    here(folder, "worker")
    script = "from lite import lifeline; lifeline.hold(); import os, time; from pathlib import Path; " \\
        "Path('.inner').write_text(str(os.getpid())); Path('.inner').rename('inner'); time.sleep(10000)"
    optimizer.run_limited([sys.executable, "-c", script], 10000, folder)
"""
PARENT = """
import sys
sys.path.insert(0, sys.argv[1])
import os, signal, time
from pathlib import Path
import busy
from lite.engines import processes

FOLDER = Path(sys.argv[1])

def end():
    while not all((FOLDER / name).exists() for name in sys.argv[4].split(",")):
        time.sleep(0.01)
    {"exit": lambda: os._exit(0), "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
     "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV)}[sys.argv[2]]()

with processes.pool(1) as executor:
    executor.submit(getattr(busy, sys.argv[3]), FOLDER)
    end()
"""


@pytest.mark.parametrize("way", ["exit", "kill", "crash"])
@pytest.mark.parametrize("at", ["sleeping", "reading", "computing", "nested", "opt"])
def test_a_worker_ends_with_its_parent(root: Path, tmp_path: Path, at: str, way: str) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    os.mkfifo(tmp_path / "fifo")
    names = ["worker", "inner"] if at in ("nested", "opt") else ["worker"]
    command = [sys.executable, "-c", PARENT, str(tmp_path), way, at, ",".join(names)]
    ended = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": f"{root}:{tmp_path}"}
    )
    assert ended.stderr == ""
    pids = [int((tmp_path / name).read_text()) for name in names]
    until(lambda: not any(map(runs, pids)))


def test_a_process_whose_parent_has_gone_already_ends_at_once() -> None:
    ours, theirs = os.pipe()
    os.close(theirs)
    script = "from lite import lifeline; lifeline.hold(); print('lives')"
    done = subprocess.run([sys.executable, "-c", script], stdin=ours, capture_output=True, text=True)
    os.close(ours)
    assert (done.returncode, done.stdout) == (-9, "")
