"""Triton's model repository of a bundle or an exported folder: three models, of which clients ask the first two.

    NAME            image float32 [N, 3, H, W] → logits, label, probability
    NAME_pictures   picture: N files of pictures → the same; an ensemble of the next and NAME
    NAME_prepare    picture → image

NAME is the variant's. The repository holds a copy of the bundle or folder, so that it can be carried elsewhere; what it
needs there is this package on PYTHONPATH and what requirements-serving.txt pins beside Triton.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lite import bundle, zoo
from lite.engines import Options
from lite.engines.export import MANIFEST as EXPORTED
from lite.errors import InputError
from lite.files import new_folder, write_text

if TYPE_CHECKING:
    from lite.measure.classifier import Classifier

TENSOR, PICTURE = "image", "picture"
NETWORK = "network"
TURNS = "takes_turns"
TOPK = 5
_HELD = "served.json"
_CODE = """\"\"\"Triton's Python backend begins here; the code is in lite/serving/models.py.\"\"\"

from lite.serving.models import {name} as TritonPythonModel  # noqa: F401
"""


@dataclass(frozen=True)
class Limits:
    """What is taken at once: pictures a batch, requests that wait for each model, bytes and pixels of a picture."""

    batch: int = 8
    queue: int = 128
    picture_bytes: int = 20_000_000
    picture_pixels: int = 50_000_000


@dataclass(frozen=True)
class Served:
    """A written repository: its folder and the names of the two models that clients ask."""

    folder: Path
    tensors: str
    pictures: str


def opened(folder: Path) -> Classifier:
    """The network of a bundle or of a folder of tools/export.py, one thread a process.

    Raises InputError for a folder that is neither, or not whole.
    """
    # Imported here because OpenCV takes a while, and the command's --help needs none of it.
    from lite.measure.classifier import of_bundle, of_export

    if (folder / EXPORTED).exists():
        return of_export(folder, Options())
    if (folder / bundle.MANIFEST).exists():
        return of_bundle(bundle.read(folder))
    raise InputError(
        f"{folder} is no bundle and no exported network",
        remedy="make one with tools/opt.py or tools/export.py",
    )


def write(source: Path, out: Path, *, instances: int | None = None, limits: Limits | None = None) -> Served:
    """Writes the repository of the bundle or exported folder `source` to `out`, which must not be there, or be empty.

    `instances` is the number of processes of each model that compute at once, one a usable core by default. Raises
    InputError for a source that is not whole, or an `out` that cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already", remedy="remove it, or name another --repository")
    found, limits = opened(source), limits or Limits()
    instances = instances or len(os.sched_getaffinity(0))
    # It becomes a folder's name, and the file that gives it may be anybody's.
    name, classes, side = zoo.find(found.model).name, len(found.labels), found.preprocess.crop
    image = (TENSOR, "TYPE_FP32", [3, side, side])
    answers = [
        ("logits", "TYPE_FP32", [classes]),
        ("label", "TYPE_STRING", [min(TOPK, classes)]),
        ("probability", "TYPE_FP32", [min(TOPK, classes)]),
    ]
    picture = (PICTURE, "TYPE_STRING", [1])
    served = Served(out, name, f"{name}_pictures")
    with new_folder(out, holds=_HELD) as folder:
        network = _python(folder / name, "Network", [image], answers, instances, limits)
        _copy_files(source, folder / name / "1" / NETWORK)
        prepare = _python(folder / f"{name}_prepare", "Prepare", [picture], [image], instances, limits)
        prepare.parameters["preprocess"].string_value = json.dumps(asdict(found.preprocess))
        pictures = _model(folder / served.pictures, [picture], answers, limits)
        pictures.platform = "ensemble"
        _step(pictures, prepare.name, {PICTURE: PICTURE}, {TENSOR: TENSOR})
        _step(pictures, name, {TENSOR: TENSOR}, {answer: answer for answer, _, _ in answers})
        for model in (network, prepare, pictures):
            _write(folder, model)
        write_text(
            folder / _HELD, json.dumps({"tensors": served.tensors, "pictures": served.pictures}) + "\n"
        )
    return served


def _copy_files(source: Path, folder: Path) -> None:
    """Not by shutil.copytree, whose error does not say that a disk is full."""
    folder.mkdir()
    for path in source.iterdir():
        if path.is_file():
            shutil.copyfile(path, folder / path.name)


def _model(
    folder: Path,
    inputs: list[tuple[str, str, list[int]]],
    outputs: list[tuple[str, str, list[int]]],
    limits: Limits,
) -> Any:
    """A ModelConfig of Triton's protocol; `folder` with its version 1 is made, and gives the name."""
    from tritonclient.grpc.model_config_pb2 import ModelConfig

    (folder / "1").mkdir(parents=True)
    model = ModelConfig(name=folder.name, max_batch_size=limits.batch)
    for kind, tensors in ((model.input, inputs), (model.output, outputs)):
        for name, dtype, dims in tensors:
            kind.add(name=name, data_type=dtype, dims=dims)
    return model


def _python(
    folder: Path,
    code: str,
    inputs: list[tuple[str, str, list[int]]],
    outputs: list[tuple[str, str, list[int]]],
    instances: int,
    limits: Limits,
) -> Any:
    """The ModelConfig of a class of lite/serving/models.py: batches of what waits, a bounded queue, processes."""
    model = _model(folder, inputs, outputs, limits)
    model.backend = "python"
    # Triton 2.51 may not see that an instance has become free (core/src/dynamic_batch_scheduler.cc: with a bounded
    # queue only the end of a batch wakes its batcher, which then finds an instance only where one waits already). With
    # one, what waits would lie for half a second. So two take turns.
    model.instance_group.add(count=max(2, instances), kind="KIND_CPU")
    model.parameters[TURNS].string_value = json.dumps(instances == 1)
    # Nobody waits for a batch to fill: what has come while the instances were busy is taken together.
    model.dynamic_batching.max_queue_delay_microseconds = 0
    model.dynamic_batching.default_queue_policy.max_queue_size = limits.queue
    model.parameters["limits"].string_value = json.dumps(asdict(limits))
    write_text(folder / "1" / "model.py", _CODE.format(name=code))
    return model


def _step(ensemble: Any, model: str, inputs: dict[str, str], outputs: dict[str, str]) -> None:
    step = ensemble.ensemble_scheduling.step.add(model_name=model, model_version=-1)
    step.input_map.update(inputs)
    step.output_map.update(outputs)


def _write(folder: Path, model: Any) -> None:
    from google.protobuf import text_format

    write_text(folder / model.name / "config.pbtxt", text_format.MessageToString(model))
