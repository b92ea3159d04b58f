"""Scores a DeiT on labelled pictures, in any of four engines: top-1, top-5, confusions, worst classes.

Every engine gives the same figures within rounding; tools/validate.py is what compares an INT8 bundle with its float
network. Published accuracy stands beside the figures when the pictures are ImageNet's validation set: a network with
ImageNet's class names, and files named ILSVRC2012_val_….
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import _command
import click
from _display import Display, facts_table, notify, plain, say, share, show
from _options import BUNDLES, classifier_options, json_option, limit_option, strict_option
from rich.table import Table

from lite import labels as class_names
from lite.errors import InputError
from lite.files import check_writable_file, write_text
from lite.shown import percent
from lite.shown import pictures as pictures_of

if TYPE_CHECKING:
    from lite.engines import Selection
    from lite.measure.scores import Scores

SHOWN = 10
MATRIX = 16  # classes that a confusion matrix on a terminal can hold

EXAMPLES = """
\b
Examples:
  ./run.sh tools/eval.py --model deit_tiny --weights digits --data digits
  ./run.sh tools/eval.py --model deit_small --weights imagenet --backend inference --data ILSVRC2012_val/
  ./run.sh tools/eval.py --export build/exports/deit_tiny-flowers-onnx --data flowers/val_list.txt --out flowers.json
  ./run.sh tools/eval.py --bundle build/bundles/deit_tiny-digits-int8-arm --data digits

\b
DIR has one folder for each class, or train/ and val/ with such folders, or a train_list.txt and a val_list.txt, of
which what is held out is taken; FILE.txt is one list, with lines of `relative/path label`, as PaddleClas writes them.

\b
Exit codes: 0 done · 2 bad usage or input · 4 an engine failed · 5 download failed · 130 interrupted
"""


@click.command(help=__doc__, epilog=EXAMPLES)
@classifier_options
@click.option("--data", required=True, metavar="DIR|FILE.txt|digits", help="Labelled pictures.")
@limit_option
@strict_option
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE.json", help="Also write the JSON document here."
)  # fmt: skip
@json_option("the JSON document")
def main(
    selection: Selection,
    processes: int | None,
    data: str,
    limit: int | None,
    strict: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Runs the command."""
    from lite.measure import scores
    from lite.pictures import picture_set

    if out is not None:
        check_writable_file(out)
    from lite.measure.classifier import opened

    with opened(selection, BUNDLES, notify=notify) as classifier:
        pictures = picture_set.load(data, classifier.labels, limit=limit, labelled=True, notify=notify)
        classifier = replace(classifier, labels=picture_set.named(classifier.labels, pictures, notify=notify))
        class_names.remark(classifier.labels, notify)
        empty = scores.empty_classes(pictures, classifier.labels)
        if empty and limit is None:
            shown = ", ".join(empty[:5]) + (", …" if len(empty) > 5 else "")
            notify(f"{len(empty)} of {len(classifier.labels)} classes have no picture: {shown}")
        with Display(remaining=True) as display, display.stages.stage("evaluate"):
            found = scores.score(
                classifier, pictures, processes=processes, on_progress=display.stages.on_progress
            )
    document = scores.document(found, seconds=display.stages.seconds["evaluate"])
    if out is not None:
        write_text(out, json.dumps(document, indent=1, allow_nan=False) + "\n")
    for _, error in found.unreadable[:SHOWN]:
        say(str(error), "skipped")
    if len(found.unreadable) > SHOWN:
        say(f"{len(found.unreadable) - SHOWN} more, all named in the JSON document", "skipped")
    if as_json:
        _command.print_json(document)
    else:
        _print(found, document["published"])
    if strict and found.unreadable:
        raise InputError(
            f"{pictures_of(len(found.unreadable))} could not be read (--strict)", remedy="mend or remove them"
        )


def _print(found: Scores, published: dict[str, float] | None) -> None:
    from lite.measure import interval

    classifier = found.classifier
    table = facts_table(f"{classifier.model} in {classifier.backend}")
    skipped = f", {len(found.unreadable)} could not be read" if found.unreadable else ""
    table.add_row("pictures", plain(f"{len(found.truth)} from {found.pictures.source}{skipped}"))
    part = ""
    if found.imagenet_share is not None and found.imagenet_share < 1:
        part = f"; these are {percent(found.imagenet_share)} of the set"
    for k in (1, 5):
        right = found.top_k(k)
        if right is None:
            continue
        beside = ""
        if published is not None:
            page, paper = published[f"top{k}"], published[f"reference_top{k}"]
            beside = f" (published for ImageNet val: {page:.1%}, in the paper {paper:.1%}{part})"
        table.add_row(f"top-{k}", share(right, interval.of_share(right, len(found.truth))) + beside)
    for place, one in enumerate([one for one in found.classes if one.lost][:5]):
        text = plain(
            f"{one.label}: {share(one.top1_deployed, one.interval('top1_deployed'))} of {one.images}"
        )
        table.add_row("" if place else "worst classes", text)
    for place, (label, given, count) in enumerate(found.confusions(5)):
        table.add_row("" if place else "confusions", plain(f"{label} taken for {given}: {count}"))
    show(table)
    if len(classifier.labels) <= MATRIX:
        show(_matrix(found))


def _matrix(found: Scores) -> Table:
    table = Table(title="confusion: label down, class given across", title_justify="left")
    table.add_column("")
    for label in found.classifier.labels:
        table.add_column(plain(label), justify="right")
    for label, row in zip(found.classifier.labels, found.confusion, strict=True):
        table.add_row(plain(label), *(str(count) if count else "·" for count in row))
    return table


if __name__ == "__main__":
    _command.run(main)
