"""Which pictures calibrate and which check, and what calibration makes of its own: crops, and more views of each.

The two never share a picture, unless there is only one. The bundled digits and the composed pictures have splits for
both. A source with a part to train on and one to hold out calibrates with the first and checks with the second; any
other is shuffled with a fixed seed, so that classes are mixed, and cut in two.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from lite.errors import InputError
from lite.pictures import composed, digits, folders, picture_set, prepare
from lite.pictures.picture_set import COMPOSED, DIGITS, Picture, PictureSet
from lite.zoo import Preprocess
from quant.recipe import CALIBRATION_PICTURES, CHECK_PICTURES, Recipe

_LEAST_CHECK_SHARE = 0.25
_BUNDLED = (DIGITS, COMPOSED)


class Chosen(NamedTuple):
    """Names of the classes, the pictures that calibrate, and those that check."""

    labels: tuple[str, ...]
    calibration: PictureSet
    check: PictureSet


def choose(
    labels: Sequence[str],
    calib: str | None,
    check: str | None,
    *,
    calibration_pictures: int = CALIBRATION_PICTURES,
    check_pictures: int = CHECK_PICTURES,
    int8: bool = True,
    notify: Callable[[str], None] = lambda message: None,
) -> Chosen:
    """Calibration and check pictures for a network of the classes `labels`, and what these are called.

    Each is a folder or a list file (`lite/pictures/folders.py`), "digits" or "composed". `calib` None: the digits for a
    network of their classes, else the composed pictures. `check` None: the held-out ones of these two when calibrating
    with them, the part that `calib` holds out, or pictures of `calib` that are not calibrated with (at least a quarter
    of them). Labels are kept where they fit the classes; where they don't `notify` hears why, and what else is not
    plain to see; without `int8`, of no calibration, else of one by pictures that are not what the network will see.
    Class folders give names to classes that have none.
    Raises InputError for sources without pictures, more calibration pictures than a bundled source has for it, and a
    `check` whose pictures are all calibrated with.
    """
    calib = _bundled_for(labels) if calib is None else calib
    if check is None or _same(calib, check):
        check = calib
    left_out, pool = "", None
    if calib == DIGITS:
        calibration = _digits(labels, calibration_pictures)
    elif calib == COMPOSED:
        calibration = picture_set.composed("calibration", calibration_pictures)
    else:
        layout = folders.find(calib)
        everything = picture_set.of_listing(layout.to_train(), labels, notify=notify).shuffled()
        labels, left_out = picture_set.named(labels, everything, notify=notify), layout.left_out
        spare = 0
        if check == calib and not layout.has_both_parts:
            pool = everything
            spare = max(1, round(len(everything.pictures) * _LEAST_CHECK_SHARE))
        most = max(1, len(everything.pictures) - spare)
        calibration = everything.first(min(calibration_pictures, most))
    if check == DIGITS:
        checked = picture_set.digits("held_out", labels, check_pictures)
    elif check == COMPOSED:
        checked = picture_set.composed("held_out", check_pictures)
    else:
        if pool is None:
            found = picture_set.of_listing(folders.find(check).held_out(), labels, notify=notify)
            labels, pool = picture_set.named(labels, found, notify=notify), found.shuffled()
        checked = _others(pool, calibration).first(check_pictures)
    if (calib, check) != (DIGITS, DIGITS):
        first = f"calibration: {len(calibration.pictures)} of {calibration.source}; " if int8 else ""
        notify(f"{first}check: {checked.described}{left_out}")
    if int8 and calib == COMPOSED:
        notify(f"calibrating with composed pictures: {composed.REMARK}")
    elif int8 and calib == DIGITS and tuple(labels) != digits.CLASSES:
        notify(
            "calibrating with the bundled digits, which are not what these weights will see: INT8 will lose more than "
            "it must; give --calib DIR with 32 or more pictures like those on the phone"
        )
    return Chosen(tuple(labels), calibration, checked)


def _bundled_for(labels: Sequence[str]) -> str:
    """The pictures that calibrate a network of these classes where the user gives none."""
    return DIGITS if tuple(labels) == digits.CLASSES else COMPOSED


def _same(one: str, other: str) -> bool:
    return not {one, other} & {*_BUNDLED} and os.path.realpath(one) == os.path.realpath(other)


def _digits(labels: Sequence[str], count: int) -> PictureSet:
    found = picture_set.digits("calibration", labels)
    if count > len(found.pictures):
        raise InputError(
            f"there are {len(found.pictures)} bundled calibration pictures, not {count}",
            remedy="ask for fewer",
        )
    return found.first(count)


def _others(pool: PictureSet, calibration: PictureSet) -> PictureSet:
    """The pictures of `pool` that are not calibrated with; a single picture calibrates and checks."""
    used = {os.path.realpath(picture.file) for picture in calibration.pictures if picture.file is not None}
    kept = [
        place
        for place, picture in enumerate(pool.pictures)
        if picture.file is None or os.path.realpath(picture.file) not in used
    ]
    if not kept and len(pool.pictures) > 1:
        raise InputError(
            f"{pool.source}",
            why="all of its pictures are calibrated with",
            remedy="give other ones to check with",
        )
    return pool.take(kept or [0])


def for_recipe(calibration: PictureSet, recipe: Recipe) -> PictureSet:
    """As many of the pictures as the recipe's `batches` says. Raises InputError where there are fewer."""
    if recipe.batches is not None and recipe.batches > len(calibration.pictures):
        raise InputError(
            f"{recipe.place('batches')}",
            why=f"{recipe.batches} calibration pictures are wanted, here are {len(calibration.pictures)}",
            remedy="give more, or lower batches",
        )
    return calibration.first(recipe.batches)


