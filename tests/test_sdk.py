"""lite/sdk/sdk.py: releases from a server on the loopback interface and from files, good and bad, and their cache."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import resource
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lite.errors import DownloadError, InputError
from lite.sdk import archive, release, sdk
from lite.sdk.release import Build
from tests import releases
from tests.loopback import FileServer, serve
from tests.releases import LIBRARY, TAG, files, pack, special, write

ARM64 = Build("arm64-v8a", False, False, TAG)
OPENCL, FP16 = "clGetPlatformIDs", "fp16_to_fp32"
HALF = 60_000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with serve(releases.release()) as running:
        monkeypatch.setenv(release.URL_VARIABLE, running.url + "/{tag}/{asset}")
        yield running


def of_the_first_use(line: str) -> None:
    assert "has SHA-256" in line


def get(cache: Path, build: Build = ARM64, **options: object) -> sdk.Sdk:
    defaults = {"timeout": 60.0, "progress": False, "notify": of_the_first_use}
    return sdk.fetch(build, cache, **{**defaults, **options})  # type: ignore[arg-type]


def leftovers(cache: Path) -> set[str]:
    """What lies beside the SDKs, locks and the archives' SHA-256 left out."""
    return {path.name for path in (cache / "sdk" / TAG).iterdir() if path.suffix not in (".lock", ".sha256")}


# ---- what is there


def test_a_download_becomes_a_folder_that_is_found_again(server: FileServer, tmp_path: Path) -> None:
    assert sdk.find("arm64-v8a", version="2.13rc0", cache=tmp_path) is None
    made = get(tmp_path)
    assert made.path == tmp_path / "sdk" / TAG / "arm64-v8a"
    assert made.cmake_flag == f"-DPADDLE_LITE_DIR={made.path}"
    assert (made.include / "paddle_api.h").is_file()
    assert made.runtime.path == made.path / LIBRARY
    assert made.jar == made.path / "java/jar/PaddlePredictor.jar"
    assert made.jni == made.path / "java/so/libpaddle_lite_jni.so"
    assert made.runtime.version == TAG
    assert made.source == ARM64.url
    assert leftovers(tmp_path) == {"arm64-v8a"}
    requests = len(server.ranges)
    assert get(tmp_path) == made == sdk.find("arm64-v8a", version=None, cache=tmp_path)
    assert len(server.ranges) == requests
    assert sdk.find("arm64-v8a", opencl=True, cache=tmp_path) is None
    assert sdk.find("arm64-v8a", version="2.12", cache=tmp_path) is None


def test_the_cache_is_that_of_the_weights(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEIT_LITE_CACHE", str(tmp_path / "mine"))
    assert (
        sdk.fetch(ARM64, notify=of_the_first_use, progress=False).path
        == tmp_path / "mine/sdk" / TAG / "arm64-v8a"
    )
    assert sdk.find("arm64-v8a") is not None
    monkeypatch.delenv("DEIT_LITE_CACHE")
    assert sdk.folder_of(ARM64).is_relative_to(os.environ["XDG_CACHE_HOME"])


def test_a_release_without_a_top_folder_and_without_java(server: FileServer, tmp_path: Path) -> None:
    content = {name: data for name, data in files(releases.library()).items() if "java" not in name}
    server.body = pack(content, top="./")
    made = get(tmp_path)
    assert (made.jar, made.jni) == (None, None)


def test_a_link_inside_stays_and_one_that_needs_the_top_folder_does_not_lead_out(tmp_path: Path) -> None:
    content: dict[str, bytes | tarfile.TarInfo] = dict(files(releases.library()))
    content["link"] = special(f"{releases.TOP}/cxx/lib/libother.so", tarfile.SYMTYPE, Path(LIBRARY).name)
    made = get(tmp_path, file=write(tmp_path / "a.tar.gz", pack(content)))
    assert (made.path / "cxx/lib/libother.so").read_bytes() == made.runtime.path.read_bytes()
    content["link"] = special(f"{releases.TOP}/link", tarfile.SYMTYPE, "../beside")
    content["beside"] = special("beside", tarfile.DIRTYPE)
    with pytest.raises(InputError, match="'link' is a link"):
        get(tmp_path, file=write(tmp_path / "a.tar.gz", pack(content)))
    assert get(tmp_path) == made


@pytest.mark.parametrize("damage", ["library", "note", "header", "garbled note"])
def test_a_damaged_sdk_is_made_anew(server: FileServer, tmp_path: Path, damage: str) -> None:
    made = get(tmp_path)
    path = {"library": made.runtime.path, "header": made.include / "paddle_api.h"}.get(
        damage, made.path / "sdk.json"
    )
    if damage == "library":
        data = bytearray(path.read_bytes())
        data[1_000] ^= 1
        path.write_bytes(data)
    elif damage == "garbled note":
        path.write_text("[1")
    else:
        path.unlink()
    assert sdk.find("arm64-v8a", cache=tmp_path) is None
    if damage == "note":
        with pytest.raises(InputError, match=r"was not made by this command \(it holds no sdk\.json\)"):
            get(tmp_path)
        assert made.runtime.path.exists()
        return
    notices: list[str] = []
    assert get(tmp_path, notify=notices.append) == made
    assert notices == [f"{made.path} is damaged; making it anew"]
    assert made.runtime.path.read_bytes() == releases.library()


def test_two_at_once_download_once(server: FileServer, tmp_path: Path) -> None:
    server.delay = 0.2
    notices: list[str] = []
    results: list[object] = []

    def run() -> None:
        try:
            results.append(get(tmp_path, notify=notices.append))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1] == sdk.find("arm64-v8a", cache=tmp_path)
    waiting, first_use = notices
    assert waiting == "waiting: another process is getting arm64-v8a"
    of_the_first_use(first_use)
    assert len(server.ranges) == 2  # is it reachable, and the file


