"""gradle/verification-metadata.xml: Gradle's own verifier reads it, and it is true of what Maven has fetched."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from app_build import DEMO, WORK, run

# The first of them waits for what they share.
pytestmark = pytest.mark.slow
METADATA = DEMO / "gradle" / "verification-metadata.xml"
SPACE = "{https://schema.gradle.org/dependency-verification}"
JUNIT = "junit:junit:4.13.2"
OF_JUNIT = ("junit/junit/4.13.2", "org/hamcrest/hamcrest-core/1.3", "org/hamcrest/hamcrest-parent/1.3")


def recorded() -> dict[str, str]:
    """By path in a Maven repository the SHA-256 of each file that the app's build may take."""
    found = {}
    for component in ElementTree.parse(METADATA).iter(f"{SPACE}component"):
        group, name, version = (component.attrib[key] for key in ("group", "name", "version"))
        folder = f"{group.replace('.', '/')}/{name}/{version}"
        for artifact in component.iter(f"{SPACE}artifact"):
            (digest,) = artifact
            found[f"{folder}/{artifact.attrib['name']}"] = digest.attrib["value"]
    return found


def verify(repository: Path, module: str) -> subprocess.CompletedProcess[str]:
    """Gradle takes `module` from `repository`, as the build would."""
    return run("gradle-check", "--verification", "verify", repository, module)


@pytest.fixture(scope="module")
def maven() -> Path:
    """Maven's local repository, with what `build.sh fetch` put there."""
    jars = (WORK / "classpath").read_text().split(":")
    place = "/junit/junit/4.13.2/"
    (jar,) = (jar for jar in jars if place in jar)
    return Path(jar.partition(place)[0])


@pytest.fixture
def copy(maven: Path, tmp_path: Path) -> Path:
    """The part of Maven's repository that JUnit needs."""
    for folder in OF_JUNIT:
        shutil.copytree(maven / folder, tmp_path / "repository" / folder)
    return tmp_path / "repository"


def test_gradle_takes_what_is_recorded(maven: Path) -> None:
    done = verify(maven, JUNIT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["hamcrest-core-1.3.jar", "junit-4.13.2.jar"]


@pytest.mark.parametrize(
    "name", ["junit/junit/4.13.2/junit-4.13.2.jar", "org/hamcrest/hamcrest-core/1.3/hamcrest-core-1.3.pom"]
)
def test_gradle_refuses_a_file_that_was_changed(copy: Path, name: str) -> None:
    file = copy / name
    file.write_bytes(file.read_bytes() + b"\n")
    done = verify(copy, JUNIT)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Dependency verification failed" in done.stderr
    assert f"One artifact failed verification: {file.name}" in done.stderr


def test_gradle_refuses_a_module_that_is_not_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "com" / "example" / "other" / "1"
    folder.mkdir(parents=True)
    (folder / "other-1.pom").write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId>"
        "<artifactId>other</artifactId><version>1</version></project>"
    )
    (folder / "other-1.jar").write_bytes(b"")
    done = verify(tmp_path, "com.example:other:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Dependency verification failed" in done.stderr


def test_what_maven_fetched_has_the_recorded_sha256(maven: Path) -> None:
    compared = {name: digest for name, digest in recorded().items() if (maven / name).is_file()}
    jars = [name for name in compared if name.endswith(".jar")]
    assert len(jars) > 100
    for name, digest in compared.items():
        assert hashlib.sha256((maven / name).read_bytes()).hexdigest() == digest, name


def test_the_plugin_and_the_libraries_of_the_tests_are_recorded() -> None:
    names = {Path(name).name for name in recorded()}
    assert {
        "gradle-8.4.2.jar", "builder-8.4.2.jar", "junit-4.13.2.jar", "robolectric-4.16.1.jar",
        "espresso-core-3.7.0.aar", "android-all-instrumented-14-robolectric-10818077-i7.jar",
    } <= names  # fmt: skip


def test_what_is_trusted_unseen_is_two_artifacts_with_a_reason() -> None:
    trusted = [one.attrib for one in ElementTree.parse(METADATA).iter(f"{SPACE}trust")]
    assert sorted(one["name"] for one in trusted) == ["aapt2", "com.android.application.gradle.plugin"]
    assert all(one["group"] and one["reason"] and "regex" not in one for one in trusted)
    settings = (DEMO / "gradle.properties").read_text()
    assert "dependency.verification" not in settings, "strict is Gradle's default"
