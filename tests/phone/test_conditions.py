"""What else goes on on a phone before it is measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import bench, results
from phone import Phone

from lite.phone import conditions
from lite.phone.conditions import Conditions
from lite.phone.device import Device

# Of two looks half a second apart: 200 ticks, 130 of them idle, 20 waiting for storage.
STAT = "cpu  1000 10 500 8000 100 0 20 0 0 0\n", "cpu  1040 10 508 8130 120 0 22 0 0 0\n"


def test_a_phone_tells_screen_charger_and_load(phone: Phone, device: Device) -> None:
    """The work is this computer's, which is no more of it than all."""
    found = conditions.read(device)
    assert (found.screen_on, found.charger, found.charging) == (False, "USB", True)
    assert found.load is not None
    assert found.busy is not None
    assert 0 <= found.busy <= 1
    phone.set("system/stand_in/wakefulness", "Awake")
    phone.set("sys/class/power_supply/battery/status", "Discharging")
    found = conditions.read(device)
    assert (found.screen_on, found.charging) == (True, False)


def test_what_is_not_told_is_not_guessed(phone: Phone, device: Device) -> None:
    (phone.dir / "system/bin/dumpsys").unlink()
    found = conditions.read(device)
    assert (found.screen_on, found.charger, found.charging) == (None, None, None)
    assert conditions.parse("") == Conditions(None, None, None, None, None)
    assert conditions.parse("").warnings == []


def test_other_work_is_the_share_of_time_that_was_not_idle() -> None:
    assert conditions.parse("".join(STAT)).busy == pytest.approx(1 - 150 / 200)
    # One look alone, one that runs backwards, and two that are the same say nothing.
    for lines in (STAT[:1], STAT[::-1], STAT[:1] * 2):
        assert conditions.parse("".join(lines)).busy is None


def test_each_is_warned_of() -> None:
    found = Conditions(screen_on=True, charger="USB", charging=True, busy=0.25, load=9.1)
    assert found.warnings == [
        "the screen is on: what it draws takes processor time; switch it off",
        "it charges (USB), which warms it",
        "other work took 25% of its processors' time before the bench",
    ]
    calm = Conditions(screen_on=False, charger="", charging=False, busy=0.02, load=9.1)
    assert calm.warnings == []


def test_a_bench_says_it(phone: Phone, options: tuple[object, ...], tmp_path: Path) -> None:
    phone.set("system/stand_in/wakefulness", "Awake")
    done = bench(*options, "--repeats", 2, "--warmup", 0)
    assert done.returncode == 0, done.stderr
    (one,) = results(tmp_path / "out")["phones"]
    assert one["conditions"]["warnings"][:2] == [
        "the screen is on: what it draws takes processor time; switch it off",
        "it charges (USB), which warms it",
    ]
    assert f"{phone.serial}: the screen is on" in done.stdout
    page = (tmp_path / "out/report.html").read_text()
    assert "It charges (USB), which warms it." in " ".join(page.split())
    assert "screen on; charger USB, charging; other work" in page
