"""What tools/predict.py and tools/eval.py take alike: which network, in which engine, on what."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from _display import notify
from _input_options import BUNDLES
from _network_options import labels_option

from lite.backends import BACKENDS, classifier
from lite.backends.classifier import Classifier, Wish
from lite.backends.options import Options

_OPTIONS = (
    click.option("--bundle", type=click.Path(path_type=Path), metavar="DIR",
                 help="A bundle of tools/opt.py. Without --export and --model: the newest in build/bundles."),
    click.option("--export", type=click.Path(path_type=Path), metavar="DIR", help="A folder of tools/export.py."),
    click.option("--model", metavar="NAME", help="DeiT variant, with --weights."),
    click.option("--weights", metavar="auto|imagenet|digits|FILE", help="Of --model. Default: auto."),
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
    """Adds the options to a command, which gets `wish` and `processes` for them."""

    @functools.wraps(command)
    def with_wish(
        *,
        device: Any,
        onednn: bool,
        tensorrt: Any,
        workers: int | None,
        bundle: Path | None,
        export: Path | None,
        model: str | None,
        weights: str | None,
        labels: Path | None,
        backend: Any,
        **others: Any,
    ) -> Any:
        wish = Wish(bundle, export, model, weights, labels, backend, Options(device, onednn, tensorrt))
        return command(wish=wish, processes=workers or (1 if device == "gpu" else None), **others)

    for option in reversed(_OPTIONS):
        with_wish = option(with_wish)
    return with_wish


@contextmanager
def opened(wish: Wish) -> Iterator[Classifier]:
    """The classifier that was asked for; what had to be made for it goes with the block."""
    with tempfile.TemporaryDirectory(prefix="deit-") as work:
        yield classifier.find(wish, BUNDLES, Path(work), notify=notify)
