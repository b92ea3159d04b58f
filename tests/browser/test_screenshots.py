"""benchmarks/screenshots.py: the PNG is the page, whole, as wide as asked for, in the colours asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

PAGE = """<!doctype html><meta name="viewport" content="width=device-width"><style>
body { margin: 0; height: 2000px; background: #ffffff }
@media (prefers-color-scheme: dark) { body { background: #101010 } }
</style><title>A tall page</title>"""


def command(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    script = root / "benchmarks" / "screenshots.py"
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)], capture_output=True, text=True, timeout=200
    )


@pytest.mark.parametrize(
    ("options", "shape", "brightness"),
    [((), (2000, 1280), 255), (("--width", 390, "--dark", "--window"), (900, 390), 16)],
)
def test_a_page_becomes_a_picture(
    root: Path, tmp_path: Path, options: tuple, shape: tuple, brightness: int
) -> None:
    page, out = tmp_path / "a page.html", tmp_path / "page.png"
    page.write_text(PAGE)
    ended = command(root, page, out, *options)
    assert ended.returncode == 0, ended.stderr
    picture = cv2.imread(str(out))
    assert picture.shape[:2] == shape
    assert (picture == brightness).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a page.html", "page.png"]


def test_without_the_packages_for_development_it_is_one_line(root: Path, tmp_path: Path) -> None:
    # Python finds this module in the place of selenium's; it is not there, as in a plain environment.
    (tmp_path / "selenium.py").write_text("raise ModuleNotFoundError('No module', name='selenium')")
    script = root / "benchmarks" / "screenshots.py"
    ended = subprocess.run(
        [sys.executable, str(script), "--help"], env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr == (
        "Error: selenium is not installed; run ./run.sh --requirements requirements-dev.txt "
        "benchmarks/screenshots.py …\n"
    )


def test_a_picture_that_cannot_be_written_is_one_line(root: Path, tmp_path: Path) -> None:
    page, out = tmp_path / "page.html", tmp_path / "missing" / "page.png"
    page.write_text(PAGE)
    ended = command(root, page, out)
    assert ended.returncode == 1
    assert ended.stderr == f"Error: cannot write {out}: No such file or directory; choose another OUT\n"
