"""Dask as it is printed and documented: on loopback alone, or with TLS. Real schedulers and workers."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from loopback import make_certificate
from waiting import until

from lite.engines import DASK_SCHEDULER, DASK_WORKER, workers
from lite.errors import InputError


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def started(line: str, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The command `line` with this Python instead of run.sh; ended with what it has started."""
    arguments = shlex.split(line.replace("./run.sh", shlex.quote(sys.executable)))
    with (folder / f"{arguments[3]}.log").open("w") as log:
        process = subprocess.Popen(
            arguments, env=os.environ | environment, stdout=log, stderr=log, text=True, cwd=folder
        )
        try:
            yield process
        finally:
            everyone = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            for one in everyone:
                one.terminate()
            for one in psutil.wait_procs(everyone, timeout=60)[1]:
                one.kill()
            process.wait()


@contextmanager
def cluster(
    scheduler: str, worker: str, folder: Path, environment: dict[str, str]
) -> Iterator[tuple[str, list[psutil.Process]]]:
    """A scheduler and a worker by their lines, on ports of their own: its address, and all their processes."""
    port = free_port()
    scheduler = f"{scheduler.replace(':8787', ':0')} --port {port}"
    worker = worker.replace(":8786", f":{port}").replace("--nworkers N", "--nworkers 1")
    (address,) = re.findall(r"(?:tcp|tls)://\S+", worker)
    with started(scheduler, folder, environment) as first:
        until(lambda: "Scheduler at" in (folder / "scheduler.log").read_text(), first)
        with started(worker, folder, environment) as second:
            until(lambda: "Registered to" in (folder / "worker.log").read_text(), second)
            yield (
                address,
                [
                    process
                    for begun in (first, second)
                    for process in (
                        psutil.Process(begun.pid),
                        *psutil.Process(begun.pid).children(recursive=True),
                    )
                ],
            )


def listening(processes: list[psutil.Process]) -> set[str]:
    """The addresses that other computers could reach, if they are not loopback's."""
    kinds = [connection for process in processes for connection in process.net_connections("tcp")]
    return {connection.laddr.ip for connection in kinds if connection.status == psutil.CONN_LISTEN}


def test_what_is_printed_listens_on_loopback_alone(tmp_path: Path) -> None:
    with cluster(DASK_SCHEDULER, DASK_WORKER, tmp_path, {}) as (address, processes):
        assert listening(processes) == {"127.0.0.1"}
        with workers.connected(address):
            pass


@pytest.mark.parametrize("command", ["validate", "sensitivity"])
def test_help_and_documents_have_these_commands(root: Path, command: str) -> None:
    shown = subprocess.run(
        [sys.executable, root / f"tools/{command}.py", "--help"], capture_output=True, text=True
    ).stdout
    document = (root / "docs/trust.md").read_text()
    for line in (DASK_SCHEDULER, DASK_WORKER):
        assert f"  {line}\n" in shown
        assert f"\n{line}\n" in document
    assert "runs whatever anybody who reaches it sends" in shown
    assert "**A scheduler without TLS runs anybody's code**" in document


def test_the_document_leads_to_tls(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = (root / "docs/trust.md").read_text()
    certificate = str(make_certificate(tmp_path / "machine.pem"))
    variables = {
        name: re.sub(r"^/.*", certificate, value)
        for name, value in re.findall(r"^export (\w+)=(.*)$", document, re.M)
    }
    scheduler, worker = (
        line.replace("OWN_ADDRESS", "127.0.0.1").replace("HOST", "127.0.0.1")
        for line in re.findall(r"^\./run\.sh -m dask .*\bHOST\b.*$", document, re.M)
    )
    with cluster(scheduler, worker, tmp_path, variables) as (address, processes):
        assert address.startswith("tls://")
        assert listening(processes) == {"127.0.0.1"}
        ask = "import sys; from lite.engines import workers; workers.connected(sys.argv[1]).__enter__()"
        for where, given, why in (
            (address, variables, None),
            (address, {}, "it asks for a certificate"),
            (address.replace("tls", "tcp"), {}, "no Dask scheduler at"),
        ):
            asked = subprocess.run(
                [sys.executable, "-c", ask, where],
                env=os.environ | given,
                capture_output=True,
                text=True,
                cwd=root,
            )
            if why is None:
                assert asked.returncode == 0, asked.stderr
            else:
                assert asked.returncode == 1
                assert "InputError: no Dask scheduler at" in asked.stderr
                assert why in asked.stderr


def test_the_remedies_are_these_commands() -> None:
    with pytest.raises(InputError) as caught, workers.connected(f"tcp://127.0.0.1:{free_port()}"):
        pytest.fail("there is none")
    assert str(caught.value.remedy).startswith(f"{DASK_SCHEDULER} starts one")
