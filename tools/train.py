"""Trains or fine-tunes a DeiT by its recipe, on class folders, list files or the bundled digits."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import _command
import click
from _display import Display, notify, say
from _options import model_option, sha256_option

from lite import labels as class_names
from lite import zoo
from lite.errors import InputError
from lite.files import check_writable_file, check_writable_folder
from lite.shown import pictures as pictures_of

if TYPE_CHECKING:
    from lite.training.loop import Task
    from lite.training.sources import Source

_STOPPING = "stopping after this step; Ctrl-C again ends it at once, without a checkpoint"

EXAMPLES = """
\b
Examples:
  ./run.sh tools/train.py --model deit_tiny --data flowers/ --weights imagenet --out flowers.pdparams
  ./run.sh tools/opt.py --model deit_tiny --weights flowers.pdparams --calib flowers/
  ./run.sh tools/train.py --model deit_tiny --data flowers/ --weights imagenet --set stages.0.epochs=50 --set batch=32
  ./run.sh tools/train.py --model deit_tiny_distilled --data flowers/ --weights imagenet \\
      --teacher deit_base --teacher-weights flowers-base.pdparams
  ./run.sh -m paddle.distributed.launch --gpus 0,1,2,3 tools/train.py --model deit_small --data ILSVRC2012/

