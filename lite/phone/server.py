"""The adb server: started where none answers, asked for its phones, and what the state of each means."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adbutils import AdbDevice, AdbDeviceInfo, AdbError, adb_path

from lite.errors import InputError
from lite.phone.device import Device
from lite.phone.link import FAULTS, AdbAddress, Client, NoPhoneError
from lite.shown import shown

DEFAULT_PORT = 5037
_LOCAL = "127.0.0.1"
# For the server to come up, and for a phone in the network to answer.
_START_SECONDS = 60.0
_CONNECT_SECONDS = 30.0
# While a server ends, and another takes its port, connections are cut without an answer.
_CHANGE_SECONDS = 10.0

_ALLOW = "unlock it and tap Allow in its question about USB debugging"
# adb's states (its adb.h and transport.cpp) but for `device`: what each means, and what to do.
_STATES = {
    "unauthorized": ("it does not trust this computer yet", _ALLOW),
    "authorizing": ("it is being asked to trust this computer", f"{_ALLOW}, then run this again"),
    "connecting": ("it is still connecting", "run this again in a moment"),
    "offline": (
        "it does not answer (offline)",
        "plug it in again, wait until it has started, or run adb reconnect",
    ),
    "recovery": ("it is in recovery mode", "restart it into Android: adb reboot"),
    "rescue": ("it is in rescue mode", "restart it into Android: adb reboot"),
    "sideload": ("it waits for an update to be sent (sideload)", "leave that menu, restart it into Android"),
    "bootloader": ("it is in its bootloader", "restart it into Android: fastboot reboot"),
    "host": ("it is another computer's adb, no phone", "plug in a phone"),
    "detached": ("another program has taken it over (detached)", "run adb attach, or end that program"),
    "no permissions": (
        "this user may not open its USB device (no permissions)",
        "install the udev rules of Debian's android-sdk-platform-tools-common, or join the group plugdev, "
        "then plug it in again",
    ),
}


def address(text: str | None) -> AdbAddress:
    """The address of the server: `text` as HOST:PORT or [IPV6]:PORT, else what adb's environment variables say.

    Those are ADB_SERVER_SOCKET, or ANDROID_ADB_SERVER_ADDRESS and ANDROID_ADB_SERVER_PORT, which count as adb has it.
    Raises InputError for what is no address.
    """
    if text is not None:
        found = _host_and_port(text)
        if found is None:
            raise InputError(
                f"{shown(text)} is no address of an adb server",
                remedy="give HOST:PORT, such as farm:5037, or [ADDRESS]:PORT for IPv6",
            )
        return found
    if spec := os.environ.get("ADB_SERVER_SOCKET"):
        return _of_socket(spec)
    host = (os.environ.get("ANDROID_ADB_SERVER_ADDRESS") or _LOCAL).strip("[]")
    return AdbAddress(host, _port_by_environment())


def chosen_serials(serials: Sequence[str], all: bool = False) -> Sequence[str]:
    """`serials`, or with neither them nor `all` what ANDROID_SERIAL says, as with adb."""
    by_environment = os.environ.get("ANDROID_SERIAL")
    return [by_environment] if by_environment and not serials and not all else serials


def _host_and_port(text: str) -> AdbAddress | None:
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None  # of an IPv6 address without brackets nobody can tell where it ends
    return AdbAddress(host, int(port)) if host and _is_port(port) else None


def _of_socket(spec: str) -> AdbAddress:
    kind, _, rest = spec.partition(":")
    if kind == "tcp" and (found := AdbAddress(_LOCAL, int(rest)) if _is_port(rest) else _host_and_port(rest)):
        return found
    if kind in ("local", "localfilesystem", "localabstract") and rest:
        return AdbAddress("", 0, f"\0{rest}" if kind == "localabstract" else rest)
    raise InputError(
        f"ADB_SERVER_SOCKET is {shown(spec)}",
        why="that is no address which can be reached from here",
        remedy="set it to tcp:PORT, tcp:HOST:PORT or localfilesystem:PATH, or unset it",
    )


@dataclass(frozen=True)
class Listed:
    """A phone that the server knows, in whatever state (adb's word; `device` is the only usable one).

    `transport` is adb's number of it where another has the same serial; then `serial` is `SERIAL@NUMBER`.
    """

    serial: str
    state: str
    transport: int | None = None

    @property
    def usable(self) -> bool:
        """Whether commands can be run on it."""
        return self.state == "device"

    @property
    def words(self) -> str:
        """Its state in words and what to do about it, in one line that begins with its serial."""
        return f"{self.serial}: ready" if self.usable else str(self.error)

    @property
    def error(self) -> NoPhoneError:
        """Why it cannot be used, for one that is not usable."""
        why, remedy = _STATES.get(
            self.state, (f"it is in state {shown(self.state)}", "restart it into Android")
        )
        return NoPhoneError(self.serial, why=why, remedy=remedy)


class AdbServer:
    """An adb server; this computer's is started where none answers, another computer's only asked.

    Without `where` adb's environment variables count, see `address`. Raises NoPhoneError when there is no server or
    something else answers, InputError for an environment variable that is wrong.
    """

    def __init__(self, where: AdbAddress | None = None) -> None:
        where = where or address(None)
        self._client = Client(where)
        self._where = where
        self.version: int | None = None
        self.version = self._started()

    def listed(self) -> list[Listed]:
        """All phones that the server knows, whatever their state. Raises NoPhoneError when it has gone."""
        try:
            found = self._client.list(extended=True)
        except FAULTS as error:
            raise self._gone(error) from error
        serials = [one.serial for one in found]
        return [_listed(one, serials.count(one.serial) > 1) for one in found]

    def choose(
        self, serials: Sequence[str] = (), all: bool = False, *, notify: Callable[[str], None]
    ) -> list[Device]:
        """The phones to use: those named, all usable ones, that of ANDROID_SERIAL, or the only usable one.

        Phones with one serial, as cheap ones have, are named SERIAL@NUMBER, adb's number of the connection. A serial
        HOST:PORT that is not listed is connected to first. `notify` gets one line for each phone that is left out
        because of its state. Raises NoPhoneError when one that is named, or none at all, can be used, and InputError
        when one of several has to be named, or `serials` and `all` are both given.
        """
        if serials and all:
            raise InputError("give --serial or --all, not both")
        if named := chosen_serials(serials, all):
            return [self._device(serial, is_given=bool(serials)) for serial in dict.fromkeys(named)]
        listed = self.listed()
        usable = [one for one in listed if one.usable]
        others = [one for one in listed if not one.usable]
        if not listed:
            raise NoPhoneError(
                f"no phone is connected to the adb server at {self._where}",
                remedy=(
                    "plug one in and switch on USB debugging in its developer options, or name one in the "
                    "network with --serial HOST:PORT"
                ),
            )
        if not usable:
            raise _none_usable(others)
        if len(usable) > 1 and not all:
            names = ", ".join(one.serial for one in usable)
            raise InputError(
                f"{len(usable)} phones are connected ({names})", remedy="give --serial SERIAL or --all"
            )
        for one in others:
            notify(f"left out: {one.words}")
        return [self._open(one) for one in usable]

    def usable(self) -> list[Device]:
        """All phones that can be used now; none where the server does not answer."""
        try:
            return [self._open(one) for one in self.listed() if one.usable]
        except NoPhoneError:
            return []

    def connect_again(self, serial: str) -> None:
        """Connects to a phone in the network, HOST:PORT, that may be lost; others the server finds by itself.

        Raises NoPhoneError where it does not answer.
        """
        if ":" in serial and "@" not in serial:
            self._connect(serial)

    def _device(self, serial: str, *, is_given: bool) -> Device:
        found = self._find(serial)
        if found is None and ":" in serial:
            self._connect(serial)
            found = self._find(serial)
        if found is None:
            listed = self.listed()
            same = [one.serial for one in listed if one.serial.startswith(f"{serial}@")]
            if same:
                raise InputError(
                    f"{len(same)} phones have the serial {serial}",
                    remedy=f"name one with --serial {' or --serial '.join(same)}, or give --all",
                )
            known = ", ".join(one.serial for one in listed) or "none"
            raise NoPhoneError(
                f"no phone {serial} at the adb server {self._where} (connected: {known})",
                remedy="check the serial"
                if is_given
                else "correct ANDROID_SERIAL, unset it, or give --serial",
            )
        if not found.usable:
            raise found.error
        return self._open(found)

    def _find(self, serial: str) -> Listed | None:
        return next((one for one in self.listed() if one.serial == serial), None)

    def _connect(self, serial: str) -> None:
        # It reports failure only in what it says.
        try:
            said = self._client.connect(serial, timeout=_CONNECT_SECONDS)
        except FAULTS as error:
            raise NoPhoneError(
                f"{serial}", why=f"adb connect: {error or 'no answer in time'}", remedy=_NETWORK
            ) from error
        if not said.startswith(("connected to", "already connected to")) and self._find(serial) is None:
            raise NoPhoneError(f"{serial}", why=f"adb connect: {' '.join(said.split())}", remedy=_NETWORK)

    def _open(self, one: Listed) -> Device:
        return Device(AdbDevice(self._client, one.serial, one.transport))

    def _started(self) -> int:
        try:
            return self._answer()
        except FAULTS as error:
            if not self._where.local or not _is_refusal(error):
                raise self._gone(error) from error
        try:
            started = subprocess.run(
                [adb_path(), *self._server_option(), "start-server"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_START_SECONDS,
            )
            said = started.stderr if started.returncode else ""
        except subprocess.TimeoutExpired:
            said = f"it was not up after {_START_SECONDS:g} s"
        except (OSError, AdbError) as error:
            said = str(error)
        try:
            return self._answer()
        except FAULTS as error:
            lines = " ".join(said.split()) or str(error)
            raise NoPhoneError(
                f"the adb server at {self._where} could not be started",
                why=lines,
                remedy="start it with adb start-server",
            ) from error

    def _server_option(self) -> list[str]:
        return ["-P", str(self._where.port)] if self._where.path is None else ["-L", str(self._where)]

    def _answer(self) -> int:
        """The server's version. Raises any of FAULTS."""
        end = time.monotonic() + _CHANGE_SECONDS
        while True:
            try:
                return self._client.server_version()
            except FAULTS as error:
                if not self._where.local or not _is_cut(error) or time.monotonic() > end:
                    raise
            time.sleep(0.1)

    def _gone(self, error: BaseException) -> NoPhoneError:
        why = " ".join(str(error).split()) or "no answer"
        # What has told its version is no other program.
        if self._where.local and (_is_refusal(error) or (self.version is not None and _is_cut(error))):
            return NoPhoneError(
                f"the adb server at {self._where} has ended", remedy="run this again, which starts it"
            )
        if _is_refusal(error) or isinstance(error, TimeoutError):
            remedy = "start it there with adb -a nodaemon server, and check the address"
        else:
            remedy = "check that it is an adb server and not another program"
        return NoPhoneError(f"no adb server answers at {self._where} ({why})", remedy=remedy)


def _listed(one: AdbDeviceInfo, is_double: bool) -> Listed:
    # adbutils splits at blanks, and so makes of "no permissions (…)" only "no".
    state = "no permissions" if one.state == "no" else one.state
    if is_double and one.transport_id:
        return Listed(f"{one.serial}@{one.transport_id}", state, one.transport_id)
    return Listed(one.serial, state)


def _none_usable(others: Sequence[Listed]) -> NoPhoneError:
    what = "no phone can be used"
    if len(others) == 1:
        return NoPhoneError(what, why=others[0].error.reason, remedy=others[0].error.remedy)
    # Each has a remedy of its own.
    return NoPhoneError(what, why=" · ".join(one.words for one in others))


_NETWORK = "check the address, and that the phone has wireless debugging (or adb tcpip) switched on"


def _is_refusal(error: BaseException) -> bool:
    return "connect to adb server" in str(error)


def _is_cut(error: BaseException) -> bool:
    # adbutils' words for a connection that ends before an answer.
    return isinstance(error, ConnectionError) or str(error) in ("Unknown data: b''", "connection closed")


def _port_by_environment() -> int:
    text = os.environ.get("ANDROID_ADB_SERVER_PORT") or str(DEFAULT_PORT)
    if not _is_port(text):
        raise InputError(f"ANDROID_ADB_SERVER_PORT is {shown(text)}", remedy="set it to a port, or unset it")
    return int(text)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) < 65536
