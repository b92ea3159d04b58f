"""Small pictures and a two-block network for the tests of training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lite import zoo
from lite.training.loop import Task, TrainingResult, train
from lite.training.settings import Settings

# The real variants with two blocks instead of twelve.
TINY = replace(zoo.find("deit_tiny"), depth=2)
DISTILLED = replace(zoo.find("deit_tiny_distilled"), depth=2)
BLUE, RED = (220, 60, 40), (40, 60, 220)


def write_pictures(folder: Path, count: int, colour: tuple[int, int, int]) -> None:
    """`count` noisy pictures, 48x40, of a colour (BGR)."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(folder.name))
    for index in range(count):
        noise = rng.integers(-30, 30, (40, 48, 3))
        cv2.imwrite(
            str(folder / f"{index:03}.png"), np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
        )


def write_colours(folder: Path, count: int = 20) -> Path:
    """Pictures of two classes that differ in colour."""
    write_pictures(folder / "blue", count, BLUE)
    write_pictures(folder / "red", count, RED)
    return folder


def settings(*, image: int = 32, epochs: int = 1, learning_rate: float = 1e-3, **changes: Any) -> Settings:
    """Settings with one stage, everything else as changed or by default."""
    stage = {"image": image, "epochs": epochs, "learning_rate": learning_rate}
    return Settings.model_validate({"stages": [stage], "batch": 8, **changes})


def run(task: Task, **options: object) -> TrainingResult:
    """Trains without a word."""
    return train(task, **{"report": lambda line: None, **options})  # type: ignore[arg-type]


def assert_same(first: TrainingResult, second: TrainingResult) -> None:
    """Both trained to the same weights, to the last bit."""
    assert first.state.keys() == second.state.keys()
    for name, value in first.state.items():
        np.testing.assert_array_equal(value, second.state[name], err_msg=name)


# Every source of randomness there is.
RANDOM: dict[str, Any] = {
    "accumulate": 2,
    "batch": 4,
    "drop_path": 0.3,
    "ema_decay": 0.9,
    "augment": {"rand_augment": "rand-m9-mstd0.5-inc1", "erasing": 0.5},
    "mix": {"mixup": 0.8, "cutmix": 1.0},
}
# None at all: every picture is shown whole, as it is.
PLAIN: dict[str, Any] = {
    "drop_path": 0.0,
    "augment": {"crop_area": [1.0, 1.0], "crop_ratio": [1.2, 1.2], "flip": 0.0},
}
