"""Paddle Lite's x86 runtime behind one small class: picture tensor in, logits out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lite.errors import InputError
from lite.nb import reader


@dataclass(frozen=True)
class LiteEngine:
    """A `.nb` in Paddle Lite's x86 runtime."""

    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The `.nb`."""
        return (self.path,)

    def open(self) -> LitePredictor:
        """Loads it in this process; raises InputError for a file that the runtime can't take."""
        return LitePredictor(self.path)


class LitePredictor:
    """A `.nb` in Paddle Lite's x86 runtime.

    The file is read by `lite.nb.reader` first: the runtime aborts the whole process on one it can't take. Raises
    InputError for such a file, for one made for another target or by another version of the optimizer.
    """

    batch: int | None = 1

    def __init__(self, path: Path):
        from paddlelite import lite as runtime

        model = reader.read(path)
        foreign = sorted({row["target"] for row in reader.kernel_table(model)} - {"x86", "host", "any"})
        if foreign:
            raise InputError(
                f"{path}",
                why=f"made for {', '.join(foreign)}, which this host can't run",
                remedy="use the bundle's host.nb",
            )
        config = runtime.MobileConfig()
        config.set_model_from_file(str(path))
        self._predictor = runtime.create_paddle_predictor(config)

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [classes] of a float32 [1, 3, H, W] picture tensor."""
        self._predictor.get_input(0).from_numpy(np.ascontiguousarray(pixels, dtype=np.float32))
        self._predictor.run()
        return np.array(self._predictor.get_output(0).numpy(), dtype=np.float32).reshape(-1)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [1, classes] of float32 [1, 3, H, W]. Raises InputError for more pictures."""
        if len(pixels) != 1:
            raise InputError(
                f"a .nb takes one picture at a time, not {len(pixels)}", remedy="give them one by one"
            )
        return self.run(pixels)[None]
