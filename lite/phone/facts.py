"""What a phone is: processors and what they can do, Android, space, OpenCL; asked in one shell call."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lite.phone import clusters
from lite.phone.clusters import Cluster
from lite.phone.device import Device
from lite.phone.link import PhoneError
from lite.phone.push import FOLDER

_SECONDS = 120.0
# What engines choose kernels by, as /proc/cpuinfo names it (Linux's hwcap of arm64, and of x86 the flags).
FEATURES = (
    "asimd", "neon", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2",
    "sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni",
)  # fmt: skip
# Where phones have it: Adreno, Mali, PowerVR and others, by the vendors' names. {lib} is lib64 or lib.
_OPENCL = (
    "/vendor/{lib}/libOpenCL.so",
    "/system/vendor/{lib}/libOpenCL.so",
    "/system/{lib}/libOpenCL.so",
    "/vendor/{lib}/libOpenCL-pixel.so",
    "/vendor/{lib}/egl/libGLES_mali.so",
    "/system/vendor/{lib}/egl/libGLES_mali.so",
    "/system/{lib}/egl/libGLES_mali.so",
    "/vendor/{lib}/libPVROCL.so",
    "/system/vendor/{lib}/libPVROCL.so",
)
_SAME = ("model", "soc", "abis", "android_version")
_PROPERTY = re.compile(r"\[([^\]]+)\]: \[(.*)\]")
_SECTION = re.compile(r"^=(\w+)=$", re.MULTILINE)


@dataclass(frozen=True)
class Facts:
    """A phone. What it does not say is None, or empty.

    `abis` by preference; `cpu_parts` is the MIDR part of each core that was on (0xd05 a Cortex-A55), none on x86;
    `features` those of FEATURES that every core has; `own_bytes` what earlier runs left in push.FOLDER;
    `opencl` a library of it that the shell's user may read; `noexec` what is mounted where programs are put and lets
    none be run; `clusters` the kinds of cores, the slowest first.
    """

    serial: str
    model: str | None
    soc: str | None
    abis: tuple[str, ...]
    cores: int
    cpu_parts: tuple[str, ...]
    features: tuple[str, ...]
    android_version: str | None
    sdk: int | None
    free_bytes: int | None
    own_bytes: int
    opencl: str | None
    root: bool
    noexec: str | None = None
    clusters: tuple[Cluster, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Facts:
        """The facts as results have them."""
        found: dict[str, Any] = {
            name: tuple(it) if isinstance(it, list) else it for name, it in values.items()
        }
        found["clusters"] = tuple(
            Cluster(**{**one, "cpus": tuple(one["cpus"])}) for one in values.get("clusters", ())
        )
        return cls(**found)


def read(device: Device) -> Facts:
    """Asks the phone. Raises PhoneError, also for one that does not say which ABI it has."""
    done = device.run(_script(), _SECONDS)
    parts = _SECTION.split(done.stdout)
    said = {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    props = dict(_PROPERTY.findall(said.get("props", "")))
    abis = _words(props.get("ro.product.cpu.abilist") or props.get("ro.product.cpu.abi", ""))
    if not abis:
        why = "it does not say what processor it has (getprop ro.product.cpu.abilist is empty)"
        raise PhoneError(device.serial, why, "check that it runs Android 7 or newer")
    cpuinfo = said.get("cpuinfo", "")
    return Facts(
        serial=device.serial,
        model=_joined(props.get("ro.product.manufacturer"), props.get("ro.product.model")),
        soc=_joined(props.get("ro.soc.manufacturer"), props.get("ro.soc.model"))
        or props.get("ro.board.platform")
        or props.get("ro.hardware")
        or None,
        abis=abis,
        cores=_count(said.get("present", "")) or len(_lines(cpuinfo, "processor")) or 1,
        cpu_parts=tuple(_lines(cpuinfo, "CPU part")),
        features=_common(_lines(cpuinfo, "Features") or _lines(cpuinfo, "flags")),
        android_version=props.get("ro.build.version.release") or None,
        sdk=_number(props.get("ro.build.version.sdk", "")),
        free_bytes=_free(said.get("space", "")),
        own_bytes=1024 * (_number(said.get("own", "").partition("\t")[0]) or 0),
        opencl=_opencl(said.get("opencl", "").splitlines(), abis[0]),
        root=said.get("id") == "0",
        noexec=_noexec(said.get("mounts", "")),
        clusters=clusters.parse(said.get("cpus", ""), cpuinfo),
    )


def check_same(earlier: Facts, found: Facts) -> None:
    """Raises PhoneError where what was one phone earlier is another one now, or has another Android."""
    for name in _SAME:
        then, now = (_said(getattr(one, name)) for one in (earlier, found))
        if then != now:
            why = f"its {name.replace('_', ' ')} was {then} and is {now} now"
            raise PhoneError(found.serial, why, "measure afresh without --resume into another --out")


def _said(value: Any) -> str:
    return "not told" if value is None else ",".join(value) if isinstance(value, tuple) else str(value)


def _script() -> str:
    places = [place.format(lib=lib) for lib in ("lib64", "lib") for place in _OPENCL]
    return (
        "echo =props=; getprop; echo =cpuinfo=; cat /proc/cpuinfo; "
        "echo =present=; cat /sys/devices/system/cpu/present; "
        f"echo =cpus=; {clusters.SCRIPT.strip()}; "
        f"echo =space=; df -k {shlex.quote(FOLDER.rpartition('/')[0])}; "
        f"echo =own=; du -sk {shlex.quote(FOLDER)} 2>/dev/null; echo =id=; id -u; "
        "echo =mounts=; cat /proc/self/mounts 2>/dev/null; "
        f"echo =opencl=; for f in {' '.join(places)}; do if [ -r $f ]; then echo $f; fi; done"
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _joined(maker: str | None, name: str | None) -> str | None:
    if maker and name and not name.lower().startswith(maker.lower()):
        return f"{maker} {name}"
    return name or maker or None


def _lines(cpuinfo: str, key: str) -> list[str]:
    return re.findall(rf"^{re.escape(key)}\s*:\s*(.*?)\s*$", cpuinfo, re.MULTILINE)


def _common(lists: Sequence[str]) -> tuple[str, ...]:
    sets = [set(text.split()) for text in lists]
    common = set.intersection(*sets) if sets else set()
    return tuple(name for name in FEATURES if name in common)


def _count(present: str) -> int:
    """Processors in a list as the kernel writes it: 0-3,6-7."""
    ranges = [part.partition("-")[::2] for part in present.split(",") if re.fullmatch(r"\d+(-\d+)?", part)]
    return sum(int(last or first) - int(first) + 1 for first, last in ranges)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None


def _free(space: str) -> int | None:
    """Of `df -k`: the fourth column of the last line, counted from its end (a device's name may have blanks)."""
    words = space.splitlines()[-1].split() if space else []
    blocks = _number(words[-3]) if len(words) >= 6 else None
    return None if blocks is None else 1024 * blocks


def _noexec(mounts: str) -> str | None:
    """Of proc_pid_mounts(5): where push.FOLDER lies, if that is mounted noexec."""
    options: dict[str, list[str]] = {}
    for line in mounts.splitlines():
        words = line.split()
        if len(words) >= 4 and f"{FOLDER}/".startswith(words[1].rstrip("/") + "/"):
            # A later one lies over an earlier one.
            options[words[1]] = words[3].split(",")
    place = max(options, key=len, default="")
    return place if "noexec" in options.get(place, ()) else None


def _opencl(found: Sequence[str], abi: str) -> str | None:
    lib = "/lib64/" if "64" in abi else "/lib/"
    return next((path for path in found if lib in path), None)
