"""Scales moved from activations into weights, so that one scale for a whole tensor fits every channel better.

A linear layer computes (x / s) (s W) as well as x W, for any s > 0 per input channel. Exact in real
arithmetic. The division costs nothing where what makes x can take it: a LayerNorm's weight and bias, or the
layer that makes v. Sources: Xiao et al., "SmoothQuant" (2023); Li et al., "RepQ-ViT" (2023).
"""

from __future__ import annotations

import numpy as np

from quant.rewrite.block import in_order, level
from quant.rewrite.gptq import nearest

ALPHAS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# The likeliest first, so that few of the others are tried to their end.
_LIKELY = (*reversed(ALPHAS), 0.0)
_ROWS = 256


def smoothing(largest: np.ndarray, weight: np.ndarray, alpha: float) -> np.ndarray:
    """SmoothQuant's scale per input channel: largest^alpha / max|W|^(1 - alpha), float32 [in].

    `largest` [in] is the activations' largest magnitude; `weight` [in, out]. Its geometric mean is 1.
    """
    rows = np.maximum(np.abs(weight).max(axis=1), 1e-8)
    scale = np.maximum(largest, 1e-5) ** alpha / rows ** (1.0 - alpha)
    return (scale / np.exp(np.log(scale).mean())).astype(np.float32)


def search(inputs: np.ndarray, largest: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
    """The scale [in] whose INT8 product comes nearest to the float one, and its alpha.

    `inputs` float32 [tokens, in] is a sample, `largest` [in] its magnitudes over all tokens. Alpha 0 means that
    no scaling was best.
    """
    # So few rows at a time that they stay in the processor's cache.
    parts = [slice(start, start + _ROWS) for start in range(0, len(inputs), _ROWS)]
    wanted = list(in_order(parts, lambda part: inputs[part] @ weight))
    ones = np.ones(len(weight), np.float32)
    least = np.inf

    def tried(alpha: float) -> tuple[float, float, np.ndarray]:
        nonlocal least
        scale = smoothing(largest, weight, alpha) if alpha else ones
        step = level(float((largest / scale).max()))
        rounded = nearest(weight * scale[:, None]) * step
        lost = 0.0
        # None is clipped: `largest` holds them all.
        for part, floats in zip(parts, wanted, strict=True):
            levels = inputs[part] / (scale * step)
            difference = np.rint(levels, out=levels) @ rounded
            difference -= floats
            lost += float(np.vdot(difference, difference))
            # Another one is better already, whatever the other rows lose.
            if lost > least:
                return np.inf, alpha, scale
        least = min(least, lost)
        return lost, alpha, scale

    _, alpha, scale = min(in_order(_LIKELY, tried), key=lambda found: found[:2])
    return scale, alpha
