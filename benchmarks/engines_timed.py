"""What runs in the process of an engine of engines.py: it opens the engine once, answers, and times its runs."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from pathlib import Path

import numpy as np

from lite.engines import Predictor, Runnable


@lru_cache(maxsize=1)
def open_once(engine: Runnable) -> Predictor:
    """Runs in the engine's process, which keeps it. Exceptions pass; what libraries write meanwhile does not."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), 2)
        return engine.open()
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def answers(engine: Runnable, pixels: np.ndarray) -> tuple[np.ndarray, int | None]:
    """Runs in the engine's process: logits [N, classes] and the number of pictures that it takes at once."""
    predictor = open_once(engine)
    return run(predictor, pixels), predictor.batch


def time_runs(engine: Runnable, pixels: np.ndarray, seconds: float) -> list[float]:
    """Runs in the engine's process: milliseconds of each run until `seconds` are over, at least three."""
    predictor = open_once(engine)
    run(predictor, pixels)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < 3 or time.perf_counter() < end:
        began = time.perf_counter()
        run(predictor, pixels)
        taken.append(1e3 * (time.perf_counter() - began))
    return taken


def run(predictor: Predictor, pixels: np.ndarray) -> np.ndarray:
    """Logits [N, classes], all at once or, where the engine has no batches, one by one."""
    if predictor.batch == 1:
        return np.concatenate([predictor.logits(one[None]) for one in pixels])
    return predictor.logits(pixels)
