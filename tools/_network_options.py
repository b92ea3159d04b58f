"""What commands that read a DeiT's weights take alike: which variant, which weights, the names of their classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

labels_option = click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Class names for a weights file, one a line. Default: NAME.labels.txt beside NAME.pdparams, if it is there.",
)

_weights_option = click.option(
    "--weights",
    "source",
    default="auto",
    show_default=True,
    metavar="auto|imagenet|digits|FILE",
    help="Official ImageNet weights, the bundled digits ones, or a .pdparams file. auto: imagenet if cached or "
    "reachable, else digits.",
)


def model_option(*, required: bool) -> Callable[..., Any]:
    """Adds --model; the command gets `model`."""
    return click.option(
        "--model", required=required, metavar="NAME", help="DeiT variant; tools/opt.py --list shows them."
    )


def weights_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --weights and --labels to a command, which gets `source` and `labels` for weights.load."""
    return _weights_option(labels_option(command))
