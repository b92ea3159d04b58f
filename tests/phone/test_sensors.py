"""A phone's temperatures, clocks and battery: as a real shell gives them, and as various phones hide them."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, replace

import pytest
from phone import Phone

from lite.phone import sensors
from lite.phone.device import Device
from lite.phone.sensors import Sample

# As AOSP's ThermalManagerService dumps itself.
THERMAL_SERVICE = """IsStatusOverride: false
ThermalEventListeners:
	callbacks: 1
Thermal Status: 2
Cached temperatures:
	Temperature{mValue=20.0, mType=0, mName=CPU0, mStatus=0}
HAL Ready: true
HAL connection:
	ThermalHAL 2.0 connected: yes
Current temperatures from HAL:
	Temperature{mValue=61.5, mType=0, mName=BIG, mStatus=2}
	Temperature{mValue=48.25, mType=0, mName=tz17, mStatus=0}
	Temperature{mValue=70.0, mType=1, mName=GPU, mStatus=0}
	Temperature{mValue=33.1, mType=2, mName=battery, mStatus=0}
	Temperature{mValue=83.0, mType=8, mName=soc, mStatus=0}
Current cooling devices from HAL:
	CoolingDevice{mValue=0, mType=2, mName=cpu-cluster0}
"""


def test_a_phone_tells_all(device: Device) -> None:
    began = time.time()
    found = sensors.read(device)
    assert found.temperatures == {"BIG": 41.0, "LITTLE": 39.5, "battery": 31.2}
    assert found.processor == 41.0
    assert set(found.frequencies.values()) == {2_000_000} == set(found.limits.values())
    assert found.maximums == found.limits
    assert found.silent == ()
    assert set(found.governors.values()) == {"schedutil"}
    assert (found.battery_percent, found.battery_celsius, found.battery_status) == (83, 31.2, "Charging")
    assert began <= found.at <= time.time()


def test_changes_are_seen_at_once(phone: Phone, device: Device) -> None:
    phone.set("sys/class/thermal/thermal_zone0/temp", 78000)
    phone.set("sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", 900_000)
    found = sensors.read(device, services=False)
    assert (found.processor, found.limits[0]) == (78.0, 900_000)


def test_what_is_forbidden_is_missing_and_not_guessed(phone: Phone, device: Device) -> None:
    """As on user builds: zones and power supply are closed to the shell; Android's own service still tells."""
    for path in (
        *(f"sys/class/thermal/thermal_zone{number}/temp" for number in range(3)),
        "sys/class/power_supply/battery/capacity",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
    ):
        (phone.dir / path).chmod(0)
    found = sensors.read(device, services=False)
    assert (found.temperatures, found.processor, found.battery_percent) == ({}, None, None)
    assert found.silent == ("BIG", "LITTLE", "battery")
    assert 0 not in found.frequencies
    assert 0 in found.limits
    # The shell's user may not read capacity, and dumpsys runs as the same user here: its level is empty, too.
    assert sensors.read(device).battery_celsius == 31.2


def test_phone_without_any_of_it(phone: Phone, device: Device) -> None:
    for name in ("thermal", "power_supply"):
        shutil.rmtree(phone.dir / "sys/class" / name)
    for folder in (phone.dir / "sys/devices/system/cpu").glob("cpu[0-9]*"):
        shutil.rmtree(folder)
    found = sensors.read(device)
    assert (found.temperatures, found.frequencies, found.processor, found.thermal_status) == (
        {},
        {},
        None,
        None,
    )


def test_battery_from_androids_service() -> None:
    text = "battery - - -\n  status: 3\n  level: 55\n  temperature: 287\n"
    found = sensors.parse(text, 0)
    assert (found.battery_percent, found.battery_celsius, found.battery_status) == (55, 28.7, "Discharging")


def test_temperatures_from_androids_service_where_the_kernels_are_hidden() -> None:
    found = sensors.parse(THERMAL_SERVICE, 0)
    assert found.temperatures == {"BIG": 61.5, "cpu tz17": 48.25, "GPU": 70.0, "battery": 33.1}
    assert found.processor == 61.5
    assert found.thermal_status == 2
    own = sensors.parse("zone 40000 cpu-0-0\n" + THERMAL_SERVICE, 0)
    assert own.temperatures == {"cpu-0-0": 40.0}
    # The battery's own zone is no reason not to ask for the processor's.
    both = sensors.parse("zone 31000 battery\nzone - cpu\n" + THERMAL_SERVICE, 0)
    assert (both.processor, both.temperatures["battery"], both.silent) == (61.5, 31.0, ("cpu",))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("zone 41000 BIG\nzone 43000 BIG\n", {"BIG": 41.0, "BIG 2": 43.0}),
        ("zone 41 cpu\n", {"cpu": 41.0}),
        ("zone -274000 cpu\nzone 2147483647 cpu\nzone error cpu\nzone 0 cpu\n", {}),
        ("zone 410 cpu\nzone 1500 cpu\nzone -1 cpu\nzone 1501 cool\n", {"cpu": -1.0, "cool": 1.501}),
        ("zone 83 soc\nzone 4123 vbat\nzone 8000 ocp_cpu1\nzone 40000 soc_thermal\n", {"soc_thermal": 40.0}),
        ("zone 38000 cpu thermal zone\n", {"cpu thermal zone": 38.0}),
        ("zone\nzone 1\ncpu x y\nrubbish\n", {"unnamed": 1.0}),
    ],
)
def test_zones_of_all_sorts(lines: str, expected: dict[str, float]) -> None:
    assert sensors.parse(lines, 0).temperatures == expected


