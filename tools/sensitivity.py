"""Says which layer and which tensor of an INT8 model costs what, and writes a recipe to edit.

Converts once by the recipe, then looks at each quantizer: what it costs alone, with all else in float, and what
leaving it in float gains. Figures are stored one by one: Ctrl-C, and the same command goes on from there.
"""

from __future__ import annotations

import shlex
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import _command
import click
from _display import Display, notify, plain, share, show
from _options import (
    calibration_options,
    core_option,
    dask_examples,
    json_option,
    model_option,
    out_option,
    recipe_option,
    restart_option,
    weights_options,
    worker_options,
)
from rich.table import Table

from lite.files import check_writable_folder
from lite.shown import cosine
from lite.shown import pictures as count_of

PICTURES = 16
SENSITIVITIES = _command.ROOT / "build" / "sensitivity"

EXAMPLES = f"""
\b
Examples:
  ./run.sh tools/sensitivity.py --model deit_tiny
  ./run.sh tools/sensitivity.py --model deit_small --weights best_model.pdparams --calib pictures/ --max-images 64
  ./run.sh tools/sensitivity.py --model deit_tiny --skip-worst 2 --out out/
  ./run.sh tools/opt.py --model deit_tiny --recipe out/recipe.yaml

{dask_examples("tools/sensitivity.py --model deit_base")}
\b
Exit codes: 0 done · 2 bad usage or input · 4 conversion, a worker or the scheduler failed (what is done is kept) ·
5 download failed · 130 interrupted
"""


