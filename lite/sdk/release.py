"""Paddle Lite's C++ releases for Android: which archive fits a version, an ABI and what a bundle needs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from typing import Any

from lite.errors import InputError
from lite.shown import shown

ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")
URL_VARIABLE = "DEIT_LITE_SDK_URL"
RELEASES = "https://github.com/PaddlePaddle/Paddle-Lite/releases"
_ARM = {"arm64-v8a": "armv8", "armeabi-v7a": "armv7"}
# By OpenCL and fp16, {arm} as above: builds by clang with every operator.
# There is none for x86_64 (Paddle-Lite issues 80 and 9320) and none with OpenCL and fp16 both.
_ASSETS = {
    (False, False): "inference_lite_lib.android.{arm}.clang.c++_shared.with_extra.with_cv.tar.gz",
    (False, True): "inference_lite_lib.android.{arm}.clang.c++_shared.with_extra.with_cv.arm82_fp16.tar.gz",
    (True, False): "inference_lite_lib.{arm}.clang.with_exception.with_extra.with_cv.opencl.tar.gz",
}


@dataclass(frozen=True)
class Build:
    """One build of Paddle Lite: Android's name of the ABI, OpenCL, fp16 (ARMv8.2), the release's tag."""

    abi: str
    opencl: bool
    fp16: bool
    tag: str

    @property
    def name(self) -> str:
        """As in a folder's name: arm64-v8a, arm64-v8a-opencl, arm64-v8a-fp16."""
        return self.abi + "-opencl" * self.opencl + "-fp16" * self.fp16

    @property
    def asset(self) -> str:
        """The archive's name. Raises InputError, with what to do instead, for a build that no release has."""
        arm = _ARM.get(self.abi)
        if arm is None:
            raise InputError(
                f"Paddle Lite has no release for Android on {self.abi}, and its build_android.sh builds for "
                "ARM only",
                remedy="give an archive of your own with --file, or use the host build of android_demo/cpp",
            )
        pattern = _ASSETS.get((self.opencl, self.fp16))
        if pattern is None:
            raise InputError(
                "Paddle Lite has no release with OpenCL and fp16 both",
                remedy=(
                    f"build it from its sources (git checkout {self.tag}; ./lite/tools/build_android.sh "
                    f"--arch={arm} --toolchain=clang --android_stl=c++_shared --with_extra=ON --with_cv=ON "
                    "--with_exception=ON --with_opencl=ON --with_arm82_fp16=ON), pack its "
                    "inference_lite_lib folder with tar czf and give it with --file"
                ),
            )
        return pattern.format(arm=arm)

    @property
    def url(self) -> str:
        """The archive's address: GitHub's, or that of the mirror named in the environment. Raises as `asset`."""
        template = os.environ.get(URL_VARIABLE) or f"{RELEASES}/download/{{tag}}/{{asset}}"
        if "{asset}" not in template:
            raise InputError(
                f"{URL_VARIABLE} is {shown(template)}",
                remedy="it needs {asset} where the archive's name goes",
            )
        return template.replace("{tag}", self.tag).replace("{asset}", self.asset)


def tag(version: str | None = None) -> str:
    """The tag of a release by any of its names: 2.13rc0, 2.13-rc, v2.13-rc; None is the installed paddlelite.

    Raises InputError for what is no release, such as the commit that a developer's opt writes into a `.nb`.
    """
    try:
        version = package_version("paddlelite") if version is None else version
    except PackageNotFoundError:
        raise InputError("paddlelite is not installed", remedy="give --version") from None
    match = re.fullmatch(r"v?(\d+\.\d+(?:\.\d+)?)(-?rc0?)?", version)
    if match is None:
        raise InputError(
            f"{shown(version)} is no release of Paddle Lite", remedy="give one such as --version 2.13rc0"
        )
    return f"v{match[1]}-rc" if match[2] else f"v{match[1]}"


def needs(manifest: Mapping[str, Any]) -> tuple[str, bool, bool]:
    """What a bundle asks of the runtime, by its manifest: opt's version, OpenCL, ARM's fp16 kernels.

    Raises InputError if the manifest does not say which version converted the bundle.
    """
    version = manifest["versions"]["paddlelite"]
    if version is None:
        raise InputError("the bundle does not say which Paddle Lite converted it", remedy="give --version")
    places = {(kernel["target"], kernel["precision"]) for kernel in manifest["kernels"]}
    return version, any(target == "opencl" for target, _ in places), ("arm", "fp16") in places
