"""The folder that tools/export.py makes: a network for one engine, its labels, and what is known of both.

`export.json` says how pictures are prepared, what the network was checked against, and the SHA-256 of each file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lite import labels as class_names
from lite.engines.base import Options
from lite.engines.onnx import OnnxEngine
from lite.engines.paddle_inference import InferenceEngine
from lite.errors import InputError
from lite.files import file_sha256, write_text
from lite.input_file import read_text
from lite.zoo import Preprocess

MANIFEST = "export.json"
FILES = {"inference": ("model.pdmodel", "model.pdiparams"), "onnx": ("model.onnx",)}
_AGAIN = "export it again with tools/export.py --force"
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Size = Annotated[int, Field(ge=1, le=4096)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WeightsEntry(_Part):
    """Where the weights come from, and how many classes they know."""

    source: Literal["imagenet", "digits", "file"]
    sha256: _Sha256
    classes: Annotated[int, Field(ge=1)]


class Input(_Part):
    """The input tensor, and how a picture becomes it; -1 is any number of pictures."""

    name: str
    shape: tuple[Literal[-1], Literal[3], _Size, _Size]
    resize_short: _Size
    crop: _Size
    interpolation: Literal["bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    layout: Literal["NCHW"] = "NCHW"
    colour: Literal["RGB"] = "RGB"


class ExportCheck(_Part):
    """Largest difference in logits from Paddle's dynamic graph, by number of pictures at once."""

    tolerance: float
    max_abs: dict[int, float]


class Manifest(_Part):
    """What `export.json` holds; unknown is null."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    format: Literal["inference", "onnx"]
    model: str
    weights: WeightsEntry
    input: Input
    opset: int | None
    check: ExportCheck
    versions: dict[str, str]
    files: dict[str, _Sha256]
    created: str


@dataclass(frozen=True)
class ExportedFolder:
    """A checked folder of tools/export.py."""

    path: Path
    manifest: Manifest
    labels: tuple[str, ...]

    @property
    def preprocess(self) -> Preprocess:
        """How a picture becomes the input tensor."""
        entry = self.manifest.input
        return Preprocess(entry.resize_short, entry.crop, entry.interpolation, entry.mean, entry.std)

    def engine(self, options: Options) -> InferenceEngine | OnnxEngine:
        """What runs it."""
        if self.manifest.format == "onnx":
            return OnnxEngine((self.path / "model.onnx").absolute(), options)
        return InferenceEngine(self.path.absolute(), options)


def input_entry(name: str, spec: Preprocess) -> Input:
    """The manifest's `input` for pictures prepared by `spec`."""
    return Input(name=name, shape=(-1, 3, spec.crop, spec.crop), **asdict(spec))


def write(folder: Path, labels: Sequence[str], facts: dict[str, Any]) -> Manifest:
    """Writes `labels.txt` and, last, `export.json` of `facts` with `files` filled in; returns the manifest."""
    write_text(folder / "labels.txt", class_names.as_text(labels))
    names = [*FILES[facts["format"]], "labels.txt"]
    manifest = Manifest(files={name: file_sha256(folder / name) for name in names}, **facts)
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=1, by_alias=True) + "\n")
    return manifest


def read(folder: Path) -> ExportedFolder:
    """Opens a folder after checking `export.json`, the SHA-256 of every file, and the labels.

    Raises InputError saying what is wrong: no such folder, another version, incomplete, or changed.
    """
    try:
        there = (folder / MANIFEST).exists()
        document = json.loads(read_text(folder / MANIFEST)) if there else None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{folder / MANIFEST} cannot be read", why=str(error), remedy=_AGAIN) from error
    if not there:
        reason = f"it has no {MANIFEST}" if folder.is_dir() else "there is no such folder"
        raise InputError(
            f"{folder} holds no exported network", why=reason, remedy="make one with tools/export.py"
        )
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(map(str, first["loc"])) or "top level"
        raise InputError(
            f"{folder / MANIFEST} was edited", why=f"{where}: {first['msg']}", remedy=_AGAIN
        ) from error
    wanted = {*FILES[manifest.format], "labels.txt"}
    if wanted != manifest.files.keys():
        raise InputError(
            f"{folder / MANIFEST} was edited", why=f"files must be {sorted(wanted)}", remedy=_AGAIN
        )
    for name, sha256 in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{folder} is incomplete", why=f"{name} is missing", remedy=_AGAIN)
        if file_sha256(path) != sha256:
            raise InputError(f"{path} was changed after it was made (SHA-256 differs)", remedy=_AGAIN)
    labels = tuple(read_text(folder / "labels.txt").removesuffix("\n").split("\n"))
    if len(labels) != manifest.weights.classes:
        raise InputError(
            f"{folder / 'labels.txt'} has {len(labels)} labels for {manifest.weights.classes} classes",
            remedy=_AGAIN,
        )
    return ExportedFolder(folder, manifest, labels)
