"""A report of every kind, made by the real commands and writers from little; the JSON lies beside it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from benches import scaled, write
from measurements import measurement, outcome, renamed
from shallow import CALIBRATION, CHECK, made, recipe, shallow

from lite import zoo
from lite.model import weights
from lite.phone import results
from lite.phone.binaries import Binaries
from lite.phone.facts import Facts
from lite.phone.link import PhoneError
from lite.phone.measured import Measurement
from lite.phone.plan import BenchPlan, Candidate, Configuration
from lite.phone.session import Outcome, PhoneJob
from lite.pictures import digits
from lite.pictures.picture_set import PictureSet
from quant import recipe as recipes
from quant.budget.budget import Budget
from quant.conversion import convert_all
from quant.recipe import Recipe, Request
from quant.sensitivity.program import folder_for

ROOT = Path(__file__).resolve().parents[2]
# As long as ImageNet's longest names, and one that has nowhere to break.
_LABELS = (
    "Staffordshire bullterrier, Staffordshire bull terrier",
    "black-and-tan coonhound",
    "hippopotamus, hippo, river horse, Hippopotamus amphibius",
    "Pneumonoultramicroscopicsilicovolcanoconiosis_of_the_left_lung_and_elsewhere",
    "car mirror",
    "cellular telephone, cellular phone, cellphone, cell, mobile phone",
    "ant & bee <both>",
    "ox",
    "West Highland white terrier",
    "rugby ball",
)


@dataclass(frozen=True)
class Page:
    """A report, and the name of the JSON that lies beside it."""

    path: Path
    json: str

    @cached_property
    def data(self) -> dict[str, Any]:
        """What the JSON beside it holds."""
        values: dict[str, Any] = json.loads((self.path.parent / self.json).read_text())
        return values

    @cached_property
    def bundle_manifest(self) -> dict[str, Any]:
        """The manifest of the bundle that a validation is of."""
        values: dict[str, Any] = json.loads((Path(self.data["bundle"]) / "manifest.json").read_text())
        return values


def conversion(folder: Path) -> Page:
    """Two blocks of the bundled weights in INT8, and in float beside it."""
    return _converted(folder, shallow(), recipe(rewrite={"views": 1, "tanh_gelu": False}), CHECK)


def budget(folder: Path) -> Page:
    """Two blocks for a budget; pictures and classes with long names."""
    pictures = []
    for index, pixels in enumerate(digits.pictures("held_out", 6)):
        name = f"n02093256_{index}_a_photograph_with_a_long_name_and_no_place_to_break_it.JPEG.png"
        pictures.append(_write(folder / "pictures" / name, pixels))
    labelled = PictureSet.of("photographs", pictures, np.array(digits.labels("held_out")[:6]))
    loaded = replace(shallow(), labels=_LABELS)
    return _converted(folder, loaded, recipe(rewrite={"views": 1}), labelled, budget=Budget(25e6))


def _converted(
    folder: Path, loaded: weights.Weights, used: recipes.Recipe, check: PictureSet, **options: Any
) -> Page:
    bundle, _ = convert_all(
        loaded, [Request("int8", "arm"), Request("fp32", "arm")], recipe=used, calibration=CALIBRATION, check=check,
        out=folder / "out", work=folder / "work", max_drift=0.05, **options,
    )  # fmt: skip
    return Page(bundle.path / "report.html", "manifest.json")


def float_bundle(converted: Page) -> Path:
    """The bundle in float beside one in INT8."""
    folder = converted.path.parent
    return folder.with_name(folder.name.replace("int8", "fp32"))


def validation(folder: Path, bundle: Path, reference: str | Path) -> Page:
    """Labelled pictures, one of which cannot be read, through a bundle and its reference, `none` for no such."""
    labels = digits.labels("held_out")[:20]
    for index, (pixels, label) in enumerate(zip(digits.pictures("held_out", 20), labels, strict=True)):
        _write(folder / "photos" / str(label) / f"{index:03d}.png", pixels)
    for label in digits.CLASSES:
        (folder / "photos" / label).mkdir(exist_ok=True)
    (folder / "photos" / "3" / "broken.png").write_bytes(b"no picture")
    _run(
        "validate.py", "--bundle", bundle, "--images", folder / "photos", "--reference", reference,
        "--out", folder / "out",
    )  # fmt: skip
    return Page(folder / "out" / "report.html", "results.json")


def sensitivity(folder: Path) -> Page:
    """The command with a program of two blocks where its own would be."""
    loaded = weights.load(zoo.find("deit_tiny"), "digits", notify=print)
    calibration = PictureSet.of("digits", digits.pictures("calibration", 4))
    out = folder / "out"
    program = made(folder / "program", recipe("blocks.0.attn.qk"))
    shutil.copytree(program.folder, folder_for(loaded, Recipe.named("paddleslim"), calibration, out))
    _run(
        "sensitivity.py", "--model=deit_tiny", "--weights=digits", "--recipe=paddleslim", "--calib-images=4",
        "--max-images=4", "--out", out,
    )  # fmt: skip
    return Page(out / "sensitivity.html", "sensitivity.json")


def bench(folder: Path, tiny_bundle: Path, phones: int, bundles: int) -> Page:
    """Phones with a name, a cooled processor and five rounds of each bundle; one that failed where there are many."""
    names = ["deit_small_distilled-imagenet-fp32-arm", "deit_tiny-digits-int8-arm", "deit_base-file-fp16-arm"]
    candidates = [
        Candidate(renamed(tiny_bundle, folder / name), f"/data/local/tmp/{name}", host=True)
        for name in names[:bundles]
    ]
    plan = BenchPlan(threads=(1, 4), cores=("f0",), repeats=60, rounds=5, cooldown_celsius=35.0)
    job = PhoneJob([one.bundle for one in candidates], plan, Binaries(None, None))
    outcomes = [_phone(number, candidates, plan.configurations()) for number in range(phones)]
    if phones > 2:
        outcomes[-1].status, outcomes[-1].error = (
            "failed",
            PhoneError("phone-7", "it was unplugged", "plug it in"),
        )
        outcomes.append(
            Outcome("emulator-5554", status="refused", error=PhoneError("a", "no space", "make some"))
        )
    document = results.document(outcomes, job, base=names[0] if bundles > 1 else None, adb_server=41)
    results.write(folder, document)
    return Page(folder / "report.html", "results.json")


def wild_bench(folder: Path, tiny_bundle: Path) -> Page:
    """Four phones with two rounds each that lie far apart, so that intervals reach to thousands; lost ones, too."""
    (folder / "made").mkdir()
    document = bench(folder / "made", tiny_bundle, 4, bundles=2).data
    for phone in document["phones"]:
        phone["losses"] = [{"at": 1e9, "why": "the connection to it broke off", "seconds": 12.0}]
        for row in phone["measurements"]:
            row["rounds"] = row["rounds"][:2]
            row["summary"]["median_interval"] = {"low": 0.31, "high": 98765.4, "confidence": 0.95}
            row["summary"] |= dict.fromkeys(("mean", "stddev", "p90", "p99", "max"), 12345.6)
            row["notes"].append("a note that is as long as notes become when several things went wrong " * 3)
        for row in phone["speed_ups"]:
            row["interval"] = {"low": 0.0, "high": 1937.27, "confidence": 0.95}
    results.write(folder, document)
    return Page(folder / "report.html", "results.json")


def compare(folder: Path, tiny_bundle: Path) -> Page:
    """Three benches of two phones by the command, one of them apart, with a history and a gate."""
    (folder / "made").mkdir()
    made = bench(folder / "made", tiny_bundle, 2, bundles=2).data
    later = scaled(made, 1.2) | {"sessions": ["2026-03-04T05:06:07+00:00"]}
    files = [
        write(folder / "made" / "results.json", made),
        write(folder / "a_branch_with_a_long_name.json", later),
    ]
    for day in range(1, 10):
        kept = scaled(made, 1 + 0.02 * day) | {"sessions": [f"2026-02-{day:02d}T00:00:00+00:00"]}
        write(folder / "history" / f"{day}.json", kept)
    _run(
        "adb_bench.py", "compare", *files, "--history", folder / "history", "--out", folder / "out",
        "--fail-if-slower", "50%",
    )  # fmt: skip
    return Page(folder / "out" / "compare.html", "../made/results.json")


def _phone(number: int, candidates: list[Candidate], configurations: list[Configuration]) -> Outcome:
    measured: list[Measurement] = []
    # Every third hides its temperatures, every second slows down.
    options: dict[str, Any] = {"celsius": None if number % 3 == 2 else 38.0 + number}
    if number % 2:
        options["throttled"] = [
            "throttled: the system lowered the top clock of CPUs 4-7 from 2.80 to 1.10 GHz"
        ]
    for place, candidate in enumerate(candidates):
        for configuration in configurations:
            level = (17 + 9.3 * number) / (1 + 0.4 * place) / configuration.threads**0.7
            measured.append(measurement(candidate, level, 5, configuration=configuration, **options))
            measured[-1].used["threads"] = 1  # which is less than asked for, and noted
    made = outcome(*measured)
    made.serial = f"R58M{number}1ABCDEF"
    made.facts = Facts(
        serial=made.serial, model=f"Samsung SM-A5{number}6B with a long name", soc="Samsung s5e8825",
        abis=("arm64-v8a", "armeabi-v7a", "armeabi"), cores=8, cpu_parts=("0xd05",) * 6 + ("0xd41",) * 2,
        features=("asimd", "asimdhp", "asimddp"), android_version="14", sdk=34, free_bytes=51_234_567_890,
        own_bytes=0, opencl="/vendor/lib64/egl/libGLES_mali.so", root=False,
    )  # fmt: skip
    made.seconds = 123.4
    return made


def _write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels[..., ::-1])
    return path


def _run(tool: str, *arguments: str | Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / tool), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
