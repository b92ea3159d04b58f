"""What commands take alike of bundles and pictures: which of them, how many, and what is not let pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import _command
import click

# Where tools/opt.py puts them.
BUNDLES = _command.ROOT / "build" / "bundles"

limit_option = click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Only N of the pictures, always the same."
)
strict_option = click.option(
    "--strict", is_flag=True, help="Exit 2 when a picture cannot be read, after all the others."
)
max_drift_option = click.option(
    "--max-drift",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Exit 3 when more than this share of the checked pictures gets another first class than in fp32.",
)


def bundle_option(what: str, *, multiple: bool = False) -> Callable[..., Any]:
    """Adds --bundle, with `what` it is for; the command gets `folder`, or `folders` if there can be several."""
    return click.option(
        "--bundle",
        "folders" if multiple else "folder",
        multiple=multiple,
        type=click.Path(path_type=Path),
        metavar="DIR",
        help=f"{what} Default: the newest in build/bundles of this repository.",
    )
