"""The C++ release of Paddle Lite that a phone needs: found in the cache, downloaded, or taken from an archive.

Each is a folder `<cache>/sdk/<tag>/<abi>[-opencl][-fp16]` with `cxx/include`, `cxx/lib` and `java`, made whole
or not at all; `sdk.json` in it says where it is from.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import AcquireReturnProxy, FileLock, Timeout

from lite import checksum, download
from lite.errors import DownloadError, InputError
from lite.files import file_sha256, new_folder
from lite.sdk import archive, library, release
from lite.sdk.library import Library
from lite.sdk.release import Build

LIBRARY = "cxx/lib/libpaddle_light_api_shared.so"
HEADER = "cxx/include/paddle_api.h"
_NOTE = "sdk.json"
# A build stripped to one model's kernels has more than the one, one with static libraries less than the other.
_MINIMUM_BYTES, _MAXIMUM_BYTES = 100_000, 500_000_000


@dataclass(frozen=True)
class Sdk:
    """An unpacked release: its folder, what its library says of itself, the address or the file it is from.

    `archive_sha256` is that file's; both are None in a folder that was made elsewhere.
    """

    path: Path
    runtime: Library
    source: str | None
    archive_sha256: str | None = None

    @property
    def include(self) -> Path:
        """The folder of `paddle_api.h`."""
        return self.path / "cxx" / "include"

    @property
    def jar(self) -> Path | None:
        """The Java API, where the release has it."""
        return _if_file(self.path / "java" / "jar" / "PaddlePredictor.jar")

    @property
    def jni(self) -> Path | None:
        """The library behind the Java API, where the release has it."""
        return _if_file(self.path / "java" / "so" / "libpaddle_lite_jni.so")

    @property
    def cmake_flag(self) -> str:
        """What cmake wants to hear, not quoted for a shell."""
        return f"-DPADDLE_LITE_DIR={self.path}"


def find(
    abi: str,
    opencl: bool = False,
    fp16: bool = False,
    version: str | None = None,
    cache: Path | None = None,
) -> Sdk | None:
    """The release of `version` (default: the installed paddlelite's) in `cache`; None if not there or damaged.

    Raises InputError for a version that is no release.
    """
    return _find(folder_of(Build(abi, opencl, fp16, release.tag(version)), cache))


def fetch(
    build: Build,
    cache: Path | None = None,
    *,
    file: Path | None = None,
    sha256: str | None = None,
    timeout: float = 30.0,
    progress: bool = True,
    notify: Callable[[str], None],
) -> Sdk:
    """The release `build` from `cache`, downloaded if it is not there; with `file`, that archive in any case.

    The archive must have the SHA-256 `sha256`; a downloaded one without it, that of the first one (`lite/checksum.py`).
    `timeout` in seconds, for the first answer and between two reads; `notify` gets one-line notices. Processes
    that want the same wait for each other; an earlier SDK stays whole until the new one is. Raises InputError
    for what no release has, a wrong `file`, or a cache that cannot be written; DownloadError for the network.
    """
    sha256 = checksum.parse(sha256) if sha256 is not None else None
    folder = folder_of(build, cache)
    if not file and (found := _find(folder)):
        return _from_archive(found, sha256)
    download_to = None if file else folder.parent / build.asset
    with _writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder, notify):
            # Another process may have made it while this one waited.
            if not file and (found := _find(folder)):
                return _from_archive(found, sha256)
            _check_ours(folder)
            if folder.exists() and not file:
                notify(f"{folder} is damaged; making it anew")
            with new_folder(folder, holds=_NOTE, force=True) as new, _writing(folder):
                if file:
                    if sha256:
                        checksum.check(file, sha256, None, called=file, remedy="give the right file")
                    _install(file, new, build, str(file.absolute()))
                elif download_to:
                    _download(build, new, download_to, sha256, notify, timeout, progress)
            if download_to:
                download_to.unlink(missing_ok=True)
    fetched = read(folder)
    if fetched.runtime.version is None:
        notify(f"WARNING: the library does not say which version it is; {build.tag} is assumed")
    return fetched


def read(folder: Path) -> Sdk:
    """Opens any folder of the release's layout. Raises InputError saying what is missing or wrong."""
    for name in (HEADER, LIBRARY):
        if not (folder / name).is_file():
            raise InputError(f"{folder} is no C++ release of Paddle Lite", why=f"it holds no {name}")
    note = _note(folder)
    return Sdk(folder, library.read(folder / LIBRARY), note.get("source"), note.get("archive_sha256"))


def folder_of(build: Build, cache: Path | None = None) -> Path:
    """Where `build` lies in `cache` (default: as for the weights), whether it is there or not."""
    return Path(os.path.realpath(cache or download.cache_folder())) / "sdk" / build.tag / build.name


def _if_file(path: Path) -> Path | None:
    return path if path.is_file() else None


def _find(folder: Path) -> Sdk | None:
    try:
        sha256 = _note(folder).get("library_sha256")
        if sha256 and sha256 == file_sha256(folder / LIBRARY):
            return read(folder)
    except InputError:
        pass  # not there, or damaged: as good as not there
    return None


def _from_archive(found: Sdk, sha256: str | None) -> Sdk:
    if sha256 not in (None, found.archive_sha256):
        raise InputError(
            f"{found.path} is from another archive than the one that --sha256 demands",
            why=f"its SHA-256 was {found.archive_sha256}, not {sha256}",
            remedy="delete the folder to download the release again, or give the right archive with --file",
        )
    return found


def _note(folder: Path) -> dict[str, Any]:
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write {folder}",
            why=error.strerror or str(error),
            remedy="free some space or choose another --cache",
        ) from error


