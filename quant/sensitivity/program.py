"""What sensitivity is measured on, in a folder: an INT8 program, the float one, its layers and its weights unrounded.

It is made once, by the same conversion as a bundle's, and found again by what went into it.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import paddle

from lite.errors import InputError
from lite.files import file_sha256, make_folder
from lite.measure.chunks import key
from lite.model.deploy import shaped_state
from lite.model.graph import Exported
from lite.model.program import LoadedProgram, export_weights, static_graph
from lite.model.weights import Weights
from lite.pictures.picture_set import PictureSet
from lite.scratch import scratch_folder
from lite.stages import Stages
from quant.cost.rates import DEFAULT_CORE
from quant.int8 import SEED, Int8, quantize
from quant.program import layers
from quant.program.quantizers import Segments, set_parameter, take_apart
from quant.recipe import Recipe
from quant.sensitivity.figures import Row, rows

_ROOT = Path(__file__).resolve().parents[2]
_NOTES, _WEIGHTS = "layers.json", "weights.npz"


@dataclass(frozen=True)
class PreparedProgram:
    """The files in `folder`: `int8/` and `fp32/` (exported programs), `layers.json` and `weights.npz`."""

    folder: Path

    @property
    def int8(self) -> Exported:
        """The INT8 program, with everything that the recipe did."""
        return Exported.in_folder(self.folder / "int8")

    @property
    def fp32(self) -> Exported:
        """The float program as it was before any rewriting."""
        return Exported.in_folder(self.folder / "fp32")

    @property
    def sha256(self) -> str:
        """Digest of all files. Raises InputError where one is not there."""
        programs = [file for each in (self.int8, self.fp32) for file in (each.model, each.params)]
        try:
            return file_sha256(*programs, self.folder / _NOTES, self.folder / _WEIGHTS)
        except InputError as error:
            raise InputError(
                error.what,
                why=error.why,
                remedy="every machine needs it at this path, and it must stay while the run lasts",
            ) from error

    def open(self, executor: paddle.static.Executor) -> Segments:
        """The INT8 program taken apart, its weights unrounded, all in float. Within `static_graph()`."""
        parts = take_apart(LoadedProgram(self.int8, executor))
        with np.load(self.folder / _WEIGHTS) as weights:
            for name in weights.files:
                set_parameter(parts.loaded, name, weights[name])
        return Segments(parts)

    def rows(self, core: str = DEFAULT_CORE) -> list[Row]:
        """Every layer and every tensor that is quantized; layers with what they take on a core."""
        notes = json.loads((self.folder / _NOTES).read_text(encoding="utf-8"))
        named = {layer: tuple(tensors) for layer, tensors in notes["layers"].items()}
        with static_graph() as executor:
            return rows(self.open(executor), named, core)


def prepare(
    weights: Weights,
    recipe: Recipe,
    calibration: PictureSet,
    out: Path,
    stages: Stages,
    *,
    restart: bool = False,
) -> PreparedProgram:
    """Converts by `recipe` into a folder of `out`, unless an earlier run with the same inputs has.

    Raises what a conversion raises, and InputError where the folder cannot be written.
    """
    program = PreparedProgram(folder_for(weights, recipe, calibration, out))
    if restart:
        shutil.rmtree(program.folder, ignore_errors=True)
    if program.folder.is_dir():
        return program
    make_folder(out)
    part = program.folder.with_name(f".{program.folder.name}.{os.getpid()}.part")
    try:
        with scratch_folder() as work:
            with stages.stage("export"):
                original = export_weights(weights, work / "fp32")
            write(
                quantize(weights, recipe, calibration, original, work, stages, keep_unrounded=True),
                original,
                part,
            )
        part.rename(program.folder)
    except OSError as error:
        raise InputError(
            f"cannot write {error.filename or program.folder}",
            why=error.strerror or str(error),
            remedy="free some space or choose another --out",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return program


def write(converted: Int8, original: Exported, folder: Path) -> PreparedProgram:
    """Writes an INT8 program and the float one it was made of into a new folder, with what is known of them.

    What a recipe has rewritten is quantized with `keep_unrounded`.
    """
    for name, exported in (("int8", converted.program), ("fp32", original)):
        (folder / name).mkdir(parents=True)
        for file in (exported.model, exported.params):
            shutil.copyfile(file, folder / name / file.name)
    program = PreparedProgram(folder)
    network, rewritten = converted.network, converted.rewritten
    with static_graph() as executor:
        parts = take_apart(LoadedProgram(program.int8, executor))
        named = layers.tensors(network, parts.loaded)
    unrounded = None
    if rewritten is not None:
        assert rewritten.unrounded is not None
        unrounded = shaped_state(rewritten.unrounded, network.variant, network.form)
    quantized = {read.tensor for read in parts.weights}
    weights = {
        parameter.name: unrounded[name] if unrounded else parameter.numpy()
        for name, parameter in network.named_parameters()
        if parameter.name in quantized
    }
    np.savez(folder / _WEIGHTS, **weights)
    (folder / _NOTES).write_text(json.dumps({"layers": named}, indent=1) + "\n", encoding="utf-8")
    return program


def folder_for(weights: Weights, recipe: Recipe, calibration: PictureSet, out: Path) -> Path:
    """The folder in `out` for all that the program depends on, this code too."""
    code = [
        *sorted((_ROOT / "quant").rglob("*.py")),
        *sorted((_ROOT / "lite" / "model").glob("*.py")),
    ]
    inputs = {
        "model": weights.variant.name,
        "weights": weights.sha256,
        "recipe": recipe.as_dict(),
        "calibration": calibration.sha256,
        "seed": SEED,
        "versions": {name: version(name) for name in ("paddlepaddle", "paddleslim", "numpy")},
        "code": file_sha256(*code),
    }
    return out / f"program-{key(inputs)[:16]}"
