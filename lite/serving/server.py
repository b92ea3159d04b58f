"""Triton Inference Server as a process: found in its wheel, started, waited for, and stopped in good order."""

from __future__ import annotations

import ctypes
import errno
import http.client
import ipaddress
import os
import re
import resource
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lite.errors import ConversionError, InputError

DRAIN_SECONDS = 30
_POLL_SECONDS = 0.1
# The look at Triton's processes reads a file a thread of it: at ten a second that took a twentieth of a core.
_LOOK_SECONDS = 1.0
_ASK_SECONDS = 600
_PACKAGE = Path(__file__).resolve().parents[2]
# A client could have the server read memory of others, or write logs and traces where it likes.
_RESTRICTED = "shared-memory,model-repository,trace,logging"
_KEY_HEADER = "x-restricted"
_PR_SET_PDEATHSIG = 1
# Triton 2.51 keeps 16 bytes of stack for each piece that a request came in: with the usual 8 MiB, 100 MB end it.
_STACK_BYTES = 256 << 20
# What it says of graphics cards on a computer without.
_NOISE = ("CUDA driver", "CudaDriverHelper", "pinned")


@dataclass(frozen=True)
class Address:
    """Where clients find the server: an IP address, and the ports of HTTP, gRPC and the metrics."""

    host: str = "127.0.0.1"
    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002

    def check(self) -> None:
        """Raises InputError for what is no IP address, equal ports, and a port that is taken or forbidden."""
        try:
            version = ipaddress.ip_address(self.host).version
        except ValueError:
            raise InputError(
                f"{self.host} is no IP address", remedy="give --host 127.0.0.1, or 0.0.0.0 for all interfaces"
            ) from None
        ports = {"--http-port": self.http, "--grpc-port": self.grpc, "--metrics-port": self.metrics}
        if len(set(ports.values())) < len(ports):
            raise InputError(f"{', '.join(ports)} must differ")
        for option, port in ports.items():
            with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self.host, port))
                except OSError as error:
                    foreign = error.errno == errno.EADDRNOTAVAIL
                    raise InputError(
                        f"cannot listen on port {port} of {self.host}",
                        why="no address of this computer" if foreign else error.strerror,
                        remedy=f"give another {'--host' if foreign else option}",
                    ) from None

    @property
    def is_loopback(self) -> bool:
        """Whether only this computer reaches it."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def local(self) -> str:
        """The address by which this computer reaches it."""
        found = ipaddress.ip_address(self.host)
        if found.is_unspecified:
            return "127.0.0.1" if found.version == 4 else "::1"
        return self.host

    @property
    def url(self) -> str:
        """HTTP's, without a path, for this computer."""
        host = f"[{self.local}]" if ":" in self.local else self.local
        return f"http://{host}:{self.http}"


