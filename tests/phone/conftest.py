"""Test phones and an adb server for the tests, all on loopback, all gone after them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from adbutils import adb_path

from lite.phone.device import Device
from lite.phone.link import NoPhoneError, PhoneError
from lite.phone.server import AdbServer

# The C++ core's build is shared with its own tests.
sys.path.append(str(Path(__file__).resolve().parents[1] / "cpp"))

from core_build import build
from phone import QEMU, ROOTS, Phone
from waiting import HANG, runs, until


class PhoneMaker(Protocol):
    def __call__(self, name: str = ..., **options: Any) -> Phone: ...


@pytest.fixture(scope="session")
def adb_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of every adb server here: a port of its own, no USB, no emulators, no mDNS."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("adb")
    ours = {"ANDROID_ADB_SERVER_PORT": str(port), "ADB_MDNS": "0", "ADB_USB": "0", "ADB_EMU": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ours.items():
            patch.setenv(name, value)
        for name in (
            "ANDROID_ADB_SERVER_ADDRESS",
            "ADB_SERVER_SOCKET",
            "ANDROID_SERIAL",
            "ADB_VENDOR_KEYS",
            "ADB_TRACE",
        ):
            patch.delenv(name, raising=False)
        yield {**os.environ, "HOME": str(home), "TMPDIR": str(home)}
    _kill_server(port)


@pytest.fixture
def server(adb_environment: dict[str, str]) -> AdbServer:
    """The adb server, started if the last test ended it."""
    _start_server(adb_environment)
    return AdbServer()


@pytest.fixture
def make_phone(server: AdbServer, tmp_path: Path) -> Iterator[PhoneMaker]:
    """Switches on phones, known to the adb server unless `connect=False`; see Phone for the options."""
    made: list[Phone] = []

    def make(name: str = "phone", *, connect: bool = True, **options: Any) -> Phone:
        _check_host(options.get("arch", "amd64"))
        phone = Phone(tmp_path / "phones", name, **options)
        made.append(phone)
        phone.start()
        if connect:
            _adb("connect", phone.serial)
        return phone

    yield make
    for phone in made:
        _adb("disconnect", phone.serial, check=False)
        phone.close()
    # With its init, all that ran on a phone ends.
    until(lambda: not any(phone.pid and runs(phone.pid) for phone in made))


@pytest.fixture
def phone(make_phone: PhoneMaker) -> Phone:
    """An x86_64 phone, which runs what the C++ core's host preset builds."""
    return make_phone()


@pytest.fixture
def arm_phone(make_phone: PhoneMaker) -> Phone:
    """An arm64 phone; its processors are qemu's Cortex-A76, and its figures mean nothing."""
    return make_phone("pixel", arch="arm64")


@pytest.fixture
def device(server: AdbServer, phone: Phone) -> Device:
    """The x86_64 phone as the library has it."""
    return ready(server, phone)


@pytest.fixture(scope="session")
def deit() -> Path:
    """The demo with the wheel's engine, for the x86_64 phone."""
    return build("host") / "deit"


@pytest.fixture
def options(deit: Path, tiny_bundle: Path, tmp_path: Path) -> tuple[object, ...]:
    """What every bench is given: a bundle, and a folder for the outcome."""
    return ("--bundle", tiny_bundle, "--out", tmp_path / "out")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A program, and a network in a folder of its own, as a bundle has it."""
    model, program = tmp_path / "model.nb", tmp_path / "deit"
    model.write_bytes(random.Random(6).randbytes(25_000_000))
    program.write_text("#!/system/bin/sh\necho ran\n")
    program.chmod(0o755)
    return {"deit": program, "int8/model.nb": model}


def ready(server: AdbServer, phone: Phone) -> Device:
    """The phone as a Device, once the adb server has it in state `device` and it answers."""

    def answers() -> Device | None:
        if not any(one.serial == phone.serial and one.usable for one in server.listed()):
            return None
        try:
            (device,) = server.choose([phone.serial], notify=lambda line: None)
            device.run(["true"], HANG)
        except (NoPhoneError, PhoneError):  # it may be offline again by now
            return None
        return device

    return until(answers)


def _check_host(arch: str) -> None:
    if not (ROOTS / arch / "usr/sbin/adbd").exists():
        pytest.fail(f"no test phone for {arch}: run tests/phone/root.sh {arch}, as ./test.sh does", False)
    if os.geteuid() != 0:
        pytest.fail("the test phone needs root: its namespaces have users of their own", False)
    if arch == "arm64" and shutil.which(QEMU) is None:
        pytest.fail(f"{QEMU} missing: ./test.sh installs it as root, or says what to install", False)


def _adb(*arguments: str, check: bool = True) -> None:
    done = subprocess.run([adb_path(), *arguments], capture_output=True, text=True)
    if check and not done.stdout.startswith(("connected", "already")):
        # Phones that are unauthorized or offline on purpose say so, too; the test looks at their state.
        print(done.stdout, done.stderr)


def _start_server(environment: dict[str, str]) -> None:
    # With HOME here, since it keeps its key there.
    subprocess.run([adb_path(), "start-server"], env=environment, check=True, capture_output=True)


def _kill_server(port: int) -> None:
    subprocess.run([adb_path(), "-P", str(port), "kill-server"], capture_output=True)


def server_pid() -> int:
    """The process of the adb server."""
    port = os.environ["ANDROID_ADB_SERVER_PORT"]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"fork-server" in words and any(word.endswith(port.encode()) for word in words):
            return int(folder.name)
    raise AssertionError("no adb server runs")


def kill_server_hard() -> None:
    """Ends the adb server as a crash would."""
    pid = server_pid()
    os.kill(pid, signal.SIGKILL)
    # It may be a child of this process's, and nobody's by now.
    until(lambda: not runs(pid))
    # Connections that it had not accepted yet are reset for a moment; then there is none to connect to.
    until(_port_is_closed)


def _port_is_closed() -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(os.environ["ANDROID_ADB_SERVER_PORT"])), 5).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False
