"""What commands take alike for their results: where they go, in which form, and whether earlier ones are used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

restart_option = click.option("--restart", is_flag=True, help="Run everything again instead of going on.")


def out_option(text: str, default: Path | None = None) -> Callable[..., Any]:
    """Adds --out, a folder, with `text` as its help; the command gets `out`."""
    return click.option("--out", type=click.Path(path_type=Path), default=default, metavar="DIR", help=text)


def json_option(what: str) -> Callable[..., Any]:
    """Adds --json, which prints `what`; the command gets `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} on stdout and nothing else.")
