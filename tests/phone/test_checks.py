"""lite/phone/checks.py and binaries.py: what does not fit is said before anything is pushed."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lite import bundle
from lite.bundle import Bundle
from lite.errors import InputError
from lite.phone import checks
from lite.phone.binaries import Binaries, BinaryError
from lite.phone.facts import Facts
from lite.sdk import library

PHONE = Facts(
    serial="pixel",
    model="Pixel 7",
    soc="GS201",
    abis=("arm64-v8a",),
    cores=8,
    cpu_parts=("0xd05",) * 8,
    features=("asimd", "asimdhp", "asimddp"),
    android_version="14",
    sdk=34,
    free_bytes=10**9,
    own_bytes=0,
    opencl=None,
    root=False,
)
X86 = dataclasses.replace(PHONE, abis=("x86_64",), features=("avx2",), cpu_parts=())
# What tells lite/sdk/library.py of each.
OPENCL, FP16 = "clGetPlatformIDs", "fp16_to_fp32"


@pytest.fixture(scope="session")
def arm_build(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes a real arm64 program linked with a library of Paddle Lite's name, which holds `words`."""

    def make(*words: str) -> Binaries:
        folder = tmp_path_factory.mktemp("arm")
        sdk = folder / "cxx" / "lib"
        sdk.mkdir(parents=True)
        strings = "".join(f'"\\0{word}\\0"' for word in ("v2.13-rc", *words))
        (folder / "engine.c").write_text(f"const char said[] = {strings}; int engine() {{ return said[0]; }}")
        (folder / "deit.c").write_text("int engine(); int main() { return engine(); }")
        compiler = "aarch64-linux-gnu-gcc"
        name = "paddle_light_api_shared"
        for command in (
            [
                compiler,
                "-shared",
                "-fPIC",
                f"-Wl,-soname,lib{name}.so",
                "-o",
                sdk / f"lib{name}.so",
                folder / "engine.c",
            ],
            [compiler, "-o", folder / "deit", folder / "deit.c", f"-L{sdk}", f"-l{name}"],
        ):
            subprocess.run(command, check=True)
        return Binaries(folder, folder / "deit")

    return make


@pytest.fixture(scope="session")
def plain(arm_build: Any) -> Binaries:
    return arm_build()


@pytest.fixture
def fp32(tiny_bundle: Path) -> Bundle:
    return bundle.read(tiny_bundle)


def changed(made: Bundle, target: str = "arm", kernel: tuple[str, str] = ("arm", "fp32")) -> Bundle:
    """The bundle with another target, and with one kernel only in its manifest."""
    kernels = [{"op": "fc", "target": kernel[0], "precision": kernel[1], "count": 1}]
    return Bundle(made.path, {**made.manifest, "target": target, "kernels": kernels})


def found(made: Bundle, facts: Facts, binaries: Binaries) -> list[str]:
    both = [*checks.problems(made, facts, binaries), *checks.of_all([made], facts, binaries)]
    return [str(problem) for problem in both]


def test_what_fits_has_no_problem(fp32: Bundle, plain: Binaries):
    assert found(fp32, PHONE, plain) == []


def test_the_x86_64_phone_with_the_wheels_engine(fp32: Bundle, deit: Path):
    assert found(fp32, X86, Binaries(demo=deit)) == []


def test_a_demo_for_another_processor(fp32: Bundle, plain: Binaries):
    (problem,) = found(fp32, X86, plain)
    assert "deit is for arm64-v8a, the phone wants x86_64; build it for the phone" in problem


def test_a_bundle_for_another_processor(fp32: Bundle, plain: Binaries):
    (problem,) = found(changed(fp32, "x86"), PHONE, plain)
    assert problem == (
        "processor: the bundle is made for x86, the phone is arm64-v8a; make the bundle with tools/opt.py --target arm"
    )


def test_fp16_on_an_older_core(fp32: Bundle, arm_build: Any):
    old = dataclasses.replace(PHONE, features=("asimd",))
    half = changed(fp32, kernel=("arm", "fp16"))
    assert found(half, PHONE, arm_build(FP16)) == []
    of_bundle, of_library = found(half, old, arm_build(FP16))
    assert "fp16: the bundle computes in fp16, and the phone's processor (GS201) has no asimdhp" in of_bundle
    assert "is built for ARMv8.2, the phone's processor is older; get the plain one" in of_library


