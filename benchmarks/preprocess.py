"""Picture file to input tensor: the C++ core against lite/pictures/prepare.py on the same files, and its share.

Why: on a phone, a network that takes some 20 ms must not wait for its picture. Decoding and what comes after it
(resizing the short side to 256 with antialiased bicubic, cropping to 224, normalising) are timed apart, on one
thread, in turns: a round runs the core, then Python, on every picture. The core runs as a process that prepares
the picture three times; its first time, which makes tables and buffers, does not count, and Python's library is
warm, too. Times are the thread's processor time, so that other work on the machine counts little. Figures are
medians over all rounds; a ratio is one of medians, the core over Python. That both give the same tensor, bit for
bit, is checked before anything is timed.

The pictures are scikit-learn's two photographs and one of them enlarged to 12 megapixels with noise, as JPEG and
PNG; or those given. With a bundle, `deit --bench` says what its host.nb takes on one thread (wall time), and the
table what part of a classification (decode, preprocess, run) precedes the network.

    ./run.sh benchmarks/preprocess.py
    ./run.sh benchmarks/preprocess.py --bundle build/bundles/deit_tiny-digits-fp32-arm --picture cat.jpg

The figures of the last run are in docs/figures.json.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from measured import host
from PIL import Image
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sklearn.datasets import load_sample_image
from threadpoolctl import threadpool_limits

from lite import zoo
from lite.errors import ToolkitError
from lite.pictures import prepare

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "android_demo" / "cpp"
SPEC = zoo.MODELS["deit_tiny"].preprocess
STEPS = ("decode", "preprocess")


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, metavar="N")
@click.option(
    "--picture",
    "given",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="JPEG or PNG instead of the three photographs; more than one can be given.",
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Also the share of a classification by this bundle's host.nb.",
)
def main(rounds: int, given: tuple[Path, ...], bundle: Path | None) -> None:
    load_before = os.getloadavg()[0]
    programs = built()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as work, threadpool_limits(1):
        manifest = write_manifest(Path(work))
        pictures = given or photographs(Path(work))
        times = measure(programs, manifest, pictures, rounds)
        inference = inference_ms(programs, bundle, pictures[0]) if bundle else None
        rows = [row(path, times[path], inference) for path in pictures]
    document: dict[str, Any] = {
        "benchmark": "preprocess",
        "options": {
            "rounds": rounds,
            "pictures": [str(path) for path in given],
            "bundle": bundle and str(bundle),
        },
        "host": host(load_before),
        "inference_ms": inference,
        "rows": rows,
    }
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    console.print(table(document))
    print(json.dumps(document))


def built(preset: str = "host", *targets: str) -> Path:
    """The folder of the core's binaries by a CMake preset, brought up to date: all, or some of them."""
    folder = ROOT / "build" / "cpp" / preset
    configure = ["cmake", "--preset", preset, f"-DPADDLELITE_PYTHON={sys.executable}"]
    run(configure, cwd=SOURCES)
    chosen = ["--target", *targets] if targets else []
    run(["cmake", "--build", str(folder), *chosen], cwd=SOURCES)
    return folder


def run(command: list[str], cwd: Path | None = None) -> str:
    """Runs a program and gives its standard output. Raises click.ClickException when it fails or is not there."""
    try:
        ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise click.ClickException(
            f"{command[0]} is not there: ./test.sh says which packages to install"
        ) from None
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip()).splitlines()[-1:]
        raise click.ClickException(f"{' '.join(command)} ended with {ended.returncode}: {' '.join(said)}")
    return ended.stdout


def write_manifest(folder: Path) -> Path:
    """A manifest.json with DeiT's preprocessing and what else the core wants to see."""
    side = SPEC.crop
    document = {
        "schema": 1,
        "model": "deit_tiny",
        "weights": {"classes": 1000},
        "precision": "fp32",
        "target": "arm",
        "recipe": None,
        "drift": None,
        "versions": {"paddlelite": None},
        "files": {},
        "input": {
            "name": "image",
            "shape": [1, 3, side, side],
            "layout": "NCHW",
            "colour": "RGB",
            "resize_short": SPEC.resize_short,
            "crop": SPEC.crop,
            "interpolation": SPEC.interpolation,
            "mean": SPEC.mean,
            "std": SPEC.std,
        },
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(document))
    return path


def photographs(folder: Path) -> tuple[Path, ...]:
    """Two photographs of 640x427, one of them also at 4000x3000, as JPEG and as PNG."""
    china, flower = (Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg"))
    large = np.asarray(china.resize((4000, 3000), Image.Resampling.BICUBIC), np.int16)
    noise = np.random.default_rng(0).normal(0, 4, large.shape)
    huge = Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8))
    written = []
    for name, picture in (
        ("china.jpg", china),
        ("flower.png", flower),
        ("huge.jpg", huge),
        ("huge.png", huge),
    ):
        written.append(folder / name)
        options: dict[str, Any] = {"quality": 90} if name.endswith(".jpg") else {"compress_level": 4}
        picture.save(written[-1], **options)
    return tuple(written)


