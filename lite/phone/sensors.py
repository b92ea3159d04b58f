"""A phone's state while it measures: temperatures, processor clocks and their limits, battery; one shell call.

What a phone does not let the shell read is missing in a sample, never guessed.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from lite.phone.statistics import slow_down

if TYPE_CHECKING:
    from lite.phone.device import Device

# Only what the shell does itself, so that a sample taken beside a measurement costs one process.
_SYSFS = """
for z in /sys/class/thermal/thermal_zone*; do
  k=; t=; read -r k <$z/type; read -r t <$z/temp; [ -n "$k$t" ] && echo "zone ${t:--} $k"
done 2>/dev/null
for c in /sys/devices/system/cpu/cpu[0-9]*; do
  f=; m=; g=; p=; read -r f <$c/cpufreq/scaling_cur_freq
  read -r m <$c/cpufreq/scaling_max_freq; read -r g <$c/cpufreq/scaling_governor
  read -r p <$c/cpufreq/cpuinfo_max_freq
  echo "cpu ${c##*/cpu} ${f:--} ${m:--} ${g:--} ${p:--}"
done 2>/dev/null
u=; read -r u s </proc/uptime 2>/dev/null; echo "uptime ${u:--}"
b=/sys/class/power_supply/battery
l=; t=; s=; read -r l <$b/capacity 2>/dev/null; read -r t <$b/temp 2>/dev/null; read -r s <$b/status 2>/dev/null
echo "battery ${l:--} ${t:--} ${s:--}"
"""
_SERVICES = "dumpsys battery 2>/dev/null; dumpsys thermalservice 2>/dev/null; true"

# Names of zones by what makers call a processor's: CPUs, clusters, and whole chips.
_PROCESSOR = re.compile(
    r"cpu|core|cluster|\b(big|mid|little|soc|ap|mtktscpu|tsens_tz_sensor\d*)\b|^soc|^ap[-_ ]", re.I
)
_OTHER = re.compile(r"gpu|battery|charg|usb|pmic|modem|skin|wifi|camera|flash", re.I)
# Zones that are currents, voltages and loads of the battery's protection (Qualcomm's and Google's bcl drivers).
_NO_TEMPERATURE = re.compile(r"(soc|vbat|ibat)\Z|.*(ocp_|bcl|smpl|vdroop|oilo)", re.I)
# Outside of this a sensor is off or broken, as many zones of phones are.
_COLDEST, _HOTTEST = -30.0, 150.0
# What lies between whole degrees and thousandths may be tenths or a sensor that is off.
_FEWEST_THOUSANDTHS = 1500
# `status` of android.os.BatteryManager.
_BATTERY_STATUS = {"1": "Unknown", "2": "Charging", "3": "Discharging", "4": "Not charging", "5": "Full"}
_HAL_TEMPERATURE = re.compile(r"Temperature\{mValue=(-?[\d.]+), mType=(-?\d+), mName=([^,}]*)")
_HAL_CPU = "0"  # android.os.Temperature.TYPE_CPU
_HAL_OTHER = ("6", "7", "8")  # TYPE_BCL_VOLTAGE, TYPE_BCL_CURRENT, TYPE_BCL_PERCENTAGE: no temperatures


_BY_CPU = ("frequencies", "limits", "maximums", "governors")


@dataclass(frozen=True)
class Sample:
    """One look at a phone, `at` in seconds since the epoch.

    `temperatures`: °C by zone; `processor`: the hottest of the processor's zones; `silent`: zones that may not be
    read, are off, or give what is no temperature; `frequencies`, `limits` and `maximums`: kHz by CPU, now, the most
    that the kernel allows at present, and the most that the CPU can; `thermal_status`: Android's, 0 (none) to 6;
    `uptime`: seconds since the phone was started, by its own clock, to which the demo ties its runs.
    """

    at: float
    temperatures: Mapping[str, float] = field(default_factory=dict)
    processor: float | None = None
    frequencies: Mapping[int, int] = field(default_factory=dict)
    limits: Mapping[int, int] = field(default_factory=dict)
    governors: Mapping[int, str] = field(default_factory=dict)
    battery_percent: int | None = None
    battery_celsius: float | None = None
    battery_status: str | None = None
    thermal_status: int | None = None
    maximums: Mapping[int, int] = field(default_factory=dict)
    silent: Sequence[str] = ()
    uptime: float | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Sample:
        """The sample as results have it: JSON makes text of CPUs' numbers."""
        by_cpu = {name: {int(cpu): value for cpu, value in values[name].items()} for name in _BY_CPU}
        return cls(**{**values, **by_cpu, "silent": tuple(values["silent"])})