def test_fp16_with_a_library_that_has_none(fp32: Bundle, plain: Binaries):
    (problem,) = found(changed(fp32, kernel=("arm", "fp16")), PHONE, plain)
    assert "has no kernels; get one that has: tools/fetch_sdk.py --abi arm64-v8a --fp16" in problem


def test_another_version_of_the_runtime(fp32: Bundle, deit: Path, tmp_path: Path):
    folder = shutil.copytree(fp32.path, tmp_path / "bundle")
    data = (folder / "host.nb").read_bytes()
    (folder / "host.nb").write_bytes(data.replace(b"v2.13-rc\0", b"v2.12\0\0\0\0", 1))
    (problem,) = found(Bundle(folder, fp32.manifest), X86, Binaries(demo=deit))
    assert "version: host.nb is by opt v2.12, the library liblite_pybind.so is v2.13-rc; get the" in problem


def test_opencl(fp32: Bundle, plain: Binaries, arm_build: Any):
    gpu = changed(fp32, "opencl", ("opencl", "fp16"))
    with_library = dataclasses.replace(PHONE, opencl="/vendor/lib64/libOpenCL.so")
    assert found(gpu, with_library, arm_build(OPENCL)) == []
    of_phone, of_library = found(gpu, PHONE, plain)
    assert "OpenCL: the phone has no OpenCL library that programs of the shell may read; make a" in of_phone
    assert (
        "has no OpenCL kernels; get one that has: tools/fetch_sdk.py --abi arm64-v8a --opencl" in of_library
    )


def test_a_bundle_that_a_gpu_would_crash_on(fp32: Bundle, arm_build: Any, tmp_path: Path):
    """Older versions of this toolkit gave the GPU a concat with a parameter."""
    gpu = changed(fp32, "opencl", ("opencl", "fp16"))
    folder = shutil.copytree(fp32.path, tmp_path / "older")
    data = (folder / "model.nb").read_bytes()
    assert b"concat/def/4/" in data
    (folder / "model.nb").write_bytes(data.replace(b"concat/def/4/", b"concat/def/5/"))
    with_library = dataclasses.replace(PHONE, opencl="/vendor/lib64/libOpenCL.so")
    (problem,) = found(Bundle(folder, gpu.manifest), with_library, arm_build(OPENCL))
    assert "concat, would crash on a GPU (it takes the parameter" in problem
    assert problem.endswith("make the bundle again with tools/opt.py --force")


def test_no_space(fp32: Bundle, plain: Binaries):
    full = dataclasses.replace(PHONE, free_bytes=30_000_000)
    (problem,) = found(fp32, full, plain)
    assert problem.startswith("space: 4")
    assert problem.endswith("MB are needed in /data/local/tmp, 30 MB are free; free some space on the phone")
    assert found(fp32, dataclasses.replace(full, own_bytes=30_000_000), plain) == []


def test_space_is_for_all_of_them_and_what_a_profile_cuts(fp32: Bundle, plain: Binaries):
    size = fp32.model_nb.stat().st_size
    one, two, cut = (
        checks.of_all(bundles, dataclasses.replace(PHONE, free_bytes=0), plain, profiled=profiled)[0].why
        for bundles, profiled in (([fp32], False), ([fp32, fp32], False), ([fp32, fp32], True))
    )
    first, second, third = (int(why.split()[0]) for why in (one, two, cut))
    assert second - first == pytest.approx(size / 1e6, abs=1)
    assert third - second == pytest.approx(6 * size / 1e6, abs=1)


def test_a_network_for_a_gpu_cannot_be_profiled(fp32: Bundle, plain: Binaries):
    made = changed(fp32, target="opencl", kernel=("opencl", "fp16"))
    (problem,) = checks.of_all([made], PHONE, plain, profiled=True)
    assert (problem.what, problem.remedy) == ("profile", "leave out --profile")
    assert checks.of_all([made], PHONE, plain) == []


def test_an_old_android(fp32: Bundle, plain: Binaries):
    old = dataclasses.replace(PHONE, sdk=23, android_version="6.0")
    assert found(fp32, old, plain) == [
        "Android: the phone has Android 6.0 (API 23); use one with Android 7 (API 24) or newer"
    ]


