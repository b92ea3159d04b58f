"""Phones that come and go: one that is lost for a while goes on with its round, and --all takes those that come."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bench import bench, measuring, results, start
from conftest import PhoneMaker, kill_server_hard, ready, server_pid
from phone import Phone
from test_run_faults import LOST, plug_in, pull_cable
from waiting import HANG, ended, until

from lite.phone import reconnect
from lite.phone import results as results_files
from lite.phone.device import Device
from lite.phone.link import PhoneError
from lite.phone.server import AdbServer

# More than the bench can end while this process waits for its turn.
COUNT = 20
ROUNDS = ("--repeats", COUNT, "--rounds", COUNT, "--warmup", 0, "--sensors-every", 0)
# Longer than any test, so that only what is tested ends a wait.
PATIENT = ("--reconnect", 3000, "--timeout", 3000)


# The bench starts the server again at once, so that nobody could wait for its port to be closed.
FAULTS = LOST | {"adb server ends": (lambda phone: os.kill(server_pid(), signal.SIGKILL), lambda phone: None)}


def phones(out: Path) -> dict[str, dict[str, Any]]:
    """What is written so far, by serial."""
    try:
        return {one["serial"]: one for one in results(out)["phones"]}
    except FileNotFoundError:
        return {}


def rounds(out: Path, serial: str) -> list[dict[str, Any]]:
    """Of the phone's first measurement, so far."""
    measured = phones(out).get(serial, {"measurements": []})["measurements"]
    return measured[0]["rounds"] if measured else []