def measure(
    programs: Path, manifest: Path, pictures: tuple[Path, ...], rounds: int
) -> dict[Path, dict[str, dict[str, list[float]]]]:
    """Milliseconds of every round by picture, side (core, python) and step. Raises click.ClickException."""
    times: dict[Path, dict[str, dict[str, list[float]]]] = {
        path: {side: {step: [] for step in STEPS} for side in ("core", "python")} for path in pictures
    }
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("same tensors?", total=rounds * len(pictures))
        for path in pictures:
            check_same(programs, manifest, path)
        for number in range(rounds):
            for path in pictures:
                progress.update(task, description=f"round {number + 1}: {path.name}")
                said = json.loads(run([str(programs / "preprocess_times"), str(path), str(manifest), "3"]))
                times[path]["core"]["decode"] += said["decode_ms"][1:]
                times[path]["core"]["preprocess"] += said["run_ms"][1:]
                for _ in range(2):
                    for step, took in zip(STEPS, in_python(path), strict=True):
                        times[path]["python"][step].append(took)
                progress.advance(task)
    return times


def in_python(path: Path) -> tuple[float, float]:
    """Milliseconds that lite/pictures/prepare.py takes to decode (with reading and checking) and to do the rest."""
    start = time.thread_time()
    rgb = prepare.decode(path)
    decoded = time.thread_time()
    prepare.prepare(rgb, SPEC)
    return 1e3 * (decoded - start), 1e3 * (time.thread_time() - decoded)


def check_same(programs: Path, manifest: Path, path: Path) -> None:
    """Raises click.ClickException if the two do not give the same tensor; also warms Python's side."""
    out = manifest.parent / "tensor.f32"
    run([str(programs / "deit_tensor"), str(path), str(manifest), str(out)])
    try:
        tensor = prepare.from_file(path, SPEC)
    except ToolkitError as error:
        raise click.ClickException(str(error)) from error
    if not np.array_equal(np.fromfile(out, "<f4"), tensor.ravel()):
        raise click.ClickException(f"{path}: the core and lite/pictures/prepare.py give different tensors")


def inference_ms(programs: Path, bundle: Path, picture: Path) -> float | None:
    """Median milliseconds of a run of the bundle's host.nb on one thread; None without an engine to build with."""
    if not (programs / "deit").exists():
        return None
    command = [str(programs / "deit"), "--bench", "--bundle", str(bundle), "--host", "--image", str(picture)]
    said = run([*command, "--threads", "1", "--warmup", "5", "--repeats", "30"])
    return float(json.loads(said.splitlines()[-1])["bench"]["statistics"]["p50"])


def row(path: Path, times: dict[str, dict[str, list[float]]], inference: float | None) -> dict[str, Any]:
    """Medians, ratios (core over Python) and, with `inference`, the core's share of a classification."""
    medians = {
        side: {step: statistics.median(runs) for step, runs in steps.items()} for side, steps in times.items()
    }
    before = sum(medians["core"].values())
    with Image.open(path) as picture:
        width, height = picture.size
    return {
        "picture": path.name,
        "width": width,
        "height": height,
        "bytes": path.stat().st_size,
        "ms": medians,
        "ratio": {step: medians["core"][step] / medians["python"][step] for step in STEPS},
        "share": None if inference is None else before / (before + inference),
        "runs_ms": {
            side: {step: [round(took, 3) for took in runs] for step, runs in steps.items()}
            for side, steps in times.items()
        },
    }


def table(document: dict[str, Any]) -> Table:
    inference = document["inference_ms"]
    shown = Table(
        box=box.SIMPLE,
        title=f"one thread, medians of {2 * document['options']['rounds']} runs in milliseconds",
        caption=None
        if inference is None
        else f"host.nb: {inference:.1f} ms; share: decode and preprocess of all",
    )
    shown.add_column("picture")
    for heading in ("size", "decode", "Python", "ratio", "preprocess", "Python", "ratio", "share"):
        shown.add_column(heading, justify="right")
    for one in document["rows"]:
        cells = []
        for step in STEPS:
            core, python = (one["ms"][side][step] for side in ("core", "python"))
            cells += [f"{core:.2f}", f"{python:.2f}", f"{one['ratio'][step]:.2f}"]
        share = "-" if one["share"] is None else f"{100 * one['share']:.0f} %"
        shown.add_row(one["picture"], f"{one['width']}x{one['height']}", *cells, share)
    return shown


if __name__ == "__main__":
    main()
