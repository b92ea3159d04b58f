"""Every package is pinned to one version and its SHA-256, dependencies too, and no file names a registry."""

from __future__ import annotations

import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)"
HASH = r" \\\n    --hash=sha256:[0-9a-f]{64}"
NAMES = (
    "requirements",
    "requirements-dev",
    "requirements-bench",
    "requirements-engines",
    "requirements-serving",
)


def wanted(root: Path, *files: str) -> dict[str, str]:
    """Name → version of every line of `files` that is no comment or option; each must be an exact pin."""
    found: dict[str, str] = {}
    for file in files:
        for line in (root / file).read_text().splitlines():
            if line and not line.startswith(("#", "-r ", "-c ")):
                name, version = re.fullmatch(PIN, line).groups()  # type: ignore
                assert canonicalize_name(name) not in found, f"{name} is pinned twice"
                found[canonicalize_name(name)] = version
    return found


def pins(root: Path, file: str) -> dict[str, str]:
    """Name → version of what `file` pins; there must be nothing in it but comments and pins with their hashes."""
    text = re.sub("^#.*\n", "", (root / file).read_text(), flags=re.MULTILINE)
    assert re.fullmatch(f"({PIN}({HASH})+\n)+", text), f"{file} has a line that is no pin with its SHA-256"
    found = re.findall(f"^{PIN}", text, flags=re.MULTILINE)
    assert len(dict(found)) == len(found), f"{file} pins a package twice"
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_wanted_is_what_is_pinned(root: Path, name: str):
    pinned = pins(root, f"{name}.txt")
    assert wanted(root, f"{name}.in").items() <= pinned.items()
    if "-r requirements.in" in (root / f"{name}.in").read_text():
        assert pins(root, "requirements.txt").items() <= pinned.items()
    if name in ("requirements-bench", "requirements-engines"):
        assert wanted(root, f"{name}.in") == pinned


@pytest.mark.parametrize("name", NAMES[:2])
def test_every_requirement_and_all_it_brings_along_is_pinned_and_installed(root: Path, name: str):
    pinned = pins(root, f"{name}.txt")
    sources = ("requirements.in", f"{name}.in") if name != "requirements" else ("requirements.in",)
    # Each with an extra that is asked for, or "".
    needed = [(package, "") for package in wanted(root, *sources)]
    seen: set[tuple[str, str]] = set()
    while needed:
        package, extra = needed.pop()
        if (package, extra) in seen:
            continue
        seen.add((package, extra))
        assert metadata.version(package) == pinned.get(package), f"{package} is not the pinned one"
        for line in metadata.requires(package) or ():
            requirement = Requirement(line)
            if not requirement.marker or requirement.marker.evaluate({"extra": extra}):
                needed += [(canonicalize_name(requirement.name), one) for one in ("", *requirement.extras)]
    assert {package for package, _ in seen} == pinned.keys(), f"{name}.txt pins what nothing needs"


# In pieces, so that this file names none itself.
REGISTRIES = re.compile(
    "|".join(
        (
            "index" "[-_]url", "find" "[-_]links", "trusted" "[-_]host",
            r"py" r"pi\.org", r"python" r"hosted\.org", r"npm" r"js\.(org|com)", r"crates" r"\.io",
            r"maven\.apache" r"\.org(?!/POM/)", r"/maven" "2", r"golang" r"\.org", r"debian" r"\.org",
            r"registry\s*[=:]\s*[\"']?" "https?:", r"[\"']resolved[\"']\s*:\s*[\"']" "http",
            r"https?://[^\s/]+/" "simple", r"/opt/" "wheels",
        )
    ),
    re.IGNORECASE,
)  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "--extra-index" + "-url https://example.net",
        "registry = " + "https://example.net",
        "https://example.net/" + "simple",
        "deb http://ftp.debian" + ".org/debian bookworm main",
    ],
)
def test_a_registry_is_recognized(line: str):
    assert REGISTRIES.search(line)


def test_no_file_under_version_control_names_a_registry(root: Path):
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    files = [root / name for name in listed.stdout.split("\0") if name]
    assert root / "run.sh" in files
    named = []
    for file in files:
        content = file.read_bytes() if file.is_file() else b""
        if b"\0" not in content[:8192]:
            lines = content.decode(errors="replace").splitlines()
            named += [
                f"{file}:{n}: {line[:120]}" for n, line in enumerate(lines, 1) if REGISTRIES.search(line)
            ]
    assert named == []
