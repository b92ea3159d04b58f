"""Weights → a network for Paddle Inference or an ONNX file, checked before anybody sees it.

1. the deployable network, as a program for any number of pictures;
2. for ONNX: paddle2onnx makes a `.onnx` of the program, in a process of its own;
3. the engine it is for, in a process of its own, against Paddle's dynamic graph at 1 and at 3 pictures;
4. labels and `export.json` beside it; then the folder gets its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lite import labels as class_names
from lite.engines import Options, Runnable, processes
from lite.engines.onnx import OnnxEngine
from lite.engines.paddle_inference import InferenceEngine
from lite.errors import ConversionError, InputError
from lite.files import check_new_folder, file_sha256, new_folder, write_text
from lite.input_file import read_text
from lite.manifest import input_bounds, longest_short_side
from lite.model.graph import INPUT_NAME
from lite.model.weights import Weights
from lite.stages import Stages
from lite.zoo import Preprocess

MANIFEST = "export.json"
FILES = {"inference": ("model.pdmodel", "model.pdiparams"), "onnx": ("model.onnx",)}
_AGAIN = "export it again with tools/export.py --force"
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Size = Annotated[int, Field(ge=1, le=4096)]
_MEANS, _STDS = input_bounds("mean"), input_bounds("std")
_Mean = Annotated[float, Field(ge=_MEANS[0], le=_MEANS[1], allow_inf_nan=False)]
_Std = Annotated[float, Field(ge=_STDS[0], le=_STDS[1], allow_inf_nan=False)]


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
    mean: tuple[_Mean, _Mean, _Mean]
    std: tuple[_Std, _Std, _Std]
    layout: Literal["NCHW"] = "NCHW"
    colour: Literal["RGB"] = "RGB"

    @model_validator(mode="after")
    def _check_sizes(self) -> Input:
        if not self.crop <= self.resize_short <= longest_short_side(self.crop):
            raise ValueError(f"resize_short must be {self.crop} to {longest_short_side(self.crop)}")
        if self.shape[2:] != (self.crop, self.crop):
            raise ValueError(f"shape must end in {self.crop}, {self.crop}")
        return self


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


Format = Literal["inference", "onnx"]
FORMATS: tuple[Format, ...] = ("inference", "onnx")
TOLERANCE = 1e-4
BATCHES = (1, 3)
OPSETS = range(11, 18)
# Every engine of docs/engines.md reads it; from 17 on layer normalisation is one operator, which older ones lack.
DEFAULT_OPSET = 13
_SEED = 2026
_PACKAGES: dict[Format, tuple[str, ...]] = {
    "inference": ("paddlepaddle",),
    "onnx": ("paddlepaddle", "paddle2onnx", "onnxruntime"),
}


def check_free(out: Path, *, force: bool) -> None:
    """Raises InputError if `export` would refuse `out`; ask before a long run."""
    check_new_folder(out, MANIFEST, force)


def export(
    loaded: Weights,
    form: Format,
    out: Path,
    *,
    opset: int = DEFAULT_OPSET,
    force: bool = False,
    stages: Stages | None = None,
) -> Manifest:
    """Writes the folder `out`; with `force` an earlier one of its kind is replaced.

    The network takes float32 [N, 3, H, W] and gives logits float32 [N, classes]. Raises InputError for an `out`
    that can't be written or an `opset` outside OPSETS, ConversionError if a step fails or the logits differ from
    Paddle's by more than TOLERANCE (times the largest logit, where that is over 1).
    """
    if opset not in OPSETS:
        raise InputError(f"opset {opset} is not supported", remedy=f"choose {OPSETS[0]} to {OPSETS[-1]}")
    stages = stages or Stages()
    with new_folder(out, holds=MANIFEST, force=force) as folder:
        with stages.stage("export"):
            _program(loaded, folder)
        engine: Runnable = InferenceEngine(folder)
        if form == "onnx":
            with stages.stage("convert"):
                _call(_to_onnx, folder, opset)
            engine = OnnxEngine(folder / "model.onnx")
        with stages.stage("check"):
            worst = check(loaded, engine)
        names, spec = FILES[form], loaded.variant.preprocess
        for path in folder.iterdir():
            if path.name not in names:
                path.unlink()
        facts: dict[str, Any] = {
            "format": form,
            "model": loaded.variant.name,
            "weights": {"source": loaded.source, "sha256": loaded.sha256, "classes": loaded.classes},
            "input": Input(name=INPUT_NAME, shape=(-1, 3, spec.crop, spec.crop), **asdict(spec)),
            "opset": opset if form == "onnx" else None,
            "check": {"tolerance": TOLERANCE, "max_abs": worst},
            "versions": {package: version(package) for package in _PACKAGES[form]},
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        return write(folder, loaded.labels, facts)


def check(loaded: Weights, engine: Runnable) -> dict[int, float]:
    """Largest difference between the engine's logits and Paddle's dynamic graph's, by number of pictures.

    The pixels are normal noise, as prepared pictures are on average. Raises ConversionError where a difference is
    over TOLERANCE, or the engine answers something else than logits.
    """
    # Imported here because Paddle takes seconds.
    from lite.engines.dygraph import NetworkPredictor

    side = loaded.variant.image
    pixels = np.random.default_rng(_SEED).standard_normal((max(BATCHES), 3, side, side), dtype=np.float32)
    expected = NetworkPredictor(loaded.variant, loaded.state).logits(pixels)
    limit = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    worst = {}
    answers = _call(logits_of, engine, [pixels[:count] for count in BATCHES])
    for count, answered in zip(BATCHES, answers, strict=True):
        if answered.shape != (count, loaded.classes) or not np.isfinite(answered).all():
            raise ConversionError(
                f"{engine.path.name} answers {answered.shape} for {count} pictures, or no finite numbers",
                remedy="do not use it",
            )
        worst[count] = float(np.abs(answered - expected[:count]).max())
        if worst[count] > limit:
            raise ConversionError(
                f"{engine.path.name} is {worst[count]:.2g} from Paddle's logits at {count} pictures "
                f"(allowed: {limit:.2g}), so it is not usable",
                remedy="report it with the model's name and the versions of the packages",
            )
    return worst


def logits_of(engine: Runnable, batches: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Logits float32 [N, classes] of each float32 [N, 3, H, W]; for a process of its own."""
    opened = engine.open()
    return [opened.logits(pixels) for pixels in batches]


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    with processes.pool(1) as executor:
        return executor.submit(function, *arguments).result()


def _program(loaded: Weights, folder: Path) -> None:
    from lite.model.program import build_weights, export_any_batch

    export_any_batch(build_weights(loaded), folder)


def _to_onnx(folder: Path, opset: int) -> None:
    import paddle2onnx

    contents = paddle2onnx.export(
        str(folder / "model.pdmodel"),
        str(folder / "model.pdiparams"),
        opset_version=opset,
        auto_upgrade_opset=False,
        verbose=False,
        enable_onnx_checker=True,
    )
    try:
        (folder / "model.onnx").write_bytes(contents)
    except OSError as error:
        raise InputError(
            f"cannot write {folder / 'model.onnx'}", why=error.strerror, remedy="choose another --out"
        ) from error
