"""lite/phone/server.py: the real adb server, and phones in each state that it can be brought to show."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from adbutils import adb_path
from conftest import PhoneMaker, kill_server_hard, ready, server_pid
from phone import Phone
from waiting import HANG, until

from lite.errors import InputError
from lite.phone.link import AdbAddress, NoPhoneError
from lite.phone.server import AdbServer, Listed, address


def silent(line: str) -> None:
    raise AssertionError(line)


def states(server: AdbServer) -> list[str]:
    return [one.state for one in server.listed()]


def test_the_only_phone_needs_no_serial(server: AdbServer, phone: Phone):
    (device,) = server.choose(notify=silent)
    assert device.serial == phone.serial
    assert device.run("getprop ro.product.model", HANG).stdout == "Test phone x86_64\n"


def test_no_phone_at_all(server: AdbServer):
    with pytest.raises(
        NoPhoneError, match="no phone is connected .*; plug one in and switch on USB debugging"
    ) as e:
        server.choose(notify=silent)
    assert e.value.exit_code == 6


def test_several_phones(server: AdbServer, make_phone: PhoneMaker):
    one, two = make_phone("one"), make_phone("two")
    with pytest.raises(InputError, match=r"2 phones are connected \(.*, .*\); give --serial SERIAL or --all"):
        server.choose(notify=silent)
    assert [device.serial for device in server.choose([two.serial], notify=silent)] == [two.serial]
    assert {device.serial for device in server.choose(all=True, notify=silent)} == {one.serial, two.serial}
    twice = server.choose([one.serial, two.serial, one.serial], notify=silent)
    assert [device.serial for device in twice] == [one.serial, two.serial]
    with pytest.raises(InputError, match="not both"):
        server.choose([one.serial], all=True, notify=silent)


def test_a_serial_that_is_not_there(server: AdbServer, phone: Phone):
    with pytest.raises(NoPhoneError, match=rf"no phone XYZ .*connected: {phone.serial}\); check the serial"):
        server.choose(["XYZ"], notify=silent)


def test_a_phone_in_the_network_is_connected_to(server: AdbServer, make_phone: PhoneMaker):
    phone = make_phone(connect=False)
    assert states(server) == []
    (device,) = server.choose([phone.serial], notify=silent)
    assert device.run("id -u", HANG).stdout == "2000\n"


def test_nobody_at_that_address(server: AdbServer):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(NoPhoneError, match="adb connect: .*Connection refused; check the address, and that"):
        server.choose([address], notify=silent)


def test_a_phone_that_does_not_trust_this_computer(server: AdbServer, make_phone: PhoneMaker):
    phone = make_phone(connect=False)
    phone.relay.mode = "auth"
    with pytest.raises(NoPhoneError, match="does not trust this computer yet; unlock it and tap Allow"):
        server.choose([phone.serial], notify=silent)
    assert states(server) == ["unauthorized"]
    with pytest.raises(NoPhoneError, match="no phone can be used: .*tap Allow"):
        server.choose(notify=silent)
    phone.relay.allow.set()
    until(lambda: states(server) == ["device"])
    assert server.choose(notify=silent)[0].run("echo trusted", 10).stdout == "trusted\n"


def test_a_phone_that_never_answers(server: AdbServer, make_phone: PhoneMaker):
    phone = make_phone(connect=False)
    phone.relay.mode = "silent"
    with pytest.raises(NoPhoneError, match=r"does not answer \(offline\); plug it in again"):
        server.choose([phone.serial], notify=silent)


@pytest.mark.parametrize(
    ("banner", "words"),
    [
        ("recovery", "it is in recovery mode; restart it into Android: adb reboot"),
        ("sideload", r"it waits for an update to be sent \(sideload\); leave that menu"),
        ("rescue", "it is in rescue mode; restart it"),
    ],
)
def test_a_phone_that_is_not_in_android(server: AdbServer, make_phone: PhoneMaker, banner: str, words: str):
    phone = make_phone(banner=banner)
    assert states(server) == [banner]
    with pytest.raises(NoPhoneError, match=f"{phone.serial}: {words}"):
        server.choose([phone.serial], notify=silent)


def test_what_cannot_be_used_is_left_out_and_said(server: AdbServer, make_phone: PhoneMaker):
    good, _ = make_phone("good"), make_phone("bad", banner="recovery")
    for choice in ({"all": True}, {}):
        said: list[str] = []
        assert [one.serial for one in server.choose(**choice, notify=said.append)] == [good.serial]
        assert len(said) == 1
        assert "left out: " in said[0]
        assert "recovery" in said[0]


def test_no_permissions_in_words():
    # As adb lists a USB device whose file this user may not open; there is no USB here.
    assert "udev rules" in Listed("0123", "no permissions").words


def test_a_state_of_a_newer_adb():
    assert Listed("0123", "dreaming").words == "0123: it is in state 'dreaming'; restart it into Android"


def test_the_server_is_started_where_none_answers(
    server: AdbServer, phone: Phone, adb_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    for name in ("HOME", "TMPDIR"):
        monkeypatch.setenv(name, adb_environment[name])
    before = server_pid()
    kill_server_hard()
    with pytest.raises(NoPhoneError, match="has ended; run this again, which starts it"):
        server.listed()
    again = AdbServer()
    assert again.version >= 41
    assert server_pid() != before
    # A new server knows no phones in the network; a USB cable would be found.
    again.choose([phone.serial], notify=silent)
    assert ready(again, phone).run("echo back", HANG).stdout == "back\n"


def test_a_server_that_is_just_ending(adb_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    """It cuts what comes, then its port is free."""
    for name in ("HOME", "TMPDIR"):
        monkeypatch.setenv(name, adb_environment[name])
    asked: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def cut() -> None:
            for linger in (b"\1\0\0\0\0\0\0\0", b"\0" * 8):  # a reset, and an orderly end
                with listener.accept()[0] as connection:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    asked.append(len(connection.recv(100)))
            listener.close()

        thread = threading.Thread(target=cut)
        thread.start()
        try:
            assert AdbServer(AdbAddress("127.0.0.1", port)).version >= 41
        finally:
            thread.join()
            subprocess.run([adb_path(), "-P", str(port), "kill-server"], capture_output=True)
    assert len(asked) == 2


def test_a_server_that_ends_while_it_is_asked(server: AdbServer):
    """What has answered as an adb server is called one when it cuts a connection."""
    with _answering(b"OKAY00040029") as port:
        asked = AdbServer(AdbAddress("127.0.0.1", port))
    with (
        _answering(b"", port),
        pytest.raises(NoPhoneError, match="has ended; run this again, which starts it"),
    ):
        asked.listed()


def test_nothing_is_started_for_another_computer():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    # Any address but the usual one stands for another computer.
    with pytest.raises(NoPhoneError, match=rf"no adb server answers at 127.0.0.2:{port} .*; start it there"):
        AdbServer(AdbAddress("127.0.0.2", port))


def test_a_server_of_another_computer(server: AdbServer, phone: Phone):
    with _tunnel(server._client.address.port) as where:
        (device,) = AdbServer(AdbAddress(*where)).choose(notify=silent)
        assert device.run("echo far", HANG).stdout == "far\n"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"OKAY", b"OKAYzzzz"])
def test_another_program_at_that_port(answer: bytes):
    with (
        _answering(answer) as port,
        pytest.raises(NoPhoneError, match="no adb server answers at .*; check that it"),
    ):
        AdbServer(AdbAddress("127.0.0.1", port))


@pytest.mark.parametrize(
    "text", ["farm", "farm:", ":5037", "farm:x", "farm:0", "farm:65536", "::1:5037", "[]:5037"]
)
def test_an_address_that_is_none(text: str):
    with pytest.raises(InputError, match=r"is no address of an adb server; give HOST:PORT"):
        address(text)


def test_addresses():
    assert address("farm.example:5037") == AdbAddress("farm.example", 5037)
    assert address("[fe80::1]:5037") == AdbAddress("fe80::1", 5037)
    assert str(address("[::1]:5037")) == "[::1]:5037"


@pytest.mark.parametrize("port", ["x", "0", "70000"])
def test_a_port_in_the_environment_that_is_none(monkeypatch: pytest.MonkeyPatch, port: str):
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", port)
    with pytest.raises(InputError, match="set it to a port, or unset it"):
        AdbServer()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("tcp:5038", AdbAddress("127.0.0.1", 5038)),
        ("tcp:farm:5038", AdbAddress("farm", 5038)),
        ("tcp:[::1]:5038", AdbAddress("::1", 5038)),
        ("localfilesystem:/run/adb", AdbAddress("", 0, "/run/adb")),
        ("localabstract:adb", AdbAddress("", 0, "\0adb")),
    ],
)
def test_adbs_own_environment(monkeypatch: pytest.MonkeyPatch, spec: str, expected: AdbAddress):
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")
    monkeypatch.setenv("ADB_SERVER_SOCKET", spec)
    assert address(None) == expected
    assert address("farm:1") == AdbAddress("farm", 1)
    monkeypatch.delenv("ADB_SERVER_SOCKET")
    monkeypatch.setenv("ANDROID_ADB_SERVER_ADDRESS", "[::1]")
    assert address(None) == AdbAddress("::1", 1)


@pytest.mark.parametrize("spec", ["farm:5037", "tcp:", "tcp:farm", "vsock:3:5037", "localfilesystem:"])
def test_a_socket_in_the_environment_that_is_none(monkeypatch: pytest.MonkeyPatch, spec: str):
    monkeypatch.setenv("ADB_SERVER_SOCKET", spec)
    with pytest.raises(InputError, match="ADB_SERVER_SOCKET is .*set it to tcp:PORT, tcp:HOST:PORT or local"):
        AdbServer()


def test_the_server_of_adb_server_socket(server: AdbServer, phone: Phone, tmp_path: Path):
    """That of a tunnel, over IPv6 and over a local socket; without the variable there would be another."""
    near, path = server._client.address.port, str(tmp_path / "adb")
    with (
        pytest.MonkeyPatch.context() as patch,
        _tunnel(near, ("::1", 0), socket.AF_INET6) as (_, port, *_rest),
        _tunnel(near, path, socket.AF_UNIX),
    ):
        (device,) = AdbServer(address(f"[::1]:{port}")).choose(notify=silent)
        assert device.run("echo six", HANG).stdout == "six\n"
        for spec in (f"tcp:[::1]:{port}", f"localfilesystem:{path}"):
            patch.setenv("ADB_SERVER_SOCKET", spec)
            (device,) = AdbServer().choose(notify=silent)
            assert device.run(["echo", spec], HANG).stdout == f"{spec}\n"


def test_a_server_is_started_at_a_local_socket(
    adb_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name in ("HOME", "TMPDIR"):
        monkeypatch.setenv(name, adb_environment[name])
    spec = f"localfilesystem:{tmp_path / 'adb'}"
    monkeypatch.setenv("ADB_SERVER_SOCKET", spec)
    try:
        assert AdbServer().version >= 41
    finally:
        subprocess.run([adb_path(), "-L", spec, "kill-server"], capture_output=True)


def test_android_serial(server: AdbServer, make_phone: PhoneMaker, monkeypatch: pytest.MonkeyPatch):
    one, two = make_phone("one"), make_phone("two")
    monkeypatch.setenv("ANDROID_SERIAL", two.serial)
    assert [device.serial for device in server.choose(notify=silent)] == [two.serial]
    assert [device.serial for device in server.choose([one.serial], notify=silent)] == [one.serial]
    assert len(server.choose(all=True, notify=silent)) == 2
    monkeypatch.setenv("ANDROID_SERIAL", "XYZ")
    with pytest.raises(
        NoPhoneError, match="no phone XYZ .*correct ANDROID_SERIAL, unset it, or give --serial"
    ):
        server.choose(notify=silent)


def test_two_phones_with_one_serial(server: AdbServer, make_phone: PhoneMaker):
    """As cheap ones have; what the real server says of the second is changed on its way here."""
    one, two = make_phone("one"), make_phone("two")
    change = (two.serial.encode(), one.serial.encode())
    assert len(change[0]) == len(change[1])
    with _tunnel(server._client.address.port, ("127.0.0.2", 0), change=change) as (host, port):
        far = AdbServer(AdbAddress(host, port))
        first, second = (listed.serial for listed in far.listed())
        assert {first.partition("@")[0], second.partition("@")[0]} == {one.serial}
        with pytest.raises(
            InputError, match=f"2 phones have the serial {one.serial}; name one with --serial"
        ):
            far.choose([one.serial], notify=silent)
        with pytest.raises(InputError, match=f"2 phones are connected .*{first}"):
            far.choose(notify=silent)
        devices = [*far.choose(all=True, notify=silent), *far.choose([second, first], notify=silent)]
        names = [device.run("getprop ro.serialno", HANG).stdout.strip() for device in devices]
        assert sorted(names[:2]) == ["one", "two"]
        assert names[2:] == [names[1], names[0]]
        assert devices[0].adb == f"adb -t {first.rpartition('@')[2]}"


def test_nothing_listens_beyond_loopback(server: AdbServer, phone: Phone):
    sockets = {str(path.readlink()) for path in Path(f"/proc/{server_pid()}/fd").iterdir()}
    addresses = [
        words[1].partition(":")[0]
        for table in ("tcp", "tcp6", "udp", "udp6")
        for words in (line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:])
        # 0A is a listening socket; one for UDP has no state.
        if f"socket:[{words[9]}]" in sockets and (words[3] == "0A" or table.startswith("udp"))
    ]
    # 127.0.0.1, as Linux writes it.
    assert addresses == ["0100007F"]


@contextmanager
def _answering(answer: bytes, port: int = 0) -> Iterator[int]:
    """A program that answers every connection with the same bytes and hangs up."""
    with socket.create_server(("127.0.0.1", port)) as listener:

        def serve() -> None:
            try:
                while True:
                    with listener.accept()[0] as connection:
                        connection.recv(100)
                        connection.sendall(answer)
            except OSError:
                return

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextmanager
def _tunnel(
    port: int,
    where: tuple[str, int] | str = ("127.0.0.2", 0),
    family: int = socket.AF_INET,
    change: tuple[bytes, bytes] = (b"", b""),
) -> Iterator[tuple[str, int]]:
    """The adb server again at an address that Server takes for another computer's, or at a local socket.

    `change`: bytes in its answers that come as others.
    """
    with socket.socket(family) as listener:
        listener.bind(where)
        listener.listen()

        def pump(source: socket.socket, sink: socket.socket, change: tuple[bytes, bytes]) -> None:
            try:
                while block := source.recv(1 << 16):
                    sink.sendall(block.replace(*change) if change[0] else block)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                return

        def serve() -> None:
            try:
                while True:
                    near = listener.accept()[0]
                    far = socket.create_connection(("127.0.0.1", port))
                    for ends in ((near, far, (b"", b"")), (far, near, change)):
                        threading.Thread(target=pump, args=ends, daemon=True).start()
            except OSError:
                return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