@pytest.mark.parametrize(
    ("zone", "is_processor"),
    [
        ("cpu-0-0-usr", True),
        ("cpuss-1", True),
        ("BIG", True),
        ("LITTLE", True),
        ("soc_thermal", True),
        ("mtktscpu", True),
        ("cpu_big0", True),
        ("gpuss-0-usr", False),
        ("battery", False),
        ("usb_pwr_therm", False),
        ("neutral_therm", False),
    ],
)
def test_zones_of_the_processor_by_makers_names(zone: str, is_processor: bool) -> None:
    assert (sensors.parse(f"zone 50000 {zone}\n", 0).processor is not None) == is_processor


def sample(
    celsius: float = 40, clock: int = 2_000_000, limit: int = 2_000_000, status: int | None = 0
) -> Sample:
    return Sample(0, {"cpu": celsius}, celsius, {0: clock}, {0: limit}, thermal_status=status)


STEADY = [20.0] * 30


def test_lower_limits_are_throttling() -> None:
    (why,) = sensors.reasons(sample(), [sample(), sample(limit=1_200_000)], sample(), STEADY)
    assert why == "throttled: the system lowered the top clock of 1 CPU, CPU 0 from 2000 to 1200 MHz"


def test_androids_word_is_throttling() -> None:
    (why,) = sensors.reasons(sample(), [], sample(status=3), STEADY)
    assert "severe" in why


def test_falling_clocks_are_throttling() -> None:
    during = [sample(clock=2_000_000)] * 4 + [sample(clock=1_000_000)] * 4
    (why,) = sensors.reasons(sample(), during, sample(), STEADY)
    assert "from 2000 to 1000 MHz" in why


def test_slower_runs_are_throttling_even_where_sensors_are_hidden() -> None:
    hidden = Sample(0)
    (why,) = sensors.reasons(hidden, [hidden], hidden, [20.0] * 20 + [30.0] * 20)
    assert "50% slower" in why


def test_warmth_alone_is_not() -> None:
    assert sensors.reasons(sample(), [sample(80)], sample(80), STEADY) == []
    assert sensors.reasons(Sample(0), [], Sample(0), STEADY) == []


def test_a_limit_that_is_raised_again_was_low_at_the_start() -> None:
    (why,) = sensors.reasons(sample(limit=1_000_000), [sample()], sample(), STEADY)
    assert why == (
        "throttled: at its start already the system held down the top clock of 1 CPU, CPU 0 to 1000 of 2000 MHz"
    )


def test_a_limit_of_an_earlier_round_and_of_the_cpu_itself_are_what_later_ones_are_held_to() -> None:
    low = sample(limit=1_200_000)
    assert sensors.reasons(low, [low], low, STEADY) == []
    (by_earlier,) = sensors.reasons(low, [low], low, STEADY, earlier=sensors.ceilings([sample()]))
    (by_cpu,) = sensors.reasons(replace(low, maximums={0: 2_000_000}), [low], low, STEADY)
    assert by_earlier == by_cpu
    assert "CPU 0 to 1200 of 2000 MHz" in by_cpu
    (lower,) = sensors.reasons(low, [sample(limit=600_000)], low, STEADY, earlier={0: 2_000_000})
    assert lower.endswith("CPU 0 from 1200 to 600 MHz of 2000")


def test_an_idle_cpus_clock_is_no_throttling() -> None:
    """CPUs 4 and 5 idle while the mask has the run on 0 to 3."""
    clocks = [2_800_000] * 4 + [500_000] * 4
    during = [
        Sample(0, frequencies={0: 1_800_000, 4: clock}, limits={0: 1_800_000, 4: clock}) for clock in clocks
    ]
    assert sensors.reasons(during[0], during, during[-1], STEADY, cpu_mask="0f") == []
    assert len(sensors.reasons(during[0], during, during[-1], STEADY, cpu_mask="ff")) == 2
    assert len(sensors.reasons(during[0], during, during[-1], STEADY)) == 2


def test_masks() -> None:
    assert sensors.cpus_of("f0") == {4, 5, 6, 7}
    assert sensors.cpus_of("81") == {0, 7}
    assert sensors.cpus_of("") == set()


def test_a_sample_comes_back_from_json(device: Device) -> None:
    found = sensors.read(device)
    assert Sample.from_dict(json.loads(json.dumps(asdict(found)))) == found


def test_a_clock_that_falls_under_the_runs() -> None:
    """By what the demo reads between runs; moving to another CPU is no falling clock, nor are three looks enough."""
    fell = [(4, 2_850_000)] * 6 + [(4, 1_800_000)] * 6
    assert sensors.reasons(Sample(0), [], Sample(0), [], clocks=fell) == [
        "throttled: the clock of CPU 4 under the runs fell from 2850 to 1800 MHz"
    ]
    moved = [(6, 2_850_000)] * 6 + [(0, 1_800_000)] * 5
    for calm in (moved, fell[5:8], [(4, 2_850_000), (4, 2_600_000)] * 6, []):
        assert sensors.reasons(Sample(0), [], Sample(0), [], clocks=calm) == []


def test_uptime_ties_a_sample_to_runs(device: Device) -> None:
    first, second = (sensors.read(device, services=False).uptime for _ in range(2))
    assert first is not None
    assert second is not None
    assert 0 < first <= second
    assert sensors.parse("uptime -\n", 0).uptime is None
