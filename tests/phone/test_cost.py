"""What a run costs: energy by the battery where it can be told, memory over time, counters and a trace by stand-ins."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import phone_files
import pytest
from bench import bench, measuring, results
from phone import Phone
from waiting import HANG, until

from lite import bundle
from lite.phone import cost, counters, measure, plots, push, trace
from lite.phone import results as results_files
from lite.phone.binaries import Binaries
from lite.phone.cost import Look, Power
from lite.phone.device import Device
from lite.phone.measure import TENSOR
from lite.phone.plan import BenchPlan, Candidate, Configuration, flattened
from lite.stages import Stages

BATTERY = "sys/class/power_supply/battery"
ONE = Configuration(1)
Prepared = Callable[..., measure.Phone]


@pytest.fixture
def candidate(device: Device, deit: Path, tiny_bundle: Path, tmp_path: Path) -> Candidate:
    """The bundle on the phone with all that it needs."""
    made = bundle.read(tiny_bundle)
    made.golden()[0].astype("<f4").tofile(tmp_path / TENSOR)
    files = {name: tiny_bundle / name for name in ("host.nb", "labels.txt", "manifest.json")}
    files[TENSOR] = tmp_path / TENSOR
    push.push(
        device,
        {
            **Binaries(demo=deit).find("x86_64").files,
            **{f"tiny/{name}": path for name, path in files.items()},
        },
    )
    return Candidate(made, f"{push.FOLDER}/tiny", host=True)


@pytest.fixture
def prepared(device: Device) -> Prepared:
    def make(say: Callable[[str], None] = lambda text: None) -> measure.Phone:
        return measure.Phone(
            device, push.FOLDER, BenchPlan(warmup=1, repeats=4, rounds=1, timeout=HANG), Stages(), say
        )

    return make


def looks(
    *currents: int | None, voltage: int | None = 4_000_000, status: str | None = "Discharging"
) -> list[Look]:
    return [Look(float(at), current, voltage, 50_000, status) for at, current in enumerate(currents)]


IDLE = looks(-100_000, -110_000, -90_000)


def test_energy_is_power_by_time_and_what_is_beyond_idle() -> None:
    running = looks(-150_000, *[-500_000] * 6)
    found = cost.of_looks("b", ONE, [20.0, 30.0], IDLE, running)
    # 0.5 A at 4 V for 25 ms; idle 0.1 A.
    assert found.power == Power(pytest.approx(2.0), pytest.approx(0.4), None)
    assert found.millijoules == pytest.approx(50.0)
    assert found.above_idle == pytest.approx(40.0)
    assert (found.pss_kib, found.runs, found.charger) == (50_000, 2, ["Discharging"])


@pytest.mark.parametrize(("count", "drawn"), [(1, 0), (2, 2)])
def test_one_look_is_no_memory_over_time(count: int, drawn: int) -> None:
    """Its plot had a dot at 0 on an axis of seconds from -0.04 to 0.04."""
    found = cost.of_looks("b", ONE, [20.0], IDLE, looks(*[-500_000] * count))
    assert plots.in_both(plots.memory_plot, flattened(found)).count("<svg") == drawn


@pytest.mark.parametrize(
    ("idle", "running"),
    [
        (looks(100_000), looks(*[500_000] * 6)),
        (looks(-100, voltage=4_000), looks(*[-500] * 6, voltage=4_000)),
        (looks(-100), looks(*[-500] * 6)),
    ],
    ids=["a discharge that counts up", "milliamperes and millivolts", "milliamperes and microvolts"],
)
def test_signs_and_units_that_makers_have(idle: list[Look], running: list[Look]) -> None:
    assert cost.power_of(idle, running) == Power(pytest.approx(2.0), pytest.approx(0.4), None)


@pytest.mark.parametrize(
    ("idle", "running", "words"),
    [
        (looks(None), looks(*[None] * 6), "hides its battery's current or voltage"),
        (IDLE, looks(*[-500_000] * 6, voltage=None), "hides its battery's current or voltage"),
        (
            IDLE,
            looks(*[-500_000] * 6, status="Charging"),
            "the battery was Discharging, Charging, and what a charger",
        ),
        (looks(-1, status=None), looks(*[-500_000] * 6, status=None), "the battery was of unknown state"),
        (IDLE, looks(-500_000, -500_000), "too few looks at the battery (2)"),
        (IDLE, looks(*[-500_000, 500_000] * 4), "changed its sign"),
        (looks(-500_000), looks(*[-500_000] * 6), "said -500000 all the time"),
        (IDLE, looks(*[-12_000] * 6), "units that cannot be told apart"),
        (IDLE, looks(*[-500_000] * 6, voltage=42), "units that cannot be told apart"),
        (IDLE, looks(*[-9_000_000] * 6), "36 W by the battery's gauge is no phone's at work"),
    ],
)
def test_what_cannot_be_known_is_not_told(idle: list[Look], running: list[Look], words: str) -> None:
    found = cost.power_of(idle, running)
    assert (found.running, found.idle) == (None, None)
    assert words in (found.not_told or "")


def test_a_phone_on_its_battery_tells_energy_and_memory(
    phone: Phone, prepared: Prepared, candidate: Candidate
) -> None:
    """The battery gives 100 mA idle and 600 mA as soon as the run is announced."""
    phone.set(f"{BATTERY}/status", "Discharging")
    phone.set(f"{BATTERY}/voltage_now", 4_000_000)
    phone.set(f"{BATTERY}/current_now", -100_000)

    def hold() -> None:
        """Stops the demo, its network loaded, until it has been looked at often enough: computers differ in speed."""
        demo = measuring(phone)
        until(lambda: _resident_kib(demo) > 40_000)
        os.kill(demo, signal.SIGSTOP)
        try:
            file = phone.path(f"{push.FOLDER}/looks.txt")
            until(lambda: file.exists() and len(file.read_text().splitlines()) >= 10)
        finally:
            os.kill(demo, signal.SIGCONT)

    thread = threading.Thread(target=hold)

    def say(text: str) -> None:
        if "runs, about" in text:
            phone.set(f"{BATTERY}/current_now", -600_000)
            thread.start()

    found = cost.measure(prepared(say), candidate, ONE, latency_ms=20.0, seconds=2)
    thread.join()
    assert found.power == Power(pytest.approx(2.4), pytest.approx(0.4), None)
    assert found.millijoules == pytest.approx(2.4 * found.mean_ms)
    assert (found.runs, found.charger) == (100, ["Discharging"])
    assert len(found.idle) == cost.IDLE_SECONDS
    assert all(look.pss_kib is None for look in found.idle)
    # The network alone has 22 MB.
    assert found.pss_kib is not None
    assert found.pss_kib > 20_000
    assert not phone.path(f"{push.FOLDER}/looks.txt").exists()


def _resident_kib(process: int) -> int:
    (line,) = (
        row for row in Path(f"/proc/{process}/status").read_text().splitlines() if row.startswith("VmRSS:")
    )
    return int(line.split()[1])


@pytest.mark.slow
def test_a_phone_at_its_charger_with_simpleperf_and_perfetto(
    phone: Phone, deit: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    """The whole command; both programs are stand-ins (tests/phone/README.md)."""
    for name, text in (("simpleperf", phone_files.SIMPLEPERF), ("perfetto", phone_files.PERFETTO)):
        phone_files.write(phone.dir / "system/bin" / name, text, 0o755)
    out, file = tmp_path / "out", tmp_path / "run.pftrace"
    done = bench(
        "--bundle", tiny_bundle, "--out", out, "--cost", 3, "--counters", "--trace", file, "--repeats", 6,
        "--rounds", 1, "--warmup", 1, "--sensors-every", 0,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = results(out)
    assert results_files.problem(document) is None
    found = document["phones"][0]["diagnostics"]
    (spent,), (counted,), (traced,) = found["costs"], found["counters"], found["traces"]
    assert "the battery was Charging" in spent["power"]["not_told"]
    assert spent["pss_kib"] > 20_000
    # What loading takes is in both starts, so it drops out.
    assert counted["per_run"] == {"cpu-cycles": 1_000_000, "instructions": 2_000_000}
    assert counted["shared"] == ["instructions"]
    assert traced["path"] == str(file)
    assert 'ftrace_events: "sched/sched_switch"' in file.read_text()
    page = (out / "report.html").read_text()
    assert "not told. The battery was Charging" in page
    assert "2,000,000 a run (counted part of the time, scaled up)" in page
    assert "energy not told: the battery was Charging" in done.stdout
    assert "1.00 M cpu-cycles, 2.00 M instructions a run" in done.stdout


def test_a_phone_without_simpleperf_and_perfetto_says_so(
    prepared: Prepared, candidate: Candidate, tmp_path: Path
) -> None:
    counted = counters.measure(prepared(), candidate, ONE)
    assert (counted.per_run, counted.missing) == (
        {},
        "there is no simpleperf on the phone (Android has it from 9 on)",
    )
    traced = trace.record(prepared(), candidate, ONE, tmp_path / "none.pftrace")
    assert traced.missing == "there is no perfetto on the phone (Android has it from 9 on)"
    assert not (tmp_path / "none.pftrace").exists()
    json.dumps(flattened(counted))


def test_the_demo_marks_load_warm_up_and_each_run(device: Device, phone: Phone, candidate: Candidate) -> None:
    """In atrace's format, into a plain file in place of the kernel's."""
    from lite.phone import demo
    from lite.phone.demo import Bench, DemoRequest

    marker = f"{push.FOLDER}/marks"
    device.run(["touch", marker], 60)
    request = DemoRequest(
        candidate.folder, True, tensor=f"{candidate.folder}/{TENSOR}", bench=Bench(1, 3), trace_marker=marker
    )
    demo.run(device, push.FOLDER, request, timeout=120)
    lines = phone.path(marker).read_text().splitlines()
    begins = [line.split("|")[2] for line in lines if line.startswith("B|")]
    assert begins == ["deit: load", "deit: warm-up", "deit: run", "deit: run", "deit: run"]
    assert len({line.split("|")[1] for line in lines}) == 1
    assert [line[0] for line in lines] == ["B", "E"] * 5


COUNTERS = """
import sys
sys.path.insert(0, "tools")
import _bench
one = {"missing": None, "modelled": None, "core": None, "per_run": {"instructions": 212.3e6, "page-faults": 12.25}}
print(_bench._counters(one))
print(_bench._counters({**one, "modelled": 178e6, "core": "Cortex-A76"}))
"""


def test_a_few_page_faults_are_not_no_millions(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTERS], cwd=root, capture_output=True, text=True, check=True
    )
    plain, modelled = done.stdout.splitlines()
    assert plain == "212.30 M instructions, 12.2 page-faults a run"
    assert modelled == f"{plain} (modelled 178.0 M instructions of a Cortex-A76)"
