"""Trains or fine-tunes a DeiT, on the bundled digits or on an ImageNet-style folder."""

from __future__ import annotations

import re
from pathlib import Path

import _command

with _command.requirements():
    import click
    from _display import Display, notify, say

    from lite import training, weights, zoo
    from lite.errors import InputError
    from lite.training_data import Digits, Folder

_STAGE = re.compile(r"(?P<image>\d+):(?P<epochs>\d+)(:(?P<rate>[0-9.eE+-]+))?")

EXAMPLES = """
\b
Examples:
  python tools/train.py --model deit_tiny --data digits --out digits.pdparams --half \\
      --stage 64:70:5e-4 --stage 112:6:5e-4 --stage 224:4:3e-4      # how the bundled weights were made
  python tools/train.py --model deit_tiny --data flowers/ --weights imagenet --stage 224:10:1e-4 \\
      --out flowers.pdparams
  python tools/opt.py --model deit_tiny --weights flowers.pdparams --labels flowers.labels.txt --calib flowers/

\b
DIR holds train/CLASS/PICTURE and val/CLASS/PICTURE, or CLASS/PICTURE (a tenth is then held out).
"""


@click.command(help=__doc__, epilog=EXAMPLES)
@click.option("--model", required=True, metavar="NAME", help="DeiT variant; tools/opt.py --list shows them.")
@click.option("--data", required=True, metavar="DIR|digits", help="What to train on.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The .pdparams file to write.")
@click.option(
    "--weights",
    "source",
    default="none",
    show_default=True,
    metavar="none|imagenet|FILE",
    help="What to start from; a head of another number of classes is made anew.",
)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    default=("224:30:5e-4",),
    show_default=True,
    metavar="PIXELS:EPOCHS[:LR]",
    help="Train at a resolution; several, from low to high, make a run from nothing affordable.",
)
@click.option("--batch", type=click.IntRange(1), default=training.Settings.batch, show_default=True)
@click.option("--seed", type=int, default=training.Settings.seed, show_default=True)
@click.option("--half", is_flag=True, help="Store float16: half the size.")
@click.option("--force", is_flag=True, help="Replace OUT.")
def main(
    model: str,
    data: str,
    out: Path,
    source: str,
    stages: tuple[str, ...],
    batch: int,
    seed: int,
    half: bool,
    force: bool,
) -> None:
    """Runs the command."""
    variant = zoo.find(model)
    if out.exists() and not force:
        raise InputError(f"{out} is there already; give --force to replace it")
    planned = [_stage(text) for text in stages]
    training_set = Digits() if data == "digits" else Folder(Path(data), seed)
    initial = None
    if source != "none":
        loaded = weights.load(variant, source, notify=notify)
        initial = training.with_classes(loaded.state, len(training_set.classes))
    with Display() as display, display.stages.stage("train"):
        state, accuracy = training.train(
            variant,
            training_set,
            planned,
            training.Settings(batch=batch, seed=seed),
            initial=initial,
            report=say,
            on_step=display.stages.on_progress,
        )
    if planned[-1].image != variant.image:
        notify(
            f"the last stage was at {planned[-1].image} pixels; the position embedding is stretched to "
            f"{variant.image}, where accuracy will be lower until it is trained there"
        )
        state = training.at_resolution(state, variant, variant.image)
    training.save(state, out, training_set.classes, half=half)
    click.echo(f"{out}: held-out top-1 {accuracy:.2%}; labels in {training.labels_path(out)}")


def _stage(text: str) -> training.Stage:
    parts = _STAGE.fullmatch(text)
    if parts is None:
        raise InputError(
            f"--stage {text}: write PIXELS:EPOCHS or PIXELS:EPOCHS:LEARNING_RATE, like 224:10:1e-4"
        )
    try:
        rate = float(parts["rate"] or 5e-4)
    except ValueError:
        raise InputError(f"--stage {text}: {parts['rate']!r} is no learning rate") from None
    return training.Stage(int(parts["image"]), int(parts["epochs"]), rate)


if __name__ == "__main__":
    _command.run(main)
