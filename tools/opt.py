"""Converts a DeiT for phones with Paddle Lite, and says what it lost.

weights → network → quantization (int8) → Paddle Lite's optimizer → bundle, checked on this host.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _command
import click
from _display import Display, drift_rows, facts_table, gate_note, notify, say, show
from _options import (
    BUNDLES,
    Number,
    calibration_options,
    core_option,
    json_option,
    max_drift_option,
    model_option,
    out_option,
    recipe_option,
    weights_options,
)
from rich.table import Table

from lite import labels as class_names
from lite import zoo
from lite.errors import DriftError, InputError
from lite.files import check_writable_folder
from lite.scratch import scratch_folder
from lite.shown import percent
from quant.recipe import CHECK_PICTURES, PRECISIONS, TARGETS, combinations

if TYPE_CHECKING:
    from lite.bundle import Bundle

EXAMPLES = """
\b
Examples:
  ./run.sh tools/opt.py --model deit_tiny
  ./run.sh tools/opt.py --model deit_small --weights best_model.pdparams --labels labels.txt --calib pictures/
  ./run.sh tools/opt.py --model deit_tiny --precision fp32 --precision fp16 --target arm --target opencl
  ./run.sh tools/opt.py --model deit_tiny --budget 190

\b
Exit codes: 0 done · 2 bad usage or input, or a bundle that cannot be made (the others are) ·
3 drift over --max-drift (bundle kept, marked) · 4 conversion failed · 5 download failed
"""


@click.command(help=__doc__, epilog=EXAMPLES)
@model_option(required=False)
@weights_options
@click.option("--precision", "precisions", multiple=True, type=click.Choice(PRECISIONS), help="Default int8.")
@click.option("--target", "targets", multiple=True, type=click.Choice(TARGETS), help="Default arm.")
@recipe_option
@click.option(
    "--budget",
    type=Number(0, 1e9, min_open=True),
    metavar="M",
    help="Million instructions that int8 (or int8-fp16) may take for a picture, by the model in quant/cost. The "
    "recipe's choice of what stays in float is replaced by the one that keeps most accuracy for them.",
)
@core_option("Whose instructions --budget counts")
@calibration_options
@click.option(
    "--check",
    metavar="DIR|FILE.txt|digits|composed",
    help="Pictures the drift is measured on. Default: held-out ones of the digits or the composed pictures, the val/ "
    "beside the train/ of --calib, or what --calib leaves.",
)
@click.option(
    "--check-images", type=click.IntRange(1), default=CHECK_PICTURES, show_default=True, metavar="N"
)
@max_drift_option
@out_option("Where bundles go. Default: build/bundles of this repository.", BUNDLES)
@click.option("--force", is_flag=True, help="Replace bundles that are there already.")
@json_option("the manifests as JSON, with --list the models")
@click.option("--list", "list_models", is_flag=True, help="Print the models with their published figures.")
def main(
    model: str | None,
    source: str,
    sha256: str | None,
    labels: Path | None,
    precisions: tuple[str, ...],
    targets: tuple[str, ...],
    recipe: str,
    budget: float | None,
    core: str,
    calib: str | None,
    calib_images: int,
    check: str | None,
    check_images: int,
    max_drift: float | None,
    out: Path,
    force: bool,
    as_json: bool,
    list_models: bool,
) -> None:
    """Runs the command."""
    if list_models:
        if as_json:
            _command.print_json([_model(variant) for variant in zoo.MODELS.values()])
        else:
            show(_models())
        return
    if model is None:
        raise click.UsageError("give --model NAME; --list shows the models")
    if budget is None and _command.is_given("core"):
        raise click.UsageError("--core says whose instructions --budget counts; give both or neither")
    requests, refusals = combinations(precisions or ("int8",), targets or ("arm",))
    int8 = any(request.int8 for request in requests)
    # What is refused was asked for in INT8, and the others are made.
    if not int8 and not refusals and _command.is_given("recipe"):
        raise click.UsageError("--recipe is for --precision int8 and int8-fp16")
    for refusal in refusals:
        say(str(refusal), "not made")
    check_writable_folder(out)
    # Late, here and below: --help and --list need none of it.
    from lite import load_weights
    from lite.model.weights import fewest_classes
    from quant import Recipe
    from quant.budget import budget as budgets
    from quant.conversion import convert_all
    from quant.pictures import choose

    recipe_used = Recipe.named(recipe)
    variant, within = zoo.find(model), None
    if budget is not None:
        # Before a server is asked, weights are loaded or anything is converted.
        within = budgets.of(budget * 1e6, [request.precision for request in requests], core)
        within.check(recipe_used, variant, fewest_classes(variant, source))
    loaded = load_weights(model, source, labels, sha256=sha256, notify=notify)
    classes, calibration, checked = choose(
        loaded.labels,
        calib,
        check,
        int8=int8,
        calibration_pictures=calib_images,
        check_pictures=check_images,
        notify=notify,
    )
    class_names.remark(classes, notify)
    with scratch_folder() as work, Display() as display:
        bundles = convert_all(
            loaded.called(classes),
            requests,
            recipe=recipe_used,
            calibration=calibration,
            check=checked,
            out=out,
            work=work,
            force=force,
            max_drift=max_drift,
            budget=within,
            stages=display.stages,
            notify=notify,
        )
    timed = ", ".join(f"{name} {seconds:.1f}" for name, seconds in display.stages.seconds.items())
    say(f"seconds: {timed}")
    if as_json:
        _command.print_json([dict(written.manifest) for written in bundles])
    else:
        for written in bundles:
            _print_bundle(written)
        _print_next(bundles[0])
    if max_drift is not None:
        _gate(bundles, max_drift)
    if refusals:
        names = ", ".join(written.path.name for written in bundles)
        first = refusals[0]
        raise InputError(f"made only {names}, since {first.what}", why=first.why, remedy=first.remedy)


def _model(variant: zoo.Variant) -> dict[str, Any]:
    return {
        "model": variant.name,
        "image": variant.image,
        "published": variant.published and asdict(variant.published),
    }


def _models() -> Table:
    table = Table(
        title="Variants, the DeiTs with the figures of PaddleClas's page",
        caption="top-1/top-5 on ImageNet val in %; TensorRT FP32 at batch 1/4/8 on the page's GPU",
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("model", no_wrap=True)
    for heading in ("px", "top-1/5", "paper's", "GFLOPs", "Mparam", "TensorRT ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for variant in zoo.MODELS.values():
        figures = variant.published
        if figures is None:
            table.add_row(variant.name, str(variant.image))
            continue
        table.add_row(
            variant.name,
            str(variant.image),
            f"{100 * figures.top1:.1f}/{100 * figures.top5:.1f}",
            f"{100 * figures.reference_top1:.1f}/{100 * figures.reference_top5:.1f}",
            f"{figures.gflops:.2f}",
            f"{figures.mparams:.2f}",
            "/".join(f"{milliseconds:.2f}" for milliseconds in figures.tensorrt_fp32_ms.values()),
        )
    return table


def _print_bundle(written: Bundle) -> None:
    manifest = written.manifest
    size, float_size = written.model_nb.stat().st_size, manifest["fp32_bytes"]
    table = facts_table(written.path.name)
    table.add_row("size", f"{size / 1e6:.2f} MB, {size / float_size:.0%} of fp32's {float_size / 1e6:.2f} MB")
    table.add_row(*_work(manifest))
    if manifest["int8_coverage"] is not None:
        table.add_row("INT8 coverage", f"{percent(manifest['int8_coverage'], 1)} of the multiply-adds")
    for heading, text in drift_rows(manifest["drift"], manifest["precision"]):
        table.add_row(heading, text)
    if manifest["budget"] is not None:
        table.add_row("budget", _budget_row(manifest["budget"]))
    show(table)


def _budget_row(curve: Mapping[str, Any]) -> str:
    points = ", ".join(
        f"{point['name']} {point['snr_db']:.1f} dB for {point['instructions'] / 1e6:.1f} M"
        for point in (curve["measured"], *curve["compared"])
    )
    return (
        f"{curve['limit'] / 1e6:.10g} M instructions on a {curve['core']}; SNR on held-out pictures "
        f"({curve['images']}): {points}"
    )


def _work(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """What the phone will do, as a row of the table: heading and text."""
    if cost := manifest["cost"]:
        largest = ", ".join(
            f"{row['count']} {row['op']} in {row['precision']} ({row['instructions'] / cost['instructions']:.0%})"
            for row in cost["operators"][:3]
        )
        return (
            "instructions",
            f"{cost['instructions'] / 1e6:.1f} M a picture on a {cost['core']} (modelled), most in {largest}",
        )
    rows = sorted(manifest["kernels"], key=lambda row: -row["count"])
    most = ", ".join(f"{row['count']} {row['op']} {_kernel(row)}" for row in rows[:3])
    return "kernels", f"{sum(row['count'] for row in rows)} operators, most of them {most}"


def _kernel(row: Mapping[str, Any]) -> str:
    # Kernels for a GPU are all called fp16; the program that runs them chooses the bundle's precision.
    return str(row["target"]) if row["target"] == "opencl" else f"{row['target']}/{row['precision']}"


def _print_next(written: Bundle) -> None:
    click.echo(f"bundle   {written.path}")
    click.echo(f"report   {written.path / 'report.html'}")
    bundle = shlex.quote(str(written.path))
    click.echo(f"try it   ./run.sh tools/predict.py --bundle {bundle} PICTURE")
    click.echo(f"check    ./run.sh tools/validate.py --bundle {bundle} --images DIR")


def _gate(bundles: list[Bundle], max_drift: float) -> None:
    from lite.measure import drift

    over = []
    for written in bundles:
        if note := gate_note(written.manifest["drift"], max_drift):
            notify(f"{written.path.name}: {note}")
        if error := drift.over_gate(drift.Drift.of(written.manifest["drift"]), max_drift):
            over.append((written.path.name, error))
    if over:
        where = " | ".join(f"{name}: {error.reason}" for name, error in over)
        raise DriftError(where, remedy=over[0][1].remedy)


if __name__ == "__main__":
    _command.run(main)
