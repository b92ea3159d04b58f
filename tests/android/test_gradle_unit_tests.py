"""What `./gradlew testDebugUnitTest` gives the app's tests, as the real Android Gradle plugin reads it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from app_build import DEMO, OF_BUNDLE, WORK, copied_bundle, run
from jni_build import release_with_java

from tests import releases

# The first of them waits for what they share.
pytestmark = pytest.mark.slow
ENGINE_ONLY = {"deit.jni", "deit.model", "java.library.path"}


@pytest.fixture(scope="module")
def report(
    bundle_int8: Path, jni_libraries: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the plugin read without and with properties of the command line, and how preparePaddleLite ended."""
    folder = tmp_path_factory.mktemp("gradle")
    _bundles_beside_the_project(bundle_int8.parent)
    cases = []
    for name, case in _cases(folder, bundle_int8, jni_libraries).items():
        cases.append(folder / f"{name}.json")
        cases[-1].write_text(json.dumps(case))
    done = run("gradle-check", *cases)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return {**json.loads((WORK / "gradle" / "report.json").read_text()), "folder": folder}


def test_without_the_engine_there_are_bundles_alone(
    report: dict[str, Any], bundle_int8: Path, bundle_fp32: Path
) -> None:
    given = report["read"]["tests"]["systemProperties"]
    assert given.keys().isdisjoint(ENGINE_ONLY)
    # Those of build/bundles, by their path from the project.
    assert Path(given["deit.bundle.int8"]).samefile(bundle_int8)
    assert Path(given["deit.bundle.fp32"]).samefile(bundle_fp32)


def test_another_bundle_can_be_given(report: dict[str, Any]) -> None:
    case = report["cases"]["other bundle"]
    assert case["done"], case
    given = case["tests"]["systemProperties"]
    assert given["deit.bundle.int8"] == str(report["folder"] / "other")
    assert given.keys().isdisjoint(ENGINE_ONLY)
    # The app's bundle stays its own.
    assert (case["bundle"], case["hostNetwork"]) == ("", False)


def test_the_apps_bundle_can_be_given(report: dict[str, Any], bundle_int8: Path) -> None:
    case = report["cases"]["bundle for the app"]
    assert (case["bundle"], case["hostNetwork"]) == (str(bundle_int8), False)


def test_relative_folders_are_of_the_project(report: dict[str, Any]) -> None:
    case = report["cases"]["relative folders"]
    assert case["done"], case
    # The plugin reads a copy of android_demo.
    project = (WORK / "gradle" / "project").resolve()
    assert case["bundle"] == str(project.parent / "some")
    assert case["releases"] == {"arm64-v8a": str(project / "sdk")}


def test_with_the_engine_they_get_what_the_host_build_gives(
    report: dict[str, Any], jni_libraries: Path, bundle_int8: Path
) -> None:
    case = report["cases"]["engine"]
    assert case["done"], case
    given = case["tests"]["systemProperties"]
    assert {name: given[name] for name in ENGINE_ONLY} == {
        "deit.jni": str(jni_libraries),
        "deit.model": "host.nb",
        "java.library.path": str(jni_libraries),
    }
    assert Path(given["deit.bundle.int8"]).samefile(bundle_int8)
    assert Path(case["bundle"]).samefile(bundle_int8)
    assert case["hostNetwork"] is True
    pom = (DEMO / "hostbuild" / "app" / "pom.xml").read_text()
    (variables,) = re.findall(r"<systemPropertyVariables>(.*?)</systemPropertyVariables>", pom, re.DOTALL)
    # The plugin itself gives java.awt.headless.
    ours = given.keys() - {"java.library.path", "java.awt.headless"}
    assert ours == set(re.findall(r"<([\w.]+)>", variables))
    assert given["robolectric.offline"] == "true"


