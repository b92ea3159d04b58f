"""lite/phone/device.py: commands on a real adbd, and that none outlives its time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from conftest import PhoneMaker, ready
from phone import Phone
from waiting import HANG, until

from lite.errors import InputError
from lite.phone.device import Device
from lite.phone.link import PhoneError, PhoneTimeoutError
from lite.phone.server import AdbServer

# Its children are the shell's grandchildren, and it does not end when the link does.
STUBBORN = "trap '' HUP TERM; sleep 10000 & sleep 10001 & while :; do echo x; sleep 0.1; done"


def left_running(phone: Phone) -> list[str]:
    return [line for line in phone.processes() if "sleep" in line]


def test_exit_code_and_both_outputs_come_back(device: Device):
    done = device.run("echo out; echo err >&2; exit 3", HANG)
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert done.seconds > 0


def test_arguments_and_environment_arrive_as_they_are(device: Device):
    words = ["a b", "$HOME", "it's", "*", "", "日本"]
    assert device.run(["printf", "[%s]", *words], HANG).stdout == "".join(f"[{word}]" for word in words)
    assert device.run(["sh", "-c", 'echo "$KEY"'], HANG, env={"KEY": "it's $x"}).stdout == "it's $x\n"


def test_standard_input_is_empty(device: Device):
    assert device.run(["cat"], HANG).stdout == ""


def test_a_program_killed_by_a_signal(device: Device):
    assert device.run("sh -c 'kill -SEGV $$'", HANG).code == 128 + 11


def test_a_mistake_in_the_shell_text_is_the_commands_own_failure(device: Device):
    done = device.run("echo 'unfinished", HANG)
    assert done.code != 0
    assert "quote" in done.stderr


def test_lines_come_while_the_command_runs(device: Device, phone: Phone):
    seen: list[str] = []

    def heard(line: str) -> None:
        seen.append(line)
        phone.path("/data/local/tmp/heard").touch()

    waits = "echo 1; while [ ! -e /data/local/tmp/heard ]; do sleep 0.1; done; echo 2; printf 3"
    assert device.run(waits, HANG, on_line=heard).stdout == "1\n2\n3"
    assert seen == ["1", "2"]


def test_output_that_is_no_text(device: Device):
    done = device.run(r"printf '\377\000\n'", HANG)
    assert done.stdout == "�\0\n"


def test_an_overdue_command_is_killed_with_all_its_children(device: Device, phone: Phone):
    with pytest.raises(PhoneTimeoutError, match=r"did not end within 1 s and was ended.*trap") as caught:
        device.run(STUBBORN, 1)
    assert not caught.value.lost
    assert left_running(phone) == []
    assert device.run("echo still here", HANG).stdout == "still here\n"


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError("no terminal"), ValueError])
def test_whatever_ends_the_wait_ends_the_command(device: Device, phone: Phone, end: BaseException):
    def interrupt(line: str) -> None:
        raise end

    with pytest.raises(end if isinstance(end, type) else OSError):
        device.run(STUBBORN, 60, on_line=interrupt)
    assert left_running(phone) == []


def test_a_pulled_cable_is_said_and_leaves_nothing_running(device: Device, phone: Phone, server: AdbServer):
    with pytest.raises(PhoneError, match="the connection to it broke off; check the cable") as caught:
        device.run(STUBBORN, HANG, on_line=lambda line: phone.relay.drop())
    assert caught.value.lost
    assert caught.value.exit_code == 7
    until(lambda: not left_running(phone))
    assert ready(server, phone).run("echo again", HANG).stdout == "again\n"


def test_a_stalled_link_ends_within_the_time_limit(device: Device, phone: Phone):
    with pytest.raises(PhoneError, match="it does not answer any more") as caught:
        device.run(STUBBORN, 5, on_line=lambda line: phone.relay.stall.set())
    assert caught.value.lost
    phone.relay.stall.clear()
    until(lambda: not left_running(phone))


def test_a_phone_that_restarts(device: Device, phone: Phone, server: AdbServer):
    with pytest.raises(PhoneError) as caught:
        device.run("echo runs; sleep 10000", HANG, on_line=lambda line: phone.stop())
    assert caught.value.lost
    with pytest.raises(PhoneError, match=r"offline|not connected|broke off") as caught:
        device.run("true", HANG)
    assert caught.value.lost
    phone.start()
    assert ready(server, phone).run("echo up", HANG).stdout == "up\n"


def test_close_ends_what_another_thread_waits_for(device: Device, phone: Phone):
    failures: list[PhoneError] = []

    def run() -> None:
        with pytest.raises(PhoneError) as caught:
            device.run(STUBBORN, HANG)
        failures.append(caught.value)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: left_running(phone))
    device.close()
    thread.join(HANG)
    assert "it was told to stop" in str(failures[0])
    until(lambda: not left_running(phone))
    with pytest.raises(PhoneError, match="told to stop"):
        device.run("true", HANG)


def test_arguments_of_other_processes_need_not_be_text(device: Device, phone: Phone):
    beside = [sys.executable, "-c", "import time; print(flush=True); time.sleep(10000)", b"\xff"]
    with subprocess.Popen(beside, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            assert phone.processes() == []

            def heard(line: str) -> None:
                wanted = os.fsdecode(b"sh -c sleep 10000; : \xff")
                until(lambda: wanted in phone.processes())
                raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                device.run("""echo; exec sh -c "sleep 10000; : $(printf '\\377')" """, HANG, on_line=heard)
        finally:
            process.kill()


def test_endless_output_does_not_fill_the_memory(device: Device, phone: Phone):
    with pytest.raises(PhoneError, match="printed more than 64 MiB and was ended"):
        device.run(["yes", "rubbish " * 1000], HANG)
    assert not any(line.startswith("yes") for line in phone.processes())


def test_a_command_too_long_for_adb(device: Device):
    assert device.run(["true", "x" * 60_000], HANG).code == 0
    with pytest.raises(InputError, match="too long for adb"):
        device.run(["true", "x" * 70_000], HANG)


def test_two_phones_at_once(server: AdbServer, make_phone: PhoneMaker):
    devices = [ready(server, make_phone(name)) for name in ("one", "two")]
    answers: dict[str, str] = {}

    def ask(device: Device) -> None:
        answers[device.serial] = device.run("sleep 0.5; getprop ro.serialno", HANG).stdout.strip()

    threads = [threading.Thread(target=ask, args=(device,)) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[device.serial] for device in devices] == ["one", "two"]


def test_android_before_7_has_no_exit_codes(server: AdbServer, make_phone: PhoneMaker):
    phone = make_phone(connect=False)
    # The same bytes in another order, since their sum is checked.
    phone.relay.replace = (b"shell_v2", b"2v_llehs")
    device = server.choose([phone.serial], notify=print)[0]
    with pytest.raises(PhoneError, match="its Android is older than 7; use a phone with Android 7 or newer"):
        device.run("true", HANG)
