"""Weights onto the int8 grid, with the layer's output in view instead of each weight alone.

PaddleSlim rounds a weight to the nearest multiple of (largest in its output channel) / 127. Weights that lie
on that grid already come through it unchanged, so better rounding can be done before it.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from quant.rewrite.block import LEVELS

_DAMPING = 0.01


def gptq(weight: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """Rounds a weight [in, out] row by row, each row's error made up for by the rows not rounded yet.

    `hessian` [in, in] is the second moment of the layer's inputs. The result lies on the grid of its own
    largest values per output channel. Source: Frantar et al., "GPTQ" (2022), algorithm 1 with rows ordered by
    their inputs' mean square.
    """
    order = np.argsort(-np.diag(hessian), kind="stable")
    ordered = hessian[np.ix_(order, order)].copy()
    diagonal = np.einsum("ii->i", ordered)
    diagonal += _DAMPING * diagonal.mean()
    upper = linalg.cholesky(linalg.cho_solve(linalg.cho_factor(ordered), np.eye(len(ordered))))
    values = weight[order].astype(np.float64)
    step = np.maximum(np.abs(values).max(axis=0), 1e-12) / LEVELS
    whole = np.empty_like(values)
    block = 64
    for start in range(0, len(values), block):
        stop = min(start + block, len(values))
        errors = np.empty((stop - start, values.shape[1]))
        for row in range(start, stop):
            whole[row] = np.clip(np.rint(values[row] / step), -LEVELS, LEVELS)
            errors[row - start] = (values[row] - whole[row] * step) / upper[row, row]
            values[row + 1 : stop] -= np.outer(upper[row, row + 1 : stop], errors[row - start])
        values[stop:] -= upper[start:stop, stop:].T @ errors
    # Each channel's largest must stay at 127, or PaddleSlim would take a finer step and round once more.
    columns = np.arange(whole.shape[1])
    largest = np.abs(whole).argmax(axis=0)
    whole[largest, columns] = np.where(whole[largest, columns] < 0, -LEVELS, LEVELS)
    result = np.empty_like(weight)
    result[order] = (whole * step).astype(np.float32)
    return result


def nearest(weight: np.ndarray) -> np.ndarray:
    """Rounds each weight [in, out] alone, as PaddleSlim does."""
    step = np.maximum(np.abs(weight).max(axis=0), 1e-12) / LEVELS
    return (np.clip(np.rint(weight / step), -LEVELS, LEVELS) * step).astype(np.float32)
