"""Weights in Paddle's dynamic graph: PaddleClas's form of the network, which the other backends are held against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lite.engines import DEFAULT, Options, check_paddle
from lite.model.state import State
from lite.zoo import Variant


@dataclass(frozen=True)
class PaddleEngine:
    """A file of weights of `variant` in Paddle's dynamic graph."""

    path: Path
    variant: Variant
    options: Options = DEFAULT

    @property
    def files(self) -> tuple[Path, ...]:
        """The weights."""
        return (self.path,)

    def open(self) -> NetworkPredictor:
        """Loads it in this process; raises InputError for weights that do not fit `variant`."""
        from lite.model import weights

        # What is to be told was told when the weights were loaded.
        opened = weights.open_file(self.path, self.variant, notify=lambda _: None)
        return NetworkPredictor(self.variant, opened.state, self.options)


class NetworkPredictor:
    """The network of checked weights. Raises InputError without the GPU that `options` wish for."""

    batch: int | None = None

    def __init__(self, variant: Variant, state: State, options: Options = DEFAULT):
        check_paddle(options)
        import paddle

        from lite.model.network import DeiT

        paddle.set_device(options.device)
        self._paddle = paddle
        self._network = DeiT(variant, len(state["head.bias"]))
        self._network.set_state_dict(state)
        self._network.eval()

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [N, classes] of float32 [N, 3, H, W]."""
        with self._paddle.no_grad():
            tensor = self._paddle.to_tensor(np.ascontiguousarray(pixels, dtype=np.float32))
            return self._network(tensor).numpy()
