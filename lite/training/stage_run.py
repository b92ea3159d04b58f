"""One stage while it runs: network, optimizer, learning rate and average, what a step does to them, what it minimises.

The learning rate is by step a linear warm-up, then half a cosine; the loss cross-entropy with soft labels, and DeiT's
hard distillation.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
from paddle.nn import functional

from lite.model.network import DeiT
from lite.model.state import State
from lite.training.batches import Batch, Devices, Epoch, on_gpu
from lite.training.settings import Mix, Schedule, Settings, Stage
from lite.training.teacher import Teacher
from lite.zoo import Variant


class _Heads(paddle.nn.Layer):
    """The network as DataParallel wants it: its forward pass gives each head's logits."""

    def __init__(self, network: DeiT):
        super().__init__()
        self.network = network

    def forward(self, pixels: paddle.Tensor) -> list[paddle.Tensor]:
        return self.network.head_outputs(pixels)


class StageRun:
    """Begins from `initial` (at this stage's input size) or from random weights that `settings.seed` decides."""

    def __init__(
        self,
        variant: Variant,
        classes: int,
        image: int,
        settings: Settings,
        rate: LearningRate,
        devices: Devices,
        initial: State | None,
        teacher: Teacher | None,
    ):
        self._settings, self._devices, self._classes = settings, devices, classes
        paddle.seed(settings.seed)
        self.network = DeiT(variant, classes, image=image, drop_path=settings.drop_path)
        if initial is not None:
            self.network.set_state_dict(initial)
        self._names = {parameter.name: name for name, parameter in self.network.named_parameters()}
        self._heads: paddle.nn.Layer = _Heads(self.network)
        if devices.count > 1:
            self._heads = paddle.DataParallel(self._heads)
        self.average = Average(self.network, DeiT(variant, classes, image=image), settings.ema_decay)
        self._teacher = teacher.at(image) if teacher else None
        chosen = settings.optimizer
        self.schedule = paddle.optimizer.lr.LambdaDecay(rate.peak, rate.factor)
        self._optimizer = paddle.optimizer.AdamW(
            self.schedule,
            beta1=chosen.betas[0],
            beta2=chosen.betas[1],
            epsilon=chosen.epsilon,
            parameters=self.network.parameters(),
            weight_decay=chosen.weight_decay,
            apply_decay_param_fun=lambda name: (
                not any(part in self._names[name] for part in chosen.not_decayed)
            ),
            grad_clip=paddle.nn.ClipGradByGlobalNorm(chosen.clip_norm) if chosen.clip_norm else None,
        )
        self._amp = settings.amp and on_gpu()
        self._scaler = paddle.amp.GradScaler(enable=self._amp)

    def step(self, epoch: Epoch, number: int, batches: list[Batch]) -> float:
        """One step with the gradients of `accumulate` batches; returns their mean loss.

        All random choices of the network (stochastic depth) and of mixup and cutmix come from the seed, the
        step's place in the run, the batch's in the step, and the device's rank.
        """
        self.network.train()
        total = 0.0
        for part, (pixels, labels, _) in enumerate(batches):
            place = [self._settings.seed, epoch.stage, epoch.number, number, part, self._devices.rank]
            paddle.seed(int(np.random.SeedSequence(place).generate_state(1)[0]))
            last = part == len(batches) - 1
            # Gradients travel between devices once a step.
            apart = self._devices.count > 1 and not last
            with self._heads.no_sync() if apart else contextlib.nullcontext():
                loss = self._loss(pixels, labels, np.random.default_rng(place))
                self._scaler.scale(loss / len(batches)).backward()
            total += float(loss) / len(batches)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.clear_grad()
        self.schedule.step()
        self.average.update()
        return total

    def _loss(self, pixels: paddle.Tensor, labels: paddle.Tensor, rng: np.random.Generator) -> paddle.Tensor:
        soft = soft_labels(labels, self._classes, self._settings.label_smoothing)
        pixels, soft = mix(pixels, soft, self._settings.mix, rng)
        with paddle.amp.auto_cast(enable=self._amp, level="O1"):
            outputs = self._heads(pixels)
            if self._teacher is None:
                return supervised(outputs, soft)
            with paddle.no_grad():
                judged = self._teacher(pixels)
            return hard_distillation(outputs, soft, judged)

    def arrays(self) -> dict[str, np.ndarray]:
        """Network, average and optimizer, by names that are the same in every process."""
        found = {f"network/{name}": value.numpy() for name, value in self.network.state_dict().items()}
        found |= {f"average/{name}": value for name, value in self.average.state().items()}
        for key, value in self._optimizer.state_dict().items():
            # Paddle's own names count the layers of the process: linear_7.w_0_moment1_0.
            owner = max((name for name in self._names if key.startswith(f"{name}_")), key=len, default=None)
            if owner is not None:
                kind = key[len(owner) + 1 :]
                found[f"optimizer/{self._names[owner]}/{kind}"] = value.numpy()
        return found

    def figures(self) -> dict[str, Any]:
        """What else there is to keep, as plain values."""
        scaler = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in self._scaler.state_dict().items()
        }
        return {"updates": self.average.updates, "scaler": scaler}

    def restore(self, arrays: dict[str, np.ndarray], figures: dict[str, Any], steps: int) -> None:
        """Puts back what `arrays` and `figures` gave after `steps` steps. Raises KeyError where some are missing."""

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {name[len(prefix) :]: value for name, value in arrays.items() if name.startswith(prefix)}

        for network, prefix in ((self.network, "network/"), (self.average.network, "average/")):
            # Paddle goes on without those that are missing.
            if missing := network.state_dict().keys() - part(prefix).keys():
                raise KeyError(min(missing))
            network.set_state_dict(part(prefix))
        self.average.updates = figures["updates"]
        paddle_names = {name: own for own, name in self._names.items()}
        self.schedule.step(steps)
        kept: dict[str, Any] = {"LR_Scheduler": self.schedule.state_dict()}
        for key, value in part("optimizer/").items():
            name, _, kind = key.rpartition("/")
            kept[f"{paddle_names[name]}_{kind}"] = paddle.to_tensor(value)
        self._optimizer.set_state_dict(kept)
        if figures["scaler"]:
            self._scaler.load_state_dict(figures["scaler"])


