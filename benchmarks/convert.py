"""What a conversion costs, and what the same costs by hand: wall time and memory, side by side in one run.

Why: a toolkit around PaddleSlim and Paddle Lite should not be slower than typing their commands. Quantizing and
converting start from the same exported program and the same pictures, with PaddleSlim's defaults, in three ways:

- by hand: `by_hand.py`, in the environment this was started with. It gets its pictures ready-made as tensors;
  the toolkit reads and prepares them in its time.
- by hand, our environment: the same with the variables that the toolkit sets for itself (they are in the JSON; on
  AMD processors one makes MKL, Paddle's matrix library, take its AVX2 path). What is left of the difference is
  code: the toolkit also reads back what was written and checks every kernel, and it spares Paddle an assertion
  that lists the whole graph at each of thousands of links.
- toolkit: the same two stages as `tools/opt.py` runs them (`by_toolkit.py`).

Then all of `tools/opt.py`, with its default recipe, stage by stage. Every run is a process of its own; the ways
take turns, in reversed order every other round. Figures are medians; a ratio is one of medians, toolkit over by
hand. "memory" is the peak of all processes of a run together (`measured.py` says how). The float reference's
processes run beside Paddle Lite's optimizer in `tools/opt.py`, in the time and memory of its stages.

With --all nothing is compared: the whole run is measured for each of the eight DeiTs, with the digits weights for
deit_tiny and made-up ones for the others.

    python benchmarks/convert.py
    python benchmarks/convert.py --all --rounds 1
    python benchmarks/convert.py --model deit_small --weights best_model.pdparams --calib pictures/ --rounds 3

The figures of the last run are in docs/figures.json.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import measured
from measured import Measured, host, megabytes
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

HERE = Path(__file__).resolve().parent
HAND, SAME, TOOLKIT, ALL = "by hand", "by hand, our environment", "toolkit", "opt.py"
JOB = ("quantize", "convert")


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--model", default="deit_tiny", show_default=True, metavar="NAME")
@click.option("--weights", default="digits", show_default=True, metavar="imagenet|digits|FILE")
@click.option("--calib", default="digits", show_default=True, metavar="DIR|digits")
@click.option("--calib-images", type=click.IntRange(1), default=32, show_default=True, metavar="N")
@click.option("--check-images", type=click.IntRange(1), default=128, show_default=True, metavar="N")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, metavar="N")
@click.option("--blocks", type=click.IntRange(1), metavar="N", help="Only the first N blocks: a quick trial.")
@click.option("--all", "every", is_flag=True, help="Whole runs of all eight DeiTs instead, by stage.")
def main(rounds: int, every: bool, **options: Any) -> None:
    load_before = os.getloadavg()[0]
    settings = environment_defaults()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    if every:
        variants = run_variants(rounds, options, settings)
        console.print(variant_table(variants))
        del options["model"], options["weights"]
        described = {"options": {"rounds": rounds, **options}, "host": host(load_before)}
        print(json.dumps({"benchmark": "convert --all", **described, "variants": variants}))
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-") as work:
        runs, digests = run_rounds(rounds, options, settings, Path(work))
    document: dict[str, Any] = {
        "benchmark": "convert",
        "options": {"rounds": rounds, **options},
        "host": host(load_before),
        "environment": settings,
        "ways": {way: job_figures(runs[way]) for way in (HAND, SAME, TOOLKIT)},
        "ratio": {way: ratios(runs[TOOLKIT], runs[way]) for way in (HAND, SAME)},
        "same_int8_parameters": digests[SAME] == digests[TOOLKIT],
        "stages": stage_figures(runs[ALL]),
    }
    console.print(job_table(document))
    console.print(stage_table(document["stages"]))
    print(json.dumps(document))


def environment_defaults() -> dict[str, str]:
    """The variables that importing the toolkit sets; this process's own stay as they were."""
    before = dict(os.environ)
    sys.path.insert(0, str(HERE.parent))
    importlib.import_module("lite")
    settings = {name: value for name, value in os.environ.items() if name not in before}
    for name in settings:
        del os.environ[name]
    return settings


def run_rounds(
    rounds: int, options: dict[str, Any], settings: dict[str, str], work: Path
) -> tuple[dict[str, list[Measured]], dict[str, set[str]]]:
    """Every run of every way, and the digests of the INT8 parameters that the ways came to."""
    toolkit = toolkit_environment(settings)
    by_hand = [str(HERE / "by_hand.py"), str(work / "fp32"), str(work / "tensors.npy"), str(work / "hand")]

    ways = {
        HAND: (by_hand, os.environ, work / "hand"),
        SAME: (by_hand, {**os.environ, **settings}, work / "hand"),
        TOOLKIT: (by_toolkit("quantize", options, work), toolkit, work / "toolkit"),
        ALL: (by_toolkit("all", options, work), toolkit, None),
    }
    runs: dict[str, list[Measured]] = {way: [] for way in ways}
    digests: dict[str, set[str]] = {way: set() for way in ways}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("export", total=rounds * len(ways))
        measured.run(by_toolkit("prepare", options, work), toolkit)
        for number in range(rounds):
            for way in list(ways)[:: -1 if number % 2 else 1]:
                progress.update(task, description=f"round {number + 1}: {way}")
                command, environment, out = ways[way]
                runs[way].append(measured.run(command, environment))
                if out is not None:
                    digests[way].add(digest(out, way))
                for output in {"hand", "toolkit", "all", "between"}:
                    shutil.rmtree(work / output, ignore_errors=True)
                progress.advance(task)
    return runs, digests


