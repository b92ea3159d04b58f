"""Weights onto the int8 grid, with the layer's output in view instead of each weight alone.

PaddleSlim rounds a weight to the nearest multiple of (largest in its output channel) / 127. Weights that lie
on that grid already come through it unchanged, so better rounding can be done before it.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from scipy import linalg

from lite.errors import ConversionError
from quant.rewrite.block import LEVELS

_DAMPING, _LEAST = 0.01, 1e-30
# So many rows are rounded before those of other blocks make up for their errors.
_ROWS = 64


def gptq(weight: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """Rounds a weight [in, out] row by row, each row's error made up for by the rows not rounded yet.

    `hessian` [in, in] is the second moment of the layer's inputs. The result lies on the grid of its own
    largest values per output channel. Source: Frantar et al., "GPTQ" (2022), algorithm 1 with rows ordered by
    their inputs' mean square; in the form that Chen et al., "The Geometry of LLM Quantization: GPTQ as Babai's Nearest
    Plane Algorithm" (2025), show to round alike, whose factor is that of the Hessian and not of its inverse. Raises
    ConversionError for a Hessian that is not finite.
    """
    # Rounded from the last row to the first, which has the least mean square.
    order = np.argsort(-np.diag(hessian), kind="stable")[::-1]
    factor = _factor(_in_order(hessian, order))
    wanted = weight[order].astype(np.float64)
    lost = wanted.copy()
    step = np.maximum(np.abs(wanted).max(axis=0), 1e-12) / LEVELS
    whole = np.empty_like(wanted)
    # While a block of rows is rounded, another thread adds up what the blocks before it mean for the next one.
    with ThreadPoolExecutor(1) as executor:
        coming: Future[np.ndarray] | None = None
        for stop in range(len(wanted), 0, -_ROWS):
            start, following = max(stop - _ROWS, 0), max(stop - 2 * _ROWS, 0)
            if coming:
                wanted[start:stop] += coming.result()
            coming = executor.submit(np.matmul, factor[following:start, stop:], lost[stop:])
            latest = slice(stop, stop + _ROWS)
            wanted[start:stop] += factor[start:stop, latest] @ lost[latest]
            for row in range(stop - 1, start - 1, -1):
                wanted[row] += factor[row, row + 1 : stop] @ lost[row + 1 : stop]
                levels = np.rint(wanted[row] / step, out=whole[row])
                # A row is short, and np.clip takes longer to start than both.
                np.minimum(levels, LEVELS, out=levels)
                np.maximum(levels, -LEVELS, out=levels)
                lost[row] -= levels * step
    # Each channel's largest must stay at 127, or PaddleSlim would take a finer step and round once more.
    columns = np.arange(whole.shape[1])
    # Of several, the one that was rounded first.
    largest = len(whole) - 1 - np.abs(whole[::-1]).argmax(axis=0)
    whole[largest, columns] = np.where(whole[largest, columns] < 0, -LEVELS, LEVELS)
    result = np.empty_like(weight)
    result[order] = (whole * step).astype(np.float32)
    return result


def _in_order(hessian: np.ndarray, order: np.ndarray) -> np.ndarray:
    ordered = np.empty_like(hessian)
    # So few rows at a time that they stay in the processor's cache.
    for start in range(0, len(order), _ROWS):
        rows = slice(start, start + _ROWS)
        np.take(hessian[order[rows]], order, axis=1, out=ordered[rows], mode="clip")
    return ordered


def _factor(hessian: np.ndarray) -> np.ndarray:
    """U [in, in] with UᵀDU the damped `hessian`, ones on its diagonal, rubbish below; the `hessian` is overwritten."""
    diagonal = np.einsum("ii->i", hessian)
    mean = diagonal.mean()
    if not np.isfinite(mean):
        raise ConversionError("the network's activations are not finite", remedy="check the weights in float")
    # More than nothing: the inputs of a layer after a pruned one are zero.
    diagonal += max(_DAMPING * mean, _LEAST)
    # LAPACK has columns where numpy has rows. What is below the diagonal stays as it was.
    factor, _ = linalg.cho_factor(hessian.T, overwrite_a=True, check_finite=False)
    factor /= np.diag(factor)[:, None].copy()
    return factor


def nearest(weight: np.ndarray) -> np.ndarray:
    """Rounds each weight [in, out] alone, as PaddleSlim does."""
    step = np.maximum(np.maximum(weight.max(axis=0), -weight.min(axis=0)), 1e-12) / LEVELS
    whole = weight / step
    np.rint(whole, out=whole)
    np.clip(whole, -LEVELS, LEVELS, out=whole)
    whole *= step
    return whole.astype(np.float32, copy=False)
