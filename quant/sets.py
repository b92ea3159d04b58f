"""Which pictures calibrate and which check: the two never share one, unless there is only one.

The bundled digits have splits for both. A folder is shuffled with a fixed seed, so that class folders are
mixed, and cut in two.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lite.errors import InputError
from lite.evaluate import Picture
from lite.pictures import digits
from lite.pictures.folders import find_pictures, is_labelled, labelled
from lite.weights import Weights
from quant.calibration import CalibrationSet
from quant.conversion import CheckSet

DIGITS = "digits"
CALIBRATION_PICTURES = 32
CHECK_PICTURES = 128
_SEED = 2026
_LEAST_CHECK_SHARE = 0.25


def choose(
    weights: Weights,
    calib: str | None,
    check: str | None,
    *,
    calibration_pictures: int = CALIBRATION_PICTURES,
    check_pictures: int = CHECK_PICTURES,
) -> tuple[CalibrationSet, CheckSet]:
    """Calibration and check pictures from folders or the bundled digits ("digits", and for None).

    `check` None: the held-out digits when calibrating with digits, else pictures of the `calib` folder that
    are not calibrated with (at least a quarter of them). Labels are used where the source has them and they
    fit the weights' classes. Raises InputError for folders without pictures, more calibration pictures than
    there are digits for it, and a `check` folder whose pictures are all calibrated with.
    """
    calib = calib or DIGITS
    if check is not None and check != DIGITS and _same_folder(calib, check):
        check = None
    calibration = _calibration(calib, calibration_pictures, share=check is None)
    if check == DIGITS or (check is None and calib == DIGITS):
        return calibration, digits_check(weights, check_pictures)
    source = check or calib
    chosen, truth = _shuffled(Path(source), weights.classes)
    used = {picture.resolve() for picture in calibration.pictures if isinstance(picture, Path)}
    kept = [place for place, path in enumerate(chosen) if path.resolve() not in used]
    if not kept and len(chosen) > 1:
        raise InputError(f"{source}: all of its pictures are calibrated with; give other ones to check with")
    # A single picture calibrates and checks.
    kept = (kept or [0])[:check_pictures]
    pictures = [chosen[place] for place in kept]
    return calibration, CheckSet(source, pictures, None if truth is None else truth[kept])


def _calibration(calib: str, count: int, *, share: bool) -> CalibrationSet:
    """`count` pictures of the digits, or at most so many of a folder; `share` leaves a quarter of them."""
    if calib == DIGITS:
        there = len(digits.labels("calibration"))
        if count > there:
            raise InputError(f"there are {there} bundled calibration pictures, not {count}; ask for fewer")
        return CalibrationSet(DIGITS, tuple(digits.pictures("calibration", count)))
    pictures, _ = _shuffled(Path(calib), None)
    keep = max(1, round(len(pictures) * _LEAST_CHECK_SHARE)) if share else 0
    return CalibrationSet(calib, tuple(pictures[: min(count, max(1, len(pictures) - keep))]))


def _same_folder(one: str, other: str) -> bool:
    return one != DIGITS and Path(one).resolve() == Path(other).resolve()


def digits_check(weights: Weights, count: int | None = None) -> CheckSet:
    """The first `count` held-out digits, with labels if the weights' classes are the digits."""
    pictures: list[Picture] = list(digits.pictures("held_out", count))
    known = weights.labels == digits.CLASSES
    return CheckSet(DIGITS, pictures, digits.labels("held_out")[:count] if known else None)


def _shuffled(folder: Path, classes: int | None) -> tuple[list[Path], np.ndarray | None]:
    """Pictures of a folder in a fixed random order, and their labels if it has as many class folders."""
    paths, truth = find_pictures(folder), None
    if classes is not None and is_labelled(folder):
        try:
            paths, truth = labelled(folder, classes)
        except InputError:
            # Folders that are not these weights' classes are pictures without labels.
            truth = None
    order = np.random.default_rng(_SEED).permutation(len(paths))
    return [paths[index] for index in order], None if truth is None else truth[order]