def read(device: Device, *, services: bool = True, timeout: float = 15.0) -> Sample:
    """A sample of `device`; without `services` Android's own are not asked, which would take the processor.

    Raises PhoneError as Device.run does, never for what the phone hides.
    """
    script = _SYSFS + _SERVICES if services else _SYSFS
    return parse(device.run(script, timeout).stdout, time.time())


def parse(text: str, at: float) -> Sample:
    """The sample that the script's output `text` is, taken `at` seconds since the epoch."""
    temperatures: dict[str, float] = {}
    silent: list[str] = []
    # In the order of the script's words.
    rows: dict[str, dict[int, str]] = {"frequencies": {}, "limits": {}, "governors": {}, "maximums": {}}
    battery = ["-", "-", "-"]
    uptime = None
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        words = rest.split()
        if kind == "zone" and words:
            name = rest.partition(" ")[2].strip() or "unnamed"
            if not _NO_TEMPERATURE.match(name) and not _add_zone(temperatures, name, _degrees(words[0])):
                silent.append(name)
        elif kind == "cpu" and len(words) == 5 and words[0].isdigit():
            for name, word in zip(rows, words[1:], strict=True):
                rows[name][int(words[0])] = word
        elif kind == "uptime" and re.fullmatch(r"\d+(\.\d+)?", rest):
            uptime = float(rest)
        elif kind == "battery" and len(words) >= 3:
            battery = [words[0], words[1], " ".join(words[2:])]
    if _processor(temperatures) is None:
        for name, celsius in _hal_temperatures(text):
            _add_zone(temperatures, name, celsius)
    level, battery_celsius, state = _battery(text, battery)
    return Sample(
        at,
        temperatures,
        _processor(temperatures),
        frequencies=_numbers(rows["frequencies"]),
        limits=_numbers(rows["limits"]),
        maximums=_numbers(rows["maximums"]),
        governors={cpu: name for cpu, name in rows["governors"].items() if name != "-"},
        battery_percent=level,
        battery_celsius=battery_celsius,
        battery_status=state,
        thermal_status=_thermal_status(text),
        silent=tuple(silent),
        uptime=uptime,
    )


def _add_zone(zones: dict[str, float], name: str, celsius: float | None) -> bool:
    """Whether it is a temperature."""
    # Exactly 0 is what sensors give that are off.
    if not celsius or not _COLDEST <= celsius <= _HOTTEST:
        return False
    unique, count = name, 1
    while unique in zones:
        count += 1
        unique = f"{name} {count}"
    zones[unique] = celsius
    return True


def _degrees(word: str) -> float | None:
    """°C of a zone: the kernel has thousandths of a degree; some makers' drivers whole degrees, which are small.

    None for what could be tenths as well as thousandths, or comes of a sensor that is off.
    """
    try:
        value = int(word)
    except ValueError:
        return None
    if 0 < abs(value) <= _HOTTEST:
        return float(value)
    return value / 1000 if abs(value) > _FEWEST_THOUSANDTHS else None


def _processor(zones: Mapping[str, float]) -> float | None:
    found = [
        celsius for name, celsius in zones.items() if _PROCESSOR.search(name) and not _OTHER.search(name)
    ]
    return max(found, default=None)


def _hal_temperatures(text: str) -> Iterator[tuple[str, float]]:
    """Name and °C as `dumpsys thermalservice` has them (Android 10 and up), the current ones only."""
    _, found, current = text.partition("Current temperatures from HAL:")
    for celsius, kind, name in _HAL_TEMPERATURE.findall(current if found else text):
        if kind in _HAL_OTHER:
            continue
        # So that it is known as the processor's, whatever its name.
        named = name if kind != _HAL_CPU or _PROCESSOR.search(name) else f"cpu {name}"
        yield named, float(celsius)


def _thermal_status(text: str) -> int | None:
    found = re.search(r"^\s*Thermal Status: (\d+)", text, re.M)
    return int(found[1]) if found else None


def _battery(text: str, words: list[str]) -> tuple[int | None, float | None, str | None]:
    """Percent, °C and state: from sysfs, else from `dumpsys battery`; both count tenths of a degree."""
    for index, key in enumerate(("level", "temperature", "status")):
        found = re.search(rf"^  {key}: (\S+)", text, re.M)
        if words[index] == "-" and found:
            words[index] = _BATTERY_STATUS.get(found[1], "Unknown") if key == "status" else found[1]
    level, tenths = (int(word) if re.fullmatch(r"-?\d+", word) else None for word in words[:2])
    return level, None if tenths is None else tenths / 10, None if words[2] == "-" else words[2]


def _numbers(words: Mapping[int, str]) -> dict[int, int]:
    return {cpu: int(word) for cpu, word in sorted(words.items()) if word.isdigit()}


# Clocks move by themselves; below this share of the first half's they were held down.
_HELD_DOWN = 0.85
_FEWEST = 4
# A median clock below this share of the most that the CPU can is said.
SLOW_CLOCK = 0.9
# android.os.PowerManager: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown.
_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")


