"""One phone measured by the library: turns, cool-down, throttling, what the engine made of a configuration."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from bench import measuring
from phone import Phone
from test_engine_profile import SAID
from waiting import HANG, until

from lite import bundle
from lite.phone import measure, push
from lite.phone.binaries import Binaries
from lite.phone.demo import kernel_times
from lite.phone.device import Device
from lite.phone.measure import StoppedError
from lite.phone.measured import PhoneFigures
from lite.phone.plan import BenchPlan, Candidate
from lite.stages import Stages

Make = Callable[..., measure.Phone]


@pytest.fixture
def candidates(device: Device, deit: Path, tiny_bundle: Path, tmp_path: Path) -> list[Candidate]:
    """The bundle under two names, on the phone with all that it needs."""
    files = Binaries(demo=deit).find("x86_64").files
    tensor = tmp_path / "golden.f32"
    made = bundle.read(tiny_bundle)
    made.golden()[0].astype("<f4").tofile(tensor)
    found = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        for path in tiny_bundle.iterdir():
            (folder / path.name).hardlink_to(path)
        golden = [path.name for path in made.golden_pictures().files]
        files |= {
            f"{name}/{file}": folder / file for file in ("host.nb", "labels.txt", "manifest.json", *golden)
        }
        files[f"{name}/golden.f32"] = tensor
        found.append(Candidate(bundle.read(folder), f"{push.FOLDER}/{name}", host=True))
    push.push(device, files)
    return found


@pytest.fixture
def prepared(device: Device) -> Make:
    """Makes the phone with a plan."""

    def make(say: Callable[[str], None] = lambda text: None, **plan: object) -> measure.Phone:
        values = {"warmup": 0, "repeats": 2, "rounds": 1, "sample_seconds": 0.0, **plan}
        return measure.Phone(device, push.FOLDER, BenchPlan(**values), Stages(), say)  # type: ignore[arg-type]

    return make


def test_bundles_take_turns_back_and_forth(prepared: Make, candidates: list[Candidate]) -> None:
    into = PhoneFigures()
    prepared(repeats=7, rounds=3).measure(candidates, into)
    starts = sorted(
        (one.before.at, measurement.candidate.name)
        for measurement in into.measurements
        for one in measurement.rounds
    )
    assert [name for _, name in starts] == ["first", "second", "second", "first", "first", "second"]
    assert [[len(one.latencies_ms) for one in row.rounds] for row in into.measurements] == [[3, 2, 2]] * 2
    (compared,) = into.comparisons("first")
    assert compared.speed_up.rounds == 3
    assert compared.speed_up.ratio > 0


def test_matrix_of_threads_and_masks(prepared: Make, candidates: list[Candidate]) -> None:
    """A thread count and a mask that the engine says it obeyed."""
    into = PhoneFigures()
    prepared(threads=(1, 2), cores=("1",)).measure(candidates[:1], into)
    assert [(row.configuration.threads, row.used["cpu_mask"]) for row in into.measurements] == [
        (1, "1"),
        (2, "1"),
    ]
    assert all(row.rounds[0].peak_rss_kib > 20_000 for row in into.measurements)
    assert all(row.rounds[0].load_ms > 0 for row in into.measurements)
    assert all(row.rounds[0].first_run_ms > 0 for row in into.measurements)


def test_power_mode_that_x86_has_not_is_said(prepared: Make, candidates: list[Candidate]) -> None:
    into = PhoneFigures()
    prepared(power_modes=("high",)).measure(candidates[:1], into)
    assert "power mode high is not this engine's: no-bind" in into.measurements[0].notes


def test_sensors_are_read_before_during_and_after(prepared: Make, candidates: list[Candidate]) -> None:
    into = PhoneFigures()
    prepared(repeats=40, sample_seconds=0.05).measure(candidates[:1], into)
    (one,) = into.measurements[0].rounds
    assert len(one.during) >= 2
    assert one.before.at < one.during[0].at <= one.during[-1].at < one.after.at
    assert one.before.battery_percent == 83
    assert one.throttled == [] or "slowed down" in one.throttled[0], (
        "sensors were calm; the computer may be busy"
    )


def test_throttling_is_seen_while_it_happens(
    phone: Phone, prepared: Make, candidates: list[Candidate]
) -> None:
    """The kernel lowers a CPU's limit in the middle of the run, and takes it back before the end."""
    limit = "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq"

    def throttle() -> None:
        demo = measuring(phone)
        # Meanwhile nothing but the sensors says anything, and each look at them is a few hundred bytes.
        os.kill(demo, signal.SIGSTOP)
        try:
            phone.set(limit, 800_000)
            said = phone.relay.passed["to_host"]
            until(lambda: phone.relay.passed["to_host"] > said + 20_000)
            phone.set(limit, 2_000_000)
        finally:
            os.kill(demo, signal.SIGCONT)

    thread = threading.Thread(target=throttle)
    thread.start()
    into = PhoneFigures()
    prepared(repeats=40, sample_seconds=0.05, timeout=HANG).measure(candidates[:1], into)
    thread.join()
    assert "throttled: the system lowered the top clock of 1 CPU, CPU 0 from 2000 to 800 MHz" in (
        into.measurements[0].notes
    )


