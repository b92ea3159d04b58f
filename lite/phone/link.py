"""One open connection through the adb server to a service of the phone, each step of it bounded in time.

adbutils lets through half a dozen kinds of errors; here each becomes a PhoneError that says what happened.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from dataclasses import dataclass

from adbutils import AdbClient, AdbConnection, AdbDevice, AdbError
from adbutils.errors import AdbConnectionError, AdbTimeout

from lite.errors import ToolkitError

# All that adbutils 2.12 raises: its own, and what its parsing and its sockets do.
FAULTS = (AdbError, EOFError, OSError, AssertionError, ValueError, struct.error)
_CONNECT_SECONDS = 3.0
_AGAIN = "check the cable, wait until the phone is up, and run this again"
# By what the adb server or adbd says.
_SAID = (
    ("not found", "it is not connected any more", _AGAIN),
    ("no device with transport id", "it is not connected any more", _AGAIN),
    ("offline", "it is offline", _AGAIN),
    ("authoriz", "it does not trust this computer any more", "allow USB debugging on its screen"),
    ("still connecting", "it is still connecting", "run this again in a moment"),
)


@dataclass(frozen=True)
class AdbAddress:
    """Where an adb server listens: `host` and `port`, or the `path` of a socket of this computer.

    A `path` that begins with a null character is in Linux's abstract namespace.
    """

    host: str
    port: int
    path: str | None = None

    def __str__(self) -> str:
        """As adb writes it."""
        if self.path is not None:
            abstract = self.path.startswith("\0")
            return f"{'localabstract' if abstract else 'localfilesystem'}:{self.path.lstrip(chr(0))}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether it is this computer's, so that a server can be started there."""
        # adb listens at ::1 only where it listens at every address.
        return self.path is not None or self.host in ("127.0.0.1", "localhost")

    def connect(self) -> socket.socket:
        """A connection. Raises AdbTimeout or AdbConnectionError."""
        try:
            if self.path is None:
                connected = socket.create_connection((self.host, self.port), _CONNECT_SECONDS)
                # Small packets are waited for on the other side.
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _keep_alive(connected)
            else:
                connected = socket.socket(socket.AF_UNIX)
                connected.settimeout(_CONNECT_SECONDS)
                connected.connect(self.path)
        except TimeoutError as error:
            raise AdbTimeout("connect to adb server timeout") from error
        except OSError as error:
            raise AdbConnectionError(f"connect to adb server failed: {error}") from error
        return connected


def _keep_alive(connected: socket.socket) -> None:
    # As adbutils has it: a farm that has gone is noticed.
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Client(AdbClient):
    """adbutils' client, which starts no server by itself: not for a remote host, and not in the middle of a run.

    It asks the server for its version once, where adbutils asks for each connection to a phone, and reaches IPv6
    addresses and local sockets.
    """

    _version: int | None = None

    def __init__(self, address: AdbAddress) -> None:
        # Without them adbutils would look into the environment.
        super().__init__(address.host or "127.0.0.1", address.port or 1)
        self.address = address

    def make_connection(self, timeout: float | None = None) -> AdbConnection:
        """Connects to the server. Raises AdbTimeout or AdbConnectionError."""
        connection = _Connection(self.address)
        connection.conn.settimeout(timeout or 10.0)
        return connection

    def server_version(self) -> int:
        """What the server said the first time. Raises any of FAULTS."""
        if self._version is None:
            self._version = self.ask_version()
        return self._version

    def ask_version(self) -> int:
        """What the server says now. Raises any of FAULTS."""
        return int(super().server_version())


class _Connection(AdbConnection):
    _done = False

    def __init__(self, address: AdbAddress) -> None:
        self._address = address
        super().__init__(address.host, address.port)

    def _safe_connect(self) -> socket.socket:
        return self._address.connect()

    def close(self) -> None:
        # adbutils' own sleeps 10 ms, at each connection, for what no protocol here needs.
        if not self._done:
            self._done = True
            self.conn.close()


