"""Exponential moving average of a network's weights: what is evaluated and kept."""

from __future__ import annotations

import numpy as np
import paddle

from lite.state import State


class Average:
    """Averages the parameters of `network` into those of `kept`, a network of the same form.

    The decay grows in over the first updates, (1 + n) / (10 + n), so that the start is soon forgotten; a decay of
    None keeps the last weights. Source: TensorFlow's ExponentialMovingAverage with `num_updates`.
    """

    def __init__(self, network: paddle.nn.Layer, kept: paddle.nn.Layer, decay: float | None):
        self.network, self.updates = kept, 0
        self._pairs = list(zip(kept.parameters(), network.parameters(), strict=True))
        self._decay = 0.0 if decay is None else decay
        kept.set_state_dict(network.state_dict())
        kept.eval()

    @paddle.no_grad()
    def update(self) -> None:
        """Takes in the network's weights as they are now."""
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for kept, current in self._pairs:
            if decay:
                kept.lerp_(current, 1.0 - decay)
            else:
                paddle.assign(current, kept)

    def state(self) -> State:
        """The averaged weights by PaddleClas's names, float32."""
        return {name: np.asarray(value.numpy()) for name, value in self.network.state_dict().items()}
