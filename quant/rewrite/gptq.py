"""Weights onto the int8 grid, with the layer's output in view instead of each weight alone.

PaddleSlim rounds a weight to the nearest multiple of (largest in its output channel) / 127. Weights that lie
on that grid already come through it unchanged, so better rounding can be done before it.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from quant.rewrite.block import LEVELS

_DAMPING = 0.01
# So many rows are rounded before those of other blocks make up for their errors.
_ROWS = 64


def gptq(weight: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """Rounds a weight [in, out] row by row, each row's error made up for by the rows not rounded yet.

    `hessian` [in, in] is the second moment of the layer's inputs. The result lies on the grid of its own
    largest values per output channel. Source: Frantar et al., "GPTQ" (2022), algorithm 1 with rows ordered by
    their inputs' mean square. The factor of the inverse comes from one Cholesky factorization and a triangular inverse.
    """
    # Rounded from the last row to the first, which has the least mean square: so the factor is used as it comes.
    order = np.argsort(-np.diag(hessian), kind="stable")[::-1]
    inverse = _inverse_factor(hessian[np.ix_(order, order)])
    values = weight[order].astype(np.float64)
    step = np.maximum(np.abs(values).max(axis=0), 1e-12) / LEVELS
    whole = np.empty_like(values)
    errors = np.empty((_ROWS, values.shape[1]))
    for stop in range(len(values), 0, -_ROWS):
        start = max(stop - _ROWS, 0)
        for row in range(stop - 1, start - 1, -1):
            value = values[row]
            if row + 1 < stop:
                value -= inverse[row + 1 : stop, row] @ errors[row + 1 - start : stop - start]
            np.rint(value / step, out=whole[row])
            np.clip(whole[row], -LEVELS, LEVELS, out=whole[row])
            np.divide(value - whole[row] * step, inverse[row, row], out=errors[row - start])
        values[:start] -= inverse[start:stop, :start].T @ errors[: stop - start]
    # Each channel's largest must stay at 127, or PaddleSlim would take a finer step and round once more.
    columns = np.arange(whole.shape[1])
    # Of several, the one that was rounded first.
    largest = len(whole) - 1 - np.abs(whole[::-1]).argmax(axis=0)
    whole[largest, columns] = np.where(whole[largest, columns] < 0, -LEVELS, LEVELS)
    result = np.empty_like(weight)
    result[order] = (whole * step).astype(np.float32)
    return result


def _inverse_factor(hessian: np.ndarray) -> np.ndarray:
    """The lower triangular L [in, in] with LᵀL the inverse of the damped `hessian`, which is overwritten."""
    diagonal = np.einsum("ii->i", hessian)
    diagonal += _DAMPING * diagonal.mean()
    # LAPACK has columns where numpy has rows, so its upper triangle is the lower one here.
    factor = linalg.cholesky(hessian.T, overwrite_a=True)
    inverse, failed = linalg.lapack.dtrtri(factor, overwrite_c=True)
    if failed:
        raise linalg.LinAlgError(f"row {failed} of the Hessian's factor is zero")
    return inverse.T


def nearest(weight: np.ndarray) -> np.ndarray:
    """Rounds each weight [in, out] alone, as PaddleSlim does."""
    step = np.maximum(np.maximum(weight.max(axis=0), -weight.min(axis=0)), 1e-12) / LEVELS
    whole = weight / step
    np.rint(whole, out=whole)
    np.clip(whole, -LEVELS, LEVELS, out=whole)
    whole *= step
    return whole.astype(np.float32, copy=False)
