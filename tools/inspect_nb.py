"""Prints what a Paddle Lite `.nb` holds: opt's version, kernels by operator and place, INT8 coverage.

Reads the file itself and never starts the runtime, which would abort on a bad one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import _command

with _command.requirements():
    import click
    from _output_options import json_option
    from rich.console import Console
    from rich.table import Table

    from lite import macs, nb
    from quant import cost


@click.command(
    epilog="\b\nExample:\n  python tools/inspect_nb.py build/bundles/deit_tiny-digits-int8-arm/model.nb"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--image",
    type=click.IntRange(min=1),
    help="Input height and width in pixels for the INT8 coverage; default: what the file declares.",
)
@json_option("one JSON document")
def main(file: Path, image: int | None, as_json: bool) -> None:
    """Print opt's version, the kernels and the INT8 coverage of FILE (a .nb).

    INT8 coverage is the share of multiply-adds that int8 kernels do.
    """
    model = nb.read(file)
    facts = _facts(model, image)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        # As one text: rich would end the program itself when the reader goes away.
        console = Console(highlight=False, soft_wrap=True)
        with console.capture() as capture:
            _print(facts, console.print)
        click.echo(capture.get(), nl=False)


def _facts(model: nb.LiteModel, image: int | None) -> dict:
    shape = (1, 3, image, image) if image else next(iter(model.inputs.values()))
    try:
        total, unknown = sum(work.macs for work in macs.multiply_adds(model, shape)), None
    except macs.UnknownShapeError as error:
        total, unknown = None, str(error)
    return {
        "file": str(model.path),
        "bytes": model.bytes,
        "meta_version": model.meta_version,
        "opt_version": model.opt_version,
        "parameters": {
            "tensors": len(model.params),
            "bytes": sum(tensor.bytes for tensor in model.params.values()),
        },
        "kernels": nb.kernel_table(model),
        "input_shape": list(shape),
        "multiply_adds": total,
        "int8_coverage": macs.int8_coverage(model, shape),
        "coverage_unknown_because": unknown,
        "arm_instructions": _arm_instructions(model, shape),
    }


def _arm_instructions(model: nb.LiteModel, shape: tuple[int, ...]) -> int | None:
    try:
        return round(cost.instructions(model, shape))
    except (cost.UnknownCostError, macs.UnknownShapeError):
        return None


def _print(facts: dict, print_: Callable) -> None:
    parameters = facts["parameters"]
    print_(f"{facts['file']}  {facts['bytes']:,} bytes", markup=False)
    print_(f"opt {facts['opt_version']}, meta version {facts['meta_version']}", markup=False)
    print_(f"parameters: {parameters['tensors']} tensors, {parameters['bytes']:,} bytes")
    table = Table("operator", "target", "precision")
    table.add_column("count", justify="right")
    for row in facts["kernels"]:
        table.add_row(row["op"], row["target"], row["precision"], str(row["count"]))
    print_(table)
    size = " × ".join(map(str, facts["input_shape"]))
    if facts["int8_coverage"] is None:
        print_(f"INT8 coverage unknown: {facts['coverage_unknown_because']}", markup=False)
    else:
        print_(
            f"INT8 coverage {facts['int8_coverage']:.1%} of {facts['multiply_adds'] / 1e9:.3f} G "
            f"multiply-adds for one input of {size}"
        )
    if facts["arm_instructions"] is not None:
        print_(
            f"about {facts['arm_instructions'] / 1e6:.0f} M instructions a picture on a Cortex-A76 (estimated)"
        )


if __name__ == "__main__":
    _command.run(main)
