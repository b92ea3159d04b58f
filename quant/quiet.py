"""PaddleSlim without its progress bars, notes and warnings: none of them is for a user to act on.

Standard error itself stays as it is, since that is where this toolkit shows how far it is.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

from paddle.static.quantization import post_training_quantization, quantization_pass

_WITH_BARS = (post_training_quantization, quantization_pass)


class _NoBar:
    """Stands for tqdm."""

    def __init__(self, **_: object) -> None:
        pass

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self) -> None:
        """One step done."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within it, Paddle's quantization shows nothing but errors."""
    loggers = [
        logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("paddle")
    ]
    levels = [logger.level for logger in loggers]
    bars = [module.tqdm for module in _WITH_BARS]
    for logger in loggers:
        logger.setLevel(max(logger.level, logging.ERROR))
    for module in _WITH_BARS:
        module.tqdm = _NoBar
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for module, bar in zip(_WITH_BARS, bars, strict=True):
            module.tqdm = bar
