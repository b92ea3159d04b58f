"""A phone without a phone: the real adbd of Debian in its own namespaces, reached through a relay that can fail.

Needs root and Linux 6.7 or newer, and what root.sh unpacks. See README.md.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import phone_files
from relay import Relay
from waiting import HANG

HERE = Path(__file__).resolve().parent
ROOTS = HERE.parents[1] / "build" / "phone"
QEMU = "/usr/bin/qemu-aarch64-static"
_CLONE_NEWNET = 0x40000000
_PROPS = {
    "arm64": {
        "ro.product.model": "Pixel 7",
        "ro.product.manufacturer": "Google",
        "ro.product.cpu.abi": "arm64-v8a",
        "ro.product.cpu.abilist": "arm64-v8a",
        "ro.soc.manufacturer": "Google",
        "ro.soc.model": "GS201",
        "ro.hardware": "gs201",
        "ro.build.version.release": "14",
        "ro.build.version.sdk": "34",
    },
    "amd64": {
        "ro.product.model": "Test phone x86_64",
        "ro.product.manufacturer": "Debian",
        "ro.product.cpu.abi": "x86_64",
        "ro.product.cpu.abilist": "x86_64",
        "ro.hardware": "namespaces",
        "ro.build.version.release": "14",
        "ro.build.version.sdk": "34",
    },
}
_libc = ctypes.CDLL(None, use_errno=True)


class Phone:
    """A phone in `work`/`name`. `start` and `stop` are its power; `relay` its cable; `close` ends both.

    `arch` "amd64" (shows the host's processors, runs the host's programs) or "arm64" (under qemu; `clusters` and
    `features` are what it shows, QEMU_CPU in `env` what it can do). `data_size` is that of /data, as for tmpfs.
    `banner` is what adbd calls its state: device, recovery, sideload. The user is `shell`, uid 2000, as on Android.
    """

    def __init__(
        self,
        work: Path,
        name: str = "phone",
        *,
        arch: str = "amd64",
        data_size: str = "600m",
        props: dict[str, str] | None = None,
        clusters: Sequence[tuple[int, int, int]] = phone_files.PIXEL,
        features: str = phone_files.FEATURES,
        env: dict[str, str] | None = None,
        banner: str = "device",
    ) -> None:
        self.dir = work.resolve() / name
        self.name, self.arch, self.data_size, self.banner = name, arch, data_size, banner
        self.env = {"QEMU_CPU": "cortex-a76", **(env or {})} if arch == "arm64" else (env or {})
        self.pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        properties = {**_PROPS[arch], "ro.serialno": name, **(props or {})}
        phone_files.lay(self.dir, properties, clusters if arch == "arm64" else None, features)
        self.relay = Relay(self._dial)

    @property
    def serial(self) -> str:
        """What adb calls it."""
        return f"127.0.0.1:{self.relay.port}"

    def set(self, path: str, value: object) -> None:
        """Changes a file of the running phone's /sys, /proc or /system, such as a temperature."""
        phone_files.write(self.dir / path.lstrip("/"), f"{value}\n")

    def path(self, path: str) -> Path:
        """The host's path of a file on the running phone."""
        return Path(f"/proc/{self.pid}/root") / path.lstrip("/")

    def remount(self, option: str) -> None:
        """Mounts its running /data anew, such as read-only: "ro"."""
        command = ["nsenter", f"--target={self.pid}", "--user", "--mount", "mount", "-o", f"remount,{option}"]
        subprocess.run([*command, str(self.dir / "mnt/data")], check=True)

    def processes(self) -> list[str]:
        """The command lines of what runs on the phone, without its init, adbd and their helpers."""
        lines = []
        namespace = (Path("/proc") / str(self.pid) / "ns/pid").readlink()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                inside = (folder / "ns/pid").readlink() == namespace and (folder / "root").readlink() != Path(
                    "/"
                )
                # Bytes: the arguments of what else runs on this computer need not be text.
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").strip()
            except OSError:
                continue
            if inside and int(folder.name) != self.pid and line:
                lines.append(os.fsdecode(line))
        return lines

    def start(self) -> Phone:
        """Switches it on; returns when its adbd answers."""
        log = self.dir / "adbd.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                # As on a phone, whatever these tests were started by (nohup ignores SIGHUP).
                ["env", "--default-signal=HUP", "unshare", "--user", "/bin/sh", str(HERE / "boot.sh")],
                env={
                    "PATH": os.environ["PATH"],
                    "PHONE": str(self.dir),
                    "ROOT": str(ROOTS / self.arch),
                    "QEMU": QEMU if self.arch == "arm64" else "",
                    "PHONE_NAME": self.name,
                    "BANNER": self.banner,
                    "DATA_SIZE": self.data_size,
                    "PHONE_ENV": " ".join(f"{name}={value}" for name, value in self.env.items()),
                },
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        end = time.monotonic() + HANG
        try:
            self._map_users(end)
            self._await_adbd(end)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Takes out its battery: every process of it dies at once."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdin
        process.stdin.close()

    def close(self) -> None:
        """Ends the relay and the phone."""
        self.relay.close()
        self.stop()

    def _map_users(self, end: float) -> None:
        assert self._process
        assert self._process.stdin
        ours = Path("/proc/self/ns/user").readlink()
        folder = Path("/proc") / str(self._process.pid)
        while (folder / "ns/user").readlink() == ours:
            self._wait_until(end)
        for name in ("uid_map", "gid_map"):
            (folder / name).write_text("0 0 65536\n")
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def _await_adbd(self, end: float) -> None:
        assert self._process
        while True:
            try:
                # unshare → init.sh → adbd, which alone has another root.
                init = _children(self._process.pid)[-1]
                self.pid = next(
                    pid for pid in _children(init) if Path(f"/proc/{pid}/root").readlink() != Path("/")
                )
                self._dial().close()
                return
            except (OSError, IndexError, StopIteration):
                self._wait_until(end)

    def _wait_until(self, end: float) -> None:
        assert self._process
        if self._process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("the test phone does not start: " + (self.dir / "adbd.log").read_text())
        time.sleep(0.01)

    def _dial(self) -> socket.socket:
        """A TCP connection made inside the phone's network namespace: adbd is on no interface of the host."""
        outcome: list[socket.socket | OSError] = []

        def connect() -> None:
            try:
                with Path(f"/proc/{self.pid}/ns/net").open() as namespace:
                    if _libc.setns(namespace.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                connected = socket.create_connection(("127.0.0.1", 5555), timeout=60)
                connected.settimeout(None)
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                outcome.append(connected)
            except OSError as error:
                outcome.append(error)

        # setns is for the calling thread, and this one ends.
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()
        if isinstance(outcome[0], OSError):
            raise outcome[0]
        return outcome[0]


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
