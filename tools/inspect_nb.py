"""Prints what a Paddle Lite `.nb` holds: opt's version, kernels and what they cost, INT8 coverage.

Reads the file itself and never starts the runtime, which would abort on a bad one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import _command
import click
from _display import plain
from _options import core_option, json_option
from rich.console import Console
from rich.table import Table

from lite.errors import ToolkitError
from lite.nb import reader, shapes
from lite.shown import percent
from quant.cost import model as cost
from quant.cost.rates import CORES, WITHOUT_DOT_PRODUCT

# Rows of the table of layers; --json has all.
LAYERS = 12


@click.command(
    epilog="\b\nExample:\n  ./run.sh tools/inspect_nb.py build/bundles/deit_tiny-digits-int8-arm/model.nb"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--image",
    type=click.IntRange(min=1),
    help="Input height and width in pixels, for coverage and instructions; default: what the file declares.",
)
@core_option("Whose instructions are given")
@json_option("one JSON document")
def main(file: Path, image: int | None, core: str, as_json: bool) -> None:
    """Print opt's version, the kernels and the INT8 coverage of FILE (a .nb).

    INT8 coverage is the share of multiply-adds that int8 kernels do. Instructions are one picture's on one thread, by
    a model of Paddle Lite's ARM kernels (quant/cost/model.py).
    """
    model = reader.read(file)
    facts = _facts(model, image, core)
    if as_json:
        _command.print_json(facts)
    else:
        # As one text: rich would end the program itself when the reader goes away.
        console = Console(highlight=False, soft_wrap=True)
        with console.capture() as capture:
            _print(facts, console.print)
        click.echo(capture.get(), nl=False)


def _facts(model: reader.LiteModel, image: int | None, core: str) -> dict:
    shape = (1, 3, image, image) if image else next(iter(model.inputs.values()))
    if shape[:1] == (-1,):
        # Exported for any number of pictures.
        shape = (1, *shape[1:])
    try:
        total, unknown = sum(step.macs for step in shapes.steps(model, shape)), None
    except shapes.UnknownShapeError as error:
        total, unknown = None, error
    figures = cost.summary(model, shape, core)
    return {
        "file": str(model.path),
        "bytes": model.bytes,
        "meta_version": model.meta_version,
        "opt_version": model.opt_version,
        "parameters": {
            "tensors": len(model.params),
            "bytes": sum(tensor.bytes for tensor in model.params.values()),
        },
        "kernels": reader.kernel_table(model),
        "input_shape": list(shape),
        "multiply_adds": total,
        "int8_coverage": shapes.int8_coverage(model, shape),
        "coverage_unknown_because": unknown.as_dict() if unknown else None,
        "cost": figures,
        "cost_unknown_because": None if figures else _no_cost(model, shape, core),
    }


def _no_cost(model: reader.LiteModel, shape: shapes.Shape, core: str) -> dict[str, str | None] | None:
    try:
        cost.instructions(model, shape, core)
    except (cost.UnknownCostError, shapes.UnknownShapeError) as error:
        return error.as_dict()
    return None


def _print(facts: dict, print_: Callable) -> None:
    parameters = facts["parameters"]
    print_(plain(f"{facts['file']}  {facts['bytes']:,} bytes"))
    print_(plain(f"opt {facts['opt_version']}, meta version {facts['meta_version']}"))
    print_(f"parameters: {parameters['tensors']} tensors, {parameters['bytes']:,} bytes")
    print_(_kernels(facts))
    if facts["cost"] and facts["cost"]["layers"]:
        print_(_layers(facts["cost"]))
    size = " × ".join(map(str, facts["input_shape"]))
    if facts["coverage_unknown_because"]:
        unknown = ToolkitError(**facts["coverage_unknown_because"])
        print_(f"INT8 coverage unknown: {unknown}", markup=False)
    elif facts["int8_coverage"] is None:
        print_("no multiply-adds, so no INT8 coverage")
    else:
        print_(
            f"INT8 coverage {percent(facts['int8_coverage'], 1)} of {facts['multiply_adds'] / 1e9:.3f} G "
            f"multiply-adds for one input of {size}"
        )
    if figures := facts["cost"]:
        taken = [f"about {figures['instructions'] / 1e6:.1f} M instructions a picture on a {figures['core']}"]
        if without := figures["without_dot_product"]:
            if figures["core"] != CORES[WITHOUT_DOT_PRODUCT].name:
                taken.append(f"{without / 1e6:.1f} M on a {CORES[WITHOUT_DOT_PRODUCT].name}")
            taken.append("without int8 dot products")
        else:
            taken.append("with fp16")
        print_(f"{', '.join(taken)} (modelled)")
    elif not facts["coverage_unknown_because"]:
        print_(f"instructions unknown: {ToolkitError(**facts['cost_unknown_because'])}", markup=False)


def _kernels(facts: dict) -> Table:
    """Operators by kernel: the dearest first where costs are known, else the most frequent."""
    figures = facts["cost"]
    table = Table("operator", "target", "precision")
    for heading in ("count", *(["instructions", "share"] if figures else [])):
        table.add_column(heading, justify="right")
    rows = figures["operators"] if figures else sorted(facts["kernels"], key=lambda row: -row["count"])
    for row in rows:
        spent = _spent(row, figures) if figures else ()
        table.add_row(plain(row["op"]), row["target"], row["precision"], str(row["count"]), *spent)
    return table


def _layers(figures: dict) -> Table:
    rows = figures["layers"]
    table = Table(f"largest of {len(rows)} layers")
    for heading in ("instructions", "share"):
        table.add_column(heading, justify="right")
    for row in rows[:LAYERS]:
        table.add_row(plain(row["layer"]), *_spent(row, figures))
    return table


def _spent(row: dict, figures: dict) -> tuple[str, str]:
    return f"{row['instructions'] / 1e6:.2f} M", percent(row["instructions"] / figures["instructions"], 1)


if __name__ == "__main__":
    _command.run(main)
