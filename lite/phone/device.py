"""One phone: runs commands on it with their exit code, bounded in time, and leaves nothing running there."""

from __future__ import annotations

import contextlib
import shlex
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adbutils import AdbDevice

from lite.errors import InputError
from lite.phone.link import FAULTS, AdbAddress, Link, PhoneError, PhoneTimeoutError, explained

# Packets of adb's shell protocol (its shell_protocol.h): uint8 kind, uint32 size, little-endian.
_PACKET = struct.Struct("<BI")
_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = range(5)
# The adb server takes a service's name with its length as four hexadecimal digits.
_LONGEST = 0xFFFF
# A demo that prints rubbish for ever must not fill this computer's memory.
_MOST_OUTPUT = 64 << 20
# For ending a command that is overdue, and so the time within which a phone that has gone is noticed.
_GRACE = 10.0
# For a command that is told to end by itself.
_LEAVE = 5.0


@dataclass(frozen=True)
class Finished:
    """A command that ended: its exit code (128 + number after a signal), what it printed, how long it took."""

    code: int
    stdout: str
    stderr: str
    seconds: float


@dataclass
class _Output:
    """What comes from the command; its standard output begins with a line of ours, the process group."""

    on_line: Callable[[str], None] | None
    group: int | None = None
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    _begun: bool = False
    _told: int = 0

    def add(self, kind: int, data: bytes) -> None:
        (self.err if kind == _STDERR else self.out).extend(data)
        if not self._begun and b"\n" in self.out:
            first, _, rest = bytes(self.out).partition(b"\n")
            self._begun = True
            if first.isdigit():
                self.group, self.out = int(first), bytearray(rest)
        if self._begun and self.on_line and kind == _STDOUT:
            self._tell()

    def _tell(self) -> None:
        assert self.on_line
        while (end := self.out.find(b"\n", self._told)) >= 0:
            line = self.out[self._told : end].decode(errors="replace")
            self._told = end + 1
            self.on_line(line)


@dataclass(frozen=True)
class Held:
    """A command that runs as long as a block: its process on the phone, and what it has said at its begin."""

    process: int
    said: Sequence[str]
    _link: Link

    def write_line(self) -> None:
        """An empty line to its standard input. Raises PhoneError and TimeoutError as Link."""
        self._link.send(_PACKET.pack(_STDIN, 1) + b"\n", _LEAVE)

    @property
    def runs(self) -> bool:
        """Whether it does still, for one that says nothing more. Raises PhoneError as Link."""
        return not self._link.readable()


