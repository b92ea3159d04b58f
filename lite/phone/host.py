"""What this computer has for getting a bundle onto a phone, and what is missing."""

from __future__ import annotations

import os
import platform
import re
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lite import bundle
from lite.bundle import Bundle
from lite.errors import InputError, ToolkitError
from lite.phone.binaries import NDK_VARIABLES
from lite.sdk import release, sdk

_OPT = "./run.sh tools/opt.py --model deit_tiny"
# Behind each pin stand the hashes of its files.
_PIN = re.compile(r"^(\S+)==(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    `state` is "ok", "missing" (nothing goes on without it) or "optional" (missing, and needed for some things
    only); `found` says what is there, `remedy` what to do where it is not ok.
    """

    what: str
    state: str
    found: str
    remedy: str | None = None


def ok(what: str, found: str) -> Check:
    """A thing that is as it should be."""
    return Check(what, "ok", found)


def python(root: Path) -> list[Check]:
    """The interpreter, and whether the packages are those that requirements.txt in `root` pins."""
    text = (root / "requirements.txt").read_text(encoding="utf-8")
    wrong = [
        f"{name} {there or 'missing'} (pinned: {pinned})"
        for name, pinned in _PIN.findall(text)
        if (there := _version(name)) != pinned
    ]
    version = platform.python_version()
    interpreter = (
        ok("Python", version)
        if version.startswith("3.10.")
        else Check("Python", "missing", version, "use CPython 3.10: Paddle Lite's wheels end there")
    )
    packages = (
        Check("packages", "missing", ", ".join(wrong), "run ./run.sh tools/doctor.py, which installs them")
        if wrong
        else ok(
            "packages",
            f"paddlelite {_version('paddlelite')}, paddlepaddle {_version('paddlepaddle')}, and all else",
        )
    )
    return [interpreter, packages]


def a_bundle(folder: Path | None, bundles: Path) -> tuple[Check, Bundle | None]:
    """The bundle at `folder`, by default the newest in `bundles`."""
    try:
        chosen = bundle.read(folder or bundle.newest(bundles))
    except InputError as error:
        return Check("bundle", "missing", error.reason, _OPT), None
    kind = f"{chosen.manifest['precision']} for {chosen.manifest['target']}"
    return ok(
        "bundle",
        f"{chosen.name} ({kind}, Paddle Lite {chosen.manifest['versions']['paddlelite']})",
    ), chosen


def ndk() -> Check:
    """The NDK, which builds the demo for a phone and has its C++ library."""
    named = {name: Path(os.environ[name]) for name in NDK_VARIABLES if os.environ.get(name)}
    for name, folder in named.items():
        try:
            text = (folder / "source.properties").read_text(encoding="utf-8")
        except OSError:
            return Check("NDK", "optional", f"{name} is {folder}, which is no NDK", f"correct {name}")
        found = re.search(r"Pkg\.Revision\s*=\s*(\S+)", text)
        return ok("NDK", f"{found[1] if found else 'unknown version'} at {folder}")
    remedy = "get NDK r22 or newer and set ANDROID_NDK_HOME, to build the demo for Android"
    return Check("NDK", "optional", f"none of {', '.join(NDK_VARIABLES)} is set", remedy)


def sdks() -> Check:
    """Which of Paddle Lite's releases for phones are in the cache, for the installed version."""
    try:
        tag = release.tag()
        there = [
            release.Build(abi, opencl, fp16, tag).name
            for abi in release.ABIS
            for opencl in (False, True)
            for fp16 in (False, True)
            if sdk.find(abi, opencl, fp16, tag)
        ]
    except ToolkitError as error:
        return Check("SDK cache", "optional", error.reason, "./run.sh tools/fetch_sdk.py --abi arm64-v8a")
    if not there:
        return Check(
            "SDK cache", "optional", f"nothing of {tag}", "./run.sh tools/fetch_sdk.py --abi arm64-v8a"
        )
    return ok("SDK cache", f"{tag}: {', '.join(there)}")


def tools() -> Check:
    """What building the demo takes beside the NDK."""
    missing = [name for name in ("cmake", "ninja") if shutil.which(name) is None]
    if missing:
        return Check("build tools", "optional", f"{', '.join(missing)} missing", "see android_demo/README.md")
    return ok("build tools", "cmake, ninja")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
