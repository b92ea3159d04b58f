"""The learning rate, by step: a linear warm-up, then half a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lite.training.settings import Schedule, Stage


@dataclass(frozen=True)
class Shape:
    """A stage's learning rate: from `start` to `peak` in `warmup` steps, then to `final` at the last of `steps`.

    `start` and `final` are shares of `peak`.
    """

    peak: float
    start: float
    final: float
    warmup: int
    steps: int

    def factor(self, step: int) -> float:
        """The learning rate of step `step` (from 0) as a share of the peak.

        Source of the cosine: Loshchilov and Hutter, "SGDR" (2017), equation 5, without restarts.
        """
        if step < self.warmup:
            return self.start + (1.0 - self.start) * step / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + math.cos(math.pi * done))


def peak(stage: Stage, schedule: Schedule, pictures_a_step: int) -> float:
    """The stage's highest learning rate, in proportion to the pictures a step.

    Source of the proportion: Goyal et al., "Accurate, large minibatch SGD" (2017); PaddleClas's page asks for
    it (half the learning rate on 4 cards instead of 8).
    """
    return stage.learning_rate * (pictures_a_step / schedule.for_batch if schedule.for_batch else 1.0)


def shape(stage: Stage, schedule: Schedule, steps_an_epoch: int, pictures_a_step: int) -> Shape:
    """The learning rate of `stage` by step."""
    return Shape(
        peak(stage, schedule, pictures_a_step),
        schedule.start,
        schedule.final,
        round(stage.warmup_epochs * steps_an_epoch),
        stage.epochs * steps_an_epoch,
    )