class Link:
    """A connection to `service` (adb's SERVICES.TXT, `shell,v2,raw:…` or `sync:`) of a phone.

    Every method waits `seconds` at most and raises TimeoutError when they are over, or PhoneError.
    """

    def __init__(self, device: AdbDevice, service: str, seconds: float) -> None:
        self._serial = str(device.serial)
        self._client = device._client
        try:
            self._connection = device.open_transport(timeout=max(seconds, 0.001))
        except FAULTS as error:
            raise self._explained(error) from error
        try:
            self._connection.send_command(service)
            self._connection.check_okay()
        except FAULTS as error:
            self.close()
            raise self._explained(error) from error

    def send(self, data: bytes | memoryview, seconds: float) -> None:
        """Sends all of `data`."""
        try:
            self._wait_at_most(seconds)
            self._connection.conn.sendall(data)
        except FAULTS as error:
            raise self._explained(error) from error

    def receive(self, count: int, seconds: float) -> bytes:
        """Receives exactly `count` bytes."""
        try:
            self._wait_at_most(seconds)
            received = b""
            while len(received) < count:
                block = self._connection.conn.recv(count - len(received))
                if not block:
                    raise EOFError
                received = received + block if received else block
            return received
        except FAULTS as error:
            raise self._explained(error) from error

    def readable(self) -> bool:
        """Whether something to receive, or the end of the link, is there already."""
        try:
            return bool(select.select([self._connection.conn], [], [], 0)[0])
        except FAULTS as error:
            raise self._explained(error) from error

    def shut(self) -> None:
        """Ends it from another thread: a wait in `send` or `receive` is over at once."""
        with contextlib.suppress(*FAULTS):
            self._connection.conn.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes it; adbd ends the service, a command with SIGHUP."""
        with contextlib.suppress(*FAULTS):
            self._connection.close()

    def _wait_at_most(self, seconds: float) -> None:
        if seconds <= 0:
            raise TimeoutError
        self._connection.conn.settimeout(seconds)

    def _explained(self, error: BaseException) -> PhoneError | TimeoutError:
        if isinstance(error, (AdbTimeout, TimeoutError)):
            return TimeoutError()
        return explained(self._client, self._serial, error)


def explained(client: Client, serial: str, error: BaseException) -> PhoneError:
    """What one of FAULTS means for the phone `serial`, as a PhoneError."""
    if isinstance(error, AdbConnectionError) or not _answers(client):
        again = "run this again, which starts it anew" if client.address.local else "start it there again"
        return PhoneError(serial, "the adb server has ended", again, lost=True)
    if isinstance(error, AdbError):
        said = " ".join(str(error).split()) or "adb gives no reason"
        for mark, why, remedy in _SAID:
            if mark in said:
                return PhoneError(serial, why, remedy, lost=True)
        return PhoneError(serial, f"adb says: {said}", _AGAIN, lost=said == "closed")
    return PhoneError(serial, "the connection to it broke off", _AGAIN, lost=True)


def _answers(client: Client) -> bool:
    try:
        client.ask_version()
    except FAULTS:
        return False
    return True


class NoPhoneError(ToolkitError):
    """There is no phone that can be used, or no adb server to ask for one."""

    exit_code = 6


class PhoneError(ToolkitError):
    """Something failed on one phone, which is the `what` of it: `{serial}: {why}; {remedy}`.

    `lost` tells that the phone itself is out of reach (cable, reboot, stalled link, adb server ended), so that
    nothing more can be had from it in this run.
    """

    exit_code = 7

    def __init__(self, serial: str, why: str, remedy: str, *, lost: bool = False) -> None:
        super().__init__(serial, why=why, remedy=remedy)
        self.serial = serial
        self.lost = lost


class PhoneTimeoutError(PhoneError):
    """A command did not end in its time and was ended; the phone still answers."""


class BusyError(PhoneError):
    """Another bench is at work on the phone; it was left alone."""

    exit_code = NoPhoneError.exit_code


class GoldenMismatchError(ToolkitError):
    """The phone's answers to the golden pictures are not the bundle's; no latency of it is worth a look."""

    exit_code = 8
