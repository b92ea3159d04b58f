"""What commands that read a DeiT's weights take alike: which variant, which weights, the names of their classes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _command
import click

from lite import checksum
from lite.engines import BACKENDS, DASK_SCHEDULER, DASK_WORKER, Options, Selection
from lite.shown import shown
from quant import recipe as recipes
from quant.cost.rates import CORES, DEFAULT_CORE
from quant.recipe import CALIBRATION_PICTURES

SECONDS = 86_400  # the longest wait that can be asked for


class Number(click.FloatRange):
    """A finite number in a range: click's own takes nan, which is over no bound, and inf where there is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As click wants it."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{shown(value)} is not a finite number", param, ctx)
        return number


def core_option(what: str) -> Callable[..., Any]:
    """Adds --core, an ARM core; `what` says in words what it is for. The command gets `core`."""
    return click.option(
        "--core",
        type=click.Choice(list(CORES)),
        default=DEFAULT_CORE,
        show_default=True,
        help=f"{what}: an A76 has int8 dot products and fp16, an A73 or A53 has neither.",
    )


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
    help="Official ImageNet weights, the bundled digits ones, or a file: .pdparams, or .pth, .bin or .safetensors of "
    "DeiT, timm or Hugging Face (also its folder). auto: imagenet if cached or reachable, else digits.",
)


def sha256_option(of: str, name: str = "--sha256") -> Callable[..., Any]:
    """Adds --sha256 (or another `name`), the SHA-256 of what `of` says in words; the command gets `sha256`."""
    return click.option(
        name,
        metavar="HEX",
        callback=lambda context, parameter, value: None if value is None else checksum.parse(value),
        help=f"SHA-256 that {of} must have.",
    )


def model_option(*, required: bool) -> Callable[..., Any]:
    """Adds --model; the command gets `model`."""
    return click.option(
        "--model",
        required=required,
        metavar="NAME",
        help="DeiT, ViT or DeiT III; tools/opt.py --list shows them.",
    )


# The command gets `source`, `sha256`, `labels` for weights.load.
weights_options = _command.together((_weights_option, sha256_option("the weights' file"), labels_option))

recipe_option = click.option(
    "--recipe",
    default=recipes.DEFAULT,
    show_default=True,
    metavar="NAME|FILE",
    help=f"INT8 recipe: {', '.join(recipes.names())}, or a YAML file.",
)

# The command gets `calib` and `calib_images` for pictures.choose.
calibration_options = _command.together((
    click.option("--calib", metavar="DIR|FILE.txt|digits|composed",
                 help="Calibration pictures (int8); of train/ and val/ those in train/. Default: the bundled digits "
                 "for a network that knows them, else pictures composed to stand in for photographs."),
    click.option("--calib-images", type=click.IntRange(1), default=CALIBRATION_PICTURES, show_default=True,
                 metavar="N"),
))  # fmt: skip


_CLASSIFIER = (
    click.option("--bundle", type=click.Path(path_type=Path), metavar="DIR",
                 help="A bundle of tools/opt.py. Without --export and --model: the newest in build/bundles."),
    click.option("--export", type=click.Path(path_type=Path), metavar="DIR", help="A folder of tools/export.py."),
    click.option("--model", metavar="NAME", help="DeiT variant, with --weights."),
    click.option("--weights", metavar="auto|imagenet|digits|FILE", help="Of --model. Default: auto."),
    sha256_option("the weights' file"),
    labels_option,
    click.option("--backend", type=click.Choice(BACKENDS),
                 help="Default: what the bundle or exported folder is for; inference for --model."),
    click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True),
    click.option("--onednn/--no-onednn", default=True, show_default=True,
                 help="For inference on the CPU (MKLDNN by its older name)."),
    click.option("--tensorrt", type=click.Choice(["off", "fp32", "fp16"]), default="off", show_default=True,
                 help="For inference with --device gpu."),
    click.option("--workers", type=click.IntRange(1), metavar="N",
                 help="Processes. Default: one a core; one on the GPU."),
)  # fmt: skip


def classifier_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets `selection` and `processes` for them."""

    @functools.wraps(command)
    def selecting(
        *,
        device: Any,
        onednn: bool,
        tensorrt: Any,
        workers: int | None,
        bundle: Path | None,
        export: Path | None,
        model: str | None,
        weights: str | None,
        sha256: str | None,
        labels: Path | None,
        backend: Any,
        **others: Any,
    ) -> Any:
        selection = Selection(
            bundle, export, model, weights, labels, backend, Options(device, onednn, tensorrt), sha256
        )
        return command(selection=selection, processes=workers or (1 if device == "gpu" else None), **others)

    return _command.together(_CLASSIFIER)(selecting)


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
    type=Number(0, 1),
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


restart_option = click.option("--restart", is_flag=True, help="Run everything again instead of going on.")


def out_option(text: str, default: Path | None = None) -> Callable[..., Any]:
    """Adds --out, a folder, with `text` as its help; the command gets `out`."""
    return click.option("--out", type=click.Path(path_type=Path), default=default, metavar="DIR", help=text)


def json_option(what: str) -> Callable[..., Any]:
    """Adds --json, which prints `what`; the command gets `as_json`."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help=f"Print {what} on stdout and nothing else; where the command fails, what, why and remedy.",
    )


# What commands for phones take beside --serial: `adb_host`, `sdk` and `demo`.
phone_options = _command.together((
    click.option("--adb-host", metavar="HOST:PORT",
                 help="The adb server of another computer, such as a device farm's. Default: adb's environment "
                 "variables, this computer's."),
    click.option("--sdk", type=click.Path(path_type=Path), metavar="DIR",
                 help="Paddle Lite's libraries for the phone. Default: what tools/fetch_sdk.py fetched."),
    click.option("--demo", type=click.Path(path_type=Path), metavar="FILE",
                 help="deit built for the phone (android_demo/README.md). Default: where its build puts it."),
))  # fmt: skip


def serial_option(default: str) -> Callable[..., Any]:
    """Adds --serial, without which `default` is taken, in words; the command gets `serials`."""
    return click.option(
        "--serial",
        "serials",
        multiple=True,
        metavar="S",
        help=f"Only this phone; more than once for several. Default: ANDROID_SERIAL, {default}.",
    )


def dask_examples(command: str) -> str:
    """The paragraph of a command's help that says how `command` runs on Dask."""
    return (
        "\b\nOn a Dask scheduler, which runs whatever anybody who reaches it sends; so these stay on this computer\n"
        "(docs/trust.md: on several machines, with TLS):\n"
        f"  {DASK_SCHEDULER}\n  {DASK_WORKER}\n  ./run.sh {command} --dask tcp://127.0.0.1:8786\n"
    )


# The command gets `count` and `address` for `workers.opener`.
worker_options = _command.together((
    click.option("--workers", "count", type=click.IntRange(1), metavar="N", help="Processes. Default: one a core."),
    click.option("--dask", "address", metavar="ADDRESS",
                 help="Run on the workers of this Dask scheduler; see below."),
))  # fmt: skip
