"""Where training pictures come from: the bundled digits, or an ImageNet-style folder.

Both give augmented batches at any resolution, and the held-out pictures without augmentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from lite import digits, preprocess
from lite.errors import InputError
from lite.pictures import find_pictures
from lite.zoo import Preprocess

Batch = tuple[np.ndarray, np.ndarray]
_HELD_OUT_SHARE = 0.1


def at_size(image: int) -> Preprocess:
    """Evaluation preprocessing for pictures of `image` pixels a side, in the proportion of 256 to 224."""
    return Preprocess(resize_short=round(image * 256 / 224), crop=image)


def normalise(rgb: np.ndarray) -> np.ndarray:
    """uint8 RGB [H, W, 3] → float32 [3, H, W] with ImageNet's mean and std, no resizing."""
    spec = Preprocess(resize_short=1, crop=1)
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    return ((rgb.astype(np.float32) / np.float32(255.0) - mean) / std).transpose(2, 0, 1)


class Digits:
    """The bundled digits: turned, scaled and shifted a little, each time in other colours."""

    classes = digits.CLASSES

    def __init__(self) -> None:
        self._originals, self._labels = digits.raw("train"), digits.labels("train")
        self._held_out = digits.pictures("held_out")

    def steps(self, batch: int) -> int:
        """Batches in one epoch."""
        return len(self._labels) // batch

    def training_batches(self, image: int, batch: int, rng: np.random.Generator) -> Iterator[Batch]:
        """One epoch of (float32 [batch, 3, image, image], int64 [batch])."""
        order = rng.permutation(len(self._labels))
        for step in range(self.steps(batch)):
            chosen = order[step * batch : (step + 1) * batch]
            drawn = [self._augmented(self._originals[index], image, rng) for index in chosen]
            yield np.stack(drawn), self._labels[chosen]

    def held_out_batches(self, image: int, batch: int) -> Iterator[Batch]:
        """The held-out split as (float32 [N, 3, image, image], int64 [N])."""
        labels = digits.labels("held_out")
        for start in range(0, len(labels), batch):
            pictures = self._held_out[start : start + batch]
            tensors = [preprocess.prepare(picture, at_size(image)) for picture in pictures]
            yield np.concatenate(tensors), labels[start : start + batch]

    def _augmented(self, digit: np.ndarray, image: int, rng: np.random.Generator) -> np.ndarray:
        size = at_size(image).resize_short
        picture = digits.render(digit, size, *digits.colours(rng))
        turn = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(-12, 12), rng.uniform(0.85, 1.15))
        turn[:, 2] += rng.uniform(-0.08, 0.08, 2) * image - (size - image) // 2
        moved = cv2.warpAffine(picture, turn, (image, image), borderMode=cv2.BORDER_REPLICATE)
        return normalise(moved)


class Folder:
    """Class folders: `DIR/train/<class>/…` and `DIR/val/<class>/…`, or `DIR/<class>/…` with a tenth held out.

    Raises InputError when there are fewer than two classes, or train and val hold different ones.
    """

    def __init__(self, folder: Path, seed: int):
        split = (folder / "train").is_dir() and (folder / "val").is_dir()
        train_root, held_root = (folder / "train", folder / "val") if split else (folder, folder)
        self.classes = _class_names(train_root)
        if split and _class_names(held_root) != self.classes:
            raise InputError(f"{folder}: train and val hold different classes; give both the same folders")
        self._train, self._held_out = [], []
        rng = np.random.default_rng(seed)
        for label, name in enumerate(self.classes):
            pictures = [(path, label) for path in find_pictures(train_root / name)]
            if split:
                held = [(path, label) for path in find_pictures(held_root / name)]
            else:
                order = [pictures[index] for index in rng.permutation(len(pictures))]
                kept = max(1, round(len(order) * _HELD_OUT_SHARE))
                if len(order) < 2:
                    raise InputError(f"{folder / name}: one picture can't be both trained on and held out")
                held, pictures = order[:kept], order[kept:]
            self._train += pictures
            self._held_out += held
        self._threads = ThreadPoolExecutor(4)

    def steps(self, batch: int) -> int:
        """Batches in one epoch; a last one that is not full is left out, unless it is the only one."""
        return max(1, len(self._train) // batch)

    def training_batches(self, image: int, batch: int, rng: np.random.Generator) -> Iterator[Batch]:
        """One epoch of (float32 [N, 3, image, image], int64 [N]): random resized crops, half of them flipped."""
        order = rng.permutation(len(self._train))
        for step in range(self.steps(batch)):
            chosen = [self._train[index] for index in order[step * batch : (step + 1) * batch]]
            seeds = [int(seed) for seed in rng.integers(0, 2**62, len(chosen))]
            tensors = self._threads.map(
                lambda item, seed: _random_crop(item[0], image, np.random.default_rng(seed)), chosen, seeds
            )
            yield np.stack(list(tensors)), np.array([label for _, label in chosen], np.int64)

    def held_out_batches(self, image: int, batch: int) -> Iterator[Batch]:
        """The held-out pictures as (float32 [N, 3, image, image], int64 [N])."""
        spec = at_size(image)
        load: Callable[[tuple[Path, int]], np.ndarray] = lambda item: preprocess.from_file(item[0], spec)  # noqa: E731
        for start in range(0, len(self._held_out), batch):
            chosen = self._held_out[start : start + batch]
            tensors = np.concatenate(list(self._threads.map(load, chosen)))
            yield tensors, np.array([label for _, label in chosen], np.int64)


def _class_names(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one that holds a folder for each class")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(names) < 2:
        raise InputError(f"{folder}: {len(names)} class folders; give a folder that holds one for each class")
    if all(name.isdigit() for name in names):
        names.sort(key=int)
    return tuple(names)


def _random_crop(path: Path, image: int, rng: np.random.Generator) -> np.ndarray:
    """A crop of 8 to 100 % of the area and 3:4 to 4:3 in shape, resized (Inception's, as DeiT trains)."""
    picture = preprocess.decode(path)
    height, width = picture.shape[:2]
    area, shape = height * width * rng.uniform(0.08, 1.0), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    crop_width = min(width, max(1, round((area * shape) ** 0.5)))
    crop_height = min(height, max(1, round((area / shape) ** 0.5)))
    left = int(rng.integers(0, width - crop_width + 1))
    top = int(rng.integers(0, height - crop_height + 1))
    crop = picture[top : top + crop_height, left : left + crop_width]
    shrinks = crop_width > image or crop_height > image
    resized = cv2.resize(crop, (image, image), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return normalise(resized[:, ::-1] if rng.random() < 0.5 else resized)
