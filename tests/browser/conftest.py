"""One Chromium and one report of each kind for all that looks at them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "phone"))
sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import pages
from pages import Page
from screenshots import chromium
from selenium.webdriver import Chrome

# Those of a network take a conversion; the bench's are written from measurements that are made up.
KINDS = [
    *(
        pytest.param(kind, marks=[pytest.mark.slow, pytest.mark.timeout(1500)])
        for kind in ("conversion", "float", "budget", "validation", "validation-alone", "sensitivity")
    ),
    "bench-1",
    "bench-2",
    "bench-8",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return pages.conversion(tmp_path_factory.mktemp("conversion"))


@pytest.fixture(scope="session", params=KINDS)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Page:
    """A report of every kind, one after the other."""
    kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    if kind == "conversion":
        return request.getfixturevalue("converted")
    if kind == "float":
        return Page(pages.float_bundle(request.getfixturevalue("converted")) / "report.html", "manifest.json")
    if kind == "budget":
        return pages.budget(folder)
    if kind == "validation":
        converted = request.getfixturevalue("converted")
        return pages.validation(folder, converted.path.parent, pages.float_bundle(converted))
    if kind == "validation-alone":
        return pages.validation(folder, tiny_bundle, "none")
    if kind == "sensitivity":
        return pages.sensitivity(folder)
    if kind == "compare":
        return pages.compare(folder, tiny_bundle)
    if kind == "bench-wild":
        return pages.wild_bench(folder, tiny_bundle)
    phones = int(kind.removeprefix("bench-"))
    return pages.bench(folder, tiny_bundle, phones, bundles=min(phones, 3))
