"""Two benches at one phone: the second leaves at once, whatever becomes of the first."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from bench import ENDLESS, bench, demo_runs, measuring, results, start
from conftest import ready
from phone import Phone
from waiting import HANG, ended, until

from lite.phone.device import Device
from lite.phone.exclusive import exclusive
from lite.phone.link import BusyError, PhoneError
from lite.phone.server import AdbServer

BUSY = "another bench is at work on it; wait for it, or press Ctrl-C where it runs; if its computer has gone"


def holders(phone: Phone) -> list[str]:
    return [line for line in phone.processes() if "deit_lite_alone" in line]


def test_one_after_the_other(device: Device, phone: Phone) -> None:
    for _ in range(3):
        with exclusive(device):
            assert len(holders(phone)) == 1
        assert holders(phone) == []


def test_the_second_is_refused_and_the_first_goes_on(device: Device, phone: Phone, server: AdbServer) -> None:
    other = ready(server, phone)
    with exclusive(device):
        for _ in range(2):
            with pytest.raises(BusyError, match=re.escape(BUSY)) as caught, exclusive(other):
                raise AssertionError
            assert caught.value.exit_code == 6
        assert device.run("echo goes on", HANG).stdout == "goes on\n"
    with exclusive(other):
        pass


def test_a_computer_that_vanishes_frees_the_phone(device: Device, phone: Phone, server: AdbServer) -> None:
    """The phone knows nothing of its end: no link is closed, nothing is heard any more. Nobody has to end anything."""
    other = ready(server, phone)
    with exclusive(device, silence=3) as check:
        check()
        phone.relay.stall.set()
        until(lambda: not holders(phone))
        phone.relay.stall.clear()
        with exclusive(other):
            until(lambda: _has_ended(check))


def test_a_bench_that_is_heard_of_stays(device: Device, phone: Phone, server: AdbServer) -> None:
    with exclusive(device, silence=2) as check:
        (before,) = holders(phone)
        said = phone.relay.passed["to_phone"]
        # Each beat is a packet of 24 bytes and one of 6 at least.
        until(lambda: phone.relay.passed["to_phone"] > said + 12 * 30)
        assert holders(phone) == [before]
        check()


def test_a_bench_whose_hold_is_broken_takes_no_more_figures(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    command = start(*options, "--repeats", 40, "--rounds", 20, "--warmup", 0, "--sensors-every", 0)
    until(lambda: (tmp_path / "out/results.json").exists(), command)
    measuring(phone)
    (holder,) = until(lambda: _processes(phone, b"deit_lite_alone"))
    os.kill(holder, signal.SIGKILL)
    done = ended(command)
    assert done.returncode == 7
    assert (
        "its hold on the phone has ended, so that another bench may have run beside this one" in done.stderr
    )
    (row,) = results(tmp_path / "out")["phones"][0]["measurements"]
    assert 1 <= len(row["rounds"]) < 20


def _has_ended(check: Callable[[], None]) -> bool:
    try:
        check()
    except PhoneError as error:
        return "another bench may have run beside this one" in str(error)
    return False


def _processes(phone: Phone, word: bytes) -> list[int]:
    """On this phone, as this computer numbers them."""
    namespace = Path(f"/proc/{phone.pid}/ns/pid").readlink()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "ns/pid").readlink() == namespace and word in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def test_phones_do_not_keep_each_other(device: Device, server: AdbServer, make_phone) -> None:
    with exclusive(device), exclusive(ready(server, make_phone("other"))):
        pass


def test_two_benches_and_one_that_is_killed(
    phone: Phone, server: AdbServer, deit: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    options = ("--bundle", tiny_bundle, "--out", tmp_path / "out")
    first = start("--bundle", tiny_bundle, "--out", tmp_path / "first", *ENDLESS)
    try:
        demo = measuring(phone)
        for other in (options, ("--clean",)):
            done = bench(*other)
            assert done.returncode == 6
            (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
            assert line.startswith(f"error: {phone.serial}: {BUSY}, the phone is free after 60 s")
            assert "kill" not in line
        (one,) = results(tmp_path / "out")["phones"]
        assert (one["status"], one["pushed"], one["measurements"]) == ("refused", None, [])
        # It is still the same that measures.
        assert measuring(phone) == demo
    finally:
        first.kill()
        first.communicate()
    until(lambda: not holders(phone) and not demo_runs(phone))
    done = bench(*options, "--repeats", 2, "--warmup", 0)
    assert done.returncode == 0, done.stderr


def test_a_cable_pulled_frees_the_phone(device: Device, phone: Phone, server: AdbServer) -> None:
    with exclusive(device):
        phone.relay.drop()
        with exclusive(ready(server, phone)):
            pass
