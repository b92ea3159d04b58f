"""Android's fixed-performance mode: taken for the runs, and given back whatever ends them.

What `cmd power` is on this phone is a stand-in (phone_files.py): it writes down what it was told, and no clock changes.
"""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest
from bench import ENDLESS, bench, measuring, results, start
from conftest import ready
from phone import Phone
from waiting import ended, until

from lite.phone.conditions import NoFixedClocksError, fixed_clocks
from lite.phone.device import Device
from lite.phone.server import AdbServer


def told(phone: Phone) -> list[str]:
    """What the phone's power service was told, in its order; twice the same in a row is as once."""
    path = phone.path("/sdcard/fixed_performance")
    words = path.read_text().split() if path.exists() else []
    return [word for word, _ in itertools.groupby(words)]


def given_back(phone: Phone) -> bool:
    return told(phone)[-1:] == ["false"]


def test_it_is_on_in_the_block_and_off_after_it(device: Device, phone: Phone) -> None:
    for turn in (1, 2):
        with fixed_clocks(device):
            assert told(phone)[-1] == "true"
        assert told(phone) == ["true", "false"] * turn


def test_an_error_in_the_block_gives_it_back(device: Device, phone: Phone) -> None:
    with pytest.raises(RuntimeError, match="in the middle"), fixed_clocks(device):
        raise RuntimeError("in the middle")
    until(lambda: given_back(phone))


def test_a_phone_without_it_says_so(device: Device, phone: Phone) -> None:
    phone.set("system/stand_in/no_fixed_performance", "")
    with pytest.raises(NoFixedClocksError, match="no fixed-performance mode .*Power HAL") as caught:
        fixed_clocks(device).__enter__()
    assert "without --fixed-clocks" in (caught.value.remedy or "")
    (phone.dir / "system/bin/cmd").unlink()
    with pytest.raises(NoFixedClocksError, match="not found"):
        fixed_clocks(device).__enter__()
    assert told(phone) == []


def test_a_shell_that_something_killed_does_not_keep_it(device: Device, phone: Phone) -> None:
    with fixed_clocks(device):
        (shell,) = holders(phone)
        os.kill(shell, signal.SIGKILL)
    assert given_back(phone)


def test_a_cable_pulled_gives_it_back(device: Device, phone: Phone, server: AdbServer) -> None:
    with fixed_clocks(device):
        phone.relay.drop()
        until(lambda: given_back(phone))
    with fixed_clocks(ready(server, phone)):
        assert told(phone)[-1] == "true"
    assert given_back(phone)


def test_a_computer_that_vanishes_gives_it_back(device: Device, phone: Phone) -> None:
    """No link is closed, nothing is heard any more."""
    with fixed_clocks(device, silence=3):
        phone.relay.stall.set()
        until(lambda: given_back(phone))
        phone.relay.stall.clear()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_bench_that_is_interrupted_or_killed(
    phone: Phone, options: tuple[object, ...], number: int
) -> None:
    command = start(*options, "--fixed-clocks", *ENDLESS)
    measuring(phone)
    assert told(phone)[-1] == "true"
    command.send_signal(number)
    ended(command)
    until(lambda: given_back(phone))


def test_a_bench_is_in_it_and_says_so(phone: Phone, options: tuple[object, ...], tmp_path: Path) -> None:
    done = bench(*options, "--fixed-clocks", "--repeats", 2, "--warmup", 0)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "out")["plan"]["fixed_clocks"] is True
    # Once to see whether it is there, before anything is pushed.
    assert told(phone) == ["true", "false"] * 2
    assert "Measured in Android's fixed-performance mode" in (tmp_path / "out/report.html").read_text()


def test_a_bench_on_a_phone_without_it_is_refused(phone: Phone, options: tuple[object, ...]) -> None:
    phone.set("system/stand_in/no_fixed_performance", "")
    done = bench(*options, "--fixed-clocks")
    assert done.returncode == 6
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "it has no fixed-performance mode (Failed to set FIXED_PERFORMANCE mode" in line
    assert not phone.path("/data/local/tmp/deit_lite").exists()


def holders(phone: Phone) -> list[int]:
    """The shells on the phone that hold the mode, as this computer numbers them."""
    namespace = (Path("/proc") / str(phone.pid) / "ns/pid").readlink()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "ns/pid").readlink() == namespace and b"deit_lite_fixed" in (
                folder / "cmdline"
            ).read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found
