"""The smallest real `.nb`: one linear layer on a picture of 2 x 2 pixels, in about 2 KB."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path


@cache
def small_nb(target: str) -> bytes:
    """A network for 2 x 2 pixels and three classes, as the optimizer writes it for `target` ("x86", "arm")."""
    # Imported here: Paddle takes seconds.
    import paddle

    from lite.model.graph import Exported
    from lite.nb import optimizer

    paddle.seed(0)
    network = paddle.nn.Sequential(paddle.nn.Flatten(), paddle.nn.Linear(12, 3))
    network.eval()
    spec = paddle.static.InputSpec([1, 3, 2, 2], "float32", "image")
    with tempfile.TemporaryDirectory() as name, paddle.utils.unique_name.guard():
        folder = Path(name)
        # Without clip_extra the optimizer finds the second output of `flatten` that it looks for.
        paddle.jit.save(network, str(folder / "model"), input_spec=[spec], clip_extra=False)
        optimizer.optimize(Exported.in_folder(folder), folder / "small.nb", "fp32", (target,))
        return (folder / "small.nb").read_bytes()
