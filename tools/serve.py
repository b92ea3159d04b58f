"""Serves a DeiT over HTTP and gRPC by Triton Inference Server, in the Open Inference Protocol.

NAME, the variant's, takes tensors; NAME_pictures takes files of pictures. Both answer logits, the likeliest classes and
their probabilities. A bundle runs its host.nb in Paddle Lite, an exported network in the engine it is for.
docs/serving.md has clients, bounds, and how to run it on more machines.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import _command
import click
from _display import notify

from lite.errors import InputError
from lite.scratch import scratch_folder
from lite.serving import repository, server
from lite.serving.repository import Limits
from lite.serving.server import Address

EXAMPLES = """
\b
Examples:
  ./run.sh tools/serve.py --export build/exports/deit_tiny-digits-inference
  ./run.sh tools/serve.py --bundle build/bundles/deit_tiny-digits-int8-arm --http-port 9000 --instances 4
  curl -H 'Inference-Header-Content-Length: 0' --data-binary @cat.jpg \\
      http://127.0.0.1:8000/v2/models/deit_tiny_pictures/infer

\b
Exit codes: 0 stopped by Ctrl-C or SIGTERM, all that was taken answered · 2 bad usage or input, a port in use ·
4 the network or the server failed · 130 a second Ctrl-C
"""
_DEFAULT, _BOUNDS = Address(), Limits()
_PORT = click.IntRange(1, 65535)
_OPTIONS = (
    click.option("--bundle", "deployed", type=click.Path(path_type=Path), metavar="DIR",
                 help="A bundle of tools/opt.py."),
    click.option("--export", "exported", type=click.Path(path_type=Path), metavar="DIR",
                 help="A folder of tools/export.py."),
    click.option("--host", default=_DEFAULT.host, show_default=True, metavar="IP",
                 help="Address to listen on. Who reaches it can ask: there are no passwords."),
    click.option("--http-port", "http", type=_PORT, default=_DEFAULT.http, show_default=True, metavar="N"),
    click.option("--grpc-port", "grpc", type=_PORT, default=_DEFAULT.grpc, show_default=True, metavar="N"),
    click.option("--metrics-port", "metrics", type=_PORT, default=_DEFAULT.metrics, show_default=True, metavar="N",
                 help="Of Prometheus' metrics, at /metrics."),
    click.option("--instances", type=click.IntRange(1, 256), metavar="N",
                 help="Processes of each model that compute at once. Default: one a core."),
    click.option("--max-batch", type=click.IntRange(1, 256), default=_BOUNDS.batch, show_default=True, metavar="N",
                 help="Pictures at once, of one request or of several that wait. 1: no batching."),
    click.option("--max-queue", type=click.IntRange(1, 100_000), default=_BOUNDS.queue, show_default=True, metavar="N",
                 help="Requests that wait for a model; one more is refused at once."),
    click.option("--repository", "out", type=click.Path(path_type=Path), metavar="DIR",
                 help="Only write Triton's model repository there, for a Triton elsewhere."),
)  # fmt: skip


@click.command(help=__doc__, epilog=EXAMPLES)
@_command.together(_OPTIONS)
def main(
    deployed: Path | None,
    exported: Path | None,
    instances: int | None,
    max_batch: int,
    max_queue: int,
    out: Path | None,
    **address: Any,
) -> None:
    """Runs the command."""
    source = deployed or exported
    if source is None or (deployed and exported):
        raise InputError("give one of --bundle and --export")
    limits = Limits(batch=max_batch, queue=max_queue)
    if out is not None:
        if any(map(_command.is_given, address)):
            raise InputError("--host and ports are for a server here, and --repository starts none")
        repository.write(source, out, instances=instances, limits=limits)
        click.echo(str(out))
        return
    where = Address(**address)
    where.check()
    if not where.is_loopback:
        notify(f"{where.host} is reached from other computers, too, and nobody is asked for a password")
    with _command.stopping(signal.SIGINT, signal.SIGTERM) as stop, scratch_folder() as work:
        served = repository.write(source, work / "models", instances=instances, limits=limits)
        with server.running(served.folder, work, where) as triton:
            triton.wait_ready(stop)
            if not stop.is_set():
                click.echo(f"{where.url}/v2/models/{served.pictures}/infer")
            triton.wait(stop)
            triton.stop()
    notify("stopped; all that was taken is answered")


if __name__ == "__main__":
    _command.run(main)