# ---- wrong archives


def test_a_file_takes_the_place_of_the_cached_one_only_if_it_is_good(
    server: FileServer, tmp_path: Path
) -> None:
    first = get(tmp_path)
    for bad in (b"<html>", releases.release()[:-100], pack({"readme": b"hello"})):
        with pytest.raises(InputError):
            get(tmp_path, file=write(tmp_path / "bad.tar.gz", bad))
        assert sdk.find("arm64-v8a", cache=tmp_path) == first
        assert leftovers(tmp_path) == {"arm64-v8a"}
    mine = write(tmp_path / "mine.tar.gz", releases.release("arm64-v8a", "libc++_shared.so"))
    second = get(tmp_path, file=mine)
    assert second.source == str(mine)
    assert (first.runtime.shared_stl, second.runtime.shared_stl) == (False, True)
    assert mine.exists()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (releases.release()[:-1_000], "is cut short or damaged"),
        (b"<html>" + bytes(200_000), "is a web page, not a .tar.gz"),
        (b"PK\x03\x04" + bytes(200_000), "is a zip archive"),
        (pack({"readme": releases.library()}), "holds no cxx/include/paddle_api.h"),
        (pack({"cxx/include/paddle_api.h": releases.library()}), f"holds no {LIBRARY}"),
        (releases.release("armeabi-v7a"), "its library is for armeabi-v7a, not arm64-v8a"),
        (releases.release("x86_64"), "its library is for x86_64"),
        (releases.release("mips"), r"is no shared library for Android \(ELF type 3, machine 8\)"),
        (pack(files(releases.library(libc="libc.so.6"))), "built for Linux"),
        (pack(files(releases.library()[:-1])), "cut short: 120,1.. bytes of 120,1.."),
        (pack(files(releases.library()[64:])), "it has no ELF header"),
        (releases.release(tag="v2.12"), "its library is Paddle Lite v2.12, not v2.13-rc"),
        (releases.release("arm64-v8a", OPENCL), "its library has OpenCL kernels; ask for --opencl"),
        (releases.release("arm64-v8a", FP16), "its library has fp16 kernels; ask for --fp16"),
        (pack({"../evil": b"", **files(releases.library())}, top=""), "leads out of the archive"),
        (pack({"1": special("l", tarfile.SYMTYPE, "/etc"), **files(releases.library())}), "a link out of"),
        (pack({"1": special("null", tarfile.CHRTYPE), **files(releases.library())}), "neither a plain file"),
        (
            pack({**files(releases.library()), "1": special("b", tarfile.REGTYPE, size=1 << 40)}),
            "come to more than",
        ),
    ],
)
def test_a_wrong_archive_is_refused_and_removed(
    server: FileServer, tmp_path: Path, body: bytes, why: str
) -> None:
    server.body = body
    with pytest.raises(DownloadError, match=why) as caught:
        get(tmp_path)
    message = str(caught.value)
    assert ARM64.url in message
    assert "--file" in message
    assert "\n" not in message
    assert leftovers(tmp_path) == set()
    file = write(tmp_path / "a.tar.gz", body)
    with pytest.raises(InputError, match=why):
        get(tmp_path, file=file)
    assert file.exists()
    assert leftovers(tmp_path) == set()


