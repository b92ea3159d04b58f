"""Photographs that packages bundle, cut into crops: 32 to calibrate with and 66 others to check with.

    ./run.sh benchmarks/photographs.py FOLDER

writes them as PNG into FOLDER/calib and FOLDER/check. Who calibrates takes pictures like those that come later, so
both sets hold crops of every photograph; but each photograph is cut in two along its longer side, the first 40 %
for calibration and the rest for the check, so that no pixel that is checked was calibrated on. Only the colour
photographs inside the wheels of scikit-image, scikit-learn and matplotlib are used; the first is for the benchmark
alone (requirements-bench.txt).
"""

from __future__ import annotations

from pathlib import Path

import click
import cv2
import numpy as np
import vit_small

from lite.errors import InputError
from lite.pictures import prepare

SIZE = 160  # of the smallest crop, in pixels: the narrowest part of a photograph is 180 wide
CALIBRATION_CROPS, CHECK_CROPS = 32, 66
CALIBRATION_SHARE = 0.4  # of the longer side
_SEED = 2026
# Package → the folder of its pictures; scikit-image is imported as skimage.
_FOLDERS = {"skimage": "data", "sklearn": "datasets/images", "matplotlib": "mpl-data/sample_data"}

# People, buildings, food, tissue, an animal, a plant, machines, galaxies and an eye.
PHOTOGRAPHS = (
    "skimage/astronaut.png",
    "sklearn/china.jpg",
    "skimage/coffee.png",
    "skimage/ihc.png",
    "matplotlib/grace_hopper.jpg",
    "skimage/chelsea.png",
    "sklearn/flower.jpg",
    "skimage/rocket.jpg",
    "skimage/motorcycle_left.png",
    "skimage/hubble_deep_field.jpg",
    "skimage/retina.jpg",
)


def crops(folder: Path | None = None) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Calibration and check crops: square uint8 RGB, `SIZE` pixels a side or more, always the same.

    `folder` holds scikit-image's pictures; None finds the installed package. Raises InputError when a picture is
    missing.
    """
    calibration: list[np.ndarray] = []
    check: list[np.ndarray] = []
    for index, name in enumerate(PHOTOGRAPHS):
        package, file = name.split("/")
        where = folder if folder and package == "skimage" else _installed(package)
        parts = halves(prepare.decode(where / file))
        for place, (part, total, pieces) in enumerate(
            zip(parts, (CALIBRATION_CROPS, CHECK_CROPS), (calibration, check), strict=True)
        ):
            rng = np.random.default_rng([_SEED, index, place])
            height, width = part.shape[:2]
            for top, left, side in windows(height, width, share(total, index), rng):
                pieces.append(np.ascontiguousarray(part[top : top + side, left : left + side]))
    return calibration, check


def halves(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The parts of a picture [height, width, 3] for calibration and for the check, which share no pixel."""
    axis = 0 if pixels.shape[0] > pixels.shape[1] else 1
    calibration, check = np.split(pixels, [round(CALIBRATION_SHARE * pixels.shape[axis])], axis)
    return calibration, check


def share(total: int, index: int) -> int:
    """How many of `total` crops the photograph at `index` gives; all of them together give `total`."""
    return (total + index) // len(PHOTOGRAPHS)


def windows(height: int, width: int, count: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """`count` different squares (top, left, side); sides go evenly from `SIZE` to the picture's shorter one.

    Raises InputError for a picture smaller than `SIZE` pixels.
    """
    largest = min(height, width)
    if largest < SIZE:
        raise InputError(f"a picture of {width}x{height} pixels is too small", remedy=f"{SIZE} are needed")
    chosen: dict[tuple[int, int, int], None] = {}
    for side in np.linspace(SIZE, largest, count).astype(int).tolist():
        window = None
        while window is None or window in chosen:
            window = (int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1)), side)
        chosen[window] = None
    return list(chosen)


def _installed(package: str) -> Path:
    return vit_small.package_folder(package) / _FOLDERS[package]


def write(folder: Path) -> None:
    """Writes both sets into `folder`. Raises InputError where that is impossible."""
    for name, pieces in zip(("calib", "check"), crops(), strict=True):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index, pixels in enumerate(pieces):
            path = folder / name / f"{index:02}.png"
            if not cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)):
                raise InputError(f"cannot write {path}", remedy="is the disk full?")


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    try:
        write(folder)
    except (InputError, OSError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
