"""The devices of a run: one process, or the several that `python -m paddle.distributed.launch` starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import paddle


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


def start() -> Devices:
    """Joins the processes that `paddle.distributed.launch` started (NCCL on GPUs, gloo on CPUs), if there are any."""
    environment = paddle.distributed.ParallelEnv()
    if environment.world_size == 1:
        return ALONE
    paddle.distributed.init_parallel_env()
    return Devices(environment.rank, environment.world_size)


def on_gpu() -> bool:
    """Whether Paddle computes on a GPU here."""
    return str(paddle.device.get_device()).startswith("gpu")
