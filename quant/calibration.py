"""Calibration pictures: chosen, identified by a digest, and fed to PaddleSlim one at a time.

A file is decoded once; what the crop keeps of it lies in a file, mapped into memory, so that memory does not grow
with the number of pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle

from lite.errors import InputError
from lite.evaluate import Picture, pixels, tensor
from lite.pictures import prepare
from lite.zoo import Preprocess
from quant import mapped


@dataclass(frozen=True)
class CalibrationSet:
    """Pictures for calibration. `source` is the folder they come from, or "digits"."""

    source: str
    pictures: tuple[Picture, ...]

    def __post_init__(self) -> None:
        if not self.pictures:
            raise InputError(f"{self.source}: no pictures to calibrate with; give a folder that holds some")

    def take(self, count: int | None) -> CalibrationSet:
        """The first `count` pictures (all of them for None)."""
        return CalibrationSet(self.source, self.pictures[:count])

    def cropped(self, spec: Preprocess, folder: Path) -> CalibrationSet:
        """The same pictures, read, resized and cropped: uint8 RGB [crop, crop, 3] each, in a new file of `folder`.

        Pictures that are arrays of that size stay as they are. Raises InputError for an unreadable picture, a full
        disk, or when all pictures are alike.
        """
        size = (spec.crop, spec.crop, 3)
        pictures = [
            picture for picture in self.pictures if isinstance(picture, np.ndarray) and picture.shape == size
        ]
        if len(pictures) < len(self.pictures):
            array = mapped.array(folder / "calibration.npy", (len(self.pictures), *size), np.uint8)
            for place, picture in enumerate(self.pictures):
                array[place] = prepare.resize_crop(pixels(picture), spec.resize_short, spec.crop)
            pictures = list(array)
        if len(pictures) > 1 and all(np.array_equal(pictures[0], other) for other in pictures[1:]):
            raise InputError(
                f"{self.source}: all {len(pictures)} calibration pictures are alike; give different ones"
            )
        return CalibrationSet(self.source, tuple(pictures))

    @property
    def sha256(self) -> str:
        """Digest over the pictures' contents, in order. Raises InputError for a file that can't be read."""
        digest = hashlib.sha256()
        for picture in self.pictures:
            digest.update(hashlib.sha256(_content(picture)).digest())
        return digest.hexdigest()


def _content(picture: Picture) -> bytes:
    if isinstance(picture, np.ndarray):
        return picture.tobytes()
    try:
        return picture.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the calibration picture {picture}: {error.strerror}") from error


class TensorDataset(paddle.io.Dataset):
    """Input tensors of pictures for a `paddle.io.DataLoader`: one float32 [3, crop, crop] a sample.

    `on_picture` gets the place of each picture that is read, from 1, and the number of pictures.
    """

    def __init__(self, pictures: Sequence[Picture], spec: Preprocess, on_picture: Callable[[int, int], None]):
        super().__init__()
        self.pictures, self.spec, self.on_picture = pictures, spec, on_picture

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        self.on_picture(index + 1, len(self.pictures))
        return (tensor(self.pictures[index], self.spec)[0],)
