"""What a phone sustains: figures of soaks that are made up, and a short one on the test phone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench import bench, results
from measurements import outcome, round_of, sample
from phone import Phone

from lite import bundle
from lite.phone import report
from lite.phone import results as results_files
from lite.phone.binaries import Binaries
from lite.phone.measured import Measurement, RunClock
from lite.phone.plan import BenchPlan, Candidate, Configuration
from lite.phone.session import PhoneJob
from lite.phone.statistics import sustained

RANDOM = np.random.default_rng(18)


def runs(level: float, seconds: float) -> list[float]:
    """So many runs of about `level` ms that they fill the seconds."""
    return list(level * np.exp(RANDOM.normal(0, 0.01, round(1000 * seconds / level))))


def test_a_phone_that_throttles_after_two_minutes() -> None:
    found = sustained([*runs(20, 120), *runs(26, 480)])
    assert (found.first_ms, found.sustained_ms) == pytest.approx((20, 26), rel=0.01)
    assert (found.first_seconds, found.last_seconds) == pytest.approx((60, 200), rel=0.01)
    assert found.since == pytest.approx(120, abs=12)
    assert found.throttled
    assert str(found).startswith("sustained 26.")
    assert "% slower than the first 60 s (20.0 ms), slower from 1" in str(found)


def test_one_that_does_not() -> None:
    found = sustained(runs(20, 600))
    assert (found.throttled, found.since) == (False, None)
    assert str(found) == "sustained 20.0 ms over the last 200 s, as fast as the first 60 s (20.0 ms)"


def test_a_slow_while_in_the_middle_is_no_throttling_at_the_end() -> None:
    found = sustained([*runs(20, 200), *runs(30, 100), *runs(20, 300)])
    assert (found.throttled, found.since) == (False, None)


def test_one_that_gets_faster() -> None:
    found = sustained([*runs(30, 60), *runs(20, 120)])
    assert "33% faster than the first 60 s (30.0 ms)" in str(found)


@pytest.mark.parametrize("latencies", [[20.0], [20.0, 21.0], [1.0, 1.0, 5000.0], [5000.0, 1.0, 1.0]])
def test_short_ones_have_figures_too(latencies: list[float]) -> None:
    found = sustained(latencies)
    assert found.first_ms in latencies
    assert found.sustained_ms in [*latencies, 1.0]
    assert str(found)


@pytest.fixture
def soaked(tiny_bundle: Path) -> Measurement:
    """Ten minutes that throttle after two, the sensors tied to the runs by the phone's own clock."""
    candidate = Candidate(bundle.read(tiny_bundle), "/data/local/tmp/b", host=True)
    used = {
        "file": "b/host.nb", "bytes": 9, "threads": 1, "power_mode": "no-bind", "cpu_mask": "3", "deit": "0.1.0",
        "engine": "v2.13-rc", "opt": "v2.13-rc",
    }  # fmt: skip
    latencies = [*runs(20, 120), *runs(26, 480)]
    clocks = [
        RunClock(run, 1, 2_000_000 if run < 6000 else 1_500_000) for run in range(0, len(latencies), 100)
    ]
    one = round_of(
        latencies,
        1000,
        began_s=505.0,
        clocks=clocks,
        during=[sample(1000 + second, 40 + min(second, 120) / 6) for second in range(0, 600, 10)],
        throttled=[f"slowed down: {sustained(latencies)}"],
    )
    return Measurement(candidate, Configuration(1), 50, 1, [one], used, soak=True)


def test_it_is_in_results_report_and_table(soaked: Measurement) -> None:
    plan = BenchPlan(rounds=1, min_seconds=600, soak=True)
    job = PhoneJob([soaked.candidate.bundle], plan, Binaries(None, None))
    document = results_files.document([outcome(soaked)], job)
    assert results_files.problem(document) is None
    (row,) = document["phones"][0]["measurements"]
    assert row["sustained"]["sustained_ms"] == pytest.approx(26, rel=0.01)
    assert row["complete"]
    assert "one start: no interval" in row["notes"]
    page = report.render(document)
    assert page.count("over the last 200 s, ") >= 2
    # Latency, clock and temperatures, in both widths.
    assert page.count("latency, clock and temperature over 600 s") == 2
    for label in ("GHz", "seconds of measured runs", "processor", "battery"):
        assert label in page
    assert results_files.table(document).splitlines()[1].split(",")[1] == ""
    assert "sustained_ms" in results_files.table(document).splitlines()[0]


def test_a_phone_that_hides_clocks_and_temperatures_has_its_latencies_drawn(soaked: Measurement) -> None:
    hidden = round_of(soaked.rounds[0].latencies_ms, celsius=None, clocks=[], began_s=None)
    soaked.rounds[:] = [hidden]
    job = PhoneJob([soaked.candidate.bundle], BenchPlan(rounds=1, soak=True), Binaries(None, None))
    page = report.render(results_files.document([outcome(soaked)], job))
    assert "This phone hides its clocks." in page


def test_a_soak_on_the_test_phone(phone: Phone, options: tuple[object, ...], tmp_path: Path) -> None:
    """Its runs take so long together, its clocks are told, and its samples are tied to its runs."""
    phone.set("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", 1_500_000)
    done = bench(*options, "--soak", 0.1, "--sensors-every", 0.5, "--warmup", 1, "--cpu-mask", 1)
    assert done.returncode == 0, done.stderr
    document = results(tmp_path / "out")
    assert (document["plan"]["soak"], document["plan"]["min_seconds"], document["plan"]["rounds"]) == (
        True,
        6,
        1,
    )
    (row,) = document["phones"][0]["measurements"]
    (one,) = row["rounds"]
    assert sum(one["latencies_ms"]) >= 6000
    assert {(clock["cpu"], clock["khz"]) for clock in one["clocks"]} == {(0, 1_500_000)}
    assert one["before"]["uptime"] < one["began_s"] < one["after"]["uptime"]
    inside = [each for each in one["during"] if one["began_s"] < each["uptime"] < one["after"]["uptime"]]
    assert inside
    assert "slow clock: CPU 0 ran at 1500 of 2000 MHz in half of the runs" in row["notes"]
    assert "over the last " in done.stdout
    # It is silent until it ends.
    assert ": 1 of 1, a soak of 0.1 min" in done.stderr
    assert "Soak: " in (tmp_path / "out/report.html").read_text()


def test_a_soak_of_no_time_is_refused() -> None:
    done = bench("--soak", 0)
    assert done.returncode == 2
    assert "0.0 is not in the range 0<x<=1440" in done.stderr


@pytest.mark.parametrize("other", [("--rounds", 2), ("--min-seconds", 5)])
def test_a_soak_is_one_start(other: tuple[object, ...]) -> None:
    done = bench("--soak", 1, *other)
    assert done.returncode == 2
    assert "give it without --rounds and --min-seconds" in " ".join(done.stderr.split())


def test_min_seconds_are_spread_over_the_starts(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    done = bench(*options, "--min-seconds", 1.5, "--repeats", 3, "--rounds", 3, "--warmup", 0)
    assert done.returncode == 0, done.stderr
    (row,) = results(tmp_path / "out")["phones"][0]["measurements"]
    assert [sum(one["latencies_ms"]) >= 500 for one in row["rounds"]] == [True] * 3
    assert row["complete"]
    assert row["sustained"] is None
