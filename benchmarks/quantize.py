"""What INT8 costs a ViT in accuracy and what it costs a phone in instructions, recipe by recipe.

Why: the default recipe must beat PaddleSlim's own algorithms on a real pretrained network, in both. Each row takes
the ViT-S of `vit_small.py` (pretrained, with true activation outliers) through a recipe with the 32 calibration
crops of `photographs.py`. The INT8 program then runs on this host as its twin, in Paddle, over the 66 check crops,
and its outputs, the class token's features, are held against the float network's:

- SNR: 10 log10(sum f^2 / sum (f - q)^2) over all crops, in dB; cosine of each crop's features, mean and least;
- instructions: DeiT-tiny through the same recipe to a `.nb` for ARM, by the model in `quant/cost/model.py`. The
  deployable network leaves the patches out of its last block, so they are fewer than counts of whole blocks. Rows
  with fp16 are bundles in INT8 and FP16, whose twin rounds to fp16 where they do;
- time and peak memory of the quantization: float export, rewrite, PaddleSlim (`measured.py` says how memory is
  taken; it includes files that are mapped into memory).

The head is the identity here, so it stays float in every row (`skip: ["head"]`): features are compared, not what
rounding the identity does to them. Every row is a process of its own and its result is kept in the work folder, so
that an interrupted run goes on; a row is made anew when its recipe, the weights, the crops or the code changed.

    ./run.sh -m pip install --no-deps -r requirements-bench.txt
    ./run.sh benchmarks/quantize.py
    ./run.sh benchmarks/quantize.py --ablations --rows 'deit*,paddleslim-hist'
    ./run.sh benchmarks/quantize.py --budgets --rows deit

The figures of the last run are in docs/figures.json.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import measured
import numpy as np
import photographs
import quantize_budget
import vit_small
from measured import host, megabytes
from quantize_recipes import Row, rows, select
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from lite.errors import ToolkitError
from lite.files import write_text
from lite.measure import drift
from quant.recipe import Recipe

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
QUANTIZATION = ("export", "rewrite", "quantize")
# What a row's figures depend on beside its recipe, the weights and the crops.
SOURCES = (
    *sorted((ROOT / "quant").rglob("*.py")),
    *(file for room in ("model", "nb", "pictures") for file in sorted((ROOT / "lite" / room).glob("*.py"))),
    *(
        HERE / f"{name}.py"
        for name in ("by_toolkit", "made_up", "quantize_budget", "quantize_row", "vit_small")
    ),
)


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--rows", "patterns", default="*", show_default=True, metavar="NAME,…", help="Patterns work.")
@click.option("--ablations", is_flag=True, help="Also the deit recipe with one switch off at a time.")
@click.option("--budgets", is_flag=True, help="Also what the deit recipe becomes by tools/opt.py --budget.")
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A ViT-S as .pdparams whose head is the identity, instead of vit_small.py's.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / "build" / "quantize",
    metavar="DIR",
    help="Where finished rows are kept; the repository's build/quantize by default.",
)
def main(patterns: str, ablations: bool, budgets: bool, weights: Path | None, work: Path) -> None:
    chosen = select(rows(ablations), patterns)
    load_before = os.getloadavg()[0]
    try:
        work.mkdir(parents=True, exist_ok=True)
        bench = Bench(weights, work)
    except (ToolkitError, OSError) as error:
        raise click.ClickException(str(error)) from error
    results, failures = [], {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("float network", total=len(chosen))
        bench.measure("float", None)
        if budgets:
            progress.update(task, description="noise for the budgets")
            chosen |= bench.budgets()
            progress.update(task, total=len(chosen))
        for name, row in chosen.items():
            progress.update(task, description=name)
            try:
                results.append(bench.row(name, row))
            except click.ClickException as error:
                failures[name] = error.message
            except ToolkitError as error:
                failures[name] = str(error)
            progress.advance(task)
    document: dict[str, Any] = {
        "benchmark": "quantize",
        "options": {
            "rows": patterns,
            "ablations": ablations,
            "budgets": budgets,
            "weights": weights and str(weights),
        },
        "host": host(load_before),
        "inputs": bench.inputs,
        "rows": results,
        "failures": failures,
    }
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    console.print(table(document))
    print(json.dumps(document))
    sys.exit(1 if failures else 0)


class Bench:
    """Runs what rows are made of in processes of their own and keeps the results in the folder `work`."""

    def __init__(self, weights: Path | None, work: Path):
        self.work, self.weights = work, str(weights.resolve()) if weights else "-"
        file = weights or vit_small.package_folder(vit_small.PACKAGE) / vit_small.MODEL_FILE
        calibration, check = photographs.crops()
        self.inputs = {
            "weights": file.name,
            "weights_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "calibration_crops": len(calibration),
            "check_crops": len(check),
            "crops_sha256": digest([crop.tobytes() for crop in (*calibration, *check)]),
            "sources_sha256": digest([path.read_bytes() for path in SOURCES]),
        }
        python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.environment = {**os.environ, "PYTHONPATH": python_path}

    def row(self, name: str, row: Row) -> dict[str, Any]:
        """A row's figures. Raises click.ClickException when one of its processes fails, ConversionError for NaN."""
        reference, _ = self.measure("float", None)
        features, run = self.measure(row.precision, row.recipe)
        form = run.pop("form")
        instructions, _ = self.measure("cost", form)
        found = drift.compare(reference, features, None, reference_name="Paddle, float")
        return {
            "row": name,
            "snr_db": found.snr_db,
            "cosine_mean": found.cosine_mean,
            "cosine_min": found.cosine_min,
            "instructions": float(instructions),
            **run,
            "form": form,
            "recipe": row.recipe.as_dict(),
            "precision": row.precision,
        }

    def budgets(self) -> dict[str, Row]:
        """The rows of `quantize_budget.py`. Raises as `row` does."""
        deit = Recipe.named("deit")
        return quantize_budget.rows(deit, str(self.measure("noise", deit)[0]))

    def measure(self, kind: str, of: Recipe | dict[str, Any] | None) -> tuple[np.ndarray, dict[str, Any]]:
        """What `quantize_row.py` wrote for a recipe or form, and what that took; kept in the work folder."""
        values = json.dumps(of.as_dict() if isinstance(of, Recipe) else of, sort_keys=True)
        inputs = json.dumps(self.inputs if kind != "cost" else self.inputs["sources_sha256"])
        base = self.work / f"{kind}-{digest([values.encode(), inputs.encode()])[:16]}"
        output, figures = base.with_suffix(".npy"), base.with_suffix(".json")
        # The figures are written last: where they are, the output is whole.
        if not figures.exists():
            command = [str(HERE / "quantize_row.py"), kind, self.weights, values, str(output)]
            run = measured.run(command, self.environment)
            took = {
                "seconds": run.seconds(*QUANTIZATION),
                "memory": run.peak(*QUANTIZATION),
                "steps": {name: run.seconds(name) for name, _, _ in run.steps},
                "form": run.told.get("form"),
            }
            write_text(figures, json.dumps(took))
        return np.load(output), json.loads(figures.read_text())


def digest(parts: Sequence[bytes]) -> str:
    """SHA-256 over the digests of the parts."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def table(document: dict[str, Any]) -> Table:
    inputs = document["inputs"]
    shown = Table(
        box=box.SIMPLE,
        title=f"ViT-S: {inputs['calibration_crops']} calibration and {inputs['check_crops']} check crops",
        caption="\n".join(f"{name} failed: {why}" for name, why in document["failures"].items()),
    )
    shown.add_column("recipe")
    for heading in ("SNR", "cosine mean", "min", "DeiT-tiny on ARM", "time", "memory"):
        shown.add_column(heading, justify="right")
    for row in document["rows"]:
        shown.add_row(
            row["row"],
            f"{row['snr_db']:.1f} dB",
            f"{row['cosine_mean']:.4f}",
            f"{row['cosine_min']:.4f}",
            f"{row['instructions'] / 1e6:.1f} M",
            f"{row['seconds']:.0f} s",
            megabytes(row["memory"]),
        )
    return shown


if __name__ == "__main__":
    main()
