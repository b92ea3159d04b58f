"""What is trained on: pictures in files, or the bundled digits. Both give augmented and held-out pictures.

Every random choice comes from the generator that is passed in, so a picture's view depends on nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from lite.pictures import digits, prepare
from lite.training.rand_augment import random_flip, random_resized_crop
from lite.training.settings import Augment
from lite.zoo import Preprocess


class Source(Protocol):
    """Pictures to train on and to hold out; `labels` and `held_out_labels` are int64 [N], indices of `classes`."""

    @property
    def classes(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def labels(self) -> np.ndarray: ...  # noqa: D102

    @property
    def held_out_labels(self) -> np.ndarray: ...  # noqa: D102

    def view(self, index: int, image: int, augment: Augment, rng: np.random.Generator) -> np.ndarray:
        """Picture `index`, cropped or moved at random: uint8 RGB [image, image, 3].

        Raises InputError if its file cannot be read as a picture.
        """
        ...

    def held_out(self, index: int, image: int) -> np.ndarray:
        """Held-out picture `index`, prepared: float32 [3, image, image]. Raises InputError as `view`."""
        ...

    def fingerprint(self) -> str:
        """The same for the same pictures in the same order."""
        ...


def at_size(image: int) -> Preprocess:
    """Evaluation preprocessing for pictures of `image` pixels a side, in the proportion of 256 to 224."""
    return Preprocess(resize_short={384: 438}.get(image, round(image * 256 / 224)), crop=image)


def normalise(rgb: np.ndarray) -> np.ndarray:
    """uint8 RGB [H, W, 3] → float32 [3, H, W] with ImageNet's mean and std, no resizing."""
    spec = Preprocess(resize_short=1, crop=1)
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    return ((rgb.astype(np.float32) / np.float32(255.0) - mean) / std).transpose(2, 0, 1)


@dataclass(frozen=True)
class Pictures:
    """Picture files with a label each. `lite/training/listing.py` finds them."""

    classes: tuple[str, ...]
    paths: list[str] = field(repr=False)
    labels: np.ndarray = field(repr=False)
    held_out_paths: list[str] = field(repr=False)
    held_out_labels: np.ndarray = field(repr=False)

    def view(self, index: int, image: int, augment: Augment, rng: np.random.Generator) -> np.ndarray:
        """A random resized crop, flipped by chance: uint8 RGB [image, image, 3]."""
        picture = prepare.decode(Path(self.paths[index]))
        cropped = random_resized_crop(picture, image, augment.crop_area, augment.crop_ratio, rng)
        return random_flip(cropped, augment.flip, rng)

    def held_out(self, index: int, image: int) -> np.ndarray:
        """A held-out picture, short side resized and centre cut: float32 [3, image, image]."""
        return prepare.from_file(Path(self.held_out_paths[index]), at_size(image))[0]

    def fingerprint(self) -> str:
        """SHA-256 of class names, file names with their folder's, and labels: data may be moved as a whole."""
        names = ("/".join(path.rsplit("/", 2)[-2:]) for path in self.paths)
        digest = hashlib.sha256("\n".join((*self.classes, "", *names)).encode(errors="surrogateescape"))
        digest.update(self.labels.tobytes())
        return digest.hexdigest()


class Digits:
    """The bundled digits: turned, scaled and shifted a little, each time in other colours; never mirrored."""

    classes = digits.CLASSES

    def __init__(self) -> None:
        self._originals, self.labels = digits.raw("train"), digits.labels("train")
        self._held_out, self.held_out_labels = digits.pictures("held_out"), digits.labels("held_out")

    def view(self, index: int, image: int, augment: Augment, rng: np.random.Generator) -> np.ndarray:
        """A digit with its own small affine change, in place of crop and flip: uint8 RGB [image, image, 3]."""
        size = at_size(image).resize_short
        picture = digits.render(self._originals[index], size, *digits.colours(rng))
        turn = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(-12, 12), rng.uniform(0.85, 1.15))
        turn[:, 2] += rng.uniform(-0.08, 0.08, 2) * image - (size - image) // 2
        return cv2.warpAffine(picture, turn, (image, image), borderMode=cv2.BORDER_REPLICATE)

    def held_out(self, index: int, image: int) -> np.ndarray:
        """A held-out digit, prepared: float32 [3, image, image]."""
        return prepare.prepare(self._held_out[index], at_size(image))[0]

    def fingerprint(self) -> str:
        """The bundled digits never change."""
        return "digits"
