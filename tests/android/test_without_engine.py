"""The app's tests without -Pdeit.jni: what needs the engine is skipped and says so, the rest passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_build import WORK, HostBuild, TestCase, build

# The first of them waits for what they share.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cases(
    host_build: HostBuild, bundle_int8: Path, bundle_fp32: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[TestCase]:
    work = tmp_path_factory.mktemp("work")
    (work / "app").mkdir()
    # Hundreds of megabytes that need no copy.
    for name in ("sdk", "robolectric"):
        (work / "app" / name).symlink_to(WORK / "app" / name)
    given = {"deit.jni": "", "deit.bundle.int8": bundle_int8, "deit.bundle.fp32": bundle_fp32}
    return build("test", work, **given).cases()


def test_nothing_fails_and_what_is_skipped_says_why(cases: list[TestCase]) -> None:
    skipped = (
        "skipped: skipped, it needs the engine for this computer: give its libraries with -Pdeit.jni=DIR"
    )
    problems = [f"{one.test_class}.{one.name}: {one.problem}" for one in cases if one.problem]
    assert not [problem for problem in problems if skipped not in problem]


def test_only_what_runs_networks_is_skipped(cases: list[TestCase]) -> None:
    skipped = {(one.test_class.rpartition(".")[2], one.name): bool(one.problem) for one in cases}
    assert skipped["NativeClassifierTest", "labelsOfAnyScript"]
    assert skipped["JavaClassifierTest", "logitsNeedARun"]
    assert skipped["FirstResultTest", "fromLaunchToTheFirstResult"]
    assert not skipped["JavaClassifierTest", "tensorIsPythonsToTheBit"]
    assert not skipped["MainScreenTest", "outOfMemoryIsSaidSoAndCanBeTriedAgain"]
    assert not skipped["BundleStoreTest", "theBundleInTheAppIsUnpackedWholeAndOnce"]
    assert sum(skipped.values()) < 0.6 * len(skipped)
