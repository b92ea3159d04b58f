"""Sending a file to a phone: lite/phone/push.py against `adb push` of the same file, in turns.

Why: adb_bench.py sends up to 25 MB per bundle, and does so itself, since adb tells neither progress nor what is
there already. That must not cost. A round sends the file once by each, the phone having none of it, in alternating
order. Of `adb push` the whole process is timed; of ours the transfer (until the file has its own name, and its SHA-256
is in the index there) and the whole step, which asks the phone first what it has. Ratios are of medians, ours over
adb's.

Without --serial it uses the test phone of tests/phone (root and its root.sh are needed): a real adbd over loopback,
so what counts there is the processor; on a phone, the cable.

    ./run.sh benchmarks/push.py
    ./run.sh benchmarks/push.py --serial 0123456789ABCDEF --megabytes 25

The figures of the last run are in docs/figures.json.
"""

from __future__ import annotations

import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
from adbutils import adb_path
from rich import box
from rich.console import Console
from rich.table import Table

from lite.errors import ToolkitError
from lite.phone.device import Device
from lite.phone.push import clean, push
from lite.phone.server import AdbServer

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "/data/local/tmp/deit_lite_push"


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--serial", metavar="S", help="A connected phone. Default: the test phone.")
@click.option(
    "--megabytes", type=click.FloatRange(0.1, 2000), multiple=True, default=(6.5, 25.0), show_default=True
)
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True)
def main(serial: str | None, megabytes: Sequence[float], rounds: int) -> None:
    try:
        with connected(serial) as device, tempfile.TemporaryDirectory() as work:
            rows = [_compare(device, Path(work), size, rounds) for size in megabytes]
            name = device.run("getprop ro.product.model", 10).stdout.strip()
    except ToolkitError as error:
        raise click.ClickException(str(error)) from error
    table = Table("MB", "adb push", "transfer", "ratio", "whole step", "ratio", box=box.SIMPLE)
    for row in rows:
        medians = row["medians"]
        table.add_row(
            f"{row['megabytes']:g}",
            f"{medians['adb'] * 1000:.0f} ms",
            f"{medians['transfer'] * 1000:.0f} ms",
            f"{row['transfer_ratio']:.2f}",
            f"{medians['whole'] * 1000:.0f} ms",
            f"{row['whole_ratio']:.2f}",
        )
    Console().print(table)
    click.echo(json.dumps({"phone": name, "serial": serial, "rows": rows}))


def _compare(device: Device, work: Path, megabytes: float, rounds: int) -> dict[str, Any]:
    path = work / "model.nb"
    # Networks do not compress well, and adb would try to.
    path.write_bytes(random.Random(0).randbytes(int(megabytes * 1e6)))  # noqa: S311
    times: dict[str, list[float]] = {"adb": [], "transfer": [], "whole": []}
    # The first of each warms the caches.
    for number in range(rounds + 1):
        found: dict[str, float] = {}
        for send in (_by_adb, _by_us) if number % 2 else (_by_us, _by_adb):
            found |= send(device, path)
        for way, seconds in found.items() if number else ():
            times[way].append(seconds)
    medians = {way: statistics.median(values) for way, values in times.items()}
    return {
        "megabytes": megabytes,
        "medians": medians,
        "transfer_ratio": medians["transfer"] / medians["adb"],
        "whole_ratio": medians["whole"] / medians["adb"],
        "times": times,
    }


def _by_adb(device: Device, path: Path) -> dict[str, float]:
    clean(device, FOLDER)
    device.run(["mkdir", "-p", FOLDER], 10)
    started = time.monotonic()
    done = subprocess.run(
        [adb_path(), "-s", device.serial, "push", str(path), f"{FOLDER}/{path.name}"],
        capture_output=True,
        text=True,
    )
    seconds = time.monotonic() - started
    if done.returncode:
        raise click.ClickException(f"adb push failed: {done.stderr.strip()}")
    return {"adb": seconds}


def _by_us(device: Device, path: Path) -> dict[str, float]:
    clean(device, FOLDER)
    started = time.monotonic()
    pushed = push(device, {path.name: path}, FOLDER)
    return {"transfer": pushed.seconds, "whole": time.monotonic() - started}


@contextmanager
def connected(serial: str | None) -> Iterator[Device]:
    if serial:
        (device,) = AdbServer().choose([serial], notify=click.echo)
        try:
            yield device
        finally:
            clean(device, FOLDER)
        return
    sys.path[:0] = [str(ROOT / "tests" / "phone"), str(ROOT / "tests")]
    from phone import Phone

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as work:
        # An adb server of its own: no USB, no mDNS, its key in `work`.
        ours = {"HOME": work, "TMPDIR": work, "ANDROID_ADB_SERVER_PORT": str(port)}
        with patch.dict(os.environ, {**ours, "ADB_MDNS": "0", "ADB_USB": "0", "ADB_EMU": "0"}):
            try:
                phone = Phone(Path(work), "push").start()
            except RuntimeError as error:
                why = str(error).strip().splitlines()[0]
                raise click.ClickException(
                    f"{why}; as root, first run bash tests/phone/root.sh amd64"
                ) from error
            try:
                yield AdbServer().choose([phone.serial], notify=click.echo)[0]
            finally:
                subprocess.run([adb_path(), "kill-server"], capture_output=True)
                phone.close()


if __name__ == "__main__":
    main()
