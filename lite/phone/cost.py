"""What a run costs beside time: energy by the battery's own gauge, and memory while it goes on.

Both are looked at in starts of their own, whose latencies count for nothing: adding up a process's memory holds it up.
Every look is a shell's own `read`, once a second, in the shell that started the demo.

The kernel has current and voltage in microamperes and microvolts (its power supply class), but some makers' drivers
have them in thousandths, and makers differ in the sign. What cannot be told apart is not told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lite.phone import demo
from lite.phone.demo import Bench
from lite.phone.measure import Phone, timing
from lite.phone.plan import Candidate, Configuration

# Gauges average over about a second.
_EVERY = 1
IDLE_SECONDS = 10
_DISCHARGING = "Discharging"
_FEWEST = 4
# A cell has 2 to 5 V, a phone one or two cells in series.
_VOLTS = (2.0, 10.0)
# A phone with a core at work takes 20 mA at least, and its battery gives 8 A at most. So a reading over 20,000 is in
# microamperes, one under 8,000 in milliamperes; between them lies what neither can be.
_LEAST_MICRO, _MOST_MILLI = 20_000, 8_000
# Under or over that it is no phone at work.
_WATTS = (0.05, 30.0)
# Loading is over, and the gauge has seen it.
_SETTLED = 0.25

# Of /proc/self/stat no other field is needed than the time since boot, which /proc/uptime has.
_LOOK = """
look() {
  u=-; i=-; v=-; s=-; m=-
  read -r u _ </proc/uptime
  read -r i <$b/current_now; read -r v <$b/voltage_now; read -r s <$b/status
  [ "$1" ] && while read -r k n _; do [ "$k" = Pss: ] && m=$n; done </proc/$1/smaps_rollup
  echo "look $u ${i:--} ${v:--} ${m:--} ${s:--}"
} 2>/dev/null
b=/sys/class/power_supply/battery
"""
_LINE = re.compile(r"^look (\d+\.\d+) (-?\d+|-) (-?\d+|-) (\d+|-) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Look:
    """One look: `at` in seconds since the phone's start, the battery's numbers as they are, PSS in KiB.

    What is hidden is None; `pss_kib` is None beside no demo.
    """

    at: float
    current: int | None
    voltage: int | None
    pss_kib: int | None
    status: str | None


@dataclass(frozen=True)
class Power:
    """Watts that left the battery while the demo ran and before, medians of the looks, or why they are not told."""

    running: float | None
    idle: float | None
    not_told: str | None


@dataclass(frozen=True)
class RunCost:
    """What `runs` runs of a bundle cost. `mean_ms`: latency in this start.

    `millijoules`: energy of one run; `above_idle`: what is beyond the phone's idle power in that time. `not_told`: why
    there is no energy. `charger`: the battery's states in the run. `pss_kib`: the median while it ran, and the highest.
    """

    bundle: str
    configuration: Configuration
    runs: int
    mean_ms: float
    power: Power
    millijoules: float | None
    above_idle: float | None
    charger: Sequence[str]
    pss_kib: int | None
    pss_highest_kib: int | None
    idle: Sequence[Look]
    running: Sequence[Look]


def parse(text: str) -> list[Look]:
    """The looks among the lines that the phone printed."""

    def number(word: str) -> int | None:
        return None if word == "-" else int(word)

    return [
        Look(float(at), number(current), number(voltage), number(pss), None if status == "-" else status)
        for at, current, voltage, pss, status in _LINE.findall(text)
    ]


def measure(
    phone: Phone, candidate: Candidate, configuration: Configuration, latency_ms: float, seconds: float
) -> RunCost:
    """Runs a bundle for about `seconds`, by the latency that was measured.

    Raises DemoError, PhoneError or StoppedError.
    """
    phone.check_stop()
    phone.say(f"cost of {candidate.name}, {configuration}: the phone idle for {IDLE_SECONDS} s")
    with phone.stages.stage("cost"):
        script = f"{_LOOK} n=0; while [ $n -lt {IDLE_SECONDS} ]; do sleep {_EVERY}; look; n=$((n+1)); done"
        idle = parse(phone.device.run(script, IDLE_SECONDS * 10.0 + 60).stdout)
    phone.check_stop()
    runs = min(demo.MOST_RUNS, max(1, math.ceil(1000 * seconds / latency_ms)))
    phone.say(f"cost of {candidate.name}, {configuration}: {runs} runs, about {seconds:g} s")
    request = timing(candidate, configuration, Bench(phone.plan.warmup, runs))
    with phone.stages.stage("cost"):
        document, finished = demo.watched(
            phone.device,
            phone.folder,
            request,
            timeout=phone.plan.timeout + 3 * seconds,
            around=lambda command: _around(command, f"{phone.folder}/looks.txt"),
        )
    phone.check()
    latencies = document["bench"]["latencies_ms"]
    return of_looks(candidate.name, configuration, latencies, idle, parse(finished.stdout))


def of_looks(
    bundle: str,
    configuration: Configuration,
    latencies: Sequence[float],
    idle: Sequence[Look],
    running: Sequence[Look],
) -> RunCost:
    """The cost by what was looked at; `latencies` in ms."""
    power, mean = power_of(idle, running), sum(latencies) / len(latencies)
    memory = [look.pss_kib for look in running if look.pss_kib]
    above = None if power.running is None or power.idle is None else (power.running - power.idle) * mean
    return RunCost(
        bundle, configuration, len(latencies), mean, power,
        None if power.running is None else power.running * mean, above,
        list(dict.fromkeys(look.status for look in running if look.status)),
        round(median(memory)) if memory else None, max(memory, default=None), idle, running,
    )  # fmt: skip


def power_of(idle: Sequence[Look], running: Sequence[Look]) -> Power:
    """Watts of the phone idle and at work, as far as the battery tells them; looks at its beginning are left out."""
    settled = running[int(len(running) * _SETTLED) :]
    known = [look for look in settled if look.current is not None and look.voltage is not None]
    if not known:
        return _not_told("the phone hides its battery's current or voltage (current_now, voltage_now)")
    states = list(dict.fromkeys(look.status or "of unknown state" for look in (*idle, *running)))
    if states != [_DISCHARGING]:
        why = f"the battery was {', '.join(states)}, and what a charger gives is not in its current"
        return _not_told(
            f"{why}; take the cable out and reach the phone over Wi-Fi (adb tcpip 5555, adb connect)"
        )
    if len(known) < _FEWEST:
        return _not_told(f"too few looks at the battery ({len(known)}); give --cost more seconds")
    currents = [look.current for look in known if look.current is not None]
    if len({current > 0 for current in currents if current}) > 1:
        return _not_told("the battery's current changed its sign while it was discharging")
    before = [look for look in idle if look.current is not None and look.voltage is not None]
    if len({look.current for look in (*before, *known)}) == 1:
        return _not_told(f"the battery's gauge said {currents[0]} all the time, idle and at work")
    ampere = _ampere(median(map(abs, currents)))
    volt = _volt(median(look.voltage for look in known if look.voltage is not None))
    if ampere is None or volt is None:
        return _not_told(
            f"current {currents[-1]} and voltage {known[-1].voltage} are in units that cannot be told apart"
        )

    def watts(looks: Sequence[Look]) -> float:
        return ampere * volt * median(abs((look.current or 0) * (look.voltage or 0)) for look in looks)

    running_watts = watts(known)
    if not _WATTS[0] <= running_watts <= _WATTS[1]:
        return _not_told(f"{running_watts:.3g} W by the battery's gauge is no phone's at work")
    return Power(running_watts, watts(before) if before else None, None)


def _not_told(why: str) -> Power:
    return Power(None, None, why)


def _ampere(reading: float) -> float | None:
    """What one unit of a current reading is, in amperes."""
    if reading >= _LEAST_MICRO:
        return 1e-6
    return 1e-3 if 0 < reading <= _MOST_MILLI else None


def _volt(reading: float) -> float | None:
    """What one unit of a voltage reading is, in volts."""
    return next((unit for unit in (1e-6, 1e-3) if _VOLTS[0] <= reading * unit <= _VOLTS[1]), None)


def _around(command: str, file: str) -> str:
    """A text for the shell: the command, looked at every second, and then all looks; its exit code is the command's."""
    return (
        f"{_LOOK} {command} & d=$!; : >{file}; "
        f"while kill -0 $d 2>/dev/null; do sleep {_EVERY}; look $d >>{file}; done; "
        f"wait $d; code=$?; cat {file}; rm -f {file}; exit $code"
    )
