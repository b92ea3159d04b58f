"""Checks a bundle on any pictures, labelled or not: drift against the float network, top-1, top-5.

It runs the bundle's host.nb (of an INT8 bundle the twin) and the float network on all cores. Results are
stored chunk by chunk: Ctrl-C, and the same command goes on from there. Labels come from class folders or from a .txt
list of `relative/path label` lines; of a folder with train/ and val/, or train_list.txt and val_list.txt, the second
is taken.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import _command
import click
from _display import Display, drift_rows, facts_table, gate_note, notify, plain, say, share, show
from _options import (
    BUNDLES,
    bundle_option,
    dask_examples,
    json_option,
    limit_option,
    max_drift_option,
    out_option,
    restart_option,
    strict_option,
    worker_options,
)

from lite.errors import InputError
from lite.files import check_writable_folder
from lite.shown import pictures as pictures_of

if TYPE_CHECKING:
    from lite.bundle import Bundle
    from lite.measure.comparison import ReferenceNetwork
    from lite.measure.validate import Validation

VALIDATIONS = _command.ROOT / "build" / "validate"
SHOWN = 10

EXAMPLES = f"""
\b
Examples:
  ./run.sh tools/validate.py --images digits
  ./run.sh tools/validate.py --bundle build/bundles/deit_tiny-imagenet-int8-arm --images val/ --max-drift 0.05
  ./run.sh tools/validate.py --images photos/ --reference build/bundles/deit_tiny-imagenet-fp32-arm

{dask_examples("tools/validate.py --images photos/")}
\b
Exit codes: 0 done · 2 bad usage or input · 3 drift over --max-drift · 4 an engine, a worker or the scheduler
failed (what is done is kept) · 130 interrupted
"""


@click.command(help=__doc__, epilog=EXAMPLES)
@bundle_option("What to check.")
@click.option(
    "--images",
    required=True,
    metavar="DIR|FILE.txt|digits",
    help="What to check with; digits: the held-out ones.",
)
@click.option(
    "--reference",
    default="auto",
    show_default=True,
    metavar="auto|none|BUNDLE",
    help="auto: the float network rebuilt from the bundle's weights; a loud line and no drift if they are gone. "
    "BUNDLE: an fp32 bundle of the same weights.",
)
@limit_option
@worker_options
@max_drift_option
@strict_option
@out_option(
    "For results.json, report.html, predictions.csv, classes.csv and the stored logits. "
    "Default: build/validate/BUNDLE-HASH."
)
@restart_option
@json_option("results.json")
def main(
    folder: Path | None,
    images: str,
    reference: str,
    limit: int | None,
    count: int | None,
    address: str | None,
    max_drift: float | None,
    strict: bool,
    out: Path | None,
    restart: bool,
    as_json: bool,
) -> None:
    """Runs the command."""
    from lite import bundle
    from lite.engines import workers
    from lite.measure import drift, validate
    from lite.measure.validate import ValidationRun, default_out
    from lite.pictures import picture_set
    from lite.report import report as validation_files

    check_writable_folder(out or VALIDATIONS)
    deployed = bundle.read(folder or bundle.newest(BUNDLES), notify=notify)
    compared = _reference(deployed, reference, max_drift)
    pictures = picture_set.load(images, deployed.labels, limit=limit, notify=notify)
    if pictures.classes is not None:
        notify(
            f"the bundle has no class names; the folders of {pictures.source} count by their place, and "
            "tools/opt.py --labels, or --calib with them, would give the names"
        )
    out = out or default_out(VALIDATIONS, deployed, pictures)
    with Display(remaining=True) as display:
        run = ValidationRun(deployed, pictures, compared, out, workers.opener(count, address), display.stages)
        found = run.run(restart=restart)
        results = validate.document(found, max_drift=max_drift, seconds=display.stages.seconds)
        validation_files.write_validation(out, found, results)
    _print_unreadable(found.unreadable, out)
    if as_json:
        _command.print_json(results)
    else:
        _print(found, results)
        click.echo(f"results  {out / 'results.json'}")
        click.echo(f"report   {out / 'report.html'}")
    if strict and found.unreadable:
        raise InputError(
            f"{pictures_of(len(found.unreadable))} could not be read (--strict)", remedy="mend or remove them"
        )
    if found.drift is None or max_drift is None:
        return
    if note := gate_note(found.drift.as_dict(), max_drift):
        notify(note)
    if over := drift.over_gate(found.drift, max_drift):
        raise over


def _reference(deployed: Bundle, reference: str, max_drift: float | None) -> ReferenceNetwork | None:
    from lite.measure import comparison

    if reference not in ("auto", "none"):
        return comparison.other_bundle(deployed, Path(reference))
    if reference == "none":
        if max_drift is not None:
            raise click.UsageError("--max-drift needs a reference; leave out --reference none")
        return None
    try:
        return comparison.rebuilt(deployed)
    except InputError as error:
        if max_drift is not None:
            raise InputError(
                "--max-drift needs a reference", why=error.reason, remedy="give --reference BUNDLE"
            ) from error
        notify(
            f"NO REFERENCE, so no drift: {error}. Only the bundle's own figures follow; "
            "give --reference BUNDLE, an fp32 bundle of the same weights"
        )
        return None


def _print_unreadable(unreadable: Any, out: Path) -> None:
    for _, error in unreadable[:SHOWN]:
        say(str(error), "skipped")
    if len(unreadable) > SHOWN:
        say(f"{len(unreadable) - SHOWN} more, all named in {out / 'results.json'}", "skipped")


def _print(found: Validation, results: dict[str, Any]) -> None:
    from lite.measure import interval

    table = facts_table(found.bundle.name)
    images = results["images"]
    skipped = f", {len(images['unreadable'])} could not be read" if images["unreadable"] else ""
    table.add_row("pictures", plain(f"{images['measured']} from {images['source']}{skipped}"))
    if results["drift"] is not None:
        for heading, text in drift_rows(results["drift"], results["precision"]):
            table.add_row(heading, plain(text))
    elif results["top1"]["deployed"] is None:
        table.add_row("top-1", "unknown: neither labels nor a reference")
    else:
        for k in (1, 5):
            value = results[f"top{k}"]["deployed"]
            if value is not None:
                table.add_row(
                    f"top-{k}", f"right: {share(value, interval.of_share(value, images['measured']))}"
                )
    # With a reference the order is that of the report: what was lost, not what is left.
    heading = "worst classes" if found.reference is None else "lost most first"
    lost = [one for one in found.classes if one.lost]
    if found.classes and not lost:
        table.add_row("classes", "all right" if found.reference is None else "none has fewer right")
    for place, one in enumerate(lost[:5]):
        right = f"{share(one.top1_deployed, one.interval('top1_deployed'))} of {one.images}"
        before = ""
        if one.top1_reference is not None:
            before = f", fp32 {share(one.top1_reference, one.interval('top1_reference'))}"
        table.add_row("" if place else heading, plain(f"{one.label}: {right}{before}"))
    show(table)


if __name__ == "__main__":
    _command.run(main)
