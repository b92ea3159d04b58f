"""The Gradle project as the real Android Gradle plugin reads it, and its task preparePaddleLite at work."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from app_build import DEMO, OF_BUNDLE, ROOT, WORK, copied_bundle, run
from jni_build import release_with_java
from linked_build import LIBRARY

from tests import releases

# The first of them waits for what they share.
pytestmark = pytest.mark.slow
WRAPPER = DEMO / "gradle" / "wrapper"
# Those of Gradle 8.11.1 (gradle.org/release-checksums).
DISTRIBUTION = "f397b287023acdba1e9f6fc5ea72d22dd63669d59ed4a289a29b1a76eee151c6"
WRAPPER_JAR = "2db75c40782f5e8ba1fc278a5574bab070adccb2d21ca5a6e5ed840888448046"


@pytest.fixture(scope="module")
def report(bundle_int8: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the plugin read, and how each case of preparePaddleLite ended."""
    folder = tmp_path_factory.mktemp("gradle")
    cases = []
    for name, case in _cases(folder, bundle_int8).items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps({"output": str(folder / "out" / name), **case}))
        cases.append(path)
    with pytest.MonkeyPatch.context() as patch:
        # Nothing listens on the discard port.
        patch.setenv("DEIT_LITE_SDK_URL", "http://127.0.0.1:9/{tag}/{asset}")
        patch.setenv("DEIT_LITE_CACHE", str(folder / "cache"))
        done = run("gradle-check", *cases)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return {
        **json.loads((WORK / "gradle" / "report.json").read_text()),
        "folder": folder,
        "said": done.stdout + done.stderr,
    }


def test_what_the_plugin_reads(report: dict[str, Any]) -> None:
    read = report["read"]
    assert (read["namespace"], read["compileSdk"], read["minSdk"], read["targetSdk"]) == (
        "com.example.deit",
        36,
        24,
        36,
    )
    assert read["abis"] == ["arm64-v8a", "armeabi-v7a"]
    assert (read["cmake"]["path"], read["cmake"]["targets"]) == ("cpp/CMakeLists.txt", ["deit_jni"])
    assert read["noCompress"] == ["nb"]
    assert {"assembleDebug", "assembleRelease", "testDebugUnitTest", "lintDebug"} <= set(read["tasks"])


def test_the_apps_build_looks_where_the_task_puts_things(report: dict[str, Any]) -> None:
    read = report["read"]
    output = read["output"]
    assert f"{output}/assets" in read["assets"]
    assert f"{output}/jniLibs" in read["jniLibs"]
    assert read["files"] == [f"{output}/PaddlePredictor.jar"]
    assert f"-DPADDLE_LITE_SDKS={output}/sdk" in read["cmake"]["arguments"]
    assert "preparePaddleLite" in read["before"]["preBuild"]
    for name in ("configureCMakeDebug[arm64-v8a]", "configureCMakeRelWithDebInfo[armeabi-v7a]"):
        assert "preparePaddleLite" in read["before"][name]


