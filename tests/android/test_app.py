"""The app's own tests, run on this computer: none fails or is skipped, all ran, and what they drew shows something."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from app_build import SOURCES, HostBuild
from demo import SCHEMA
from jsonschema import Draft202012Validator
from PIL import Image

# The first of them waits for bundles, the native libraries and the app's own tests.
pytestmark = pytest.mark.slow
# By the end of a screenshot's name: 360×780 and 412×915 dp with two pixels each, a tablet of 800×1280 dp with one.
SIZES = {"": (720, 1560), "-412": (824, 1830), "-tablet": (800, 1280)}


def test_every_test_of_the_app_passes(host_build: HostBuild) -> None:
    problems = [f"{one.test_class}.{one.name}: {one.problem}" for one in host_build.cases() if one.problem]
    assert not problems, "\n".join(problems)


def test_every_test_of_the_app_has_run(host_build: HostBuild) -> None:
    ran = {(one.test_class, re.sub(r"\W.*", "", one.name)) for one in host_build.cases()}
    written = {case for path in SOURCES.glob("test/java/**/*Test.java") for case in _written(path)}
    assert len(written) > 20
    assert written <= ran


def test_screenshots_show_something(host_build: HostBuild) -> None:
    pictures = {path.stem: path for path in host_build.screenshots.glob("*.png")}
    screens = ("empty", "main", "photograph", "live", "benchmark", "settings", "compare", "several")
    expected = {f"{screen}{size}" for screen in screens for size in SIZES}
    assert expected | {"main-dark", "main-chinese", "main-large", "main-land", "live-land"} <= pictures.keys()
    for name, path in pictures.items():
        with Image.open(path) as picture:
            if name in expected:
                size = next(size for size in reversed(SIZES) if name.endswith(size))
                assert picture.size == SIZES[size], name
            counts = [count for count, _ in picture.convert("RGB").getcolors(picture.width * picture.height)]
        # Text, bars and a picture: many colours, and no single one nearly everywhere.
        assert len(counts) > 50, name
        assert max(counts) < 0.97 * sum(counts), name


def test_dark_is_darker(host_build: HostBuild) -> None:
    brightness = {}
    for name in ("main", "main-dark"):
        with Image.open(host_build.screenshots / f"{name}.png") as picture:
            brightness[name] = float(np.asarray(picture.convert("L")).mean())
    assert brightness["main-dark"] + 100 < brightness["main"]


def test_what_the_benchmark_screen_shares_is_the_command_lines_json(host_build: HostBuild) -> None:
    shared = json.loads((host_build.folder / "app" / "bench.json").read_text(encoding="utf-8"))
    Draft202012Validator(SCHEMA).validate(shared)
    assert shared["bench"]["latencies_ms"]


def _written(path: Path) -> list[tuple[str, str]]:
    """Class and method of each test in a file, its own and those of the abstract class that it extends."""
    source = path.read_text(encoding="utf-8")
    package = re.search(r"^package ([\w.]+);", source, re.MULTILINE)
    assert package, path
    methods = re.findall(r"@Test\b[^;{]*?\bvoid (\w+)\(", source)
    if parent := re.search(r"class \w+ extends (\w+)", source):
        inherited = path.with_name(f"{parent[1]}.java")
        if inherited.exists():
            methods += re.findall(r"@Test\b[^;{]*?\bvoid (\w+)\(", inherited.read_text(encoding="utf-8"))
    return [(f"{package[1]}.{path.stem}", method) for method in methods]
