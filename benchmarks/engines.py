"""DeiT-tiny and DeiT-small in six engines on this computer: milliseconds a run at 1, 4 and 8 pictures.

Why: the DeiT page has a latency table of one engine on one GPU; this one says what a CPU makes of the same networks.
Every engine gets them by its own converter (`engines_convert.py`), runs in a process of its own on one thread, and is
held against Paddle's dynamic graph on eight digits before anything is timed: a float32 engine that differs by more
than 1e-3 of the largest logit is not timed, nor is an INT8 one that answers more noise than signal; the others' SNR
stands in the table. DeiT-tiny has the bundled weights; DeiT-small has made-up ones, so its SNR says little.

Engines take turns: in every round each of them runs each batch for `--seconds`, in reversed order every other round.
A figure is the median over the rounds of a round's median; ± is half of what the slowest round took more than the
fastest, the plot's whiskers are these two.
An engine without batches runs the pictures one after the other (marked *). INT8 stands where an engine has it for
x86: Paddle Lite has no INT8 kernels there, ncnn's wheel no quantizer. The page's TensorRT figures are the source's.

    ./run.sh -m pip install --no-deps -r requirements-engines.txt
    ./run.sh benchmarks/engines.py --plot docs/engines.png
    ./run.sh benchmarks/engines.py --models deit_tiny --rounds 2 --seconds 0.2
"""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import engines_convert
import engines_plot
import engines_timed
import made_up
import measured
import numpy as np
from engines_convert import INT8, Row
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from lite import zoo
from lite.engines import Runnable, processes
from lite.errors import ToolkitError
from lite.measure import drift

BATCHES = (1, 4, 8)
TOLERANCE = 1e-3  # of the largest logit
VERSIONS = ("paddlelite", "paddlepaddle", "onnxruntime", "openvino", "ncnn", "MNN")


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--models", default="deit_tiny,deit_small", show_default=True, metavar="NAME,…")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, metavar="N")
@click.option("--seconds", type=click.FloatRange(0.01), default=1.0, show_default=True, metavar="S")
@click.option("--blocks", type=click.IntRange(2), metavar="N", help="Only the first N blocks: a quick trial.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.png")
def main(models: str, rounds: int, seconds: float, blocks: int | None, plot: Path | None) -> None:
    absent = engines_convert.missing()
    if absent:
        raise click.ClickException(
            f"not installed: {', '.join(absent)}; first run: "
            "./run.sh -m pip install --no-deps -r requirements-engines.txt"
        )
    load_before = os.getloadavg()[0]
    found = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for model in models.split(","):
            try:
                found[model] = measure(model, rounds, seconds, blocks, progress)
            except ToolkitError as error:
                raise click.ClickException(str(error)) from error
    document = {
        "benchmark": "engines",
        "options": {"models": models, "rounds": rounds, "seconds": seconds, "blocks": blocks},
        "host": {**measured.host(load_before, VERSIONS), "vector_extensions": vector_extensions()},
        "models": found,
        "tensorrt_fp32_ms_of_the_page": {
            model: page.tensorrt_fp32_ms for model in found if (page := zoo.find(model).published)
        },
    }
    if plot is not None:
        engines_plot.write(plot, document)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    for model, rows in found.items():
        console.print(table(model, rows))
    print(json.dumps(document))
    sys.exit(1 if any(row["failure"] for rows in found.values() for row in rows) else 0)


