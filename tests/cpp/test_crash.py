"""A crash of the engine ends in one line and exit code 6, whichever signal it is and whatever bit was flipped."""

from __future__ import annotations

import collections
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from demo import write_listed
from networks import small_nb
from PIL import Image
from tensors import manifest

from lite.files import file_sha256
from lite.zoo import Preprocess
from tests.waiting import until

# Seconds for each of the two; the seeds go on from run to run with FLIP_FIRST.
SECONDS = float(os.environ.get("FLIP_SECONDS", "20"))
FIRST = int(os.environ.get("FLIP_FIRST", "0"))
MOST = 1_000_000


class Flip(NamedTuple):
    """One run: the bit that was flipped, the exit code (a signal with a minus) and the last line of stderr."""

    seed: int
    place: int
    bit: int
    ended: int
    said: str


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the smallest network; its manifest has the SHA-256 of its files."""
    folder = tmp_path_factory.mktemp("small")
    document = manifest(Preprocess(2, 2))
    document["weights"]["classes"] = 3
    (folder / "manifest.json").write_text(json.dumps(document))
    (folder / "host.nb").write_bytes(small_nb("x86"))
    (folder / "labels.txt").write_text("a\nb\nc\n")
    Image.fromarray(np.full((2, 2, 3), 100, np.uint8)).save(folder / "golden.png")
    write_listed(folder, file_sha256)
    return folder


def flips(host_build: Path, bundle: Path, seconds: float) -> list[Flip]:
    command = [host_build / "flip_bits", bundle, FIRST, MOST, seconds]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, errors="replace", check=True)
    found = []
    for line in done.stdout.splitlines():
        seed, place, bit, ended, said = line.split(" ", 4)
        found.append(Flip(int(seed), int(place), int(bit), int(ended), said))
    return found


def test_a_flipped_bit_never_reaches_the_engine(host_build: Path, small: Path) -> None:
    found = flips(host_build, small, SECONDS / 4)
    assert len(found) > 20
    assert not [one for one in found if one.ended != 4 or "SHA-256 differs" not in one.said]


def test_without_sha256_a_crash_is_told(host_build: Path, small: Path, tmp_path: Path) -> None:
    """An older bundle: the engine meets whatever was flipped, and each end is one of ours."""
    for path in small.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    write_listed(tmp_path, lambda _: None)
    found = flips(host_build, tmp_path, SECONDS)
    ends = collections.Counter(one.ended for one in found)
    crashes = [one for one in found if re.match(r"deit: the engine (crashed|gave up) \(SIG", one.said)]
    print(f"\n{len(found)} flips from seed {FIRST}: ended {dict(ends)}, crashes told {len(crashes)}")
    assert len(found) > 20
    # 14 is the alarm: a flipped number may be how often something is done.
    wrong = [one for one in found if one.ended not in (0, 4, 5, 6, -signal.SIGALRM)]
    assert not wrong, wrong[:10]
    assert all(one.said for one in found if one.ended > 0)
    # Of a damaged network only the engine can know, so some get that far; without the line they were bare signals.
    assert crashes


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGBUS", "SIGFPE", "SIGABRT", "SIGILL"])
def test_every_signal_of_a_crash(host_build: Path, tiny_bundle: Path, name: str) -> None:
    command = [host_build / "deit", "--bench", "--bundle", tiny_bundle, "--host", "--repeats", 1_000_000]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        _until_busy(running)
        running.send_signal(signal.Signals[name])
        said = running.communicate(timeout=60)[1].decode()
    assert running.returncode == 6
    assert said.count("\n") == 1
    assert said.startswith("deit: ")
    assert f"({name})" in said


def _until_busy(running: subprocess.Popen[bytes]) -> None:
    """Waits until the process, which goes on for hours, has computed for a second."""
    ticks = os.sysconf("SC_CLK_TCK")

    def computed() -> bool:
        assert running.poll() is None
        fields = Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12]) > ticks

    until(computed)