class Average:
    """Averages the parameters of `network` into those of `kept`, a network of the same form.

    The decay grows in over the first updates, (1 + n) / (10 + n), so that the start is soon forgotten; a decay of
    None keeps the last weights. Source: TensorFlow's ExponentialMovingAverage with `num_updates`.
    """

    def __init__(self, network: paddle.nn.Layer, kept: paddle.nn.Layer, decay: float | None):
        self.network, self.updates = kept, 0
        self._pairs = list(zip(kept.parameters(), network.parameters(), strict=True))
        self._decay = 0.0 if decay is None else decay
        kept.set_state_dict(network.state_dict())
        kept.eval()

    @paddle.no_grad()
    def update(self) -> None:
        """Takes in the network's weights as they are now."""
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for kept, current in self._pairs:
            if decay:
                kept.lerp_(current, 1.0 - decay)
            else:
                paddle.assign(current, kept)

    def state(self) -> State:
        """The averaged weights by PaddleClas's names, float32."""
        return {name: np.asarray(value.numpy()) for name, value in self.network.state_dict().items()}


@dataclass(frozen=True)
class LearningRate:
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


def peak_learning_rate(stage: Stage, schedule: Schedule, pictures_a_step: int) -> float:
    """The stage's highest learning rate, in proportion to the pictures a step.

    Source of the proportion: Goyal et al., "Accurate, large minibatch SGD" (2017); PaddleClas's page asks for
    it (half the learning rate on 4 cards instead of 8).
    """
    return stage.learning_rate * (pictures_a_step / schedule.for_batch if schedule.for_batch else 1.0)


