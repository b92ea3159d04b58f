"""`deit --bench` keeps every run's latency; the core reads a .nb once and allocates nothing between runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo import copy_bundle, document, refusal, run

WARMUP, REPEATS = 2, 9


@pytest.fixture(scope="module")
def measured(host_build: Path, tiny_bundle: Path) -> dict[str, Any]:
    options = ("--warmup", WARMUP, "--repeats", REPEATS, "--logits")
    return document(run(host_build / "deit", "--bench", "--bundle", tiny_bundle, "--host", *options))


def test_every_latency_is_kept(measured: dict[str, Any]) -> None:
    bench = measured["bench"]
    assert bench["partial"] is False
    assert (bench["warmup"], bench["repeats"], len(bench["latencies_ms"])) == (WARMUP, REPEATS, REPEATS)
    assert min(bench["latencies_ms"]) > 0
    assert len(set(bench["latencies_ms"])) > 1
    assert bench["first_run_ms"] > 0
    assert measured["load_ms"] > 0


def test_statistics_are_numpys(measured: dict[str, Any]) -> None:
    latencies = np.array(measured["bench"]["latencies_ms"])
    p50, p90, p99 = np.percentile(latencies, [50, 90, 99])
    expected = {
        "mean": latencies.mean(),
        "p50": p50,
        "p90": p90,
        "p99": p99,
        "min": latencies.min(),
        "max": latencies.max(),
        "stddev": latencies.std(ddof=1),
    }
    assert measured["bench"]["statistics"] == pytest.approx(expected, rel=1e-9)


def test_golden_picture_runs_if_none_is_given(measured: dict[str, Any], tiny_bundle: Path) -> None:
    (picture,) = measured["pictures"]
    assert picture["picture"] == str(tiny_bundle / "golden.png")
    golden = np.load(tiny_bundle / "golden.npz")["logits"]
    np.testing.assert_allclose(picture["logits"], golden, atol=1e-4, rtol=0)


def test_peak_memory_holds_the_network(measured: dict[str, Any]) -> None:
    assert measured["bytes"] / 1024 < measured["peak_rss_kib"] < 2 * 1024 * 1024


def test_single_run_without_warm_up(host_build: Path, tiny_bundle: Path) -> None:
    options = ("--warmup", 0, "--repeats", 1)
    done = run(host_build / "deit", "--bench", "--bundle", tiny_bundle, "--host", *options)
    bench = document(done)["bench"]
    (latency,) = bench["latencies_ms"]
    statistics = bench["statistics"]
    assert statistics.pop("stddev") == 0
    assert set(statistics.values()) == {latency}
    assert "\n1 run after 0 to warm up" in done.stdout


def test_cpu_mask_is_in_force(host_build: Path, tiny_bundle: Path) -> None:
    processor = max(os.sched_getaffinity(0))
    mask = f"{1 << processor:x}"
    options = ("--warmup", 0, "--repeats", 1, "--cpu-mask", f"0x{mask.upper()}")
    done = run(host_build / "deit", "--bench", "--bundle", tiny_bundle, "--host", *options)
    assert document(done)["cpu_mask"] == mask


def test_timeout_ends_a_run_that_takes_too_long(host_build: Path, tiny_bundle: Path) -> None:
    start = time.monotonic()
    options = ("--repeats", 1_000_000, "--timeout", 1.5)
    done = run(host_build / "deit", "--bench", "--bundle", tiny_bundle, "--host", *options)
    assert "not done after 1.5 s" in refusal(done, 6)
    assert time.monotonic() - start > 1.4


def interrupted(host_build: Path, bundle: Path, *options: object) -> subprocess.CompletedProcess[str]:
    """A bench that gets SIGINT in the middle of its runs."""
    command = [host_build / "deit", "--bench", "--bundle", bundle, "--host", *options]
    words = [str(word) for word in command]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        # Loading takes less than a second of processor time.
        wait_for_processor_time(bench, 4)
        bench.send_signal(signal.SIGINT)
        out, errors = bench.communicate()
    return subprocess.CompletedProcess(words, bench.returncode, out, errors)


def wait_for_processor_time(process: subprocess.Popen[str], seconds: float) -> None:
    """Returns when the process has used that much, however slow the machine is, or has ended."""
    ticks = os.sysconf("SC_CLK_TCK")
    while process.poll() is None:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / ticks >= seconds:
            return
        time.sleep(0.01)


def test_ctrl_c_reports_the_runs_so_far(host_build: Path, tiny_bundle: Path) -> None:
    done = interrupted(host_build, tiny_bundle, "--warmup", 0, "--repeats", 1_000_000)
    measured = document(done, code=130)["bench"]
    count = len(measured["latencies_ms"])
    assert measured["partial"] is True
    assert 0 < count == measured["repeats"] < 1_000_000
    assert done.stderr == f"deit: interrupted after {count} of 1000000 runs: the figures are of these\n"
    assert measured["statistics"]["max"] == max(measured["latencies_ms"])


def test_ctrl_c_while_warming_up_reports_nothing(host_build: Path, tiny_bundle: Path) -> None:
    done = interrupted(host_build, tiny_bundle, "--warmup", 1_000_000, "--repeats", 5)
    assert "interrupted before the first measured run" in refusal(done, 130)


def test_min_seconds_and_repeats_are_both_reached(host_build: Path, tiny_bundle: Path) -> None:
    """And no more than that: without its last run it would not have been."""

    def latencies(repeats: int, seconds: float) -> list[float]:
        options = ("--warmup", 0, "--repeats", repeats, "--min-seconds", seconds)
        done = run(host_build / "deit", "--bench", "--bundle", tiny_bundle, "--host", *options)
        found: list[float] = document(done)["bench"]["latencies_ms"]
        return found

    many = latencies(1, 0.5)
    assert sum(many[:-1]) < 500 <= sum(many)
    assert len(latencies(4, 0.000001)) == 4


@pytest.mark.parametrize("seconds", ["nan", "-1", "soon"])
def test_min_seconds_that_are_no_number_of_seconds(host_build: Path, tiny_bundle: Path, seconds: str) -> None:
    done = run(host_build / "deit", "--bench", "--bundle", tiny_bundle, "--host", "--min-seconds", seconds)
    assert "--min-seconds" in refusal(done, 2)


def test_it_says_when_the_runs_began(host_build: Path, tiny_bundle: Path) -> None:
    """By the clock that /proc/uptime shows, which has two decimals."""

    def uptime() -> float:
        return float(Path("/proc/uptime").read_text().split()[0])

    before = uptime()
    done = run(host_build / "deit", "--bench", "--bundle", tiny_bundle, "--host", "--repeats", 3)
    bench = document(done)["bench"]
    assert before <= bench["began_s"] <= uptime() - sum(bench["latencies_ms"]) / 1000 + 0.02


def test_clocks_are_of_runs_on_cpus_that_it_may_use(measured: dict[str, Any]) -> None:
    """Empty where the kernel has no cpufreq, as most virtual machines; tests/phone shows one that has."""
    clocks = measured["bench"]["clocks"]
    assert [one["run"] for one in clocks] == sorted({one["run"] for one in clocks})
    assert all(one["run"] < REPEATS and one["cpu"] in os.sched_getaffinity(0) for one in clocks)
    assert bool(clocks) == Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").exists()


def test_bench_needs_its_picture(host_build: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    copy = copy_bundle(tiny_bundle, tmp_path / "copy", golden_png=None)
    done = run(host_build / "deit", "--bench", "--bundle", copy, "--host")
    assert "golden.png" in refusal(done, 3)


@pytest.fixture(scope="module")
def core(host_build: Path, tiny_bundle: Path) -> dict[str, Any]:
    return _core_measures(host_build, tiny_bundle)


def test_network_is_read_once(core: dict[str, Any]) -> None:
    # The rest is manifest, labels and what the loader reads.
    assert core["model_bytes"] <= core["bytes_read"] < 1.1 * core["model_bytes"]


def test_nothing_is_allocated_between_runs(core: dict[str, Any]) -> None:
    assert core["in_bench"]["ours"] == 0
    assert core["in_pictures"]["ours"] == 0


def test_allocations_are_counted(core: dict[str, Any], host_build: Path, tiny_bundle: Path) -> None:
    """The engine's own, and ours where there are some: one in the bench, one with each of three pictures."""
    assert core["in_bench"]["engine"] > 0
    with_some = _core_measures(host_build, tiny_bundle, "allocate")
    assert (with_some["in_bench"]["ours"], with_some["in_pictures"]["ours"]) == (1, 3)


def test_tensors_stay_in_place(core: dict[str, Any]) -> None:
    """Pictures go straight into the engine's input, logits are read straight from its output."""
    assert core["in_place"] is True


def _core_measures(host_build: Path, bundle: Path, *options: str) -> dict[str, Any]:
    if os.environ.get("DEIT_CPP_PRESET") == "sanitize":
        pytest.skip("AddressSanitizer has a malloc of its own")
    done = run(host_build / "core_measures", bundle, bundle / "golden.png", *options)
    assert done.returncode == 0, done.stderr
    measures: dict[str, Any] = json.loads(done.stdout)
    return measures