def test_the_jvm_is_that_of_the_host_build(report: dict[str, Any]) -> None:
    pom = (DEMO / "hostbuild" / "app" / "pom.xml").read_text()
    (line,) = re.findall(r"<argLine>(.*?)</argLine>", pom)
    for tests in (report["read"]["tests"], report["cases"]["engine"]["tests"]):
        opened = [option.removeprefix("--add-opens=") for option in tests["jvmArgs"]]
        assert opened == re.findall(r"--add-opens (\S+)", line)
        assert f"-Xmx{tests['maxHeapSize']}" in line.split()


def test_the_framework_comes_before_the_tests(report: dict[str, Any]) -> None:
    tests = report["read"]["tests"]
    assert "robolectricFramework" in tests["after"]
    assert tests["systemProperties"]["robolectric.dependency.dir"].endswith("/app/build/robolectric")
    (version,) = re.findall(
        r"robolectricFramework '[^:]+:[^:]+:([^']+)'", (DEMO / "app" / "unittests.gradle").read_text()
    )
    pom = (DEMO / "hostbuild" / "pom.xml").read_text()
    assert f"<android.all.instrumented>{version}</android.all.instrumented>" in pom


def test_the_app_then_holds_this_computers_network_as_well(report: dict[str, Any], bundle_int8: Path) -> None:
    assert report["cases"]["prepared"] == {"done": True}
    assets = report["folder"] / "out" / "assets" / "bundles" / bundle_int8.name
    assert {path.name for path in assets.iterdir()} == {*OF_BUNDLE, "golden.png", "host.nb"}
    assert (assets / "host.nb").read_bytes() == (bundle_int8 / "host.nb").read_bytes()


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (
            "no library",
            r"-Pdeit.jni=.*: there is no libpaddle_lite_jni.so; in android_demo/cpp, `cmake --preset jni` and ",
        ),
        (
            "gone bundle",
            r"the tests find no bundle with .* in .*gone; make it \(.* --precision int8\) or give one with "
            r"-Pdeit.bundle.int8=DIR",
        ),
        ("two bundles", r"-Pdeit.jni and -Pbundle: .*; leave one of them out"),
        ("prepared without network", r"is no bundle: it holds no host.nb; ./run.sh tools/opt.py"),
    ],
)
def test_what_is_missing_is_said(report: dict[str, Any], case: str, words: str) -> None:
    ended = report["cases"][case]
    assert (ended["done"], ended["kind"]) == (False, "GradleException"), ended
    assert re.search(words, ended["message"]), ended["message"]


def _cases(folder: Path, bundle: Path, libraries: Path) -> dict[str, dict[str, object]]:
    """By name what check.groovy reads: properties of the command line, or those of the task."""
    shutil.copytree(bundle, folder / "other")
    (folder / "libraries").mkdir()
    shutil.copy(libraries / "libdeit_jni.so", folder / "libraries")
    engine = {"deit.jni": str(libraries)}
    task = {
        "bundle": str(bundle),
        "abis": ["arm64-v8a"],
        "releases": {"arm64-v8a": str(release_with_java(folder / "sdk"))},
        "paddleLiteVersion": releases.TAG,
        "hostNetwork": True,
        "output": str(folder / "out"),
    }
    return {
        "engine": {"project": engine},
        "relative folders": {"project": {"bundle": "../some", "paddleLite.arm64-v8a": "sdk"}},
        "other bundle": {"project": {"deit.bundle.int8": str(folder / "other")}},
        "no library": {"project": {"deit.jni": str(folder / "libraries")}},
        "gone bundle": {"project": {"deit.bundle.int8": str(folder / "gone")}},
        "bundle for the app": {"project": {"bundle": str(bundle)}},
        "two bundles": {"project": {**engine, "bundle": str(bundle)}},
        "prepared": task,
        "prepared without network": {
            **task,
            "bundle": str(copied_bundle(bundle, folder / "phone")),
            "output": str(folder / "none"),
        },
    }


def _bundles_beside_the_project(bundles: Path) -> None:
    """What is build/bundles for the copy of the project that gradle-check reads."""
    link = WORK / "gradle" / "build" / "bundles"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(bundles)
