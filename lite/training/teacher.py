"""Teachers for the distilled variants: another DeiT of ours, or a convolutional network of `paddle.vision.models`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paddle

from lite import checksum
from lite import labels as class_names
from lite.errors import InputError
from lite.model import weights
from lite.model.checkpoint import file_of
from lite.model.network import DeiT
from lite.model.pdparams import read_state
from lite.model.state import State
from lite.shown import shown
from lite.training.initial import at_resolution
from lite.training.sources import DEIT
from lite.zoo import MODELS, Preprocess, Variant, find

# What gives one [N, classes] from [N, 3, H, W] at any size of picture; the page's teacher, RegNetY, is not in there.
_FAMILIES = ("resnet", "resnext", "wide_resnet", "mobilenet", "densenet", "shufflenet")


@dataclass(frozen=True)
class Teacher:
    """A trained network by its name; `at(image)` builds it. `sha256` is its file's."""

    name: str
    state: State
    classes: int
    variant: Variant | None
    sha256: str = ""

    def at(self, image: int) -> paddle.nn.Layer:
        """The network for pictures of `image` pixels a side, not to be trained: [N, 3, H, W] → [N, classes]."""
        if self.variant is not None:
            network = DeiT(self.variant, self.classes, image=image)
            network.set_state_dict(at_resolution(self.state, self.variant, image))
        else:
            network = getattr(paddle.vision.models, self.name)(num_classes=self.classes)
            network.set_state_dict(self.state)
        network.eval()
        return network


def load(
    name: str,
    source: str,
    classes: tuple[str, ...],
    *,
    spec: Preprocess = DEIT,
    sha256: str | None = None,
    notify: Callable[[str], None],
) -> Teacher:
    """The teacher called `name` with weights from `source`, as `lite.model.weights.load` (paddle.vision: a file).

    `sha256` is the one that the file must have, `spec` how the student's pictures are prepared, which the teacher sees.

    Raises InputError for an unknown name, weights that do not fit it, another number of classes than the data's
    `classes`, or others by the names that lie beside its file, and another mean or std than the student's.
    """
    found = _load(name, source, len(classes), sha256, notify)
    taken = found.variant.preprocess if found.variant else DEIT
    if (taken.mean, taken.std) != (spec.mean, spec.std):
        raise InputError(
            f"the teacher {name} takes pictures of mean {taken.mean} and std {taken.std}",
            why=f"the student's have {spec.mean} and {spec.std}, and both see the same ones",
            remedy="choose a teacher with the student's",
        )
    path = Path(source)
    differs = class_names.difference(file_of(path) if path.is_dir() else path, classes)
    if differs is not None:
        raise InputError(
            f"the teacher {name} ({source})", why=differs, remedy="train the teacher on the same data first"
        )
    return found


def _load(name: str, source: str, classes: int, sha256: str | None, notify: Callable[[str], None]) -> Teacher:
    known = [model for model in paddle.vision.models.__all__ if model.startswith(_FAMILIES)]
    if name in known:
        path = Path(source)
        state = read_state(path)
        digest = checksum.check(path, sha256, None, called=path, remedy="give the right file")
        _check(name, source, state, classes)
        return Teacher(name, state, classes, None, digest)
    try:
        variant = find(name)
    except InputError as error:
        raise InputError(
            f"no teacher {shown(name)}", remedy=f"choose one of {', '.join([*MODELS, *known])}"
        ) from error
    loaded = weights.load(variant, source, sha256=sha256, notify=notify)
    if loaded.classes != classes:
        raise _other_classes(name, source, loaded.classes, classes)
    return Teacher(name, loaded.state, classes, loaded.variant, loaded.sha256)


def _check(name: str, source: str, state: State, classes: int) -> None:
    expected = getattr(paddle.vision.models, name)(num_classes=classes).state_dict()
    for key, value in expected.items():
        if key not in state:
            raise InputError(
                f"weights {source} do not fit the teacher {name}", why=f"tensor {shown(key)} is missing"
            )
        if list(state[key].shape) == list(value.shape):
            continue
        found = state[key].shape[-1:]
        if list(value.shape[-1:]) == [classes] and list(state[key].shape[:-1]) == list(value.shape[:-1]):
            raise _other_classes(name, source, found[0], classes)
        raise InputError(
            f"weights {source} do not fit the teacher {name}",
            why=f"tensor {shown(key)} has shape {list(state[key].shape)}, not {list(value.shape)}",
        )


def _other_classes(name: str, source: str, found: int, classes: int) -> InputError:
    return InputError(
        f"the teacher {name} ({source}) knows {found} classes and the data has {classes}",
        remedy="train the teacher on the same data first",
    )
