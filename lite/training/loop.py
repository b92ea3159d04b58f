"""The run: stages of epochs of steps, from the first or from where a checkpoint stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from tensorboardX import SummaryWriter

from lite.errors import ConversionError, InputError, InterruptedRunError
from lite.model.state import State
from lite.shown import pictures
from lite.training import batches
from lite.training.batches import ALONE, Batch, Devices, Epoch
from lite.training.checkpoint import Checkpoint, Position
from lite.training.initial import at_resolution
from lite.training.settings import Settings
from lite.training.sources import Source
from lite.training.stage_run import StageRun, learning_rate
from lite.training.teacher import Teacher
from lite.zoo import Variant


@dataclass(frozen=True)
class TrainingResult:
    """The averaged weights at the last stage's input size, their held-out top-1, and what could not be read."""

    state: State = field(repr=False)
    accuracy: float
    image: int
    unreadable: int


@dataclass(frozen=True)
class Task:
    """What is trained, on what, how; `checkpoint` None keeps none, `strict` ends at an unreadable picture."""

    variant: Variant
    source: Source
    settings: Settings
    devices: Devices = ALONE
    initial: State | None = None
    teacher: Teacher | None = None
    checkpoint: Path | None = None
    strict: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must agree with."""
        return {
            "model": self.variant.name,
            "classes": list(self.source.classes),
            "pictures": self.source.fingerprint(),
            "devices": self.devices.count,
            "teacher": [self.teacher.name, self.teacher.sha256] if self.teacher else None,
            "settings": self.settings.decisive(),
        }


def train(
    task: Task,
    *,
    resume: bool = False,
    events: Path | None = None,
    report: Callable[[str], None] = print,
    on_step: Callable[[int, int], None] = lambda step, total: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Trains, from the task's checkpoint if `resume`; `report` gets a line an epoch, `on_step` steps done and to do.

    `task.initial` is a state by PaddleClas's names to start from, its head for the data's classes; it is
    stretched to the first stage's input size. Once `is_stopped` says so, a checkpoint is written after the step that
    runs, and InterruptedRunError raised. Raises InputError for a checkpoint that is not of this task or can't be
    written, for pictures that can't be read and for more of them at once than there is memory for, ConversionError if
    the loss is no longer a number.
    """
    try:
        return _Run(task, resume, events, report, on_step, is_stopped).run()
    except MemoryError as error:
        raise InputError(
            f"there is not enough memory for {task.settings.batch} pictures at once",
            remedy="choose a smaller batch; more of accumulate then make the same step",
        ) from error


