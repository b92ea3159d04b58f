"""Trains a DeiT in PaddleClas's form: AdamW, cosine schedule with warm-up, label smoothing, averaged weights.

Training runs in stages of growing resolution, the position embedding interpolated between them, which is
what makes a run from nothing affordable on two CPU cores. Settings follow the DeiT page (AdamW betas,
weight decay 0.05 on matrices only, stochastic depth, label smoothing 0.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import paddle
from paddle.nn import functional

from lite.errors import ConversionError, InputError
from lite.network import DeiT
from lite.zoo import PATCH_SIZE, Variant

NOT_DECAYED = ("norm", ".bias", "cls_token", "dist_token", "pos_embed")


@dataclass(frozen=True)
class Stage:
    """Some epochs at one input resolution. `image` in pixels, `learning_rate` the peak of this stage.

    Raises InputError for a size that is no whole number of patches, no epochs or an impossible rate.
    """

    image: int
    epochs: int
    learning_rate: float

    def __post_init__(self) -> None:
        if self.image < PATCH_SIZE or self.image % PATCH_SIZE:
            raise InputError(f"{self.image} pixels is no multiple of the patch size, {PATCH_SIZE}")
        if self.epochs < 1 or not 0.0 < self.learning_rate < 1.0:
            raise InputError(
                f"{self.epochs} epochs at a learning rate of {self.learning_rate:g} can't be trained; give at "
                "least one epoch and a rate between 0 and 1"
            )


@dataclass(frozen=True)
class Settings:
    """What stays the same over all stages."""

    batch: int = 64
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    drop_path: float = 0.1
    warmup_share: float = 0.1
    ema_decay: float = 0.98
    seed: int = 2026


class TrainingData(Protocol):
    """A source of batches at any resolution."""

    classes: tuple[str, ...]

    def training_batches(
        self, image: int, batch: int, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One epoch of augmented (float32 [N, 3, image, image], int64 [N]) pairs."""
        ...

    def held_out_batches(self, image: int, batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The held-out split, the same every time, as (float32 [N, 3, image, image], int64 [N]) pairs."""
        ...

    def steps(self, batch: int) -> int:
        """Batches in one epoch."""
        ...


def interpolate_position_embedding(embedding: np.ndarray, prefix: int, grid: int) -> np.ndarray:
    """Resizes float32 [1, prefix + g*g, dim] to [1, prefix + grid*grid, dim], bicubic over the patch grid.

    The `prefix` embeddings of the class tokens stay. Source: DeiT, section 5 ("fine-tuning at different
    resolution"); `align_corners=False`, as in PaddleClas's `pos_embed` loading.
    """
    old = round((embedding.shape[1] - prefix) ** 0.5)
    if old == grid:
        return embedding
    patches = paddle.to_tensor(embedding[:, prefix:].reshape(1, old, old, -1).transpose(0, 3, 1, 2))
    resized = functional.interpolate(patches, size=[grid, grid], mode="bicubic", align_corners=False).numpy()
    flat = resized.transpose(0, 2, 3, 1).reshape(1, grid * grid, -1)
    return np.concatenate([embedding[:, :prefix], flat], axis=1)


def at_resolution(state: dict[str, np.ndarray], variant: Variant, image: int) -> dict[str, np.ndarray]:
    """The same state dict for pictures of `image` pixels a side: only `pos_embed` changes."""
    resized = interpolate_position_embedding(state["pos_embed"], variant.class_tokens, image // PATCH_SIZE)
    return {**state, "pos_embed": resized}


def with_classes(state: dict[str, np.ndarray], classes: int) -> dict[str, np.ndarray]:
    """The same state with zero heads for `classes` classes, or as it is if it has that many.

    A zero head starts every class even, and leaves the features whole in the first steps.
    """
    heads = [name for name in state if name.startswith("head")]
    if state["head.bias"].shape == (classes,):
        return state
    return {**state, **{name: np.zeros((*state[name].shape[:-1], classes), np.float32) for name in heads}}


def labels_path(out: Path) -> Path:
    """Where `save` writes the class names: `x.labels.txt` beside `x.pdparams`."""
    return out.with_suffix(".labels.txt")


def save(state: dict[str, np.ndarray], out: Path, classes: tuple[str, ...], *, half: bool = False) -> None:
    """Writes a `.pdparams` by PaddleClas's names, float16 if `half`, and the class names beside it.

    Both appear whole or not at all. Raises InputError where they cannot be written.
    """
    dtype = np.float16 if half else np.float32
    parts = {path: path.with_name(f".{path.name}.part") for path in (out, labels_path(out))}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        paddle.save({name: value.astype(dtype) for name, value in state.items()}, str(parts[out]), protocol=4)
        parts[labels_path(out)].write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror}; choose another --out") from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def train(
    variant: Variant,
    data: TrainingData,
    stages: list[Stage],
    settings: Settings,
    *,
    initial: dict[str, np.ndarray] | None = None,
    report: Callable[[str], None] = print,
    on_step: Callable[[int, int], None] = lambda step, total: None,
) -> tuple[dict[str, np.ndarray], float]:
    """Runs every stage; returns the averaged weights at the last stage's resolution and their held-out top-1.

    `initial` is a state dict by PaddleClas's names to start from (its head must fit the data's classes);
    `report` gets one line an epoch, `on_step` the step number and the number of steps.
    """
    paddle.seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    total = sum(stage.epochs for stage in stages) * data.steps(settings.batch)
    state, step, accuracy = initial, 0, 0.0
    for stage in stages:
        model = DeiT(variant, len(data.classes), image=stage.image, drop_path=settings.drop_path)
        if state is not None:
            model.set_state_dict(at_resolution(state, variant, stage.image))
        averaged = _Average(model, settings.ema_decay)
        steps = stage.epochs * data.steps(settings.batch)
        warmup = max(1, round(steps * settings.warmup_share))
        cosine = paddle.optimizer.lr.CosineAnnealingDecay(
            stage.learning_rate, max(1, steps - warmup), eta_min=stage.learning_rate / 100
        )
        schedule = paddle.optimizer.lr.LinearWarmup(
            cosine, warmup, stage.learning_rate / 100, stage.learning_rate
        )
        names = {parameter.name: name for name, parameter in model.named_parameters()}
        optimizer = paddle.optimizer.AdamW(
            schedule,
            parameters=model.parameters(),
            weight_decay=settings.weight_decay,
            apply_decay_param_fun=lambda name, names=names: (
                not any(part in names[name] for part in NOT_DECAYED)
            ),
            grad_clip=paddle.nn.ClipGradByGlobalNorm(1.0),
        )
        for epoch in range(stage.epochs):
            model.train()
            losses = []
            for pixels, target in data.training_batches(stage.image, settings.batch, rng):
                loss = _loss(model, pixels, target, settings.label_smoothing)
                loss.backward()
                optimizer.step()
                optimizer.clear_grad()
                schedule.step()
                averaged.update(model)
                losses.append(float(loss))
                if not np.isfinite(losses[-1]):
                    raise ConversionError(
                        f"the loss became {losses[-1]} in epoch {epoch + 1} at {stage.image} pixels; try a lower "
                        "learning rate"
                    )
                step += 1
                on_step(step, total)
            last = epoch == stage.epochs - 1
            if last or epoch % 3 == 2:
                accuracy = averaged.top1(data, stage.image, settings.batch)
                report(
                    f"{stage.image} px, epoch {epoch + 1}/{stage.epochs}: loss {np.mean(losses):.3f}, "
                    f"held-out top-1 {accuracy:.2%}"
                )
        state = averaged.state()
    if state is None:
        raise InputError("no stage to train; give at least one")
    return state, accuracy


def _loss(model: DeiT, pixels: np.ndarray, target: np.ndarray, smoothing: float) -> paddle.Tensor:
    outputs = model.head_outputs(paddle.to_tensor(pixels))
    hot = functional.one_hot(paddle.to_tensor(target), outputs[0].shape[-1])
    soft = functional.label_smooth(hot, epsilon=smoothing)
    losses = [functional.cross_entropy(logits, soft, soft_label=True) for logits in outputs]
    return sum(losses[1:], losses[0]) / len(losses)


class _Average:
    """Exponential moving average of a model's weights; the decay grows in over the first steps."""

    def __init__(self, model: DeiT, decay: float):
        self._model = DeiT(
            model.variant,
            model.head.weight.shape[1],
            image=round((model.pos_embed.shape[1] - model.variant.class_tokens) ** 0.5) * PATCH_SIZE,
        )
        self._model.set_state_dict(model.state_dict())
        self._model.eval()
        self._decay, self._updates = decay, 0

    @paddle.no_grad()
    def update(self, model: DeiT) -> None:
        self._updates += 1
        decay = min(self._decay, self._updates / (self._updates + 10))
        for kept, current in zip(self._model.parameters(), model.parameters(), strict=True):
            kept.set_value(kept * decay + current * (1 - decay))

    def state(self) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in self._model.state_dict().items()}

    @paddle.no_grad()
    def top1(self, data: TrainingData, image: int, batch: int) -> float:
        right = [
            self._model(paddle.to_tensor(pixels)).argmax(-1).numpy() == target
            for pixels, target in data.held_out_batches(image, batch)
        ]
        return float(np.concatenate(right).mean())
