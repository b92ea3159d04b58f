"""What minSdk's Android does not have yet is refused by the app's build, of android.* and of java.*."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_build import WORK, HostBuild, run

pytestmark = pytest.mark.slow
CHECK = "animal-sniffer-maven-plugin:1.24:check (min-sdk) @ app"
MANIFEST = '<manifest xmlns:android="http://schemas.android.com/apk/res/android"><application /></manifest>'
JAVA = """package com.example.deit;

import android.annotation.TargetApi;
import android.view.View;
import java.time.Instant;
import java.util.List;

final class Newer {
    void tooltip(View view) {
        view.setTooltipText("of Android 8");
    }

    List<String> list() {
        return List.of("of Android 11");
    }

    long time() {
        return Instant.now().toEpochMilli();
    }

    void old(View view) {
        view.setContentDescription("of Android 1.6");
    }

    @TargetApi(26)
    void guarded(View view) {
        view.setTooltipText("where SDK_INT says so");
    }
}
"""


def test_the_app_has_been_checked(host_build: HostBuild) -> None:
    _, _, after = host_build.log.partition(CHECK)
    assert "testCompile" in after


def test_newer_methods_and_classes_are_refused(
    host_build: HostBuild, bundle_int8: Path, tmp_path: Path
) -> None:
    sources, work = tmp_path / "src", tmp_path / "work"
    java = sources / "main" / "java" / "com" / "example" / "deit"
    for folder in (java, sources / "main" / "res", work / "app"):
        folder.mkdir(parents=True)
    (sources / "main" / "AndroidManifest.xml").write_text(MANIFEST)
    (java / "Newer.java").write_text(JAVA)
    # Hundreds of megabytes that need no copy.
    for name in ("sdk", "robolectric"):
        (work / "app" / name).symlink_to(WORK / "app" / name)
    done = run(
        "test",
        f"-Dapp.sources={sources}",
        f"-Ddeit.bundle.int8={bundle_int8}",
        "-Ddeit.jni=",
        work=work,
    )
    assert done.returncode != 0
    refused = [line for line in done.stdout.splitlines() if "Undefined reference" in line]
    lines = dict(enumerate(JAVA.splitlines(), 1))
    expected = {number for number, line in lines.items() if "of Android 8" in line or "of Android 11" in line}
    expected |= {number for number, line in lines.items() if "Instant.now" in line}
    found = {int(line.split("Newer.java:")[1].split(":")[0]) for line in refused}
    assert found == expected, "\n".join(refused)