@click.command(help=__doc__, epilog=EXAMPLES)
@model_option(required=True)
@weights_options
@recipe_option
@calibration_options
@click.option(
    "--images",
    metavar="DIR|FILE.txt|digits|composed",
    help="Pictures to measure with. Default: held-out ones of the digits or the composed pictures, the val/ beside the "
    "train/ of --calib, or what --calib leaves.",
)
@click.option(
    "--max-images",
    type=click.IntRange(1),
    default=PICTURES,
    show_default=True,
    metavar="N",
    help="At most so many of them; time grows with their number.",
)
@click.option(
    "--skip-worst",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Leave the N worst layers in float in recipe.yaml; the others stay commented out.",
)
@click.option(
    "--worst", type=click.IntRange(1), default=15, show_default=True, metavar="N", help="Rows to print."
)
@core_option("Whose instructions layers are given with")
@worker_options
@out_option(
    "For sensitivity.json, sensitivity.html, recipe.yaml and what is stored on the way. "
    "Default: build/sensitivity/MODEL-WEIGHTS-RECIPE."
)
@restart_option
@json_option("sensitivity.json")
def main(
    model: str,
    source: str,
    sha256: str | None,
    labels: Path | None,
    recipe: str,
    calib: str | None,
    calib_images: int,
    images: str | None,
    max_images: int,
    skip_worst: int,
    worst: int,
    core: str,
    count: int | None,
    address: str | None,
    out: Path | None,
    restart: bool,
    as_json: bool,
) -> None:
    """Runs the command."""
    from lite import load_weights
    from lite.engines import workers
    from quant import Recipe, pictures
    from quant.cost.rates import CORES
    from quant.sensitivity import results
    from quant.sensitivity.program import prepare
    from quant.sensitivity.results import document, rank, recipe_text
    from quant.sensitivity.run import SensitivityRun

    check_writable_folder(out or SENSITIVITIES)
    loaded = load_weights(model, source, labels, sha256=sha256, notify=notify)
    used = Recipe.named(recipe)
    _, calibration, check = pictures.choose(
        loaded.labels,
        calib,
        images,
        calibration_pictures=calib_images,
        check_pictures=max_images,
        notify=notify,
    )
    calibration = pictures.for_recipe(calibration, used)
    name = f"{loaded.variant.name}-{loaded.name}-{used.name}"
    out = out or SENSITIVITIES / name
    with Display(remaining=True) as display:
        program = prepare(loaded, used, calibration, out, display.stages, restart=restart)
        run = SensitivityRun(
            program,
            check,
            loaded.variant.preprocess,
            out,
            workers.opener(count, address),
            display.stages,
            core,
        )
        found = run.run(restart=restart)
    facts = {
        "model": loaded.variant.name,
        "weights": {"source": loaded.source, "path": str(loaded.path), "sha256": loaded.sha256},
        "recipe": used.as_dict(),
        "core": CORES[core].name,
        "calibration": {
            "source": calibration.source,
            "images": len(calibration.pictures),
        },
        "images": {"source": check.source, "count": len(check.pictures)},
        "seconds": dict(display.stages.seconds),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    figures = document(found, facts)
    about = f"{loaded.variant.name} ({loaded.name}), {count_of(len(check.pictures))} from {check.source}"
    text = recipe_text(used, rank(found)[0], active=skip_worst, source=about)
    results.write(out, figures, text)
    if as_json:
        _command.print_json(figures)
        return
    _print(figures, worst)
    click.echo(f"report   {out / 'sensitivity.html'}")
    click.echo(f"recipe   {out / 'recipe.yaml'}")
    again_from = str(loaded.path) if loaded.source == "file" else loaded.source
    again = {
        "--model": model,
        "--weights": again_from,
        "--labels": labels,
        "--calib": calib,
        "--calib-images": calib_images if _command.is_given("calib_images") else None,
        "--check": images,
        "--recipe": out / "recipe.yaml",
        # Where bundles usually go there may be one of this name, by the recipe that was looked at.
        "--out": out / "bundles",
    }
    words = shlex.join(str(word) for pair in again.items() if pair[1] is not None for word in pair)
    click.echo(f"try it   ./run.sh tools/opt.py {words}")


def _print(figures: dict[str, Any], worst: int) -> None:
    from lite.measure import interval

    int8 = figures["int8"]
    agree = share(int8["top1_agreement"], interval.of_share(int8["top1_agreement"], int8["images"]))
    click.echo(
        f"INT8 keeps {int8['snr_db']:.1f} dB (cosine min {cosine(int8['cosine_min'])}, top-1 {agree} agree, "
        f"{count_of(int8['images'])}); the same graph in float {figures['float_graph']['snr_db']:.1f} dB; "
        f"the tensors' shares of its noise add up to {figures['shares_of_tensors']:.0%}"
    )
    table = _table(
        "Layers, worst first", "share %", "SNR dB", "skip dB", "meas. dB", "float M", "fp16 M", "%/M"
    )
    for row in figures["layers"][:worst]:
        known, rate = row["instructions"], row["share_per_million_instructions"]
        table.add_row(
            *_start(row),
            f"{row['expected_gain_db']:+.2f}",
            f"{row['gain_db']:+.2f}",
            *(_more(known, precision) for precision in ("fp32", "fp16")),
            f"{100 * rate:.2f}" if rate is not None else "",
        )
    show(table)
    table = _table("Tensors, worst first", "share %", "SNR dB", "cosine min", "top-1 %", "meas. dB")
    for row in figures["tensors"][:worst]:
        isolated = row["isolated"]
        table.add_row(
            *_start(row),
            cosine(isolated["cosine_min"]),
            f"{100 * isolated['top1_agreement']:.2f}",
            f"{row['gain_db']:+.2f}",
        )
    show(table)
    click.echo(
        "share: of INT8's noise, in isolation · SNR: in isolation · skip: gain if left in float, from its share · "
        "meas.: gain measured, by chance some tenths off · float: million instructions more than INT8 on a "
        f"{figures['core']} · fp16: the same in a bundle of both, at most · %/M: share for each million of float"
    )


def _more(known: dict[str, Any] | None, precision: str) -> str:
    """Million instructions more than INT8; nothing where they are not known."""
    taken = None if known is None else known[precision]
    return "" if known is None or taken is None else f"{(taken - known['int8']) / 1e6:+.2f}"


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _start(row: dict[str, Any]) -> list[str]:
    return [plain(row["name"]), f"{100 * row['share']:.2f}", f"{row['isolated']['snr_db']:.1f}"]


if __name__ == "__main__":
    _command.run(main)
