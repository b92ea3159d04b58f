"""Classifies pictures on this computer, in any of four engines.

PICTURE is a file, a folder (with all below it), a list file (.txt, with lines of `relative/path label`) or a pattern in
quotes. A bundle runs its host.nb in Paddle Lite. Of an INT8 bundle that is the twin: the same network with INT8
simulated in float, so that classes are the phone's while the time it takes is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import _command
import click
from _display import Display, notify, plain, say, show
from _options import BUNDLES, classifier_options, json_option
from rich.table import Table

from lite import labels as class_names
from lite.errors import InputError
from lite.shown import escaped, percent

if TYPE_CHECKING:
    from lite.engines import Selection
    from lite.measure.classifier import Prediction

EXAMPLES = """
\b
Examples:
  ./run.sh tools/predict.py cat.jpg
  ./run.sh tools/predict.py --bundle build/bundles/deit_tiny-digits-int8-arm --topk 3 photos/ 'more/*.png'
  ./run.sh tools/predict.py --model deit_tiny --weights imagenet --backend paddle cat.jpg
  ./run.sh tools/predict.py --export build/exports/deit_tiny-digits-onnx --csv photos/ > photos.csv

\b
Exit codes: 0 done · 2 bad usage or input; pictures that cannot be read are named, the others classified ·
4 the network fails · 5 download failed
"""


@click.command(help=__doc__, epilog=EXAMPLES)
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE…")
@classifier_options
@click.option(
    "--topk", type=click.IntRange(1), default=5, show_default=True, metavar="N", help="Classes to show."
)
@json_option("one JSON document")
@click.option(
    "--csv", "in_csv", is_flag=True, help="Print CSV on stdout, one line a class, and nothing else."
)
def main(
    pictures: tuple[str, ...],
    selection: Selection,
    processes: int | None,
    topk: int,
    as_json: bool,
    in_csv: bool,
) -> None:
    """Runs the command."""
    from lite.measure.classifier import Prediction, as_csv, classify, document, expand, opened

    if as_json and in_csv:
        raise click.UsageError("give one of --json and --csv")
    listed = expand(pictures)
    errors = [one.error for one in listed if isinstance(one, Prediction) and one.error]
    if len(errors) == len(listed):
        # Before a network is opened, or even downloaded, for nothing.
        why = "; ".join(one.reason for one in errors)
        remedy = next((one.remedy for one in errors if one.remedy), None)
        raise InputError("no picture to classify", why=why, remedy=remedy)
    with opened(selection, BUNDLES, notify=notify) as classifier, Display() as display:
        class_names.remark(classifier.labels, notify)
        with display.stages.stage("classify"):
            predictions = classify(
                classifier, listed, count=topk, processes=processes, on_progress=display.stages.on_progress
            )
    failed = [one for one in predictions if one.error is not None]
    for one in failed:
        say(str(one.error), "not classified", "bold red")
    if as_json:
        _command.print_json(document(classifier, predictions))
    elif in_csv:
        click.echo(as_csv(predictions), nl=False)
    else:
        for one in predictions:
            if one.error is None:
                click.echo(escaped(one.path))
                show(_table(one))
    if failed:
        raise InputError(f"{len(failed)} of {len(predictions)} were not classified", remedy="see above")


def _table(one: Prediction) -> Table:
    table = Table("class")
    table.add_column("probability", justify="right")
    for guess in one.guesses:
        table.add_row(plain(guess.label), percent(guess.probability))
    return table


if __name__ == "__main__":
    _command.run(main)