def learning_rate(
    stage: Stage, schedule: Schedule, steps_an_epoch: int, pictures_a_step: int
) -> LearningRate:
    """The learning rate of `stage` by step."""
    return LearningRate(
        peak_learning_rate(stage, schedule, pictures_a_step),
        schedule.start,
        schedule.final,
        round(stage.warmup_epochs * steps_an_epoch),
        stage.epochs * steps_an_epoch,
    )


def soft_labels(labels: paddle.Tensor, classes: int, smoothing: float) -> paddle.Tensor:
    """int64 [N] → float32 [N, classes]: `smoothing` of each label's weight is spread over all classes."""
    return functional.label_smooth(functional.one_hot(labels, classes), epsilon=smoothing)


def supervised(outputs: list[paddle.Tensor], soft: paddle.Tensor) -> paddle.Tensor:
    """Mean over the heads ([N, classes] logits each) of the cross-entropy with `soft`, [N, classes]."""
    losses = [functional.cross_entropy(logits, soft, soft_label=True) for logits in outputs]
    return sum(losses[1:], losses[0]) / len(losses)


def hard_distillation(
    outputs: list[paddle.Tensor], soft: paddle.Tensor, teacher: paddle.Tensor
) -> paddle.Tensor:
    """Half the class head's cross-entropy with `soft`, half the distillation head's with the teacher's choice.

    `outputs` are the two heads' logits and `teacher` the teacher's, [N, classes] each. Source: Touvron et al.
    (2021), equation 3: L = 1/2 CE(softmax(Z_s), y) + 1/2 CE(softmax(Z_s), y_t), y_t = argmax_c Z_t(c), the first
    term on the class token and the second on the distillation token (section 4); the teacher's label is not
    smoothed.
    """
    chosen = teacher.argmax(-1)
    labels = functional.cross_entropy(outputs[0], soft, soft_label=True)
    return 0.5 * labels + 0.5 * functional.cross_entropy(outputs[1], chosen)


def mix(
    pixels: paddle.Tensor, targets: paddle.Tensor, settings: Mix, rng: np.random.Generator
) -> tuple[paddle.Tensor, paddle.Tensor]:
    """Mixes float32 [N, 3, H, W] and the weights of their classes, [N, classes], as `settings` say."""
    with_cutmix = settings.cutmix > 0 and (settings.mixup == 0 or rng.random() < settings.cutmix_share)
    if with_cutmix:
        return cutmix(pixels, targets, float(rng.beta(settings.cutmix, settings.cutmix)), rng)
    if settings.mixup > 0:
        return mixup(pixels, targets, float(rng.beta(settings.mixup, settings.mixup)))
    return pixels, targets


def mixup(pixels: paddle.Tensor, targets: paddle.Tensor, share: float) -> tuple[paddle.Tensor, paddle.Tensor]:
    """`share` of each picture and of its label, the rest from its partner."""
    return (
        pixels * share + pixels.flip(0) * (1.0 - share),
        targets * share + targets.flip(0) * (1.0 - share),
    )


def cutmix(
    pixels: paddle.Tensor, targets: paddle.Tensor, share: float, rng: np.random.Generator
) -> tuple[paddle.Tensor, paddle.Tensor]:
    """A rectangle of about 1 - `share` of the area comes from the partner; labels count the pixels."""
    height, width = pixels.shape[2:]
    side = math.sqrt(1.0 - share)
    middle_y, middle_x = int(rng.integers(0, height)), int(rng.integers(0, width))
    high, wide = int(height * side), int(width * side)
    top, bottom = max(0, middle_y - high // 2), min(height, middle_y + high // 2)
    left, right = max(0, middle_x - wide // 2), min(width, middle_x + wide // 2)
    inside = np.zeros((1, 1, height, width), bool)
    inside[..., top:bottom, left:right] = True
    kept = 1.0 - float(inside.mean())
    mixed = paddle.where(paddle.to_tensor(inside).expand_as(pixels), pixels.flip(0), pixels)
    return mixed, targets * kept + targets.flip(0) * (1.0 - kept)
