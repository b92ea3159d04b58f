"""Builds the app once a session with real bundles and runs its own tests; what they left is looked at here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The C++ core's build is shared with its own tests.
sys.path.append(str(Path(__file__).resolve().parents[1] / "cpp"))

from app_build import HostBuild, build, copied_bundle
from core_build import build as build_core


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Real bundles of the digits DeiT-tiny by precision, quantized the quick way."""
    from lite import zoo
    from lite.model import weights
    from quant import pictures
    from quant.conversion import convert_all
    from quant.recipe import Recipe, Request

    loaded = weights.load(zoo.find("deit_tiny"), "digits", notify=lambda message: None)
    _, calibration, check = pictures.choose(
        loaded.labels, None, None, calibration_pictures=4, check_pictures=4
    )
    made = convert_all(
        loaded,
        [Request("int8", "arm"), Request("fp32", "arm")],
        recipe=Recipe.named("paddleslim"),
        calibration=calibration,
        check=check,
        out=tmp_path_factory.mktemp("bundles"),
        work=tmp_path_factory.mktemp("work"),
    )
    return {bundle.manifest["precision"]: bundle.path for bundle in made}


@pytest.fixture(scope="session")
def bundle_int8(bundles: dict[str, Path]) -> Path:
    """An INT8 bundle for ARM, with its twin for this computer."""
    return bundles["int8"]


@pytest.fixture(scope="session")
def bundle_fp32(bundles: dict[str, Path]) -> Path:
    """The same network in float."""
    return bundles["fp32"]


@pytest.fixture(scope="session")
def jni_libraries() -> Path:
    """The folder of this computer's libdeit_jni.so and libpaddle_lite_jni.so, with the wheel's engine."""
    return build_core("jni", "deit_jni", "paddle_lite_jni")


@pytest.fixture(scope="session")
def host_build(jni_libraries: Path, bundle_int8: Path, bundle_fp32: Path) -> HostBuild:
    """The app compiled and its tests run, whether they passed or not."""
    return build(
        "test",
        **{"deit.jni": jni_libraries, "deit.bundle.int8": bundle_int8, "deit.bundle.fp32": bundle_fp32},
    )


@pytest.fixture
def broken_bundle(bundle_int8: Path, tmp_path: Path) -> Path:
    """A bundle to break: a copy of the INT8 one without what is only for this computer."""
    return copied_bundle(bundle_int8, tmp_path)