class TritonServer:
    """A running Triton. What it says on standard error is passed on, and its last lines are kept for an error."""

    def __init__(self, repository: Path, work: Path, address: Address):
        self.address = address
        self._repository = repository
        self._secret = secrets.token_hex(16)
        self._process = _start(repository, work, address, self._secret)
        self._dead: set[int] = set()
        self._said: deque[str] = deque(maxlen=50)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_ready(self, stop: threading.Event) -> None:
        """Returns once all models are loaded, or `stop` is set. Raises ConversionError when it ends before."""
        while not stop.wait(_POLL_SECONDS) and not self._is_ready():
            self._check()

    def wait(self, stop: threading.Event) -> None:
        """Returns once `stop` is set; until then, models of which a process dies are loaded again.

        Raises ConversionError when the server ends before.
        """
        while not stop.wait(_LOOK_SECONDS):
            self._check()
            dead = self._dead_children()
            if dead - self._dead:
                sys.stderr.write("a process of a model died; the models are loaded again\n")
                self._dead |= dead
                self._load_again()

    def stop(self) -> None:
        """Lets it answer what it has taken, for DRAIN_SECONDS at most, and ends it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(DRAIN_SECONDS + 30)
        except subprocess.TimeoutExpired as error:
            raise ConversionError(f"Triton did not end in {DRAIN_SECONDS + 30} s and was killed") from error
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends it now, with the processes of its models."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def _is_ready(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return self._ask("GET", "/v2/health/ready", None) == http.client.OK
        return False

    def _load_again(self) -> None:
        for code in self._repository.glob("*/1/model.py"):
            # Triton makes new processes only for code that is newer; the other instances answer meanwhile.
            code.touch()
            with suppress(OSError, http.client.HTTPException):
                self._ask("POST", f"/v2/repository/models/{code.parents[1].name}/load", "")

    def _ask(self, method: str, path: str, body: str | None) -> int:
        connection = http.client.HTTPConnection(self.address.local, self.address.http, timeout=_ASK_SECONDS)
        try:
            connection.request(method, path, body, {_KEY_HEADER: self._secret})
            return connection.getresponse().status
        finally:
            connection.close()

    def _dead_children(self) -> set[int]:
        """Processes of models that have ended, as long as Triton has not looked."""
        ended = set()
        for children in Path(f"/proc/{self._process.pid}/task").glob("*/children"):
            # Threads and processes end while they are looked at.
            with suppress(OSError):
                for pid in children.read_text().split():
                    if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                        ended.add(int(pid))
        return ended

    def _check(self) -> None:
        if self._process.poll() is None:
            return
        self._reader.join()
        # Its errors begin with E and the date; what is said after them follows from them.
        why = next((line for line in self._said if re.match(r"E\d{4} |error: ", line)), None)
        raise ConversionError(
            f"Triton ended by itself with status {self._process.returncode}",
            why=why,
            remedy="its lines above say more",
        )

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if any(noise in line for noise in _NOISE):
                continue
            self._said.append(line.strip())
            # Whoever reads it may be gone, or a disk full; Triton waits until its own lines are read.
            with suppress(OSError, ValueError):
                sys.stderr.write(line)
                sys.stderr.flush()


@contextmanager
def running(repository: Path, work: Path, address: Address) -> Iterator[TritonServer]:
    """Triton on a model repository, with its links in the folder `work`; it is ended with the block, whatever happens.

    Raises InputError for an address that cannot be had, a `work` that a shell would take apart, or a Python without the
    library that the backend needs.
    """
    address.check()
    # The Python backend starts its processes by `bash -c`, and quotes no path.
    if not re.fullmatch(r"[\w@%+=:,./-]+", str(work)):
        raise InputError(
            f"Triton cannot work in {work}",
            why="its path has a space or another character that a shell takes for its own",
            remedy="set TMPDIR to a folder without",
        )
    server = TritonServer(repository, work, address)
    try:
        yield server
    finally:
        server.kill()


def _start(repository: Path, work: Path, address: Address, secret: str) -> subprocess.Popen[str]:
    wheel = _wheel()
    _link_backend(wheel, work / "backends" / "python")
    # An IPv6 address, as Triton's HTTP and as its gRPC want it.
    over_http, over_grpc = (
        (f"ipv6:{address.host}", f"[{address.host}]") if ":" in address.host else (address.host,) * 2
    )
    return subprocess.Popen(
        [
            str(wheel / "bin" / "tritonserver"),
            f"--model-repository={repository}",
            f"--backend-directory={work / 'backends'}",
            f"--http-address={over_http}",
            f"--http-port={address.http}",
            f"--grpc-address={over_grpc}",
            f"--grpc-port={address.grpc}",
            f"--metrics-address={over_http}",
            f"--metrics-port={address.metrics}",
            # So that this process can load a model again.
            "--model-control-mode=explicit",
            "--load-model=*",
            f"--exit-timeout-secs={DRAIN_SECONDS}",
            f"--http-restricted-api={_RESTRICTED}:{_KEY_HEADER}={secret}",
            f"--grpc-restricted-protocol={_RESTRICTED}:{_KEY_HEADER}={secret}",
            "--allow-gpu-metrics=false",
            "--pinned-memory-pool-byte-size=0",
            "--log-info=false",
        ],
        env=_environment(wheel, work),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # A group of its own, with those that it starts: Ctrl-C is for this process, which tells it to stop.
        start_new_session=True,
        preexec_fn=_prepare_process,
    )


_LIBC = ctypes.CDLL(None)


def _prepare_process() -> None:
    # Should this process be killed, nobody else would tell Triton to end.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    most = _STACK_BYTES if hard == resource.RLIM_INFINITY else min(hard, _STACK_BYTES)
    resource.setrlimit(resource.RLIMIT_STACK, (most, hard))


def _wheel() -> Path:
    spec = find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "nvidia-pytriton is not installed here", remedy="run ./run.sh tools/serve.py, which sets it up"
        )
    return Path(spec.submodule_search_locations[0]) / "tritonserver"


def _link_backend(wheel: Path, folder: Path) -> None:
    """The Python backend's folder as Triton wants it: with the stub of this Python's version beside the library."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    folder.mkdir(parents=True)
    for file in (
        wheel / "backends" / "python" / "libtriton_python.so",
        wheel / "backends" / "python" / "triton_python_backend_utils.py",
        wheel / "python_backend_stubs" / version / "triton_python_backend_stub",
    ):
        (folder / file.name).symlink_to(file)


def _environment(wheel: Path, work: Path) -> dict[str, str]:
    libraries = [str(wheel.parents[1] / "nvidia_pytriton.libs"), _python_library()]
    return {
        **os.environ,
        "LD_LIBRARY_PATH": _joined(*libraries, os.environ.get("LD_LIBRARY_PATH")),
        # The Python inside the stub takes the first `python3` there for its own, and so this environment's packages.
        "PATH": _joined(str(Path(sys.prefix) / "bin"), os.environ.get("PATH")),
        "PYTHONPATH": _joined(str(_PACKAGE), os.environ.get("PYTHONPATH")),
        # Files of its processes go with it.
        "TMPDIR": str(work),
        # Instances are the parallelism; threads of several would fight for the cores.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _python_library() -> str:
    folder, name = (sysconfig.get_config_var(key) for key in ("LIBDIR", "INSTSONAME"))
    if not name or not name.startswith("libpython") or ".so" not in name or not Path(folder, name).exists():
        raise InputError(
            f"this Python ({sys.base_prefix}) has no shared library, which Triton's Python backend needs",
            remedy="get one with 'uv python install 3.10', or build it with --enable-shared, and set PYTHON310 to it",
        )
    return str(folder)


def _joined(*folders: str | None) -> str:
    return os.pathsep.join(folder for folder in folders if folder)