def test_what_a_phone_does_not_say_is_let_pass(fp32: Bundle, plain: Binaries):
    quiet = dataclasses.replace(PHONE, features=(), sdk=None, android_version=None, free_bytes=None)
    assert found(changed(fp32), quiet, plain) == []


def test_all_problems_are_said_at_once(fp32: Bundle, plain: Binaries):
    poor = dataclasses.replace(PHONE, sdk=23, features=("asimd",), free_bytes=0)
    words = [problem.split(":")[0] for problem in found(changed(fp32, kernel=("arm", "fp16")), poor, plain)]
    assert words == ["Android", "fp16", "fp16", "space"]


def test_a_library_is_missing(fp32: Bundle, plain: Binaries, tmp_path: Path):
    shutil.copy(plain.demo, tmp_path / "deit")
    (problem,) = found(fp32, PHONE, Binaries(tmp_path, tmp_path))
    assert "program: deit needs libpaddle_light_api_shared.so, which is nowhere to be found for" in problem
    assert problem.endswith("get it with tools/fetch_sdk.py --abi arm64-v8a, or name its folder with --sdk")


def test_the_stl_of_the_ndk_goes_along(plain: Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source, stl = tmp_path / "x.c", tmp_path / "stl" / "libc++_shared.so"
    source.write_text("int stl() { return 0; }")
    stl.parent.mkdir()
    subprocess.run(
        [
            "aarch64-linux-gnu-gcc",
            "-shared",
            "-fPIC",
            "-nostdlib",
            f"-Wl,-soname,{stl.name}",
            "-o",
            stl,
            source,
        ],
        check=True,
    )
    source.write_text("int stl(); int main() { return stl(); }")
    subprocess.run(["aarch64-linux-gnu-gcc", "-o", tmp_path / "deit", source, stl], check=True)
    with pytest.raises(
        BinaryError, match="needs libc.._shared.so, .*; set ANDROID_NDK_HOME to the NDK's folder"
    ):
        Binaries(plain.sdk, tmp_path).find("arm64-v8a")
    ndk = tmp_path / "ndk/toolchains/llvm/prebuilt/linux-x86_64/sysroot/usr/lib/aarch64-linux-android"
    shutil.copytree(stl.parent, ndk)
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path / "ndk"))
    files = Binaries(plain.sdk, tmp_path).find("arm64-v8a").files
    assert files == {"deit": tmp_path / "deit", "libc++_shared.so": ndk / "libc++_shared.so"}


def test_every_library_of_the_host_build(deit: Path):
    found = Binaries(demo=deit).find("x86_64")
    assert {
        "deit",
        "liblite_pybind.so",
        "libmklml_intel.so",
        "libiomp5.so",
        "libjpeg.so.62",
    } <= found.files.keys()
    assert found.runtime.version == "v2.13-rc"
    every_linux = re.compile(
        r"(libc|libm|libdl|libpthread|librt|libutil|libstdc\+\+|libgcc_s|ld-linux.*)\.so\.\d+"
    )
    for path in found.files.values():
        left = set(library.read_elf(path).needed) - found.files.keys()
        assert [name for name in left if not every_linux.fullmatch(name)] == []


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\2\1\1" + b"\xff" * 200])
def test_a_demo_that_is_no_program(fp32: Bundle, tmp_path: Path, content: bytes):
    (tmp_path / "deit").write_bytes(content)
    (problem,) = found(fp32, PHONE, Binaries(None, tmp_path))
    assert problem.startswith("program: ")
    assert "build it" in problem


def test_paths_that_lead_nowhere(fp32: Bundle, plain: Binaries, tmp_path: Path):
    assert "there is no demo at" in found(fp32, PHONE, Binaries(None, tmp_path / "no"))[0]
    assert "correct --sdk" in found(fp32, PHONE, Binaries(tmp_path / "no", plain.demo))[0]


def test_a_network_that_is_damaged(fp32: Bundle, plain: Binaries, tmp_path: Path):
    folder = shutil.copytree(fp32.path, tmp_path / "bundle")
    (folder / "model.nb").write_bytes(b"")
    with pytest.raises(InputError, match="the file is empty; convert it again"):
        checks.problems(Bundle(folder, fp32.manifest), PHONE, plain)