def test_a_limit_that_was_lowered_before_is_seen_and_remembered(
    phone: Phone, prepared: Make, candidates: list[Candidate]
) -> None:
    """Before the start by what the CPU can; where the phone hides that, by what an earlier round was allowed."""
    limit = "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq"
    phone.set(limit, 800_000)
    held = "throttled: at its start already the system held down the top clock of 1 CPU, CPU 0 to 800 of 2000 MHz"
    into = PhoneFigures()
    prepared().measure(candidates[:1], into)
    assert held in into.measurements[0].notes
    for path in (phone.dir / "sys/devices/system/cpu").glob("cpu*/cpufreq/cpuinfo_max_freq"):
        path.unlink()
    phone.set(limit, 2_000_000)
    into, made = PhoneFigures(), prepared(repeats=3, rounds=3)
    made.measured = lambda: phone.set(limit, 800_000)
    made.measure(candidates[:1], into)
    assert [held in one.throttled for one in into.measurements[0].rounds] == [False, True, True]


def test_cpus_that_may_not_be_used_do_not_count(
    phone: Phone, prepared: Make, candidates: list[Candidate]
) -> None:
    phone.set("sys/devices/system/cpu/cpu1/cpufreq/scaling_max_freq", 800_000)
    into = PhoneFigures()
    prepared(cores=("1", "2")).measure(candidates[:1], into)
    assert [any("CPU 1" in note for note in row.notes) for row in into.measurements] == [False, True]


def test_waits_until_the_phone_is_cool(phone: Phone, prepared: Make, candidates: list[Candidate]) -> None:
    zone = "sys/class/thermal/thermal_zone0/temp"
    phone.set(zone, 52_000)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if text.startswith("cooling down"):
            phone.set(zone, 39_000)

    into = PhoneFigures()
    prepared(say, cooldown_celsius=40.0, cooldown_limit=HANG).measure(candidates[:1], into)
    waited = into.measurements[0].rounds[0].cooldown
    assert waited is not None
    assert (waited.reached, waited.celsius) == (True, 39.5)
    assert waited.seconds > 0
    assert "cooling down: processor 52.0 °C, wanted 40" in said


def test_does_not_wait_for_ever_and_says_so(
    phone: Phone, prepared: Make, candidates: list[Candidate]
) -> None:
    phone.set("sys/class/thermal/thermal_zone0/temp", 61_000)
    into = PhoneFigures()
    prepared(cooldown_celsius=40.0, cooldown_limit=1.0).measure(candidates[:1], into)
    assert "not cooled down: started at 61 °C" in into.measurements[0].notes


def test_a_wait_for_the_battery_is_said(phone: Phone, prepared: Make, candidates: list[Candidate]) -> None:
    """Its processor's zones may not be read; one that is off or counts tenths is none either."""
    zones = phone.dir / "sys/class/thermal"
    (zones / "thermal_zone0/temp").chmod(0)
    phone.set("sys/class/thermal/thermal_zone1/temp", 410)
    into = PhoneFigures()
    prepared(cooldown_celsius=40.0).measure(candidates[:1], into)
    (row,) = into.measurements
    waited = row.rounds[0].cooldown
    assert waited is not None
    assert (waited.sensor, waited.celsius, waited.reached) == ("battery", 31.2, True)
    assert row.rounds[0].before.silent == ("BIG", "LITTLE")
    assert "waited for the battery to be cool: the processor's temperature cannot be read" in row.notes


def test_stop_between_rounds_keeps_what_there_is(prepared: Make, candidates: list[Candidate]) -> None:
    into = PhoneFigures()
    made = prepared(repeats=40, rounds=20)
    made.say = lambda text: made.stop.set() if "3 of 20" in text else None
    with pytest.raises(StoppedError):
        made.measure(candidates[:1], into)
    assert len(into.measurements[0].rounds) == 3


def test_stop_while_it_cools_down_is_heard_at_once(
    phone: Phone, prepared: Make, candidates: list[Candidate]
) -> None:
    phone.set("sys/class/thermal/thermal_zone0/temp", 61_000)
    made = prepared(cooldown_celsius=40.0, cooldown_limit=1e6)
    made.say = lambda text: made.stop.set() if text.startswith("cooling down") else None
    with pytest.raises(StoppedError):
        made.measure(candidates[:1], PhoneFigures())


def test_rounds_of_a_profile_build_are_told_whatever_engine_goes_on(
    prepared: Make, candidates: list[Candidate]
) -> None:
    into = PhoneFigures()
    prepared(repeats=1, rounds=1).measure(candidates[:1], into)
    (row,) = into.measurements
    row.kernels = kernel_times(SAID)
    prepared(repeats=2, rounds=2).measure(candidates[:1], into)
    assert len(row.rounds) == 2
    assert row.kernels == kernel_times(SAID)
    assert "the engine is a profile build: its own timing of each operator is in these latencies" in row.notes


def test_golden_picture_goes_through_the_phones_own_preprocessing(
    prepared: Make, candidates: list[Candidate]
) -> None:
    into = PhoneFigures()
    prepared().check_golden(candidates[0], into)
    assert [(one.input, one.rule, one.passed) for one in into.golden] == [
        ("tensor", "max_abs", True),
        ("picture", "max_abs", True),
    ]
