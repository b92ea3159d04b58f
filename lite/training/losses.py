"""What training minimises: cross-entropy with soft labels, and DeiT's hard distillation."""

from __future__ import annotations

import math

import numpy as np
import paddle
from paddle.nn import functional

from lite.training.settings import Mix


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