def halted(phone: Phone) -> int:
    """The process of a demo on the phone that stands still from now on, and with it the bench."""

    def stopped() -> int | None:
        demo = measuring(phone)
        with contextlib.suppress(OSError):
            os.kill(demo, signal.SIGSTOP)
            if Path(f"/proc/{demo}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                return demo
        return None

    return int(until(stopped))


@contextmanager
def held_up(phone: Phone) -> Iterator[None]:
    """The demo on the phone stands still meanwhile, so that its bench does not end."""
    demo = halted(phone)
    try:
        yield
    finally:
        os.kill(demo, signal.SIGCONT)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_phone_that_is_back_goes_on_with_its_round(
    fault: str, phone: Phone, server: AdbServer, options: tuple[object, ...], tmp_path: Path
) -> None:
    lose, mend = FAULTS[fault]
    command = start(*options, *ROUNDS, *PATIENT)
    until(lambda: len(rounds(tmp_path / "out", phone.serial)) >= 2, command)
    # The round cannot end before the phone is lost.
    halted(phone)
    before = rounds(tmp_path / "out", phone.serial)
    lose(phone)
    mend(phone)
    done = ended(command)
    assert done.returncode == 0, done.stderr
    one = phones(tmp_path / "out")[phone.serial]
    after = one["measurements"][0]["rounds"]
    assert (one["status"], len(after), after[: len(before)]) == ("ok", COUNT, before)
    assert one["losses"]
    assert all(loss["seconds"] >= 0 for loss in one["losses"])
    assert results_files.problem(results(tmp_path / "out")) is None
    assert f"{phone.serial}: lost: " in done.stderr
    assert f"{phone.serial}: back after " in done.stderr
    assert "Lost in the middle: " in (tmp_path / "out/report.html").read_text()


def test_a_phone_that_does_not_come_back_has_failed(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    command = start(*options, *ROUNDS, "--timeout", 3000, "--reconnect", 2)
    until(lambda: len(rounds(tmp_path / "out", phone.serial)) >= 2, command)
    halted(phone)
    pull_cable(phone)
    done = ended(command)
    assert done.returncode == 7
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert phone.serial in line
    one = phones(tmp_path / "out")[phone.serial]
    assert (one["status"], one["losses"][-1]["seconds"]) == ("failed", None)
    # With --resume it may be measured all the same.
    assert "; it did not come back in time." in (tmp_path / "out/report.html").read_text()
    assert len(one["measurements"][0]["rounds"]) >= 2
    plug_in(phone)
    again = bench(*options, *ROUNDS, "--resume", "--serial", phone.serial)
    assert again.returncode == 0, again.stderr
    one = phones(tmp_path / "out")[phone.serial]
    assert len(one["measurements"][0]["rounds"]) == COUNT
    assert one["losses"][0]["seconds"] is None


def test_another_phone_in_its_place_is_not_taken_for_it(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    command = start(*options, *ROUNDS, *PATIENT)
    until(lambda: len(rounds(tmp_path / "out", phone.serial)) >= 1, command)
    halted(phone)
    phone.set("/system/build.prop", "ro.product.model=Another\nro.product.cpu.abilist=x86_64")
    pull_cable(phone)
    plug_in(phone)
    done = ended(command)
    assert done.returncode == 7
    assert "its model was Debian Test phone x86_64 and is Another now" in done.stderr


def test_all_takes_phones_that_come_meanwhile(
    phone: Phone, make_phone: PhoneMaker, options: tuple[object, ...], tmp_path: Path
) -> None:
    command = start(*options, *ROUNDS, *PATIENT, "--all")
    with held_up(phone):
        late = make_phone("late", props={"ro.product.model": "Late"})
        until(lambda: len(rounds(tmp_path / "out", late.serial)) == COUNT, command)
    done = ended(command)
    assert done.returncode == 0, done.stderr
    found = phones(tmp_path / "out")
    assert {one["status"] for one in found.values()} == {"ok"}
    assert set(found) == {phone.serial, late.serial}
    assert len(rounds(tmp_path / "out", phone.serial)) == COUNT
    page = (tmp_path / "out/report.html").read_text()
    assert late.serial in page


def test_all_goes_on_with_a_phone_that_was_given_up(
    phone: Phone, make_phone: PhoneMaker, options: tuple[object, ...], tmp_path: Path
) -> None:
    other = make_phone("other")
    command = start(*options, *ROUNDS, "--timeout", 3000, "--reconnect", 0, "--all")
    with held_up(phone):
        halted(other)
        pull_cable(other)
        until(lambda: phones(tmp_path / "out").get(other.serial, {}).get("status") == "failed", command)
        plug_in(other)
        connect(other)
        until(lambda: len(rounds(tmp_path / "out", other.serial)) == COUNT, command)
    done = ended(command)
    assert done.returncode == 0, done.stderr
    one = phones(tmp_path / "out")[other.serial]
    assert (one["status"], one["error"], len(one["losses"])) == ("ok", None, 1)
    assert one["losses"][0]["seconds"] is not None


def test_ctrl_c_while_a_phone_is_waited_for(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    command = start(*options, *ROUNDS, *PATIENT)
    until(lambda: len(rounds(tmp_path / "out", phone.serial)) >= 1, command)
    halted(phone)
    pull_cable(phone)
    assert command.stderr
    until(lambda: "; waiting" in (command.stderr.readline() if command.stderr else ""))
    command.send_signal(signal.SIGINT)
    done = ended(command)
    assert done.returncode == 130
    assert phones(tmp_path / "out")[phone.serial]["status"] == "stopped"


def test_what_a_lost_link_left_running_is_ended_and_nothing_else(
    server: AdbServer, phone: Phone, device: Device
) -> None:
    other = ready(server, phone)
    ends: list[int] = []
    thread = threading.Thread(target=lambda: ends.append(device.run(["sleep", "100000"], HANG).code))
    thread.start()
    script = (
        "for p in /proc/[0-9]*; do if [ $(tr '\\0' ' ' <$p/cmdline | grep -c '^sleep 100000') = 1 ]; then "
    )
    script += "cut -d ' ' -f 5 $p/stat; fi; done 2>/dev/null"
    group = int(until(lambda: other.run(script, HANG).stdout.split())[0])
    innocent = int(other.run("sleep 200000 >/dev/null 2>&1 & echo $!", HANG).stdout)
    other._left |= {group, innocent}
    assert reconnect.wait(other, HANG, threading.Event())
    thread.join(HANG)
    assert ends == [137]
    assert other._left == set()
    assert other.run(["kill", str(innocent)], HANG).code == 0


def test_a_phone_that_stays_away_is_not_waited_for_longer_than_asked(phone: Phone, device: Device) -> None:
    pull_cable(phone)
    until(lambda: not answers(device))
    assert not reconnect.wait(device, 0.1, threading.Event())
    stopped = threading.Event()
    stopped.set()
    assert not reconnect.wait(device, HANG, stopped)
    kill_server_hard()
    plug_in(phone)
    assert reconnect.wait(device, HANG, threading.Event())


def answers(device: Device) -> bool:
    try:
        return device.run(["true"], 10).code == 0
    except PhoneError:
        return False


def connect(phone: Phone) -> None:
    from test_run_faults import _connect

    _connect(phone)