\b
DIR holds train/CLASS/PICTURE and val/CLASS/PICTURE; CLASS/PICTURE (a tenth is then held out); or train_list.txt
and val_list.txt with a `path label` a line. Settings: lite/configs/, to be copied and changed.
"""


@click.command(help=__doc__, epilog=EXAMPLES)
@model_option(required=True)
@click.option("--data", required=True, metavar="DIR|LIST.txt|digits", help="What to train on.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The .pdparams file to write.  [default: build/training/MODEL-DATA.pdparams]",
)
@click.option(
    "--weights",
    "source",
    default="none",
    show_default=True,
    metavar="none|imagenet|digits|FILE",
    help="What to start from; a head of another number of classes is made anew.",
)
@sha256_option("the file of --weights")
@click.option(
    "--config",
    metavar="NAME|FILE.yaml",
    help="Settings.  [default: finetune with --weights, else the model's, by PaddleClas's page]",
)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting over the file's; several."
)
@click.option("--labels", type=click.Path(path_type=Path), help="Class names of list files, one a line.")
@click.option(
    "--teacher",
    "teacher_name",
    metavar="NAME",
    help="Who a distilled variant learns from: a DeiT, resnet50, …",
)
@click.option("--teacher-weights", metavar="imagenet|FILE", help="The teacher's weights.")
@sha256_option("the file of --teacher-weights", "--teacher-sha256")
@click.option("--logs", type=click.Path(path_type=Path), metavar="DIR", help="Write curves for TensorBoard.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the checkpoint beside OUT, which is written every 10 minutes (checkpoint_minutes) and on Ctrl-C.",
)
@click.option("--strict", is_flag=True, help="End at a picture that can't be read; else others stand in.")
@click.option("--half", is_flag=True, help="Store float16: half the size.")
@click.option("--force", is_flag=True, help="Replace OUT, and begin anew where a checkpoint is.")
def main(
    model: str,
    data: str,
    out: Path | None,
    source: str,
    sha256: str | None,
    config: str | None,
    overrides: tuple[str, ...],
    labels: Path | None,
    teacher_name: str | None,
    teacher_weights: str | None,
    teacher_sha256: str | None,
    logs: Path | None,
    resume: bool,
    strict: bool,
    half: bool,
    force: bool,
) -> None:
    """Runs the command."""
    from lite.training import batches, initial, settings, sources, teacher
    from lite.training import checkpoint as save
    from lite.training.checkpoint import discard
    from lite.training.loop import Task, train
    from lite.training.sources import Digits

    variant = zoo.find(model)
    out = out or Path("build/training") / f"{variant.name}-{Path(os.path.realpath(data)).stem}.pdparams"
    check_writable_file(out)
    checkpoint = save.checkpoint_path(out)
    _check_outputs(out, checkpoint, resume, force)
    if logs is not None:
        check_writable_folder(logs)
    chosen = settings.load(
        config or (settings.FROM_NOTHING if source == "none" else settings.FINE_TUNING), overrides
    )
    _check_teacher(variant, teacher_name, teacher_weights)
    if sha256 and source == "none":
        raise InputError("--sha256 is of the file of --weights", remedy="give both or neither")
    if teacher_sha256 and not teacher_name:
        raise InputError(
            "--teacher-sha256 is of the file of --teacher-weights", remedy="give both or neither"
        )
    if data == "digits" and labels:
        raise InputError("--labels names the classes of list files", remedy="the digits have their names")
    pictures: Source = (
        Digits(variant.preprocess)
        if data == "digits"
        else sources.find_pictures(data, chosen.seed, labels, spec=variant.preprocess, notify=notify)
    )
    _check_names(class_names.beside(out), pictures.classes, force)
    here = batches.start_devices()
    tell = say if here.is_first else _nothing
    remark = notify if here.is_first else _nothing
    task = Task(
        variant=variant,
        source=pictures,
        settings=chosen,
        devices=here,
        initial=None
        if source == "none"
        else initial.load(variant, source, pictures.classes, sha256=sha256, notify=remark),
        teacher=teacher.load(
            teacher_name,
            str(teacher_weights),
            pictures.classes,
            spec=variant.preprocess,
            sha256=teacher_sha256,
            notify=remark,
        )
        if teacher_name
        else None,
        checkpoint=checkpoint,
        strict=strict,
    )
    if variant.distilled and not teacher_name:
        remark("no --teacher: both heads learn from the labels")
    if chosen.amp and not batches.on_gpu():
        remark("mixed precision is off: it is for GPUs, and this runs on the CPU in float32")
    tell(_plan(task))
    if force and here.is_first:
        # What a run that --force replaces has left must not pass for this one's.
        discard(checkpoint)
    with (
        Display(remaining=True) as display,
        display.stages.stage("train"),
        _command.stopping(signal.SIGINT, on_first=lambda: notify(_STOPPING)) as stop,
    ):
        result = train(
            task,
            resume=resume,
            events=logs,
            report=tell,
            on_step=display.stages.on_progress if here.is_first else _nothing,
            is_stopped=stop.is_set,
        )
    if not here.is_first:
        return
    state = result.state
    if result.image != variant.image:
        notify(
            f"the last stage was at {result.image} pixels; the position embedding is stretched to "
            f"{variant.image}, where accuracy will be lower until it is trained there"
        )
        state = initial.at_resolution(state, variant, variant.image)
    save.save(state, out, pictures.classes, half=half)
    discard(checkpoint)
    skipped = f"; {pictures_of(result.unreadable)} to train on could not be read" if result.unreadable else ""
    click.echo(f"{out}: held-out top-1 {result.accuracy:.2%}; labels in {class_names.beside(out)}{skipped}")


def _check_outputs(out: Path, checkpoint: Path, resume: bool, force: bool) -> None:
    if out.suffix != ".pdparams":
        raise InputError(
            f"--out {out} is no .pdparams file",
            why="weights are written in Paddle's form",
            remedy="name it so",
        )
    if resume and force:
        raise InputError("--resume goes on and --force begins anew", remedy="give one of them")
    if out.exists() and not force:
        raise InputError(f"{out} is there already", remedy="give --force to replace it")
    if checkpoint.exists() and not (resume or force):
        raise InputError(
            f"{checkpoint} is of a run that did not end", remedy="--resume goes on, --force begins anew"
        )


def _check_names(path: Path, classes: Sequence[str], force: bool) -> None:
    if path.is_file() and not force and path.read_bytes() != class_names.as_text(classes).encode():
        raise InputError(
            f"{path} is there already",
            why="it names other classes than the data",
            remedy="choose another --out, or give --force to replace it",
        )


def _check_teacher(variant: zoo.Variant, name: str | None, file: str | None) -> None:
    if (name is None) != (file is None):
        raise InputError("--teacher and --teacher-weights go together", remedy="give both")
    if name and not variant.distilled:
        raise InputError(
            f"{variant.name} has no head for a teacher",
            remedy=f"use {variant.name}_distilled, or no --teacher",
        )


def _plan(task: Task) -> str:
    from lite.training import batches
    from lite.training.stage_run import peak_learning_rate

    pictures, chosen = len(task.source.labels), task.settings
    a_step = batches.pictures_a_step(chosen, task.devices)
    rates = ", ".join(f"{peak_learning_rate(stage, chosen.schedule, a_step):.3g}" for stage in chosen.stages)
    return (
        f"{task.variant.name}: {pictures} pictures of {len(task.source.classes)} classes, "
        f"{len(task.source.held_out_labels)} held out; {a_step} pictures a step on {task.devices.count} "
        f"device{'s' if task.devices.count > 1 else ''}, learning rate {rates}"
    )


def _nothing(*_: object) -> None:
    pass


if __name__ == "__main__":
    _command.run(main)