@pytest.mark.parametrize(
    ("opencl", "fp16", "strings"),
    [(True, False, [OPENCL]), (False, True, [FP16]), (True, True, [OPENCL, FP16])],
)
def test_opencl_and_fp16_must_be_in_the_library(
    tmp_path: Path, opencl: bool, fp16: bool, strings: list[str]
) -> None:
    build = Build("armeabi-v7a", opencl, fp16, TAG)
    with pytest.raises(InputError, match="has no (OpenCL|fp16) kernels"):
        get(tmp_path, build, file=write(tmp_path / "a.tar.gz", releases.release("armeabi-v7a")))
    made = get(tmp_path, build, file=write(tmp_path / "b.tar.gz", releases.release("armeabi-v7a", *strings)))
    assert made.path.name == "armeabi-v7a" + "-opencl" * opencl + "-fp16" * fp16
    assert (made.runtime.opencl, made.runtime.fp16) == (opencl, fp16)
    assert sdk.find("armeabi-v7a", opencl, fp16, cache=tmp_path) == made


def test_a_library_that_does_not_say_its_version(tmp_path: Path) -> None:
    notices: list[str] = []
    file = write(tmp_path / "a.tar.gz", releases.release(tag=None))
    assert get(tmp_path, file=file, notify=notices.append).runtime.version is None
    assert notices == ["WARNING: the library does not say which version it is; v2.13-rc is assumed"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.tar\.gz: No such file"):
        get(tmp_path, file=tmp_path / "none.tar.gz")


# ---- the network


@pytest.mark.parametrize("status", [404, 500])
def test_an_error_status(server: FileServer, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(DownloadError, match=str(status)) as caught:
        get(tmp_path)
    message = str(caught.value)
    for words in (ARM64.url, release.RELEASES, "--file", str(tmp_path / "sdk" / TAG / ARM64.asset)):
        assert words in message


def test_a_slow_server(server: FileServer, tmp_path: Path) -> None:
    server.delay = 1.0
    with pytest.raises(DownloadError, match=r"no answer .*--file"):
        get(tmp_path, timeout=0.2)


def test_a_redirect_loop(server: FileServer, tmp_path: Path) -> None:
    server.redirect = True
    with pytest.raises(DownloadError, match="redirects in a loop"):
        get(tmp_path)


@contextmanager
def redirecting_to(url: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", url)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def test_a_redirected_download_that_breaks_off_is_resumed(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As GitHub does: the release's address redirects to a storage server.
    with redirecting_to(server.url) as front:
        monkeypatch.setenv(release.URL_VARIABLE, front + "/{tag}/{asset}")
        server.cut_after = HALF
        with pytest.raises(DownloadError, match=r"broke off.* are kept"):
            get(tmp_path)
        assert leftovers(tmp_path) == {f"{ARM64.asset}.part", f"{ARM64.asset}.part.json"}
        server.cut_after = None
        server.ranges.clear()
        assert get(tmp_path).source == ARM64.url
    assert len(server.ranges) == 1
    assert server.ranges[0] is not None
    assert server.statuses[-1] == 206
    assert leftovers(tmp_path) == {"arm64-v8a"}


def test_an_archive_put_into_the_cache_by_hand(server: FileServer, tmp_path: Path) -> None:
    place = tmp_path / "sdk" / TAG / ARM64.asset
    place.parent.mkdir(parents=True)
    write(place, b"<html>")
    with pytest.raises(InputError, match="is a web page"):
        get(tmp_path)
    assert place.exists()
    write(place, releases.release())
    assert get(tmp_path).runtime.version == TAG
    assert server.ranges == []


# ---- SHA-256


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_another_archive_from_the_server_is_refused(server: FileServer, tmp_path: Path) -> None:
    made = get(tmp_path)
    assert made.archive_sha256 == sha256(server.body)
    shutil.rmtree(made.path)
    server.body = releases.release("arm64-v8a", "changed")
    record = tmp_path / "sdk" / TAG / f"{ARM64.asset}.sha256"
    with pytest.raises(DownloadError) as caught:
        get(tmp_path)
    message = str(caught.value)
    for words in (
        "another file than at its first use",
        ARM64.url,
        "--file",
        f"delete {record} or give --sha256",
    ):
        assert words in message
    assert "\n" not in message
    assert leftovers(tmp_path) == set()
    assert get(tmp_path, sha256=sha256(server.body)).archive_sha256 == sha256(server.body)


def test_a_demanded_sha256_is_held_by_download_cache_and_file(server: FileServer, tmp_path: Path) -> None:
    good, bad = sha256(server.body), "0" * 64
    file = write(tmp_path / "a.tar.gz", server.body)
    with pytest.raises(DownloadError, match="another file than the one that --sha256 demands"):
        get(tmp_path, sha256=bad)
    with pytest.raises(InputError, match=r"a\.tar\.gz is another file than the one that --sha256 demands"):
        get(tmp_path, file=file, sha256=bad)
    assert leftovers(tmp_path) == set()
    assert get(tmp_path, file=file, sha256=f"sha256:{good.upper()}") == get(tmp_path, sha256=good)
    with pytest.raises(InputError, match=f"from another archive .* was {good}, not {bad}; delete the folder"):
        get(tmp_path, sha256=bad)
    with pytest.raises(InputError, match="'cafe' is no SHA-256; give its 64"):
        get(tmp_path, sha256="cafe")


# ---- the disk, and what is killed


def test_a_disk_that_fills_while_unpacking_keeps_the_download_and_the_earlier_sdk(
    server: FileServer, tmp_path: Path
) -> None:
    big = pack({"big": bytes(3_000_000), **files(releases.library())})
    earlier = get(tmp_path, file=write(tmp_path / "earlier.tar.gz", releases.release("arm64-v8a", "earlier")))
    (earlier.path / "cxx/include/paddle_api.h").unlink()  # so that it is made anew
    server.body = big
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        for options in ({}, {"file": write(tmp_path / "big.tar.gz", big)}):
            with pytest.raises(InputError, match=r"cannot write .*: File too large; ") as caught:
                get(tmp_path, notify=lambda line: None, **options)
            assert "--out" not in str(caught.value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert leftovers(tmp_path) == {"arm64-v8a", f"{ARM64.asset}.part", f"{ARM64.asset}.part.json"}
    assert b"earlier" in (earlier.path / LIBRARY).read_bytes()
    server.ranges.clear()
    assert (get(tmp_path, notify=lambda line: None).path / "big").stat().st_size == 3_000_000
    assert server.ranges == []


def test_a_full_disk_is_about_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archive, "unpack", full)
    with pytest.raises(
        InputError, match="No space left on device; free some space or choose another --cache"
    ):
        get(tmp_path, file=write(tmp_path / "a.tar.gz", releases.release()))
    assert leftovers(tmp_path) == set()


def test_an_interrupted_unpacking_leaves_nothing_but_the_download(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpack = archive.unpack

    def interrupted(path: Path, folder: Path) -> None:
        unpack(path, folder)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(archive, "unpack", interrupted)
        with pytest.raises(KeyboardInterrupt):
            get(tmp_path)
    assert leftovers(tmp_path) == {f"{ARM64.asset}.part", f"{ARM64.asset}.part.json"}
    server.status = 500
    assert get(tmp_path).runtime.version == TAG


def test_what_a_killed_run_left_goes(server: FileServer, tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    half = tmp_path / "sdk" / TAG / f".arm64-v8a.{platform.node()}.{ended.pid}.0123abcd.new"
    (half / "cxx").mkdir(parents=True)
    get(tmp_path)
    assert leftovers(tmp_path) == {"arm64-v8a"}


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path / "file", b"")
    with pytest.raises(InputError, match=r"cannot write .*choose another --cache"):
        get(tmp_path / "file")
