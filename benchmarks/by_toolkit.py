"""The toolkit's side of `benchmarks/convert.py`, which runs it: each call is a process of its own.

    python benchmarks/by_toolkit.py prepare|quantize|all OPTIONS WORK_FOLDER

OPTIONS is a JSON object with the options of `benchmarks/convert.py`. `prepare` writes what everyone starts from
into WORK_FOLDER: the float program (fp32/) and the calibration pictures (tensors.npy). `quantize` takes them to
INT8 and to a `.nb` for ARM, with PaddleSlim's defaults (toolkit/); `all` does everything that `tools/opt.py` does,
with its default recipe (all/). The last line of standard output is JSON: [name, begin, end] of each step, in
seconds of the system's monotonic clock.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import made_up
import numpy as np
import paddleslim.quant  # noqa: F401  (quant.ptq imports it when it is needed; here it belongs to the imports)

from lite import zoo
from lite.model import program as export
from lite.model import weights
from lite.model.deploy import DeployableDeiT, deployable_state
from lite.model.graph import Exported
from lite.model.weights import Weights
from lite.nb.optimizer import for_phone
from lite.pictures.picture_set import PictureSet
from lite.stages import Stages
from quant import pictures, recipe
from quant.conversion import convert_all
from quant.program import ptq
from quant.recipe import Recipe, Request


@dataclass
class Steps(Stages):
    """Stages that also keep when each began and ended."""

    times: list[tuple[str, float, float]] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        with super().stage(name):
            yield
        self.times.append((name, began, time.monotonic()))


def load(options: dict[str, Any]) -> Weights:
    """The weights, of the network's first blocks only where that is asked for; none are named: made up."""
    if options["weights"] is None:
        return made_up.network(options["model"], depth=options["blocks"])
    variant = zoo.find(options["model"])
    loaded = weights.load(variant, options["weights"], notify=lambda note: print(note, file=sys.stderr))
    return made_up.first_blocks(loaded, options["blocks"])


def choose(loaded: Weights, options: dict[str, Any]) -> tuple[PictureSet, PictureSet]:
    chosen = pictures.choose(
        loaded.labels,
        options["calib"],
        None,
        calibration_pictures=options["calib_images"],
        check_pictures=options["check_images"],
    )
    return chosen.calibration, chosen.check


def build(loaded: Weights) -> DeployableDeiT:
    state = deployable_state(loaded.state, loaded.variant)
    return export.build(state, loaded.variant)


def prepare(options: dict[str, Any], work: Path, steps: Steps) -> None:
    loaded = load(options)
    calibration, _ = choose(loaded, options)
    export.export(build(loaded), work / "fp32")
    tensors = [picture.tensor(loaded.variant.preprocess) for picture in calibration.pictures]
    np.save(work / "tensors.npy", np.concatenate(tensors))


def quantize(options: dict[str, Any], work: Path, steps: Steps) -> None:
    # Weights and network are there when `opt.py` comes to this, so loading them is not timed.
    loaded = load(options)
    calibration, _ = choose(loaded, options)
    network, stock = build(loaded), Recipe.named("paddleslim")
    with steps.stage("quantize"):
        program = ptq.quantize(
            network, Exported.in_folder(work / "fp32"), calibration, stock, work / "toolkit"
        )
    with steps.stage("convert"):
        for_phone(program, "int8", "arm", work / "toolkit" / "model.nb")


def everything(options: dict[str, Any], work: Path, steps: Steps) -> None:
    with steps.stage("weights and pictures"):
        loaded = load(options)
        calibration, check = choose(loaded, options)
    (work / "between").mkdir()
    convert_all(
        loaded,
        [Request("int8", "arm")],
        recipe=Recipe.named(recipe.DEFAULT),
        calibration=calibration,
        check=check,
        out=work / "all",
        work=work / "between",
        stages=steps,
    )


COMMANDS: dict[str, Callable[[dict[str, Any], Path, Steps], None]] = {
    "prepare": prepare,
    "quantize": quantize,
    "all": everything,
}


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("command", type=click.Choice(list(COMMANDS)))
@click.argument("options", metavar="OPTIONS")
@click.argument("work", metavar="WORK_FOLDER")
def main(command: str, options: str, work: str) -> None:
    imported = time.monotonic()
    steps = Steps()
    COMMANDS[command](json.loads(options), Path(work), steps)
    print(json.dumps({"imported": imported, "steps": steps.times}))


if __name__ == "__main__":
    main()
