"""Classifies pictures with a bundle, in Paddle Lite's x86 runtime on this computer.

It runs the bundle's host.nb. Of an INT8 bundle that is the twin: the same network with INT8 simulated in
float, so that classes are the phone's while the time it takes is not. PICTURE is a file, a folder (with all
below it) or a pattern in quotes.
"""

from __future__ import annotations

import json
from pathlib import Path

import _command

with _command.requirements():
    import click
    from _display import Display, say, show
    from rich.markup import escape
    from rich.table import Table

    from lite import bundle
    from lite.errors import InputError
    from lite.predict import Prediction, classify, expand

BUNDLES = _command.ROOT / "build" / "bundles"

EXAMPLES = """
\b
Examples:
  python tools/predict.py cat.jpg
  python tools/predict.py --bundle build/bundles/deit_tiny-digits-int8-arm --topk 3 photos/ 'more/*.png'

\b
Exit codes: 0 done · 2 bad usage or input; pictures that cannot be read are named, the others classified ·
4 the network fails
"""


@click.command(help=__doc__, epilog=EXAMPLES)
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE…")
@click.option(
    "--bundle", "folder", type=click.Path(path_type=Path), metavar="DIR",
    help="Default: the newest in build/bundles of this repository.",
)  # fmt: skip
@click.option(
    "--topk", type=click.IntRange(1), default=5, show_default=True, metavar="N", help="Classes to show."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else.")
def main(pictures: tuple[str, ...], folder: Path | None, topk: int, as_json: bool) -> None:
    """Runs the command."""
    made = bundle.read(folder or bundle.newest(BUNDLES))
    listed = expand(pictures)
    with Display() as display, display.stages.stage("classify"):
        predictions = classify(made, listed, count=topk, on_progress=display.stages.on_progress)
    failed = [one for one in predictions if one.error is not None]
    for one in failed:
        say(str(one.error), "not classified", "bold red")
    if as_json:
        click.echo(json.dumps(_document(made, predictions), indent=2))
    else:
        for one in predictions:
            if one.error is None:
                click.echo(one.path)
                show(_table(one))
    if failed:
        raise InputError(f"{len(failed)} of {len(predictions)} pictures were not classified; see above")


def _document(made: bundle.Bundle, predictions: list[Prediction]) -> dict:
    return {
        "bundle": str(made.path.absolute()),
        "model": made.manifest["model"],
        "precision": made.manifest["precision"],
        "pictures": [
            {
                "picture": one.path,
                "classes": [
                    {"class": guess.label, "probability": guess.probability} for guess in one.guesses
                ],
                "error": one.error,
            }
            for one in predictions
        ],
    }


def _table(one: Prediction) -> Table:
    table = Table("class")
    table.add_column("probability", justify="right")
    for guess in one.guesses:
        table.add_row(escape(guess.label), f"{guess.probability:.2%}")
    return table


if __name__ == "__main__":
    _command.run(main)
