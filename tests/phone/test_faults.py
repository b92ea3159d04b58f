"""What befalls a push: each fault is said, an earlier file stays whole, and a second run goes on."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from conftest import PhoneMaker, kill_server_hard, ready
from phone import Phone
from sent import assert_whole, on_phone
from waiting import HANG, until

from lite.phone.device import Device
from lite.phone.link import PhoneError
from lite.phone.push import FOLDER, push
from lite.phone.server import AdbServer

MB = 1_000_000


@pytest.mark.parametrize("after", [MB, 12 * MB])
def test_a_pulled_cable_and_a_second_run(
    server: AdbServer, device: Device, phone: Phone, files: dict[str, Path], after: int
):
    phone.relay.cut_at = ("to_phone", phone.relay.passed["to_phone"] + after)
    with pytest.raises(
        PhoneError, match=r"broke off while int8/model.nb was sent \(.* of 25.0 MB\)"
    ) as caught:
        push(device, files)
    assert caught.value.lost
    assert "what is complete there is not sent again" in str(caught.value)
    device = ready(server, phone)
    pushed = push(device, files)
    assert (pushed.sent, pushed.kept) == (("int8/model.nb",), ("deit",))
    assert_whole(phone, files)


def test_an_earlier_file_stays_whole_until_the_new_one_is(
    server: AdbServer, device: Device, phone: Phone, files: dict[str, Path]
):
    push(device, files)
    before = files["int8/model.nb"].read_bytes()
    files["int8/model.nb"].write_bytes(before[::-1])
    phone.relay.cut_at = ("to_phone", phone.relay.passed["to_phone"] + 12 * MB)
    with pytest.raises(PhoneError):
        push(device, files)
    assert on_phone(phone)["int8/model.nb"] == before
    push(ready(server, phone), files)
    assert_whole(phone, files)


def test_a_phone_that_restarts(server: AdbServer, device: Device, phone: Phone, files: dict[str, Path]):
    def off(name: str, done: int, total: int) -> None:
        if done > 5 * MB:
            phone.stop()

    with pytest.raises(PhoneError) as caught:
        push(device, files, on_progress=off)
    assert caught.value.lost
    phone.start()
    push(ready(server, phone), files)
    assert_whole(phone, files)


def test_a_stalled_link(device: Device, phone: Phone, files: dict[str, Path]):
    def stall(name: str, done: int, total: int) -> None:
        if done > 5 * MB:
            phone.relay.stall.set()

    with pytest.raises(
        PhoneError, match=r"nothing has moved for 1.5 s while int8/model.nb was sent"
    ) as caught:
        push(device, files, stall=1.5, on_progress=stall)
    assert caught.value.lost
    phone.relay.stall.clear()
    push(device, files)
    assert_whole(phone, files)


def test_an_adb_server_that_is_killed(
    server: AdbServer, device: Device, phone: Phone, files: dict[str, Path]
):
    killed: list[str] = []

    def kill(name: str, done: int, total: int) -> None:
        # What the system has taken to send may be told of after its end.
        if done > 5 * MB and not killed:
            killed.append(name)
            kill_server_hard()

    with pytest.raises(PhoneError, match=r"the adb server has ended while int8/model.nb was sent") as caught:
        push(device, files, on_progress=kill)
    assert caught.value.lost


def test_a_full_phone(server: AdbServer, make_phone: PhoneMaker, files: dict[str, Path]):
    phone = make_phone(data_size="16m")
    device = ready(server, phone)
    with pytest.raises(
        PhoneError, match="model.nb cannot be written: .*No space left on device; free some"
    ) as caught:
        push(device, files)
    assert not caught.value.lost
    until(lambda: phone.path(f"{FOLDER}/deit").exists() and len(on_phone(phone)) == 2)
    small = {**files, "int8/model.nb": files["deit"]}
    push(device, small)
    assert_whole(phone, small)


def test_not_even_room_for_the_index(server: AdbServer, make_phone: PhoneMaker, files: dict[str, Path]):
    phone = make_phone(data_size="16m")
    device = ready(server, phone)
    device.run("cat /dev/zero > /data/local/tmp/full", HANG)
    with pytest.raises(PhoneError, match="No space left on device; free some space"):
        push(device, {"deit": files["deit"]})
    device.run("rm /data/local/tmp/full", HANG)
    push(device, {"deit": files["deit"]})
    assert_whole(phone, {"deit": files["deit"]})


def test_no_permission_to_write(device: Device, phone: Phone, files: dict[str, Path]):
    phone.path("/data/local/tmp/root").mkdir()
    with pytest.raises(
        PhoneError, match="deit cannot be written: .*Permission denied; its user shell must be able"
    ):
        push(device, files, "/data/local/tmp/root/deit")
    push(device, files)
    phone.path(f"{FOLDER}/int8").chmod(0o500)
    os.chown(phone.path(f"{FOLDER}/int8"), 0, 0)
    files["int8/model.nb"].write_bytes(b"new")
    with pytest.raises(PhoneError, match="model.nb cannot be written: .*Permission denied"):
        push(device, files)


def test_read_only_storage(device: Device, phone: Phone, files: dict[str, Path]):
    phone.remount("ro")
    with pytest.raises(
        PhoneError, match="deit cannot be written: .*Read-only file system; its user shell must"
    ):
        push(device, files)
    phone.remount("rw")
    push(device, files)
    assert_whole(phone, files)


@pytest.mark.parametrize("end", [KeyboardInterrupt, BrokenPipeError])
def test_an_interrupted_push_goes_on(
    device: Device, phone: Phone, files: dict[str, Path], end: type[BaseException]
):
    def interrupt(name: str, done: int, total: int) -> None:
        if done > 5 * MB:
            raise end

    with pytest.raises(end):
        push(device, files, on_progress=interrupt)
    assert push(device, files).kept == ("deit",)
    assert_whole(phone, files)


def test_close_ends_a_transfer(device: Device, phone: Phone, files: dict[str, Path]):
    """From another thread, while this one waits for a link that has stalled."""
    stalled = threading.Event()

    def stall(name: str, done: int, total: int) -> None:
        if done > 5 * MB:
            phone.relay.stall.set()
            stalled.set()

    def close() -> None:
        stalled.wait()
        device.close()

    threading.Thread(target=close, daemon=True).start()
    with pytest.raises(PhoneError, match="told to stop"):
        push(device, files, stall=HANG, on_progress=stall)
    phone.relay.stall.clear()
