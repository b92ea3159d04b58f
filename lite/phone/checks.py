"""What keeps a bundle from running on a phone, found before anything is pushed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lite.bundle import Bundle
from lite.errors import InputError
from lite.nb import gpu, reader
from lite.phone import push
from lite.phone.binaries import Binaries, BinaryError, Found
from lite.phone.facts import Facts
from lite.sdk import release
from lite.sdk.library import Library

# android_demo is built for it, and its adbd is the first that tells exit codes.
OLDEST_SDK, OLDEST_ANDROID = 24, "7"
# Beside the files themselves: the new one while the old one is still there, the demo's output.
_SPARE_BYTES = 20_000_000
# What a network's cut files take, in times of its size.
_CUT_FILES = 6


@dataclass(frozen=True)
class Problem:
    """`what` (a noun) does not fit, `why`, and what to do about it."""

    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        """In one line."""
        return f"{self.what}: {self.why}; {self.remedy}"


def problems(bundle: Bundle, facts: Facts, binaries: Binaries) -> list[Problem]:
    """Everything that would keep `bundle` from running on the phone, the gravest first. What is unknown is let pass.

    Raises InputError for a bundle whose `.nb` cannot be read.
    """
    found: Found | None = None
    result = [*_android(facts), *_noexec(facts), *_target(bundle, facts)]
    try:
        found = binaries.find(facts.abis[0], [bundle])
    except BinaryError as error:
        result.append(Problem("program", error.reason, error.remedy or ""))
    result += [*_processor(bundle, facts, found), *_opencl(bundle, facts, found)]
    if found is not None:
        result += _version(bundle, facts, found.runtime)
    return result


def of_all(
    bundles: Sequence[Bundle], facts: Facts, binaries: Binaries, *, profiled: bool = False
) -> list[Problem]:
    """What keeps `bundles` from running on the phone that `problems` does not see in one of them.

    `profiled`: each network is cut after its blocks, one network after the other.
    """
    cut = profiled and not is_x86(facts)
    result = [
        Problem(
            "profile",
            f"{bundle.path.name} is for a GPU, and such networks cannot be cut",
            "leave out --profile",
        )
        for bundle in bundles
        if cut and bundle.manifest["target"] == "opencl"
    ]
    try:
        found = binaries.find(facts.abis[0], bundles)
    except BinaryError:
        return result
    return [*result, *_space(bundles, facts, found, profiled=profiled)]


def is_x86(facts: Facts) -> bool:
    """Whether the phone runs a bundle's host.nb, not its model.nb."""
    return facts.abis[0].startswith("x86")


def _android(facts: Facts) -> Iterator[Problem]:
    if facts.sdk is not None and facts.sdk < OLDEST_SDK:
        why = f"the phone has Android {facts.android_version or '?'} (API {facts.sdk})"
        yield Problem("Android", why, f"use one with Android {OLDEST_ANDROID} (API {OLDEST_SDK}) or newer")


def _noexec(facts: Facts) -> Iterator[Problem]:
    if facts.noexec is not None:
        why = f"{facts.noexec} is mounted noexec, so no program can be run in {push.FOLDER}"
        remedy = f"use another phone, or as root: adb shell su -c 'mount -o remount,exec {facts.noexec}'"
        yield Problem("storage", why, remedy)


def _target(bundle: Bundle, facts: Facts) -> Iterator[Problem]:
    target, abi = bundle.manifest["target"], facts.abis[0]
    if target == "x86" and not is_x86(facts):
        why = f"the bundle is made for x86, the phone is {abi}"
        yield Problem("processor", why, "make the bundle with tools/opt.py --target arm")


def _processor(bundle: Bundle, facts: Facts, found: Found | None) -> Iterator[Problem]:
    if is_x86(facts) or not facts.features:
        return
    wants = ("arm", "fp16") in {(one["target"], one["precision"]) for one in bundle.manifest["kernels"]}
    has = "asimdhp" in facts.features
    if wants and not has:
        why = f"the bundle computes in fp16, and the phone's processor ({_cpu(facts)}) has no asimdhp"
        yield Problem("fp16", why, "make an int8 or fp32 bundle with tools/opt.py --precision int8")
    if found is None:
        return
    if found.runtime.fp16 and not has:
        why = f"the library {found.runtime.path.name} is built for ARMv8.2, the phone's processor is older"
        yield Problem("fp16", why, f"get the plain one: tools/fetch_sdk.py --abi {found.abi}")
    if wants and not found.runtime.fp16:
        why = f"the bundle computes in fp16, for which the library {found.runtime.path.name} has no kernels"
        yield Problem("fp16", why, f"get one that has: tools/fetch_sdk.py --abi {found.abi} --fp16")


def _opencl(bundle: Bundle, facts: Facts, found: Found | None) -> Iterator[Problem]:
    # host.nb of such a bundle does without.
    if is_x86(facts) or not any(one["target"] == "opencl" for one in bundle.manifest["kernels"]):
        return
    if facts.opencl is None:
        why = "the phone has no OpenCL library that programs of the shell may read"
        yield Problem("OpenCL", why, "make a bundle for its CPU with tools/opt.py --target arm")
    if found is not None and not found.runtime.opencl:
        why = f"the library {found.runtime.path.name} has no OpenCL kernels"
        yield Problem("OpenCL", why, f"get one that has: tools/fetch_sdk.py --abi {found.abi} --opencl")
    try:
        gpu.check(reader.read(bundle.model_nb))
    except gpu.GpuError as error:
        # Bundles by older versions of this toolkit.
        yield Problem(
            "OpenCL", f"{error.what} ({error.why})", "make the bundle again with tools/opt.py --force"
        )


def _version(bundle: Bundle, facts: Facts, runtime: Library) -> Iterator[Problem]:
    network = bundle.host_nb if is_x86(facts) else bundle.model_nb
    opt_version = reader.read(network).opt_version
    if runtime.version is not None and _tag(opt_version) != _tag(runtime.version):
        why = f"{network.name} is by opt {opt_version}, the library {runtime.path.name} is {runtime.version}"
        remedy = f"get the library of {opt_version} (tools/fetch_sdk.py --version), or make the bundle again"
        yield Problem("version", why, remedy)


def _space(bundles: Sequence[Bundle], facts: Facts, found: Found, *, profiled: bool) -> Iterator[Problem]:
    if facts.free_bytes is None:
        return
    networks = [bundle.host_nb if is_x86(facts) else bundle.model_nb for bundle in bundles]
    sizes = [path.stat().st_size for path in networks]
    needed = sum(sizes) + sum(path.stat().st_size for path in found.files.values()) + _SPARE_BYTES
    if profiled:
        needed += _CUT_FILES * max(sizes)
    # What an earlier run left is replaced, or need not be sent.
    there = facts.free_bytes + facts.own_bytes
    if needed > there:
        why = f"{needed / 1e6:.0f} MB are needed in /data/local/tmp, {there / 1e6:.0f} MB are free"
        yield Problem("space", why, "free some space on the phone")


def _tag(version: str) -> str:
    try:
        return release.tag(version)
    except InputError:
        return version  # a developer's build


def _cpu(facts: Facts) -> str:
    return facts.soc or ", ".join(dict.fromkeys(facts.cpu_parts)) or facts.abis[0]
