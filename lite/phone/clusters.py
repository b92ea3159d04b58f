"""The kinds of cores of a phone: which CPUs, what they are, how fast they can be; big, middle and little by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NAMES = ("big", "middle", "little")
# Only what the shell does itself; a line for each CPU.
SCRIPT = """
for c in /sys/devices/system/cpu/cpu[0-9]*; do
  m=; p=; i=; read -r m <$c/cpufreq/cpuinfo_max_freq; read -r p <$c/cpu_capacity
  read -r i <$c/regs/identification/midr_el1
  echo "${c##*/cpu} ${m:--} ${p:--} ${i:--}"
done 2>/dev/null
"""
_LINE = re.compile(r"(\d+) (\S+) (\S+) (\S+)")
# Implementer and part of MIDR_EL1 (Arm ARM, D19), as util-linux' lscpu names them: what phones have.
_PARTS = {
    0x41: {
        0xD03: "Cortex-A53", 0xD04: "Cortex-A35", 0xD05: "Cortex-A55", 0xD07: "Cortex-A57", 0xD08: "Cortex-A72",
        0xD09: "Cortex-A73", 0xD0A: "Cortex-A75", 0xD0B: "Cortex-A76", 0xD0D: "Cortex-A77", 0xD41: "Cortex-A78",
        0xD44: "Cortex-X1", 0xD46: "Cortex-A510", 0xD47: "Cortex-A710", 0xD48: "Cortex-X2", 0xD4B: "Cortex-A78C",
        0xD4C: "Cortex-X1C", 0xD4D: "Cortex-A715", 0xD4E: "Cortex-X3", 0xD80: "Cortex-A520", 0xD81: "Cortex-A720",
        0xD82: "Cortex-X4", 0xD85: "Cortex-X925", 0xD87: "Cortex-A725", 0xD8A: "C1-Nano", 0xD8B: "C1-Pro",
        0xD8C: "C1-Ultra", 0xD90: "C1-Premium",
    },
    0x48: {0xD40: "Cortex-A76"},
    0x51: {
        0x001: "Oryon", 0x800: "Kryo 2xx Gold", 0x801: "Kryo 2xx Silver", 0x802: "Kryo 3xx Gold",
        0x803: "Kryo 3xx Silver", 0x804: "Kryo 4xx Gold", 0x805: "Kryo 4xx Silver",
    },
    0x53: {0x001: "Exynos M1", 0x002: "Exynos M3", 0x003: "Exynos M4", 0x004: "Exynos M5"},
}  # fmt: skip


@dataclass(frozen=True)
class Cluster:
    """CPUs of one kind.

    `name`: big, middle or little; None where all cores are alike, or nothing tells them apart. `part`: such as
    Cortex-A55, or the numbers of one that is not known here; None where it is not told, as on x86. `max_khz`: the most
    that they can; None where the phone hides it.
    """

    name: str | None
    cpus: tuple[int, ...]
    part: str | None
    max_khz: int | None

    def __str__(self) -> str:
        """For people: `big: 2 × Cortex-X1 up to 2.85 GHz (CPUs 6,7)`."""
        words = [f"{self.name}:"] if self.name else []
        many = "s" if len(self.cpus) > 1 else ""
        words += [f"{len(self.cpus)} × {self.part}" if self.part else f"{len(self.cpus)} core{many}"]
        words += [f"up to {self.max_khz / 1e6:.2f} GHz"] if self.max_khz else []
        return f"{' '.join(words)} (CPU{many} {','.join(map(str, self.cpus))})"


def parse(text: str, cpuinfo: str) -> tuple[Cluster, ...]:
    """The clusters that the output of SCRIPT, and /proc/cpuinfo where it hides MIDR, tell of; the slowest first.

    CPUs are of one kind that are the same part, can have the same clock and have the kernel's same capacity
    (`cpu_capacity`, which goes before the clock in what is slower). CPUs that are switched off tell no clock, and are
    left out where others tell theirs.
    """
    parts = _parts_of(cpuinfo)
    cpus: dict[int, tuple[int, int, str | None]] = {}
    for cpu, khz, capacity, midr in (match.groups() for match in _LINE.finditer(text)):
        part = _part_of_midr(midr) or parts.get(int(cpu))
        cpus[int(cpu)] = (_number(capacity), _number(khz), part)
    if any(khz for _, khz, _ in cpus.values()):
        cpus = {cpu: kind for cpu, kind in cpus.items() if kind[1]}
    kinds = sorted(set(cpus.values()), key=lambda kind: (kind[0], kind[1], kind[2] or ""))
    # What says nothing of its speed is neither big nor little.
    ordered = len({(capacity, khz) for capacity, khz, _ in kinds}) == len(kinds) > 1
    names = ["little", *["middle"] * (len(kinds) - 2), "big"] if ordered else [None] * len(kinds)
    return tuple(
        Cluster(
            name, tuple(sorted(cpu for cpu, its in cpus.items() if its == kind)), kind[2], kind[1] or None
        )
        for name, kind in zip(names, kinds, strict=True)
    )


def mask_of(name: str, clusters: Sequence[Cluster]) -> str | None:
    """The CPUs of the clusters of a name as a hexadecimal mask; None where there are none."""
    cpus = [cpu for one in clusters if one.name == name for cpu in one.cpus]
    return f"{sum(1 << cpu for cpu in cpus):x}" if cpus else None


def _parts_of(cpuinfo: str) -> Mapping[int, str]:
    found: dict[int, str] = {}
    for block in re.split(r"\n\s*\n", cpuinfo):
        lines = re.findall(r"^([\w ]+?)[ \t]*:[ \t]*(\w+)", block, re.MULTILINE)
        fields = dict(lines)
        # Kernels of old list all processors in one block, and one part for all of them.
        if [name for name, _ in lines].count("processor") != 1:
            continue
        words = [fields.get(name, "") for name in ("CPU implementer", "CPU part")]
        if all(re.fullmatch("0x[0-9a-fA-F]+", word) for word in words):
            implementer, part = (int(word, 16) for word in words)
            found[_number(fields["processor"])] = _named(implementer, part)
    return found


def _part_of_midr(word: str) -> str | None:
    if not re.fullmatch(r"0x[0-9a-fA-F]{8,16}", word):
        return None
    midr = int(word, 16)
    return _named(midr >> 24 & 0xFF, midr >> 4 & 0xFFF)


def _named(implementer: int, part: int) -> str:
    return _PARTS.get(implementer, {}).get(part) or f"implementer {implementer:#04x} part {part:#05x}"


def _number(word: str) -> int:
    return int(word) if word.isascii() and word.isdecimal() else 0
