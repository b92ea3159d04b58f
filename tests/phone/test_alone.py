"""Two benches at one phone: the second leaves at once, whatever becomes of the first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bench import ENDLESS, bench, demo_runs, measuring, results, start
from conftest import ready
from phone import Phone
from waiting import HANG, until

from lite.phone.device import Device
from lite.phone.exclusive import exclusive
from lite.phone.link import BusyError
from lite.phone.server import Server

BUSY = "another bench is at work on it; wait for it, or end it (if there is none: adb -s"


def holders(phone: Phone) -> list[str]:
    return [line for line in phone.processes() if "deit_lite_alone" in line]


def test_one_after_the_other(device: Device, phone: Phone) -> None:
    for _ in range(3):
        with exclusive(device):
            assert len(holders(phone)) == 1
        assert holders(phone) == []


def test_the_second_is_refused_and_the_first_goes_on(device: Device, phone: Phone, server: Server) -> None:
    other = ready(server, phone)
    with exclusive(device):
        for _ in range(2):
            with pytest.raises(BusyError, match=re.escape(BUSY)) as caught, exclusive(other):
                raise AssertionError
            assert caught.value.exit_code == 6
        assert device.run("echo goes on", HANG).stdout == "goes on\n"
    with exclusive(other):
        pass


def test_what_is_told_to_do_where_there_is_none(device: Device, phone: Phone, server: Server) -> None:
    """As after a computer that vanished from the network: the phone knows nothing of its end yet."""
    other = ready(server, phone)
    with exclusive(device):
        with pytest.raises(BusyError) as caught, exclusive(other):
            pass
        command = re.search(r"shell (kill \d+)\)$", str(caught.value))
        assert command
        other.run(command[1], HANG)
        until(lambda: not holders(phone))
        with exclusive(other):
            pass


def test_phones_do_not_keep_each_other(device: Device, server: Server, make_phone) -> None:
    with exclusive(device), exclusive(ready(server, make_phone("other"))):
        pass


def test_two_benches_and_one_that_is_killed(
    phone: Phone, server: Server, deit: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    options = ("--bundle", tiny_bundle, "--out", tmp_path / "out")
    first = start("--bundle", tiny_bundle, "--out", tmp_path / "first", *ENDLESS)
    try:
        demo = measuring(phone)
        for other in (options, ("--clean",)):
            done = bench(*other)
            assert done.returncode == 6
            (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
            assert line.startswith(f"error: {phone.serial}: {BUSY} {phone.serial} shell kill ")
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


def test_a_cable_pulled_frees_the_phone(device: Device, phone: Phone, server: Server) -> None:
    with exclusive(device):
        phone.relay.drop()
        with exclusive(ready(server, phone)):
            pass