def test_cmake_understands_what_gradle_gives_it(report: dict[str, Any], tmp_path: Path) -> None:
    sdks = report["folder"] / "out" / "complete" / "sdk"
    arguments = [
        f"-DPADDLE_LITE_SDKS={sdks}" if argument.startswith("-DPADDLE_LITE_SDKS=") else argument
        for argument in report["read"]["cmake"]["arguments"]
    ]
    # The plugin's own argument; there is no NDK here, so Debian's compiler is what it is for.
    command = ["cmake", "--preset", "arm64", "-B", str(tmp_path), "-DANDROID_ABI=arm64-v8a", *arguments]
    done = subprocess.run(command, cwd=DEMO / "cpp", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Of the NDK's toolchain file, which Debian's build does not have.
    unused = re.findall(r"^ {4}(\w+)$", done.stderr, re.MULTILINE)
    assert set(unused) <= {"ANDROID_STL"}
    commands = (tmp_path / "build.ninja").read_text()
    assert "libdeit_jni.so" in commands
    assert f"{sdks}/arm64-v8a/cxx/lib/{LIBRARY}" in commands


def test_the_task_puts_all_in_place(report: dict[str, Any], bundle_int8: Path) -> None:
    assert report["cases"]["complete"] == {"done": True}
    out = report["folder"] / "out" / "complete"
    assets = out / "assets" / "bundles" / bundle_int8.name
    assert {path.name for path in assets.iterdir()} == {*OF_BUNDLE, "golden.png"}
    assert (assets / "model.nb").read_bytes() == (bundle_int8 / "model.nb").read_bytes()
    sdk = report["folder"] / "sdk"
    for there, source in {
        f"sdk/arm64-v8a/cxx/lib/{LIBRARY}": f"cxx/lib/{LIBRARY}",
        "sdk/arm64-v8a/cxx/include/paddle_api.h": "cxx/include/paddle_api.h",
        "jniLibs/arm64-v8a/libpaddle_lite_jni.so": "java/so/libpaddle_lite_jni.so",
        "PaddlePredictor.jar": "java/jar/PaddlePredictor.jar",
    }.items():
        assert (out / there).read_bytes() == (sdk / source).read_bytes(), there


def test_a_library_that_phones_with_large_pages_cannot_load_is_named(report: dict[str, Any]) -> None:
    assert report["cases"]["small pages"] == {"done": True}
    words = "libpaddle_lite_jni.so of Paddle Lite for arm64-v8a is laid out for memory pages of 4 KiB"
    assert report["said"].count(words) == 1


def test_the_newest_bundle_for_arm_is_taken(report: dict[str, Any]) -> None:
    assert report["cases"]["newest"] == {"done": True}
    assets = report["folder"] / "out" / "newest" / "assets" / "bundles"
    assert [path.name for path in assets.iterdir()] == ["new"]


def test_a_release_from_the_cache_is_found(report: dict[str, Any]) -> None:
    assert report["cases"]["cached"] == {"done": True}
    library = report["folder"] / "out" / "cached" / "sdk" / "armeabi-v7a" / "cxx" / "lib" / LIBRARY
    assert library.read_bytes() == releases.library("armeabi-v7a")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (
            "no bundles",
            r"there is no bundle for ARM in .*; make one \(./run.sh tools/opt.py --model deit_tiny\)",
        ),
        ("gone bundle", r"-Pbundle=.*gone: there is no such folder"),
        ("bundle without network", r"is no bundle: it holds no model.nb; ./run.sh tools/opt.py"),
        (
            "bundle cut short",
            r"labels.txt is not the file that its manifest names \(20 bytes\); make the bundle",
        ),
        ("broken manifest", r"manifest.json is no JSON: .*; make the bundle again"),
        ("other manifest", r"is no bundle's manifest: it has no files"),
        ("for x86", r"is for x86, not for phones"),
        ("no abi", r"the property abis names no ABI"),
        ("sdk without jar", r"is no whole release of Paddle Lite for arm64-v8a: it holds no java/jar/Paddle"),
        (
            "no sdk",
            r"Paddle Lite's release for arm64-v8a is missing: (?s:.*) \(tools/fetch_sdk.py, exit code 5\); give the "
            r"folder of an unpacked release with -PpaddleLite.arm64-v8a=DIR, or run ./run.sh tools/fetch_sdk.py "
            r"--abi arm64-v8a --bundle ",
        ),
        ("other version", r"bundle .* is of Paddle Lite v2.13-rc, the app is built for v9; give -Ppaddle"),
    ],
)
def test_what_is_missing_is_said(report: dict[str, Any], case: str, words: str) -> None:
    ended = report["cases"][case]
    assert (ended["done"], ended["kind"]) == (False, "GradleException"), ended
    assert re.search(words, ended["message"]), ended["message"]


def test_the_wrapper_is_gradles_own() -> None:
    properties = dict(
        line.split("=", 1) for line in (WRAPPER / "gradle-wrapper.properties").read_text().splitlines()
    )
    assert properties["distributionSha256Sum"] == DISTRIBUTION
    assert properties["distributionUrl"].endswith("/gradle-8.11.1-bin.zip")
    assert hashlib.sha256((WRAPPER / "gradle-wrapper.jar").read_bytes()).hexdigest() == WRAPPER_JAR
    assert (DEMO / "gradlew").stat().st_mode & 0o111


def test_the_versions_checked_are_those_that_build() -> None:
    checked = (DEMO / "hostbuild" / "gradle-check" / "pom.xml").read_text()
    (plugin,) = re.findall(
        r"'com.android.application' version '([\d.]+)'", (DEMO / "build.gradle").read_text()
    )
    assert f"<artifactId>gradle</artifactId><version>{plugin}</version>" in checked
    assert "<artifactId>gradle-api</artifactId><version>8.11.1</version>" in checked


