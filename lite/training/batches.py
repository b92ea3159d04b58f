"""Batches of a source, read by `paddle.io.DataLoader`: shuffled and augmented, or held out and in order.

What a picture looks like is decided by seed, stage, epoch and its place in the epoch alone. So nothing depends on
how many processes read or how many devices share an epoch, and a run that goes on in its middle sees the same.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import paddle

from lite import lifeline
from lite.errors import InputError
from lite.training.rand_augment import RandAugment, random_erasing
from lite.training.settings import Settings
from lite.training.sources import Source, normalise

# As many unreadable pictures in a row mean that something else is wrong.
_TRIES = 100

Batch = tuple[paddle.Tensor, paddle.Tensor, np.ndarray]


def steps(source: Source, settings: Settings, devices: Devices) -> int:
    """Steps in an epoch; a last one that is not full is left out, unless it is the only one."""
    return max(1, len(source.labels) // pictures_a_step(settings, devices))


def pictures_a_step(settings: Settings, devices: Devices) -> int:
    """Pictures whose gradients make one step, over all devices."""
    return settings.batch * settings.accumulate * devices.count


@dataclass(frozen=True)
class Epoch:
    """One epoch of a stage: the numbers that its random choices come from, and the input size in pixels."""

    stage: int
    number: int
    image: int


def training_batches(
    source: Source, settings: Settings, devices: Devices, epoch: Epoch, first_step: int = 0
) -> Iterator[Batch]:
    """This device's part of an epoch from `first_step` on, `accumulate` batches a step.

    Each batch is float32 [batch, 3, image, image], int64 labels [batch], and the indices of pictures that
    could not be read, in whose places others stand. Raises InputError where 100 in a row can't be read.
    """
    order = np.random.default_rng([settings.seed, epoch.stage, epoch.number]).permutation(len(source.labels))
    a_step = pictures_a_step(settings, devices)
    if len(order) < a_step:
        order = np.resize(order, a_step)
    positions = []
    for step in range(first_step, steps(source, settings, devices)):
        for part in range(settings.accumulate):
            first = step * a_step + (part * devices.count + devices.rank) * settings.batch
            positions.append(
                [(position, int(order[position])) for position in range(first, first + settings.batch)]
            )
    yield from _read(_Views(source, settings, epoch), positions, settings.workers)


def held_out_batches(source: Source, settings: Settings, devices: Devices, image: int) -> Iterator[Batch]:
    """This device's share of the held-out pictures; those that can't be read are missing, and listed."""
    mine = list(range(devices.rank, len(source.held_out_labels), devices.count))
    parts = [mine[start : start + settings.batch] for start in range(0, len(mine), settings.batch)]
    for pixels, labels, unreadable in _read(_HeldOut(source, image), parts, settings.workers):
        if len(unreadable):
            readable = paddle.nonzero(labels >= 0).flatten()
            pixels, labels = pixels.index_select(readable), labels.index_select(readable)
        yield pixels, labels, unreadable


def _read(dataset: paddle.io.Dataset, parts: list, workers: int) -> Iterator[Batch]:
    loader = paddle.io.DataLoader(
        dataset,
        batch_sampler=parts,
        collate_fn=_stack,
        num_workers=workers,
        return_list=True,
        worker_init_fn=partial(_begin, os.getpid()),
    )
    try:
        for pixels, labels, unreadable in loader:
            found = np.asarray(unreadable)
            yield pixels, labels, found[found >= 0]
    except SystemError as error:
        # Paddle's for a process of the loader that was ended.
        raise InputError(
            "a process that reads pictures was ended by the system",
            why="memory, or /dev/shm, by which it hands them over, is full",
            remedy="--set workers=0, or a smaller batch; in a container give more of it (docker run --shm-size 1g)",
        ) from error


def _begin(parent: int, worker: int) -> None:
    # Paddle's own watch over the parent waits for good for the next batch.
    lifeline.hold_forked(parent)
    # Ctrl-C reaches every process of a terminal; the one that trains ends the ones that read.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stack(items: list[tuple[np.ndarray, int, int]]) -> list[np.ndarray]:
    pixels, labels, unreadable = zip(*items, strict=True)
    return [np.stack(pixels), np.array(labels, np.int64), np.array(unreadable, np.int64)]


class _Views(paddle.io.Dataset):
    """(place in the epoch, index) → augmented pixels, label, and the index again if it could not be read."""

    def __init__(self, source: Source, settings: Settings, epoch: Epoch):
        super().__init__()
        self._source, self._settings, self._epoch = source, settings, epoch
        text = settings.augment.rand_augment
        self._rand_augment = RandAugment.parse(text) if text else None

    def __len__(self) -> int:
        return len(self._source.labels)

    def __getitem__(self, item: tuple[int, int]) -> tuple[np.ndarray, int, int]:
        position, index = item
        unreadable = -1
        for attempt in range(_TRIES):
            used = (index + attempt) % len(self)
            try:
                return self._view(position, used), int(self._source.labels[used]), unreadable
            except InputError:
                unreadable = index
        nothing = np.zeros((3, self._epoch.image, self._epoch.image), np.float32)
        return nothing, -1, unreadable

    def _view(self, position: int, index: int) -> np.ndarray:
        epoch, augment = self._epoch, self._settings.augment
        rng = np.random.default_rng([self._settings.seed, epoch.stage, epoch.number, position])
        picture = self._source.view(index, epoch.image, augment, rng)
        if self._rand_augment is not None:
            picture = self._rand_augment(np.ascontiguousarray(picture), rng)
        return random_erasing(normalise(picture, self._source.spec), augment.erasing, rng)


class _HeldOut(paddle.io.Dataset):
    """Index → prepared pixels and label; label -1 and the index where the picture can't be read."""

    def __init__(self, source: Source, image: int):
        super().__init__()
        self._source, self._image = source, image

    def __len__(self) -> int:
        return len(self._source.held_out_labels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int, int]:
        try:
            return self._source.held_out(index, self._image), int(self._source.held_out_labels[index]), -1
        except InputError:
            return np.zeros((3, self._image, self._image), np.float32), -1, index


@dataclass(frozen=True)
class Devices:
    """This process's `rank` among `count`; the first does what only one may do: print and write files."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process prints and writes."""
        return self.rank == 0

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum over all devices of `values`, int64 of one shape everywhere."""
        if self.count == 1:
            return values
        tensor = paddle.to_tensor(values)
        paddle.distributed.all_reduce(tensor)
        return tensor.numpy()


ALONE = Devices()


def start_devices() -> Devices:
    """Joins the processes that `paddle.distributed.launch` started (NCCL on GPUs, gloo on CPUs), if there are any."""
    environment = paddle.distributed.ParallelEnv()
    if environment.world_size == 1:
        return ALONE
    paddle.distributed.init_parallel_env()
    return Devices(environment.rank, environment.world_size)


def on_gpu() -> bool:
    """Whether Paddle computes on a GPU here."""
    return str(paddle.device.get_device()).startswith("gpu")
