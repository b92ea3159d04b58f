"""Builds what test_jni.py runs: the native library for arm64, and the Java classes that need no Android."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "cpp"))

from core_build import ROOT, run
from linked_build import stand_in

from tests import releases

HERE = Path(__file__).resolve().parent
JAVA = ROOT / "android_demo" / "app" / "src" / "main" / "java" / "com" / "example" / "deit" / "classify"
PACKAGE = "com.example.deit.classify"
# Without Android in what they import.
PLAIN = ("NativeCore", "Preprocessor", "Resizer", "Taps")
JRE = ROOT / "build" / "jre" / "arm64"
ADDING = HERE / "adding_engine.cpp"


def classes(folder: Path) -> Path:
    """Compiles the app's plain classes and the tests' programs into `folder`."""
    _need("javac")
    sources = [*(JAVA / f"{name}.java" for name in PLAIN), *sorted(HERE.glob("*.java"))]
    run(["javac", "--release", "11", "-Xlint:all", "-Werror", "-d", str(folder), *map(str, sources)])
    return folder


@cache
def arm64_library() -> Path:
    """The folder of libdeit_jni.so for arm64, linked with an engine laid out as Paddle Lite's official release."""
    _need("cmake", "ninja", "aarch64-linux-gnu-g++")
    folder = ROOT / "build" / "cpp" / "arm64-jni"
    release = stand_in("arm64", folder / "release", ADDING)
    parts = [f"-DPADDLE_LITE_DIR={release}", "-DPADDLE_LITE_VERSION=v2.13-rc", "-DDEIT_TESTS=OFF"]
    parts += ["-DDEIT_JNI=ON", "-DDEIT_DECODE=OFF"]
    run(["cmake", "--preset", "arm64", "-B", str(folder), *parts])
    jobs = str(len(os.sched_getaffinity(0)))
    run(["cmake", "--build", str(folder), "--parallel", jobs, "--target", "deit_jni"])
    return folder


def fp16_engine(folder: Path) -> Path:
    """The folder of a library to be loaded in place of that one's, as Paddle Lite's arm82_fp16 release has it."""
    return stand_in("arm64", folder, ADDING, fp16=True) / "cxx" / "lib"


def release_with_java(folder: Path) -> Path:
    """A release whose library the core can be linked with; its jar and JNI library are only copied."""
    shutil.copytree(arm64_library() / "release", folder)
    for name, data in releases.files(releases.library()).items():
        if name.startswith("java/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    return folder


def java(class_path: Path, library_path: Path, name: str, *arguments: object) -> list[str]:
    """Lines that a program prints on this computer's JVM."""
    return _java(["java"], class_path, library_path, name, *arguments)


def java_on_arm64(class_path: Path, library_path: Path, name: str, *arguments: object) -> list[str]:
    """The same on Debian's JVM for arm64, under qemu."""
    _need("qemu-aarch64-static")
    virtual_machine = JRE / "usr" / "lib" / "jvm" / "java-17-openjdk-arm64" / "bin" / "java"
    if not virtual_machine.exists():
        pytest.fail("no Java for arm64: run tests/android/jre.sh arm64, as ./test.sh does", False)
    emulated = ["qemu-aarch64-static", "-L", str(JRE), str(virtual_machine)]
    # Little memory and one compiler: what qemu translates is soon over.
    return _java(
        [*emulated, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"], class_path, library_path, name, *arguments
    )


def _java(
    command: list[str], class_path: Path, library_path: Path, name: str, *arguments: object
) -> list[str]:
    options = ["-Xcheck:jni", "-Xmx256m", f"-Djava.library.path={library_path}", "-cp", str(class_path)]
    whole = [*command, *options, f"{PACKAGE}.{name}", *map(str, arguments)]
    # Names of files are UTF-8 to Java only where the locale says so, as Android's does.
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(whole, capture_output=True, encoding="utf-8", check=False, env=environment)
    if done.returncode:
        pytest.fail(f"{name} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"[-4000:], False)
    assert "WARNING in native method" not in done.stdout
    return done.stdout.splitlines()


def _need(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.fail(
            f"{', '.join(missing)} missing: ./test.sh installs it as root, or says what to install", False
        )
