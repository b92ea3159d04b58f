"""tools/serve.py against the bare predictor: pictures a second and latency, with and without batching; then overload.

The bare predictor is one process that runs one tensor after the other, without a server; the server has one process
for the network, too. Clients are tritonclient over gRPC, threads of this process that each ask again once they are
answered. Rounds take turns: the predictor, then each number of clients. At overload more clients ask a server with a
short queue than it can hold: each request must be answered or refused.

    ./run.sh --requirements requirements-serving.txt benchmarks/serving.py --export DIR

The last line is JSON; the figures of the last run are in docs/figures.json.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from lite.measure.classifier import Classifier
from lite.serving import repository

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = (1, 8, 32)
OVERLOAD_CLIENTS, OVERLOAD_QUEUE = 64, 16
WAYS = {"batches of 8": 8, "one by one": 1}


@dataclass
class Load:
    """What came of requests: seconds each took that was answered, and the status of each of the others."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    asked: int = 0


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--bundle", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--export", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=4.0, show_default=True, help="Of each measurement."
)
def main(bundle: Path | None, export: Path | None, rounds: int, seconds: float) -> None:
    source = export or bundle
    if source is None:
        raise click.UsageError("give --bundle or --export")
    load = os.getloadavg()[0]
    found = repository.opened(source)
    ways = {name: compare(source, found, batch, rounds, seconds) for name, batch in WAYS.items()}
    lost = overload(source, found, seconds)
    show(ways, lost)
    click.echo(json.dumps({"backend": found.backend, "load": load, "ways": ways, "overload": lost}))


def compare(source: Path, found: Classifier, batch: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Pictures a second of the predictor and of the server, medians of the rounds, and latencies of all rounds."""
    rates: dict[int, list[float]] = {clients: [] for clients in (0, *CLIENTS)}
    latencies: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    ratios: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    predictor = found.engine.open()
    pixels = tensor(found)
    with served(source, batch, repository.Limits().queue) as port:
        asking(port, found, 8, seconds / 2)  # to warm up
        for _ in range(rounds):
            bare = alone(predictor, pixels, seconds)
            rates[0].append(bare)
            for clients in CLIENTS:
                came = asking(port, found, clients, seconds)
                assert not came.refused, came.refused
                rates[clients].append(len(came.latencies) / came.seconds)
                ratios[clients].append(rates[clients][-1] / bare)
                latencies[clients] += came.latencies
    return {
        "bare": statistics.median(rates[0]),
        "clients": {
            clients: {
                "rate": statistics.median(rates[clients]),
                "ratio": statistics.median(ratios[clients]),
                "p50_ms": 1e3 * float(np.percentile(latencies[clients], 50)),
                "p99_ms": 1e3 * float(np.percentile(latencies[clients], 99)),
            }
            for clients in CLIENTS
        },
    }


def overload(source: Path, found: Classifier, seconds: float) -> dict[str, Any]:
    """What becomes of the requests of more clients than the queue takes."""
    with served(source, repository.Limits().batch, OVERLOAD_QUEUE) as port:
        came = asking(port, found, OVERLOAD_CLIENTS, seconds)
    full = sum(count for why, count in came.refused.items() if "Exceeds maximum queue size" in why)
    return {
        "asked": came.asked,
        "answered": len(came.latencies),
        "refused": full,
        "unanswered": came.asked - len(came.latencies) - full,
        "rate": len(came.latencies) / came.seconds,
    }


def alone(predictor: Any, pixels: np.ndarray, seconds: float) -> float:
    """Pictures a second of the predictor in a loop."""
    predictor.logits(pixels)
    count, start = 0, time.monotonic()
    while (taken := time.monotonic() - start) < seconds:
        predictor.logits(pixels)
        count += 1
    return count / taken


def asking(port: int, found: Classifier, clients: int, seconds: float) -> Load:
    """What `clients` get, each of whom asks again once answered, for `seconds`; all are waited for."""
    # Imported here so that --help needs no environment of the server's.
    from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
    from tritonclient.utils import InferenceServerException

    came, lock, start = Load(), threading.Lock(), time.monotonic()

    def ask() -> None:
        sent = InferInput("image", [1, 3, found.preprocess.crop, found.preprocess.crop], "FP32")
        sent.set_data_from_numpy(tensor(found))
        wanted = [InferRequestedOutput("logits")]
        latencies, refused = [], Counter[str]()
        with InferenceServerClient(f"127.0.0.1:{port}") as client:
            while (begun := time.monotonic()) - start < seconds:
                try:
                    client.infer(found.model, [sent], outputs=wanted)
                except InferenceServerException as error:
                    refused[str(error.message())] += 1
                else:
                    latencies.append(time.monotonic() - begun)
        with lock:
            came.latencies += latencies
            came.refused += refused
            came.asked += len(latencies) + refused.total()
            came.seconds = time.monotonic() - start

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came


def tensor(found: Classifier) -> np.ndarray:
    """A picture of noise, float32 [1, 3, H, W]."""
    side = found.preprocess.crop
    return np.random.default_rng(0).standard_normal((1, 3, side, side), dtype=np.float32)


@contextmanager
def served(source: Path, batch: int, queue: int) -> Iterator[int]:
    """The gRPC port of a server with one process for the network."""
    ports = free_ports(3)
    option = "--export" if (source / "export.json").exists() else "--bundle"
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tools" / "serve.py"), option, str(source), "--instances", "1",
         "--max-batch", str(batch), "--max-queue", str(queue), "--http-port", str(ports[0]),
         "--grpc-port", str(ports[1]), "--metrics-port", str(ports[2])],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise click.ClickException("the server did not start; see above")
        yield ports[1]
    finally:
        process.terminate()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return found


def show(ways: dict[str, dict[str, Any]], lost: dict[str, Any]) -> None:
    """Prints the tables."""
    table = Table(
        "server", "clients", "pictures a second", "of the predictor's", "p50 ms", "p99 ms", box=box.SIMPLE
    )
    for name, way in ways.items():
        table.add_row("(the bare predictor)", "", f"{way['bare']:.1f}", "", "", "")
        for clients, row in way["clients"].items():
            table.add_row(
                name, str(clients), f"{row['rate']:.1f}", f"{row['ratio']:.0%}", f"{row['p50_ms']:.1f}",
                f"{row['p99_ms']:.1f}",
            )  # fmt: skip
    console = Console(highlight=False, width=100)
    console.print(table)
    console.print(
        f"{OVERLOAD_CLIENTS} clients, a queue of {OVERLOAD_QUEUE}: {lost['asked']} asked, {lost['answered']} answered, "
        f"{lost['refused']} refused, {lost['unanswered']} unanswered"
    )


if __name__ == "__main__":
    main()
