"""The pictures that documents show: how each is made, and whether what it shows has changed since.

`docs/figures.json` keeps, for each picture, the SHA-256 of the files whose contents it draws (templates, plots, the
app's layouts) and the figures that can be read on it. It is out of date when one of these files or figures is
another now.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import documents
from figures_groups import ROOT, Runner, app_build, drift, there
from PIL import Image

from lite.files import new_file

Shows = dict[str, float]
APP = "android_demo/app/src"
SCREENS = Path("build") / "android" / "app" / "screenshots"
_GAP = 20  # pixels between two screens of the app


@dataclass(frozen=True)
class Pictures:
    """Pictures that one run makes: what they draw (patterns), and how: `make` gives the figures that they show."""

    files: tuple[str, ...]
    sources: tuple[str, ...]
    make: Callable[[Runner, Sequence[Path]], Shows]
    needs: str
    takes: str


def report(runner: Runner, out: Sequence[Path]) -> Shows:
    """The upper part of the default bundle's report.

    Raises ClickException where the bundle is not the one of the figures, or its report does not show them.
    """
    folder = runner.root / there(runner, "int8")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    shown = drift(manifest["drift"]) | {
        "size": (manifest["files"]["model.nb"]["bytes"] / 1e6, "MB"),
        "coverage": (100 * manifest["int8_coverage"], "%"),
    }
    known = documents.values(documents.load(runner.root))
    page = (folder / "report.html").read_text(encoding="utf-8")
    text = html.unescape(re.sub(r"<(style|svg).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL))
    shows = {}
    for name, (value, unit) in shown.items():
        figure = known.get(f"bundle.int8.{name}")
        if figure is None or figure["value"] != value:
            raise click.ClickException(f"{folder} is not the bundle of docs/figures.json; first run `bundle`")
        # The report may write a percentage with one more zero, and rounds what has no unit otherwise.
        digits = re.escape(documents.number(figure))
        if unit and re.search(rf"(?<![\d.]){digits}(\.?0+)?\s?{re.escape(unit)}(?!\w)", text):
            shows[f"bundle.int8.{name}"] = value
    if missing := {"bundle.int8.size", "bundle.int8.snr"} - set(shows):
        raise click.ClickException(f"{folder}/report.html does not show {', '.join(sorted(missing))}")
    runner.commands.append(
        f"{folder.relative_to(runner.root)}/report.html in Chromium, 960 pixels wide, its upper part"
    )
    photograph(runner, page, out[0], width=960, height=2160)
    return shows


def bench(runner: Runner, out: Sequence[Path]) -> Shows:
    """The upper part of a bench report of the test phone, INT8's simulation against float: its times are no phone's."""
    from preprocess import built
    from push import connected

    program, folder = built() / "deit", runner.root / "build" / "figures" / "bench"
    with connected(None) as device:
        runner.run(
            "tools/adb_bench.py", "--serial", device.serial, "--demo", program.relative_to(runner.root),
            "--bundle", there(runner, "int8"), "--compare", there(runner, "fp32"),
            "--out", folder.relative_to(runner.root),
        )  # fmt: skip
    runner.commands[-1] = runner.commands[-1].replace(device.serial, "TEST_PHONE")
    photograph(runner, (folder / "report.html").read_text(encoding="utf-8"), out[0], width=1000, height=1900)
    return {}


def photograph(runner: Runner, page: str, out: Path, *, width: int, height: int) -> None:
    """The first `height` pixels of a page. Where the repository lies on this computer is left out of it."""
    try:
        from screenshots import screenshot
    except ImportError as error:
        raise click.ClickException(
            f"{error.name} is not installed; run ./run.sh --requirements requirements-dev.txt benchmarks/figures.py …"
        ) from error
    copy, whole = (runner.root / "build" / "figures" / f"page.{kind}" for kind in ("html", "png"))
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(page.replace(f"{runner.root}/", ""), encoding="utf-8")
    screenshot(copy, whole, width=width)
    with Image.open(whole) as picture:
        save(picture.crop((0, 0, width, min(height, picture.height))), out)


def app(runner: Runner, out: Sequence[Path]) -> Shows:
    """Screens of the app as its ScreenshotTest draws them, side by side at half their size."""
    given = (f"-Ddeit.bundle.{name}={there(runner, name)}" for name in ("int8", "fp32"))
    runner.run(*app_build("test"), "-Dtest=ScreenshotTest", *given)
    shots = (("main", "main-dark", "details", "main-chinese"), ("live", "benchmark", "compare", "settings"))
    for path, names in zip(out, shots, strict=True):
        screens = []
        for name in names:
            with Image.open(runner.root / SCREENS / f"{name}.png") as screen:
                screens.append(screen.convert("RGB").resize((screen.width // 2, screen.height // 2)))
        width = sum(screen.width + _GAP for screen in screens) - _GAP
        whole, left = Image.new("RGB", (width, max(screen.height for screen in screens)), "white"), 0
        for half in screens:
            whole.paste(half, (left, 0))
            left += half.width + _GAP
        save(whole, path)
    # The screen of details says them.
    manifest = json.loads((runner.root / there(runner, "int8") / "manifest.json").read_text(encoding="utf-8"))
    found = drift(manifest["drift"])
    return {f"bundle.int8.{name}": found[name][0] for name in ("cosine_mean", "agreement")}


def save(picture: Image.Image, path: Path) -> None:
    """Writes a PNG of at most 256 colours, which these need no more than, under a temporary name first."""
    with new_file(path) as part:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(part, "PNG", optimize=True)


def record(
    files: Sequence[str], sources: Sequence[str], shows: Shows, commands: Sequence[str], root: Path
) -> dict[str, Any]:
    """What docs/figures.json keeps of pictures just made, by file."""
    drawn = {path: digest for pattern in sources for path, digest in digests(root, pattern).items()}
    if not drawn:
        raise click.ClickException(f"no file matches {', '.join(sources)}")
    return {
        file: {"commands": list(commands), "shows": shows, "of": dict(sorted(drawn.items()))}
        for file in files
    }


def digests(root: Path, pattern: str) -> dict[str, str]:
    """SHA-256 of the files that match a pattern, by path from the root."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.glob(pattern))
        if path.is_file() and "__pycache__" not in path.parts
    }


