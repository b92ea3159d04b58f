"""lite/sdk/release.py and lite/sdk/library.py: which archive fits, and what a library says of itself."""

from __future__ import annotations

from pathlib import Path

import paddlelite
import pytest

from lite.errors import InputError
from lite.sdk import library, release
from lite.sdk.release import Build
from tests import releases
from tests.releases import TAG, write


@pytest.mark.parametrize(
    ("version", "tag"),
    [("2.13rc0", "v2.13-rc"), ("2.13-rc", "v2.13-rc"), ("v2.13-rc", "v2.13-rc"), ("2.12", "v2.12"),
     ("v2.9.1", "v2.9.1"), (None, "v2.13-rc")],
)  # fmt: skip
def test_names_of_a_version(version: str | None, tag: str) -> None:
    assert release.tag(version) == tag


@pytest.mark.parametrize("version", ["", "b92e8c4", "latest", "../v2.12", "2.13rc7", "2"])
def test_no_version(version: str) -> None:
    with pytest.raises(InputError, match="is no release of Paddle Lite"):
        release.tag(version)


def test_addresses() -> None:
    base = "https://github.com/PaddlePaddle/Paddle-Lite/releases/download/v2.13-rc/inference_lite_lib."
    for abi, arm in (("arm64-v8a", "armv8"), ("armeabi-v7a", "armv7")):
        for opencl, fp16, name in (
            (False, False, f"android.{arm}.clang.c++_shared.with_extra.with_cv.tar.gz"),
            (False, True, f"android.{arm}.clang.c++_shared.with_extra.with_cv.arm82_fp16.tar.gz"),
            (True, False, f"{arm}.clang.with_exception.with_extra.with_cv.opencl.tar.gz"),
        ):
            assert Build(abi, opencl, fp16, TAG).url == base + name


def test_a_mirror_without_the_archive_in_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(release.URL_VARIABLE, "http://mirror/sdk.tar.gz")
    with pytest.raises(InputError, match=r"needs \{asset\}"):
        _ = Build("arm64-v8a", False, False, TAG).url


def test_what_a_bundle_needs() -> None:
    def manifest(*kernels: tuple[str, str], version: str | None = "v2.12") -> dict:
        rows = [{"target": target, "precision": precision} for target, precision in kernels]
        return {"versions": {"paddlelite": version}, "kernels": rows}

    assert release.needs(manifest(("arm", "int8"), ("host", "any"))) == ("v2.12", False, False)
    assert release.needs(manifest(("opencl", "fp16"), ("arm", "fp32"))) == ("v2.12", True, False)
    assert release.needs(manifest(("arm", "fp16"))) == ("v2.12", False, True)
    with pytest.raises(InputError, match="give --version"):
        release.needs(manifest(version=None))


def test_the_engine_of_the_installed_package() -> None:
    found = library.read(Path(paddlelite.__file__).with_name("lite.so"))
    assert (found.abi, found.system, found.version) == ("x86_64", "linux", release.tag())
    assert (found.opencl, found.fp16, found.shared_stl) == (False, False, False)


def test_what_is_no_shared_library(tmp_path: Path) -> None:
    program = bytearray(releases.library())
    program[16] = 2
    for data, why in ((bytes(program), "ELF type 2"), (program[:40], "is cut short"), (b"", "no ELF header")):
        with pytest.raises(InputError, match=why):
            library.read(write(tmp_path / "lib.so", bytes(data)))
    with pytest.raises(InputError, match=r"cannot read .*none\.so: No such file"):
        library.read(tmp_path / "none.so")