def test_the_libraries_of_the_tests_are_those_of_the_host_build() -> None:
    poms = "".join(path.read_text() for path in (DEMO / "hostbuild").glob("**/pom.xml"))
    properties = dict(re.findall(r"<([\w.]+)>([\w.-]+)</\1>", poms))
    declared = re.findall(
        r"testImplementation '([^:']+):([^:']+):([^']+)'", (DEMO / "app/build.gradle").read_text()
    )
    assert declared
    for group, artifact, version in declared:
        found = re.search(
            rf"<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>(.*?)</version>", poms
        )
        assert found, artifact
        assert properties.get(found[1].strip("${}"), found[1]) == version


def _cases(folder: Path, bundle: Path) -> dict[str, dict[str, object]]:
    """By name the task's properties that differ; files are made in `folder`."""
    sdk = release_with_java(folder / "sdk")
    sound: dict[str, object] = {
        "bundle": str(bundle),
        "abis": ["arm64-v8a"],
        "releases": {"arm64-v8a": str(sdk)},
        "repository": str(_repository(folder / "repository")),
        "paddleLiteVersion": releases.TAG,
        "hostNetwork": False,
    }
    without_jar = shutil.copytree(sdk, folder / "without-jar")
    (without_jar / "java/jar/PaddlePredictor.jar").unlink()
    _cache(folder, "armeabi-v7a")
    small_pages = shutil.copytree(sdk, folder / "small-pages")
    (small_pages / "java/so/libpaddle_lite_jni.so").write_bytes(releases.library(page=4096))
    return {
        "complete": sound,
        "newest": {**sound, "bundle": "", "bundles": str(_several_bundles(folder / "bundles", bundle))},
        "cached": {**sound, "abis": ["armeabi-v7a"], "releases": {}},
        "no bundles": {**sound, "bundle": "", "bundles": str(folder / "nowhere")},
        "gone bundle": {**sound, "bundle": str(folder / "gone")},
        "bundle without network": {**sound, "bundle": _broken(folder / "1", bundle, "model.nb", None)},
        "bundle cut short": {**sound, "bundle": _broken(folder / "2", bundle, "labels.txt", "zero\n")},
        "broken manifest": {**sound, "bundle": _broken(folder / "3", bundle, "manifest.json", '{"a": ')},
        "other manifest": {**sound, "bundle": _broken(folder / "4", bundle, "manifest.json", "[]")},
        "for x86": {**sound, "bundle": str(_for_target(folder / "5", bundle, "x86"))},
        "no abi": {**sound, "abis": []},
        "sdk without jar": {**sound, "releases": {"arm64-v8a": str(without_jar)}},
        "small pages": {**sound, "releases": {"arm64-v8a": str(small_pages)}},
        "no sdk": {**sound, "releases": {}},
        "other version": {**sound, "abis": ["armeabi-v7a"], "releases": {}, "paddleLiteVersion": "v9"},
    }


def _repository(folder: Path) -> Path:
    """A folder whose run.sh runs this repository's commands in the environment that is there, and sets up none."""
    folder.mkdir()
    (folder / "run.sh").write_text(
        f'cd {shlex.quote(str(ROOT))} && exec {shlex.quote(sys.executable)} "$@"\n'
    )
    return folder


def _cache(folder: Path, abi: str) -> None:
    """A release in the cache of tools/fetch_sdk.py."""
    archive = releases.write(folder / "release.tar.gz", releases.release(abi))
    options = ["--abi", abi, "--file", str(archive), "--cache", str(folder / "cache")]
    command = [sys.executable, str(ROOT / "tools" / "fetch_sdk.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _several_bundles(folder: Path, bundle: Path) -> Path:
    """Older, newer, one for a GPU that is newer still, and what a broken conversion left."""
    for age, name in enumerate((".tmp", "gpu", "new", "old")):
        copied_bundle(bundle, folder / "part").rename(folder / name)
        if name == "gpu":
            _set_target(folder / name, "opencl")
        path = folder / name / "manifest.json"
        seconds = path.stat().st_mtime - 100 * age
        subprocess.run(["touch", "-d", f"@{int(seconds)}", str(path)], check=True)
    return folder


def _broken(folder: Path, bundle: Path, name: str, text: str | None) -> str:
    copy = copied_bundle(bundle, folder)
    (copy / name).unlink() if text is None else (copy / name).write_text(text)
    return str(copy)


def _for_target(folder: Path, bundle: Path, target: str) -> Path:
    copy = copied_bundle(bundle, folder)
    _set_target(copy, target)
    return copy


def _set_target(bundle: Path, target: str) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "target": target}))