def problems(root: Path = ROOT) -> list[str]:
    """Pictures of documents that are missing, have no record, or are older than what they show; a line each."""
    data, said = documents.load(root), []
    for document in documents.documents(root):
        for shown in re.findall(r"!\[[^\]]*\]\(([^)]+)\)|<img src=\"([^\"]+)\"", document.text):
            path = (Path(document.path).parent / (shown[0] or shown[1])).as_posix()
            path = os.path.normpath(path)
            if path not in data["pictures"] or not (root / path).is_file():
                said.append(f"{document.path}: {path} is missing or not made by benchmarks/figures.py")
    for file, picture in data["pictures"].items():
        said += _older(file, picture, data, root)
    return said


def _older(file: str, picture: Mapping[str, Any], data: Mapping[str, Any], root: Path) -> list[str]:
    figures = documents.values(data)
    changed = [path for path, digest in picture["of"].items() if digests(root, path).get(path) != digest]
    # What reads the same is the same.
    changed += [
        name
        for name, value in picture["shows"].items()
        if name not in figures
        or documents.number(figures[name]) != documents.number({**figures[name], "value": value})
    ]
    # What matches a pattern now and did not then is as new as what has changed.
    for pictures in PICTURES.values():
        if file in pictures.files:
            now = {path for pattern in pictures.sources for path in digests(root, pattern)}
            changed += sorted(now - set(picture["of"]))
    return [f"{file} is older than {', '.join(changed)}; make it anew"] if changed else []


# A stale picture is found by the templates and drawings behind it, where they are and where they may move to.
PICTURES = {
    "report": Pictures(
        ("docs/report.png",),
        ("lite/report/**/*",),
        report,
        "requirements-dev.txt, chromium, the bundles of `bundle`",
        "1 min",
    ),
    "bench": Pictures(
        ("docs/bench.png",),
        ("lite/phone/templates/*", "lite/phone/report.py", "lite/phone/plots.py"),
        bench,
        "as `report`; root, tests/phone/root.sh amd64, cmake",
        "3 min",
    ),
    "app": Pictures(
        ("docs/app-main.png", "docs/app-live.png"),
        (
            f"{APP}/main/res/**/*",
            f"{APP}/main/java/**/*Activity.java",
            f"{APP}/main/java/**/view/*.java",
            f"{APP}/main/java/**/Words.java",
            f"{APP}/test/java/**/ScreenshotTest.java",
        ),
        app,
        "what ./test.sh installs, the bundles of `bundle`",
        "5 min",
    ),
}


@dataclass(frozen=True)
class Plot:
    """A picture that a group of figures draws while it runs; it shows the figures whose names end so."""

    file: str
    source: str
    shows: str | tuple[str, ...]


PLOTS = {
    "engines": Plot("docs/engines.png", "benchmarks/engines_plot.py", ".batch1"),
    "frontier": Plot("docs/frontier.png", "benchmarks/quantize_plot.py", (".instructions", ".snr")),
}
