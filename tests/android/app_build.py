"""Runs android_demo/hostbuild/build.sh for the tests, and reads what it left."""

from __future__ import annotations

import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "android_demo"
SOURCES = DEMO / "app" / "src"
WORK = ROOT / "build" / "android"
_NEEDS = ("mvn", "javac", "aapt2", "apksigner", "zipalign", "zip", "unzip")
# What a phone needs of a bundle.
OF_BUNDLE = ("manifest.json", "labels.txt", "model.nb")


@dataclass(frozen=True)
class TestCase:
    """One test of the app: class and method, seconds, and what it said where it did not pass."""

    __test__ = False
    test_class: str
    name: str
    seconds: float
    problem: str | None


@dataclass(frozen=True)
class HostBuild:
    """Output folder of a build that ran the app's tests, and what Maven said."""

    folder: Path
    log: str

    @property
    def screenshots(self) -> Path:
        """The folder that the tests draw into."""
        return self.folder / "app" / "screenshots"

    def cases(self) -> list[TestCase]:
        """Every test that ran, by surefire's reports."""
        reports = sorted((self.folder / "app" / "surefire-reports").glob("TEST-*.xml"))
        return [_case(node) for path in reports for node in ElementTree.parse(path).iter("testcase")]


def build(command: str, work: Path = WORK, **properties: object) -> HostBuild:
    """`build.sh command` offline with properties of Maven; fails the test in Maven's words if nothing was compiled."""
    done = run(command, *(f"-D{name}={value}" for name, value in properties.items()), work=work)
    said = f"{done.stdout}\n{done.stderr}"
    # Tests of the app that fail are told one by one.
    if done.returncode and "There are test failures" not in said and "[ERROR] Tests run:" not in said:
        pytest.fail(f"build.sh {command} ended with {done.returncode}:\n{said.strip()[-6000:]}", False)
    return HostBuild(work, said)


def run(command: str, *arguments: object, work: Path = WORK) -> subprocess.CompletedProcess[str]:
    """The ended `build.sh command`; a tool that is missing fails the test, since skipped nobody would notice."""
    missing = [tool for tool in _NEEDS if shutil.which(tool) is None]
    if missing:
        pytest.fail(
            f"{', '.join(missing)} missing: ./test.sh installs it as root, or says what to install", False
        )
    offline = ["-o"] if command == "test" else []
    words = ["bash", str(DEMO / "hostbuild" / "build.sh"), command, *offline, f"-Dwork={work}"]
    # Of an earlier session.
    if command == "test":
        for name in ("surefire-reports", "screenshots"):
            shutil.rmtree(work / "app" / name, ignore_errors=True)
        (work / "app" / "bench.json").unlink(missing_ok=True)
    return subprocess.run([*words, *map(str, arguments)], capture_output=True, text=True, env={**os.environ})


def copied_bundle(bundle: Path, folder: Path) -> Path:
    """A copy in `folder` of what a phone needs of a bundle."""
    copy = folder / bundle.name
    copy.mkdir(parents=True)
    for name in OF_BUNDLE:
        shutil.copy(bundle / name, copy / name)
    return copy


def _case(node: ElementTree.Element) -> TestCase:
    problem = None
    for kind in ("failure", "error", "skipped"):
        if (found := node.find(kind)) is not None:
            problem = f"{kind}: {found.get('message') or (found.text or '').strip()[:2000]}"
    return TestCase(node.get("classname", ""), node.get("name", ""), float(node.get("time", 0)), problem)
