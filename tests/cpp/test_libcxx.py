"""The sources compile with clang and libc++, as the NDK has them, without a warning: it is not here to be asked."""

from __future__ import annotations

import pytest
from core_build import SOURCES, run

FLAGS = ["-std=c++17", "-stdlib=libc++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]


@pytest.mark.parametrize("name", sorted(path.name for path in (SOURCES / "src").glob("*.cpp")))
def test_compiles(name: str) -> None:
    run(["clang++", *FLAGS, "-Isrc", "-isystem", "host_sdk", "-isystem", "inference_sdk", f"src/{name}"])