def measure(
    model: str, rounds: int, seconds: float, blocks: int | None, progress: Progress
) -> list[dict[str, Any]]:
    """A row for every engine and precision: how near it is to Paddle, and its times in ms by batch."""
    # Imported here so that the processes of other engines do without Paddle.
    from lite.engines.dygraph import NetworkPredictor

    loaded = made_up.network(model, depth=blocks)
    pixels = engines_convert.tensors("held_out", max(BATCHES), loaded.variant.preprocess)
    expected = NetworkPredictor(loaded.variant, loaded.state).logits(pixels)
    rows: dict[Row, dict[str, Any]] = {}
    task = progress.add_task(model, total=None)
    with tempfile.TemporaryDirectory(prefix="engines-") as work, ExitStack() as stack:
        opened: dict[Row, tuple[Executor, Runnable]] = {}
        prepared = engines_convert.engines(
            loaded, Path(work), lambda name: progress.update(task, description=f"{model}: convert for {name}")
        )
        for row, engine in prepared:
            rows[row] = {"engine": row[0], "precision": row[1], "failure": None, "ms": {}}
            if isinstance(engine, ToolkitError):
                rows[row]["failure"] = str(engine)
                continue
            executor = stack.enter_context(processes.pool(1))
            rows[row] |= compare(executor, engine, pixels, expected, row[1])
            if rows[row]["failure"] is None:
                opened[row] = executor, engine
        progress.update(task, total=rounds * len(opened) * len(BATCHES))
        for number in range(rounds):
            for row in list(opened)[:: -1 if number % 2 else 1]:
                progress.update(task, description=f"{model}, round {number + 1}: {' '.join(row)}")
                executor, engine = opened[row]
                for batch in BATCHES:
                    taken = executor.submit(engines_timed.time_runs, engine, pixels[:batch], seconds).result()
                    rows[row]["ms"].setdefault(str(batch), []).append(statistics.median(taken))
                    progress.advance(task)
    for figures in rows.values():
        figures["ms"] = {batch: summary(values) for batch, values in figures["ms"].items()}
    return list(rows.values())


def compare(
    executor: Executor, engine: Runnable, pixels: np.ndarray, expected: np.ndarray, precision: str
) -> dict[str, Any]:
    """How near the engine's logits are to Paddle's, and `failure` where that is not near enough to be timed."""
    try:
        answered, batch = executor.submit(engines_timed.answers, engine, pixels).result()
    except ToolkitError as error:
        return {"failure": str(error)}
    if answered.shape != expected.shape or not np.isfinite(answered).all():
        return {"failure": f"answers {answered.shape}, or no finite numbers"}
    off = float(np.abs(answered - expected).max())
    allowed = TOLERANCE * float(np.abs(expected).max())
    snr_db = drift.snr_db(expected, answered)
    failure = None
    if precision == INT8 and snr_db < 0:
        failure = f"answers more noise than signal ({snr_db:.0f} dB against Paddle's logits)"
    elif precision != INT8 and off > allowed:
        failure = f"is {off:.2g} from Paddle's logits (allowed: {allowed:.2g})"
    return {"max_abs": off, "snr_db": snr_db, "one_by_one": batch == 1, "failure": failure}


def summary(values: list[float]) -> dict[str, Any]:
    """Median of the rounds, with the rounds it can be checked by."""
    return {"median": statistics.median(values), "rounds": [round(value, 3) for value in values]}


def vector_extensions() -> list[str]:
    """Those of the processor that engines have kernels for."""
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    found = flags[1].split() if flags else []
    return [name for name in ("avx2", "avx512f", "avx512_vnni", "avx_vnni") if name in found]


def table(model: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = Table(
        box=box.SIMPLE, title=f"{model}: ms a run, one thread (± half of slowest less fastest round)"
    )
    failures = []
    for heading in ("engine", "", *(f"batch {batch}" for batch in BATCHES), "SNR", "from Paddle"):
        shown.add_column(heading, justify="left" if heading in ("engine", "") else "right")
    for row in rows:
        if row["failure"] is not None:
            failures.append(f"{row['engine']} {row['precision']} is not timed: {row['failure']}")
            continue
        star = "*" if row["one_by_one"] else ""
        times = []
        for batch in BATCHES:
            figures = row["ms"][str(batch)]
            spread = (max(figures["rounds"]) - min(figures["rounds"])) / 2 / figures["median"]
            times.append(f"{figures['median']:.1f}{star if batch > 1 else ' '} ±{spread:4.0%}")
        shown.add_row(
            row["engine"], row["precision"], *times, f"{row['snr_db']:.0f} dB", f"{row['max_abs']:.1g}"
        )
    if page := zoo.find(model).published:
        quoted = (f"{page.tensorrt_fp32_ms[batch]:.2f}" for batch in BATCHES)
        shown.add_row("TensorRT, page's GPU", "fp32", *quoted, "", "quoted")
    shown.caption = "\n".join(failures)
    return shown


if __name__ == "__main__":
    main()