class _Run:
    def __init__(
        self,
        task: Task,
        resume: bool,
        events: Path | None,
        report: Callable[[str], None],
        on_step: Callable[[int, int], None],
        is_stopped: Callable[[], bool],
    ):
        self.task, self.report, self.on_step, self.is_stopped = task, report, on_step, is_stopped
        self.resumed = self._read_checkpoint() if resume else None
        self.position = self.resumed.position if self.resumed else Position()
        figures = self.resumed.progress if self.resumed else {}
        self.losses = (figures.get("loss", 0.0), figures.get("steps", 0))
        self.unreadable: set[int] = set(figures.get("unreadable", ()))
        self.told = 0
        self.written = time.monotonic()
        self.steps = batches.steps(task.source, task.settings, task.devices)
        self.events = Events(events if task.devices.is_first else None, self._done(self.position))

    def _read_checkpoint(self) -> Checkpoint:
        if self.task.checkpoint is None:
            raise InputError("a run without a checkpoint can't be resumed")
        found = Checkpoint.read(self.task.checkpoint)
        found.check(self.task.checkpoint, self.task.identity)
        return found

    def run(self) -> TrainingResult:
        task, first = self.task, self.position.stage
        state, accuracy, image = task.initial, 0.0, task.variant.image
        try:
            for number in range(first, len(task.settings.stages)):
                image = task.settings.stages[number].image or task.variant.image
                stage = self._begin(number, image, state)
                accuracy = self._train_stage(number, image, stage)
                state = stage.average.state()
                self.position = Position(number + 1)
        finally:
            self.events.close()
        if state is None:
            raise InputError("no stage to train", remedy="give at least one")
        return TrainingResult(state, accuracy, image, len(self._gather_unreadable()))

    def _begin(self, number: int, image: int, state: State | None) -> StageRun:
        task = self.task
        if self.resumed is None and state is not None:
            state = at_resolution(state, task.variant, image)
        settings = task.settings
        a_step = batches.pictures_a_step(settings, task.devices)
        curve = learning_rate(settings.stages[number], settings.schedule, self.steps, a_step)
        stage = StageRun(
            task.variant, len(task.source.classes), image, settings, curve, task.devices,
            None if self.resumed else state, task.teacher,
        )  # fmt: skip
        if self.resumed is not None:
            done = self.position.epoch * self.steps + self.position.step
            try:
                stage.restore(self.resumed.arrays, self.resumed.progress, done)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"the checkpoint {task.checkpoint} does not hold what a run leaves in it",
                    remedy="begin anew with --force",
                ) from error
            self.resumed = None
        return stage

    def _train_stage(self, number: int, image: int, stage: StageRun) -> float:
        settings, accuracy = self.task.settings, 0.0
        epochs = settings.stages[number].epochs
        for epoch in range(self.position.epoch, epochs):
            self._train_epoch(Epoch(number, epoch, image), stage)
            self._tell_unreadable()
            last = epoch == epochs - 1
            if last or (epoch + 1) % settings.evaluate_every == 0:
                accuracy = self._top1(stage, image)
                loss = self.losses[0] / max(1, self.losses[1])
                self.report(
                    f"{image} px, epoch {epoch + 1}/{epochs}: loss {loss:.3f}, held-out top-1 {accuracy:.2%}"
                )
                self.events.write(self._done(self.position), held_out_top1=accuracy)
            self.position, self.losses = Position(number, epoch + 1), (0.0, 0)
        return accuracy

    def _train_epoch(self, epoch: Epoch, stage: StageRun) -> None:
        task, first = self.task, self.position.step
        source = batches.training_batches(task.source, task.settings, task.devices, epoch, first)
        for step in range(first, self.steps):
            read = list(islice(source, task.settings.accumulate))
            self._check(read)
            rate = stage.schedule.get_lr()
            loss = stage.step(epoch, step, read)
            if not np.isfinite(loss):
                raise ConversionError(
                    f"the loss became {loss} in epoch {epoch.number + 1} at {epoch.image} pixels",
                    remedy="try a lower learning rate",
                )
            self.losses = (self.losses[0] + loss, self.losses[1] + 1)
            self.position = Position(epoch.stage, epoch.number, step + 1)
            done = self._done(self.position)
            self.events.write(done, loss=loss, learning_rate=rate)
            self.on_step(done, self._total())
            self._keep(stage)

    def _check(self, read: list[Batch]) -> None:
        for _, labels, unreadable in read:
            if len(unreadable) and (self.task.strict or int(labels.min()) < 0):
                raise self._error(int(unreadable[0]))
            self.unreadable.update(unreadable.tolist())

    def _keep(self, stage: StageRun) -> None:
        """Writes a checkpoint where it is time for one, or the run is stopped, which then ends here."""
        task, stopped = self.task, self.is_stopped()
        due = stopped or time.monotonic() - self.written >= 60 * task.settings.checkpoint_minutes
        if task.checkpoint is not None and task.devices.is_first and due:
            progress = {
                "loss": self.losses[0], "steps": self.losses[1], "unreadable": sorted(self.unreadable)
            }  # fmt: skip
            Checkpoint(task.identity, self.position, progress | stage.figures(), stage.arrays()).write(
                task.checkpoint
            )
            self.written = time.monotonic()
        if stopped:
            done = f"{self._done(self.position)} of {self._total()} steps are done"
            raise InterruptedRunError(
                "interrupted", why=done, remedy="--resume goes on from there" if task.checkpoint else None
            )

    @paddle.no_grad()
    def _top1(self, stage: StageRun, image: int) -> float:
        task, right, count = self.task, 0, 0
        here: list[int] = []
        for pixels, labels, unreadable in batches.held_out_batches(
            task.source, task.settings, task.devices, image
        ):
            here += unreadable.tolist()
            if len(labels):
                chosen = stage.average.network(pixels).argmax(-1)
                right, count = right + int((chosen == labels).sum()), count + len(labels)
            if self.is_stopped():
                self._keep(stage)
        right, count, missing = task.devices.total(np.array([right, count, len(here)])).tolist()
        those, counts = (
            ("1 held-out picture", "does") if missing == 1 else (f"{missing} held-out pictures", "do")
        )
        why = str(_reading_error(lambda: task.source.held_out(here[0], 16))) if here else None
        if missing and task.strict:
            raise InputError(
                f"{those} can't be read", why=why, remedy="mend what cannot, or leave out --strict"
            )
        if not count:
            raise InputError("no held-out picture can be read", remedy="mend them")
        if missing:
            self.report(f"{those} can't be read and {counts} not count" + (f": {why}" if why else ""))
        return right / count

    def _gather_unreadable(self) -> set[int]:
        found = np.zeros(len(self.task.source.labels), np.int64)
        found[list(self.unreadable)] = 1
        return set(np.flatnonzero(self.task.devices.total(found)).tolist())

    def _tell_unreadable(self) -> None:
        self.unreadable = self._gather_unreadable()
        if len(self.unreadable) > self.told:
            self.told = len(self.unreadable)
            first = self._error(min(self.unreadable))
            self.report(f"{pictures(self.told)} can't be read, others stand in: {first}")

    def _error(self, index: int) -> InputError:
        source, augment = self.task.source, self.task.settings.augment
        return _reading_error(lambda: source.view(index, 16, augment, np.random.default_rng(0)))

    def _done(self, position: Position) -> int:
        earlier = sum(stage.epochs for stage in self.task.settings.stages[: position.stage])
        return (earlier + position.epoch) * self.steps + position.step

    def _total(self) -> int:
        return self._done(Position(len(self.task.settings.stages)))


def _reading_error(read: Callable[[], object]) -> InputError:
    """What reading a picture again raises that could not be read."""
    try:
        read()
    except InputError as error:
        return error
    return InputError("it can be read again now", remedy="start anew")


class Events:
    """Scalars by step in `folder`; None writes nothing. A run that goes on at `first_step` hides later ones."""

    def __init__(self, folder: Path | None, first_step: int = 0):
        self._writer: SummaryWriter | None = None
        if folder is None:
            return
        try:
            self._writer = SummaryWriter(str(folder), purge_step=first_step or None)
        except OSError as error:
            raise InputError(
                f"cannot write curves to {folder}", why=error.strerror, remedy="choose another --logs"
            ) from error

    def write(self, step: int, **scalars: float) -> None:
        """Adds one value to each named curve."""
        if self._writer is not None:
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Writes what is still in memory."""
        if self._writer is not None:
            self._writer.close()
