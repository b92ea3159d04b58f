"""tools/fetch_sdk.py: what it prints, its exit codes, and that every failure is one line."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lite.sdk import release
from lite.sdk.release import Build
from tests import releases
from tests.loopback import FileServer, serve
from tests.releases import LIBRARY, TAG, write

ARM64 = Build("arm64-v8a", False, False, TAG)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with serve(releases.release()) as running:
        monkeypatch.setenv(release.URL_VARIABLE, running.url + "/{tag}/{asset}")
        yield running


def command(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, str(root / "tools/fetch_sdk.py"), *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True)


def test_the_command(root: Path, server: FileServer, tmp_path: Path) -> None:
    arguments = ("--abi", "arm64-v8a", "--version", "2.13rc0", "--cache", tmp_path)
    first = command(root, *arguments)
    folder = tmp_path / "sdk" / TAG / "arm64-v8a"
    digest = hashlib.sha256(server.body).hexdigest()
    assert (first.returncode, first.stdout.splitlines()) == (
        0,
        [
            f"Paddle Lite {TAG} for arm64-v8a, from {ARM64.url}",
            f"SHA-256 of its archive: {digest}",
            str(folder),
            f"-DPADDLE_LITE_DIR={folder}",
        ],
    )
    assert "inference_lite_lib" in first.stderr  # the progress
    assert f"{ARM64.asset} has SHA-256 {digest}; it is recorded in " in first.stderr
    wrong = command(root, *arguments, "--sha256", "0" * 64)
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
    assert f"was {digest}, not {'0' * 64}; delete the folder" in wrong.stderr
    assert command(root, *arguments, "--sha256", digest).returncode == 0
    assert command(root, *arguments).stdout.startswith(f"Paddle Lite {TAG} for arm64-v8a, was in the cache\n")
    facts = json.loads(command(root, *arguments, "--json").stdout)
    assert facts == {
        "path": str(folder),
        "cmake": f"-DPADDLE_LITE_DIR={folder}",
        "cached": True,
        "source": ARM64.url,
        "archive_sha256": digest,
        "version": TAG,
        "runtime_version": TAG,
        "abi": "arm64-v8a",
        "opencl": False,
        "fp16": False,
        "include": str(folder / "cxx/include"),
        "library": str(folder / LIBRARY),
        "jar": str(folder / "java/jar/PaddlePredictor.jar"),
        "jni": str(folder / "java/so/libpaddle_lite_jni.so"),
        "needs_shared_stl": False,
        "page_bytes": {"libpaddle_light_api_shared.so": None, "libpaddle_lite_jni.so": None},
    }


@pytest.mark.parametrize(("page", "told"), [(4096, True), (16384, False), (65536, False)])
def test_libraries_that_phones_with_large_pages_cannot_load_are_named(
    root: Path, tmp_path: Path, page: int, told: bool
) -> None:
    file = write(tmp_path / "a.tar.gz", releases.pack(releases.files(releases.library("x86_64", page=page))))
    ended = command(root, "--abi", "x86_64", "--file", file, "--cache", tmp_path)
    assert ended.returncode == 0, ended.stderr
    said = [line for line in ended.stderr.splitlines() if "is laid out for memory pages of 4 KiB" in line]
    assert [line.split()[0] for line in said] == [
        *(["libpaddle_light_api_shared.so", "libpaddle_lite_jni.so"] if told else [])
    ]
    assert all("max-page-size=16384" in line for line in said)


def test_on_32_bits_there_are_no_large_pages(root: Path, tmp_path: Path) -> None:
    small = releases.pack(releases.files(releases.library("armeabi-v7a", page=4096)))
    file = write(tmp_path / "a.tar.gz", small)
    ended = command(root, "--abi", "armeabi-v7a", "--file", file, "--cache", tmp_path)
    assert (ended.returncode, "memory pages" in ended.stderr) == (0, False)


def test_the_command_with_a_bundle_and_a_file(root: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    file = write(tmp_path / "a.tar.gz", releases.release("x86_64", "libc++_shared.so"))
    ended = command(root, "--abi", "x86_64", "--bundle", tiny_bundle, "--file", file, "--cache", tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == "It needs libc++_shared.so of the NDK beside it on the phone."


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--abi", "x86_64"], 2, "has no release for Android on x86_64"),
        (["--abi", "arm64-v8a", "--opencl", "--fp16"], 2, "--arch=armv8"),
        (["--abi", "armeabi-v7a", "--opencl", "--fp16"], 2, "--arch=armv7"),
        (["--abi", "mips"], 2, "'mips' is not one of"),
        (["--abi", "arm64-v8a", "--version", "nightly"], 2, "'nightly' is no release"),
        (["--abi", "arm64-v8a", "--version", "2.12", "--bundle", "."], 2, "not both"),
        (["--abi", "arm64-v8a", "--bundle", "none"], 2, "none is not a bundle"),
        (["--abi", "arm64-v8a", "--file", "none.tar.gz"], 2, "cannot read none.tar.gz"),
        (["--abi", "arm64-v8a", "--sha256", "12"], 2, "'12' is no SHA-256"),
        (["--abi", "arm64-v8a"], 5, "could not reach http://127.0.0.1:9/"),
    ],
)
def test_the_command_fails_in_one_line(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int, words: str
) -> None:
    monkeypatch.setenv(release.URL_VARIABLE, "http://127.0.0.1:9/{asset}")
    ended = command(root, *arguments, "--cache", tmp_path)
    assert (ended.returncode, ended.stdout) == (status, "")
    last = ended.stderr.splitlines()[-1]
    assert words in last
    assert last.lower().startswith("error: ")
    assert "Traceback" not in ended.stderr