class Device:
    """A phone in state `device`. Several threads may use it; `close` ends what they have running on it."""

    def __init__(self, adb: AdbDevice) -> None:
        self._adb = adb
        self.serial = str(adb.serial)
        # How adb is told of it: among phones with one serial by the number of the connection.
        transport = adb._transport_id
        self.adb = f"adb -t {transport}" if transport else f"adb -s {self.serial}"
        self.adb_server: AdbAddress = adb._client.address
        self._links: set[Link] = set()
        # Process groups of commands whose end nobody has seen.
        self._left: set[int] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._checked = False

    def run(
        self,
        command: Sequence[str] | str,
        timeout: float,
        *,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Finished:
        """Runs `command`: a program with its arguments, or a text for the phone's shell.

        `timeout` in seconds for all of it. `env` is added to the phone's environment; standard input is empty;
        `on_line` gets each line of standard output as soon as it is there. Whatever ends the wait (time over,
        Ctrl-C, the link), all processes of the command are killed, unless they left its process group.
        Raises PhoneTimeoutError when the time is over, PhoneError for what befalls the phone (see `lost`).
        """
        self._check_shell()
        output = _Output(on_line)
        started = time.monotonic()
        try:
            with self.open(f"shell,v2,raw:{_script(command, env)}", timeout) as link:
                code = self._follow(link, output, started + timeout)
        except TimeoutError:
            self._end(output.group)
            why = f"a command did not end within {timeout:g} s and was ended ({_named(command)})"
            raise PhoneTimeoutError(self.serial, why, "give it more time, or see why it hangs") from None
        except PhoneError as error:
            if error.lost and output.group:
                self._left.add(output.group)
            raise
        except BaseException:
            with contextlib.suppress(PhoneError):
                self._end(output.group)
            raise
        seconds = time.monotonic() - started
        return Finished(
            code, output.out.decode(errors="replace"), output.err.decode(errors="replace"), seconds
        )

    @contextlib.contextmanager
    def held(self, script: str, last: str, seconds: float) -> Iterator[Held]:
        """Runs a text for the phone's shell as long as the block, which begins when it has said a line `last`.

        Its standard input ends with the block; it must end then, and when it gets SIGHUP. `seconds` are for the
        lines. Raises PhoneError, also where it ends before `last`.
        """
        self._check_shell()
        said: list[str] = []
        output = _Output(said.append)
        end = time.monotonic() + seconds
        with contextlib.ExitStack() as stack:
            try:
                link = stack.enter_context(self.open(f"shell,v2,raw:echo $$; {script}", seconds))
                while last not in said:
                    if self._next(link, output, end) is not None:
                        why = f"a command ended too soon ({_named(output.err.decode(errors='replace'))})"
                        raise PhoneError(self.serial, why, "run this again")
            except TimeoutError:
                raise self._silent() from None
            yield Held(output.group or 0, said[: said.index(last)], link)
            with contextlib.suppress(PhoneError, TimeoutError):
                link.send(_PACKET.pack(_CLOSE_STDIN, 0), _LEAVE)
                self._follow(link, output, time.monotonic() + _LEAVE)

    @contextlib.contextmanager
    def open(self, service: str, seconds: float) -> Iterator[Link]:
        """A link to a service of the phone's adbd, closed at the end. Raises as Link."""
        self._refuse_if_closed()
        link = Link(self._adb, service, seconds)
        with self._lock:
            self._links.add(link)
        try:
            self._refuse_if_closed()
            yield link
        except PhoneError as error:
            # What `close` did to the link looks like a broken cable.
            self._refuse_if_closed(error)
            raise
        finally:
            with self._lock:
                self._links.discard(link)
            link.close()

    def end_left(self) -> None:
        """Ends what commands that a lost link cut off still run. Raises PhoneError."""
        for group in sorted(self._left):
            # After a restart another process may have that number, but not such a command line.
            ours = f"grep -qsF 'kill -KILL -$$' /proc/{group}/cmdline"
            self.run(f"if {ours}; then kill -KILL -{group}; fi", _GRACE)
            self._left.discard(group)

    def close(self) -> None:
        """Ends every command and transfer on the phone, other threads' too; nothing can be run any more."""
        self._closed = True
        with self._lock:
            links = list(self._links)
        for link in links:
            link.shut()

    def _follow(self, link: Link, output: _Output, end: float) -> int:
        while (code := self._next(link, output, end)) is None:
            pass
        return code

    def _next(self, link: Link, output: _Output, end: float) -> int | None:
        """Takes a packet; the command's exit code once it has ended."""
        kind, size = _PACKET.unpack(link.receive(_PACKET.size, end - time.monotonic()))
        if len(output.out) + len(output.err) + size > _MOST_OUTPUT:
            self._end(output.group)
            why = f"a command printed more than {_MOST_OUTPUT >> 20} MiB and was ended"
            raise PhoneError(self.serial, why, "see what it prints")
        data = link.receive(size, end - time.monotonic())
        if kind in (_STDOUT, _STDERR):
            output.add(kind, data)
        return data[0] if kind == _EXIT else None

    def _end(self, group: int | None) -> None:
        """Kills a process group that may be there still; a link that has stalled shows here."""
        end = time.monotonic() + _GRACE
        # Without a number adbd has not even started the command.
        # A killed process needs a moment to go; a zombie that nobody reaps must not be waited for.
        script = (
            f"kill -KILL -{group}; n=0; while kill -0 -{group} && [ $n -lt 50 ]; do sleep 0.02; n=$((n+1)); done"
            if group
            else ":"
        )
        try:
            with self.open(f"shell,v2,raw:{script}", _GRACE) as link:
                self._follow(link, _Output(None), end)
        except TimeoutError:
            if group:
                self._left.add(group)
            raise self._silent() from None

    def _silent(self) -> PhoneError:
        remedy = "check the cable, wait until the phone is up, and run this again"
        return PhoneError(self.serial, "it does not answer any more", remedy, lost=True)

    def _check_shell(self) -> None:
        if self._checked:
            return
        try:
            features = self._adb.get_features().split(",")
        except FAULTS as error:
            raise explained(self._adb._client, self.serial, error) from error
        if "shell_v2" not in features:
            why = "its adbd cannot tell a command's exit code, so its Android is older than 7"
            raise PhoneError(self.serial, why, "use a phone with Android 7 or newer")
        self._checked = True

    def _refuse_if_closed(self, error: PhoneError | None = None) -> None:
        if self._closed:
            raise PhoneError(self.serial, "it was told to stop", "run this again") from error


def _script(command: Sequence[str] | str, env: Mapping[str, str] | None) -> str:
    text = command if isinstance(command, str) else shlex.join(command)
    exports = "".join(f"export {name}={shlex.quote(value)}; " for name, value in (env or {}).items())
    # adbd makes the shell the leader of a process group, and sends it (and it alone) SIGHUP when the link is
    # closed or lost; a trap is run at once only during `wait`.
    script = f"echo $$; trap 'kill -KILL -$$' HUP; {exports}{{\n{text}\n}} </dev/null & wait $!"
    if len(script.encode()) > _LONGEST - 100:
        raise InputError(f"a command of {len(script):,} characters is too long for adb", remedy="shorten it")
    return script


def _named(command: Sequence[str] | str) -> str:
    text = " ".join((command if isinstance(command, str) else shlex.join(command)).split())
    return text if len(text) <= 80 else f"{text[:79]}…"
