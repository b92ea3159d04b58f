"""The version that the app shows and shares is the toolkit's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from app_build import DEMO, ROOT


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        (DEMO / "cpp" / "src" / "version.h", r'^#define DEIT_VERSION "(.*)"$'),
        (DEMO / "app" / "build.gradle", r"^ *versionName '(.*)'$"),
        (DEMO / "hostbuild" / "resources.sh", r"--version-name (\S+) "),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_it_is_the_same_everywhere(file: Path, pattern: str) -> None:
    (project,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert re.findall(pattern, file.read_text(), re.MULTILINE) == [project]
