"""One stage while it runs: network, optimizer, schedule and average, and what a step does to them."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import paddle

from lite.model.network import DeiT
from lite.model.state import State
from lite.training import losses
from lite.training.batches import Batch, Devices, Epoch, on_gpu
from lite.training.schedule import Shape
from lite.training.settings import Settings
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
        shape: Shape,
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
        self.schedule = paddle.optimizer.lr.LambdaDecay(shape.peak, shape.factor)
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
        soft = losses.soft_labels(labels, self._classes, self._settings.label_smoothing)
        pixels, soft = losses.mix(pixels, soft, self._settings.mix, rng)
        with paddle.amp.auto_cast(enable=self._amp, level="O1"):
            outputs = self._heads(pixels)
            if self._teacher is None:
                return losses.supervised(outputs, soft)
            with paddle.no_grad():
                judged = self._teacher(pixels)
            return losses.hard_distillation(outputs, soft, judged)

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