def cropped(pictures: PictureSet, spec: Preprocess, folder: Path) -> PictureSet:
    """The same pictures, read, resized and cropped: uint8 RGB [crop, crop, 3] each, in a new file of `folder`.

    The file is mapped into memory, so that memory does not grow with their number. Pictures that are arrays of that
    size stay as they are. Raises InputError for an unreadable picture, a full disk, or when all pictures are alike.
    """
    size = (spec.crop, spec.crop, 3)
    arrays = [one.array for one in pictures.pictures if one.array is not None and one.array.shape == size]
    if len(arrays) < len(pictures.pictures):
        crops = mapped_array(folder / "calibration.npy", (len(pictures.pictures), *size), np.uint8)
        for place, picture in enumerate(pictures.pictures):
            crops[place] = prepare.resize_crop(picture.pixels(), spec.resize_short, spec.crop)
        arrays = list(crops)
    if len(arrays) > 1 and all(np.array_equal(arrays[0], other) for other in arrays[1:]):
        raise InputError(
            f"{pictures.source}",
            why=f"all {len(arrays)} calibration pictures are alike",
            remedy="give different ones",
        )
    cut = [Picture(name, array=array) for name, array in zip(pictures.names, arrays, strict=True)]
    return PictureSet(pictures.source, cut, pictures.labels, pictures.classes)


class Views(Sequence[Picture]):
    """`count` views of each picture side by side: itself, its mirror image, then random crops.

    32 pictures show a layer too little of what it will see; ranges and rounding then fit them and nothing else. Crops
    are 55 to 90 % of the short side at 75 to 125 % of the brightness. Each is made when it is asked for, the same one
    for the same seed. InputError for an unreadable picture comes then, too.
    """

    def __init__(self, pictures: Sequence[Picture], count: int, seed: int):
        self.pictures, self.views, self.seed = pictures, count, seed

    def __len__(self) -> int:
        return len(self.pictures) * self.views

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | Sequence[Picture]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place, view = divmod(range(len(self))[index], self.views)
        picture = self.pictures[place]
        whole = picture.pixels()
        if view == 1:
            whole = np.ascontiguousarray(whole[:, ::-1])
        elif view > 1:
            whole = _random_crop(whole, np.random.default_rng((self.seed, place, view)))
        return Picture(f"{picture.name}, view {view}", array=whole)


def _random_crop(whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = whole.shape[:2]
    side = max(1, int(min(height, width) * rng.uniform(0.55, 0.9)))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = whole[top : top + side, left : left + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    bright = np.rint(crop * np.float32(rng.uniform(0.75, 1.25)))
    return np.ascontiguousarray(np.clip(bright, 0, 255).astype(np.uint8))


def mapped_array(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """A new array of that shape in the file `path` (npy). Raises InputError when the disk has no room for it."""
    with on_disk(path.parent, shape, dtype):
        values = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        # Without its blocks the file has holes, and writing to one on a full disk ends the process by SIGBUS.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return values


@contextmanager
def on_disk(folder: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Iterator[None]:
    """Within it a file for such an array is made. An OSError becomes the InputError that there is no room for it."""
    try:
        yield
    except OSError as error:
        size = np.dtype(dtype).itemsize * float(np.prod(shape)) / 1e6
        raise InputError(
            f"{folder}",
            why=f"no room for {size:,.0f} MB of calibration data ({error.strerror or error})",
            remedy="free some, point TMPDIR to a larger disk, or calibrate with fewer pictures",
        ) from error