def run_variants(
    rounds: int, options: dict[str, Any], settings: dict[str, str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """The stages of opt.py by variant, as `stage_figures` has them; rounds go over all variants."""
    toolkit = toolkit_environment(settings)
    # After `environment_defaults`, which finds it.
    models = list(importlib.import_module("lite.zoo").DEITS)
    runs: dict[str, list[Measured]] = {model: [] for model in models}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=rounds * len(models))
        for number in range(rounds):
            for model in models:
                progress.update(task, description=f"round {number + 1}: {model}")
                own = {**options, "model": model, "weights": None}
                with tempfile.TemporaryDirectory(prefix="benchmark-") as work:
                    runs[model].append(measured.run(by_toolkit("all", own, Path(work)), toolkit))
                progress.advance(task)
    return {model: stage_figures(each) for model, each in runs.items()}


def by_toolkit(command: str, options: dict[str, Any], work: Path) -> list[str]:
    return [str(HERE / "by_toolkit.py"), command, json.dumps(options), str(work)]


def toolkit_environment(settings: dict[str, str]) -> dict[str, str]:
    """This process's, the variables that the toolkit sets, and the toolkit on Python's path."""
    python_path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **settings, "PYTHONPATH": python_path}


def digest(out: Path, way: str) -> str:
    """SHA-256 of the INT8 parameters in `out`, where model.nb must be, too."""
    if not (out / "model.nb").is_file():
        raise click.ClickException(f"{way}: no model.nb came out; opt says so only on its standard output")
    return hashlib.sha256((out / "model.pdiparams").read_bytes()).hexdigest()


def median(values: list[float]) -> dict[str, Any]:
    """Median, with the raw values it can be checked by."""
    return {"median": statistics.median(values), "runs": [round(value, 3) for value in values]}


def job_figures(runs: list[Measured]) -> dict[str, Any]:
    """Seconds and bytes of one way to quantize and convert."""
    parts = {"quantize": JOB[:1], "convert": JOB[1:], "both": JOB, "both_with_imports": ("imports", *JOB)}
    return {
        "seconds": {name: median([run.seconds(*steps) for run in runs]) for name, steps in parts.items()},
        "memory": peak(runs, *JOB),
    }


def ratios(toolkit: list[Measured], by_hand: list[Measured]) -> dict[str, float | None]:
    """Toolkit over by hand, of medians."""
    ours, theirs = job_figures(toolkit), job_figures(by_hand)
    seconds = {
        name: ours["seconds"][name]["median"] / value["median"] for name, value in theirs["seconds"].items()
    }
    measured = ours["memory"] is not None and theirs["memory"] is not None
    return {**seconds, "memory": ours["memory"] / theirs["memory"] if measured else None}


def stage_figures(runs: list[Measured]) -> dict[str, Any]:
    """Seconds and bytes of each stage of opt.py, in order, and of the whole run."""
    names = list(dict.fromkeys(name for name, _, _ in runs[0].steps))
    stages = {
        name: {**median([run.seconds(name) for run in runs]), "memory": peak(runs, name)} for name in names
    }
    whole = median([run.ended - run.started for run in runs])
    return {**stages, "whole run": {**whole, "memory": peak(runs, *names)}}


def peak(runs: list[Measured], *steps: str) -> float | None:
    """Median peak in bytes; None where a step was over too soon to be seen."""
    peaks = [value for run in runs if (value := run.peak(*steps)) is not None]
    return statistics.median(peaks) if peaks else None


def job_table(document: Mapping[str, Any]) -> Table:
    options, ratio = document["options"], document["ratio"]
    table = Table(
        box=box.SIMPLE,
        title=f"{options['model']}: quantize {options['calib_images']} pictures and convert for ARM, "
        f"medians of {options['rounds']}",
        caption="INT8 parameters of toolkit and by hand, our environment: "
        + ("equal to the last bit" if document["same_int8_parameters"] else "NOT equal"),
    )
    table.add_column("")
    for heading in ("quantize", "convert", "both", "with imports", "ratio", "with imports", "memory"):
        table.add_column(heading, justify="right")
    for way, figures in document["ways"].items():
        seconds = [f"{value['median']:.2f} s" for value in figures["seconds"].values()]
        over = ["", ""]
        if way in ratio:
            over = [f"{ratio[way][name]:.2f}" for name in ("both", "both_with_imports")]
        table.add_row(way, *seconds, *over, megabytes(figures["memory"]))
    return table


def stage_table(stages: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE, title="all of tools/opt.py")
    table.add_column("stage")
    table.add_column("time", justify="right")
    table.add_column("memory", justify="right")
    for name, figures in stages.items():
        table.add_row(name, f"{figures['median']:.2f} s", megabytes(figures["memory"]))
    return table


def variant_table(variants: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE, title="all of tools/opt.py")
    table.add_column("model")
    for heading in ("rewrite", "quantize", "both", "whole run", "memory"):
        table.add_column(heading, justify="right")
    for model, stages in variants.items():
        seconds = [stages[name]["median"] for name in ("rewrite", "quantize")]
        columns = [*seconds, sum(seconds), stages["whole run"]["median"]]
        table.add_row(
            model, *(f"{value:.1f} s" for value in columns), megabytes(stages["whole run"]["memory"])
        )
    return table


if __name__ == "__main__":
    main()
