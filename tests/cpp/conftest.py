"""Builds the C++ core once a session, with CMake's presets, into build/cpp/<preset>."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from core_build import build


@pytest.fixture(scope="session")
def host_build() -> Path:
    """The folder of this host's binaries. DEIT_CPP_PRESET=sanitize gives them with ASan and UBSan."""
    return build(os.environ.get("DEIT_CPP_PRESET", "host"))


@pytest.fixture(scope="session")
def deit_tensor(host_build: Path) -> list[str]:
    """The command that writes a picture's input tensor."""
    return [str(host_build / "deit_tensor")]
