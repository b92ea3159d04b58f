"""Mixup and cutmix: each picture of a batch is mixed with the one at its mirrored place, and so are the labels.

Sources: Zhang et al., "mixup" (2018); Yun et al., "CutMix" (2019). One share for the whole batch and the
mirrored partner are timm's batch mode, which DeiT trains with.
"""

from __future__ import annotations

import math

import numpy as np
import paddle

from lite.training.settings import Mix


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