def _locked(folder: Path, notify: Callable[[str], None]) -> AcquireReturnProxy:
    lock = FileLock(f"{folder}.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        notify(f"waiting: another process is getting {folder.name}")
        return lock.acquire()


def _check_ours(folder: Path) -> None:
    if folder.exists() and not (folder / _NOTE).is_file():
        raise InputError(
            f"{folder} was not made by this command (it holds no {_NOTE}), so it is never replaced",
            remedy="move it away or choose another --cache",
        )


def _download(
    build: Build,
    new: Path,
    destination: Path,
    sha256: str | None,
    notify: Callable[[str], None],
    timeout: float,
    progress: bool,
) -> None:
    by_hand = (
        f"or get it elsewhere (see {release.RELEASES}) and give it with --file or put it at {destination}"
    )
    part = destination.with_name(f"{destination.name}.part")
    if not destination.exists() and not part.exists():
        try:
            download.check_reachable(build.url, seconds=timeout)
        except DownloadError as error:
            raise DownloadError(error.what, why=error.why, remedy=f"try again, {by_hand}") from error
    download.fetch(
        build.url,
        destination,
        place_by_hand=by_hand,
        minimum_bytes=_MINIMUM_BYTES,
        maximum_bytes=_MAXIMUM_BYTES,
        verify=lambda path: _install(path, new, build, build.url),
        sha256=sha256,
        notify=notify,
        timeout=(timeout, timeout),
        progress=progress,
    )


def _install(path: Path, new: Path, build: Build, source: str) -> None:
    """Unpacks the archive `path` into `new` and checks that it is `build`. Raises InputError if it is not."""
    with tempfile.TemporaryDirectory(dir=new, prefix=".") as temporary:
        unpacked = Path(temporary) / "files"
        archive.unpack(path, unpacked)
        root = next((found.parents[2] for found in sorted(unpacked.glob(f"**/{HEADER}"))), None)
        if root is None or not (root / LIBRARY).is_file():
            missing = HEADER if root is None else LIBRARY
            raise InputError(f"{path} is no C++ release of Paddle Lite", why=f"it holds no {missing}")
        problem = _mismatch(library.read(root / LIBRARY), build)
        if problem:
            raise InputError(f"{path} does not fit", why=problem)
        for child in root.iterdir():
            child.rename(new / child.name)
    archive.check_links(new)
    note = {
        "source": source,
        "archive_sha256": file_sha256(path),
        "library_sha256": file_sha256(new / LIBRARY),
    }
    # The archive may have brought one, as a link even.
    (new / _NOTE).unlink(missing_ok=True)
    (new / _NOTE).write_text(json.dumps(note, indent=1), encoding="utf-8")


def _mismatch(runtime: Library, build: Build) -> str | None:
    if runtime.abi != build.abi:
        return f"its library is for {runtime.abi}, not {build.abi}"
    # Devices with x86_64 run Linux as well as Android.
    if runtime.system != "android" and build.abi != "x86_64":
        return "its library is built for Linux (it needs glibc), not for Android"
    if runtime.version not in (None, build.tag):
        return f"its library is Paddle Lite {runtime.version}, not {build.tag} (--version asks for another)"
    for name, has, wanted in (("OpenCL", runtime.opencl, build.opencl), ("fp16", runtime.fp16, build.fp16)):
        if has != wanted:
            option = f"--{name.lower()}"
            return (
                f"its library has {name} kernels; ask for {option}"
                if has
                else f"its library has no {name} kernels"
            )
    return None