def cpus_of(mask: str) -> set[int]:
    """The CPUs in a mask in hexadecimal: f0 is 4 to 7."""
    bits = int(mask or "0", 16)
    return {cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1}


def ceilings(samples: Iterable[Sample], known: Mapping[int, int] | None = None) -> dict[int, int]:
    """By CPU in kHz: the most that it can, or where the phone hides that, the highest limit in both."""
    found = dict(known or {})
    for sample in samples:
        for values in (sample.limits, sample.maximums):
            for cpu, kilohertz in values.items():
                found[cpu] = max(found.get(cpu, 0), kilohertz)
    return found


def reasons(
    before: Sample,
    during: Sequence[Sample],
    after: Sample,
    latencies: Sequence[float],
    *,
    earlier: Mapping[int, int] | None = None,
    cpu_mask: str = "",
    clocks: Sequence[tuple[int, int]] = (),
) -> list[str]:
    """Why the run counts as throttled or slowed down, in words; empty if nothing says so.

    `latencies`: of one process, ms, in their order. `earlier`: the ceilings of what the phone showed before, so that
    a limit which was lowered then and stayed is known. `cpu_mask`: the CPUs that the process could use, in hexadecimal;
    others do not count; "" for all. `clocks`: CPU and kHz after runs, in their order. Samples that hide things prove
    nothing.
    """
    used = cpus_of(cpu_mask)
    begin, *samples = (_of_cpus(one, used) for one in (before, *during, after))
    top = ceilings([begin, *samples], earlier)
    found = [
        _lower_limits(begin, samples, top),
        _status(samples),
        _slower_clock(samples[: len(during)]) or _slower_runs(clocks),
    ]
    share = slow_down(latencies)
    if share is not None:
        found.append(
            f"slowed down: the last third ran {share:.0%} slower than the first, by heat or by other work"
        )
    return [reason for reason in found if reason]


def _of_cpus(sample: Sample, used: set[int]) -> Sample:
    if not used:
        return sample
    frequencies, limits, maximums = (
        {cpu: value for cpu, value in row.items() if cpu in used}
        for row in (sample.frequencies, sample.limits, sample.maximums)
    )
    return replace(sample, frequencies=frequencies, limits=limits, maximums=maximums)


def _lower_limits(before: Sample, samples: Sequence[Sample], top: Mapping[int, int]) -> str | None:
    """The lowest limit of each CPU against what it can; during the run, or at its start already."""
    lowest: dict[int, int] = {}
    for sample in (before, *samples):
        for cpu, limit in sample.limits.items():
            lowest[cpu] = min(limit, lowest.get(cpu, limit))
    held = {cpu: limit for cpu, limit in lowest.items() if limit < top[cpu]}
    if not held:
        return None
    worst = min(held, key=lambda cpu: held[cpu] / top[cpu])
    count = f"{len(held)} CPU{'s' if len(held) > 1 else ''}"
    start = before.limits.get(worst, top[worst])
    if held[worst] < start:
        return (
            f"throttled: the system lowered the top clock of {count}, CPU {worst} from {start / 1000:.0f} to "
            f"{held[worst] / 1000:.0f} MHz" + (f" of {top[worst] / 1000:.0f}" if start < top[worst] else "")
        )
    return (
        f"throttled: at its start already the system held down the top clock of {count}, CPU {worst} to "
        f"{held[worst] / 1000:.0f} of {top[worst] / 1000:.0f} MHz"
    )


def _status(samples: Sequence[Sample]) -> str | None:
    worst = max((sample.thermal_status or 0 for sample in samples), default=0)
    return f"throttled: Android's thermal status was {_STATUS[min(worst, 6)]}" if worst else None


def _slower_clock(during: Sequence[Sample]) -> str | None:
    fastest = [max(sample.frequencies.values()) for sample in during if sample.frequencies]
    return _fell(fastest, "the fastest CPU's clock")


def _slower_runs(clocks: Sequence[tuple[int, int]]) -> str | None:
    """The clock of the CPU on which most runs ended: runs that move to another are not slower by a clock."""
    counts = Counter(cpu for cpu, _ in clocks)
    cpu = max(counts, key=lambda one: counts[one], default=-1)
    its = [khz for one, khz in clocks if one == cpu]
    return _fell(its, f"the clock of CPU {cpu} under the runs")


def _fell(clocks: Sequence[int], whose: str) -> str | None:
    """Where the second half of `clocks`, kHz in their order, was held down."""
    if len(clocks) < _FEWEST:
        return None
    first, last = median(clocks[: len(clocks) // 2]), median(clocks[len(clocks) // 2 :])
    if last >= _HELD_DOWN * first:
        return None
    return f"throttled: {whose} fell from {first / 1000:.0f} to {last / 1000:.0f} MHz"
