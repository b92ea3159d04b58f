"""Makes files/paddle3-*: what Paddle 3 saves of a small network.

It runs with paddlepaddle 3.3.1 in an environment of its own:

    python3.10 -m venv build/paddle3 && build/paddle3/bin/pip install paddlepaddle==3.3.1 setuptools
    build/paddle3/bin/python tests/sources/record_paddle3.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import paddle

FILES = Path(__file__).parent / "files"


class Network(paddle.nn.Layer):
    """A norm and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.norm = paddle.nn.Linear(4, 3), paddle.nn.LayerNorm(4)

    def forward(self, values: paddle.Tensor) -> paddle.Tensor:
        return self.head(self.norm(values))


network = Network()
network.eval()
network.head.weight.set_value(np.arange(12, dtype=np.float32).reshape(4, 3) / 8)
for protocol in (2, 3, 4):
    paddle.save(network.state_dict(), str(FILES / f"paddle3-{protocol}.pdparams"), protocol=protocol)
with tempfile.TemporaryDirectory() as work:
    spec = paddle.static.InputSpec([1, 4], "float32", "image")
    paddle.jit.save(network, f"{work}/model", input_spec=[spec])
    (FILES / "paddle3-program.json").write_bytes((Path(work) / "model.json").read_bytes())
