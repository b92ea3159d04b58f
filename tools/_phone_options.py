"""What tools/adb_bench.py and tools/doctor.py take alike: which phones, and what runs on them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lite.phone.binaries import Binaries

_OPTIONS = (
    click.option("--adb-host", metavar="HOST:PORT",
                 help="The adb server of another computer, such as a device farm's."),
    click.option("--sdk", type=click.Path(path_type=Path), metavar="DIR",
                 help="Paddle Lite's libraries for the phone. Default: what tools/fetch_sdk.py fetched."),
    click.option("--demo", type=click.Path(path_type=Path), metavar="FILE",
                 help="deit built for the phone (android_demo/README.md). Default: where its build puts it."),
)  # fmt: skip


def serial_option(default: str) -> Callable[..., Any]:
    """Adds --serial, without which `default` is taken, in words; the command gets `serials`."""
    return click.option(
        "--serial",
        "serials",
        multiple=True,
        metavar="S",
        help=f"Only this phone; more than once for several. Default: {default}.",
    )


def phone_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the other options to a command, which gets `adb_host` as it was given, and `binaries`."""

    @functools.wraps(command)
    def with_binaries(*, sdk: Path | None, demo: Path | None, **others: Any) -> Any:
        return command(binaries=Binaries(sdk, demo), **others)

    for option in reversed(_OPTIONS):
        with_binaries = option(with_binaries)
    return with_binaries
