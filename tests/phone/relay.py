"""The test phone's cable: a loopback TCP port passed on to its adbd, that can be cut, stalled, slowed or refused.

It can also ask for authorization as Android's adbd does, which Debian's does not.
"""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable

# adb's packets (its protocol.txt): six little-endian words, then the data.
_HEADER = struct.Struct("<6I")
_AUTH = int.from_bytes(b"AUTH", "little")
_AUTH_TOKEN, _AUTH_SIGNATURE, _AUTH_KEY = 1, 2, 3
_TOKEN_BYTES = 20
# DigestInfo of SHA-1 (RFC 8017, section 9.2), before the 20 bytes.
_SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")


class Relay:
    """Passes connections to its `port` on to those that `dial` makes; attributes may change at any time.

    `mode`: "ok", "silent" (the phone never answers: offline), "refuse", "auth" (asks the user; `allow` is their
    tap). `cut_at` (direction, bytes): drops the link once that many bytes have passed. `stall`: nothing passes
    while it is set, the link stays up. `delay`: seconds before each block is passed on. `replace`: bytes that
    reach the host as others.
    """

    def __init__(self, dial: Callable[[], socket.socket]) -> None:
        self.mode = "ok"
        self.cut_at: tuple[str, int] | None = None
        self.stall = threading.Event()
        self.allow = threading.Event()
        self.delay = 0.0
        self.replace = (b"", b"")
        self.passed = {"to_phone": 0, "to_host": 0}
        self.keys: list[str] = []
        self._dial = dial
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        """Pulls the cable: cuts every link now. adb's server connects anew soon if it can."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._kill(pair)

    def close(self) -> None:
        """Cuts every link and takes no more."""
        self._closed = True
        self.stall.clear()
        self.allow.set()
        # Closing alone does not wake the thread that accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    def _accept(self) -> None:
        while not self._closed:
            try:
                host, _ = self._listener.accept()
            except OSError:
                return
            host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(host,), daemon=True).start()

    def _serve(self, host: socket.socket) -> None:
        try:
            if self.mode == "refuse":
                host.close()
                return
            if self.mode == "silent":
                with self._lock:
                    self._pairs.append((host, host))
                return
            first = self._authorize(host) if self.mode == "auth" else b""
            phone = self._dial()
            phone.sendall(first)
        except OSError:
            host.close()
            return
        pair = (host, phone)
        with self._lock:
            self._pairs.append(pair)
        if self._closed:
            self._kill(pair)
        for source, sink, direction in ((host, phone, "to_phone"), (phone, host, "to_host")):
            threading.Thread(target=self._pass, args=(source, sink, direction, pair), daemon=True).start()

    def _pass(
        self,
        source: socket.socket,
        sink: socket.socket,
        direction: str,
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(1 << 18):
                while self.stall.is_set():
                    time.sleep(0.01)
                if self.delay:
                    time.sleep(self.delay)
                if self.replace[0] and direction == "to_host":
                    block = block.replace(*self.replace)
                cut = self.cut_at
                if cut and cut[0] == direction and self.passed[direction] + len(block) >= cut[1]:
                    self.cut_at = None
                    sink.sendall(block[: max(0, cut[1] - self.passed[direction])])
                    break
                self.passed[direction] += len(block)
                sink.sendall(block)
        self._kill(pair)

    def _kill(self, pair: tuple[socket.socket, socket.socket]) -> None:
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        with self._lock:
            if pair in self._pairs:
                self._pairs.remove(pair)

    def _authorize(self, host: socket.socket) -> bytes:
        """Plays adbd's part in AUTH until a known key signs; gives the packet that adbd has to get then."""
        head = _exactly(host, _HEADER.size)
        banner = _exactly(host, _HEADER.unpack(head)[3])
        while True:
            token = os.urandom(_TOKEN_BYTES)
            host.sendall(_packet(_AUTH, _AUTH_TOKEN, token))
            _, kind, _, size, _, _ = _HEADER.unpack(_exactly(host, _HEADER.size))
            data = _exactly(host, size)
            if kind == _AUTH_SIGNATURE and any(_signed(key, token, data) for key in self.keys):
                return head + banner
            if kind == _AUTH_KEY:
                self.allow.wait()
                self.keys.append(data.rstrip(b"\0").decode())
                return head + banner


def _packet(command: int, argument: int, data: bytes) -> bytes:
    return _HEADER.pack(command, argument, 0, len(data), sum(data) & 0xFFFFFFFF, command ^ 0xFFFFFFFF) + data


def _signed(key: str, token: bytes, signature: bytes) -> bool:
    """Whether `signature` is that of `token`, taken as a SHA-1 digest, by the key of an adbkey.pub's line.

    RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2); the key is in adb's own format (its android_pubkey.h).
    """
    raw = base64.b64decode(key.split()[0])
    words = struct.unpack_from("<I", raw)[0]
    modulus = int.from_bytes(raw[8 : 8 + 4 * words], "little")
    exponent = struct.unpack_from("<I", raw, 8 + 8 * words)[0]
    tail = _SHA1 + token
    wanted = b"\0\1" + b"\xff" * (4 * words - 3 - len(tail)) + b"\0" + tail
    return pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(4 * words, "big") == wanted


def _exactly(end: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        block = end.recv(count - len(received))
        if not block:
            raise OSError("closed")
        received += block
    return received
