"""What tools/opt.py and tools/sensitivity.py take alike: the INT8 recipe, and the pictures it calibrates with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from quant import pictures
from quant import recipe as recipes

recipe_option = click.option(
    "--recipe",
    default=recipes.DEFAULT,
    show_default=True,
    metavar="NAME|FILE",
    help=f"INT8 recipe: {', '.join(recipes.names())}, or a YAML file.",
)

_OPTIONS = (
    click.option("--calib", metavar="DIR|FILE.txt|digits",
                 help="Calibration pictures (int8); of train/ and val/ those in train/. Default: the bundled digits."),
    click.option("--calib-images", type=click.IntRange(1), default=pictures.CALIBRATION_PICTURES, show_default=True,
                 metavar="N"),
)  # fmt: skip


def calibration_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets `calib` and `calib_images` for pictures.choose."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
