"""The whole command on an x86_64 phone with the real engine, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bench import ROOT, bench, on_a_terminal, results
from conftest import PhoneMaker
from phone import Phone

from lite.phone import report
from lite.phone import results as results_files
from lite.phone.server import AdbServer

QUICK = ("--repeats", 6, "--warmup", 1, "--sensors-every", 0)


@pytest.mark.slow
def test_from_weights_to_a_report(phone: Phone, deit: Path, tmp_path: Path) -> None:
    """opt.py makes the bundle, the phone measures it, and the three files are there."""
    out = tmp_path / "bundles"
    made = subprocess.run(
        [sys.executable, ROOT / "tools/opt.py", "--model", "deit_tiny", "--weights", "digits",
         "--precision", "fp32", "--out", out],
        capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (folder,) = [path.parent for path in tmp_path.rglob("manifest.json")]
    done = bench("--bundle", folder, *QUICK, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    document = results(tmp_path / "out")
    assert results_files.problem(document) is None
    (one,) = document["phones"]
    assert (one["status"], one["facts"]["model"]) == ("ok", "Debian Test phone x86_64")
    assert [golden["passed"] for golden in one["golden"]] == [True, True]
    (row,) = one["measurements"]
    assert [len(each["latencies_ms"]) for each in row["rounds"]] == [2, 1, 1, 1, 1]
    assert row["summary"]["median_interval"]["low"] < row["summary"]["p50"]
    assert f"{row['summary']['p50']:.1f}" in done.stdout
    assert f"{report.milliseconds(row['summary']['p50'])} ms" in (tmp_path / "out/report.html").read_text()
    with (tmp_path / "out/results.csv").open(newline="") as file:
        assert [line["bundle"] for line in csv.DictReader(file)] == [folder.name]


def test_second_run_pushes_nothing_and_costs_little(
    phone: Phone, deit: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    """What is neither pushing nor the demo nor a wait is the tool's own: at most 3 s a phone."""
    options = ("--bundle", tiny_bundle, *QUICK, "--out", tmp_path / "out")
    begun = bench(*options)
    assert begun.returncode == 0, begun.stderr
    first = results(tmp_path / "out")["phones"][0]
    assert "deit" in first["pushed"]["sent"]
    again = bench(*options)
    assert again.returncode == 0, again.stderr
    second = results(tmp_path / "out")["phones"][0]
    assert second["pushed"]["sent"] == []
    assert second["pushed"]["bytes"] == 0
    assert re.search(r"pushed \d+ files, \d+\.\d MB at \d+\.\d MB/s \(0 were there\)", begun.stderr)
    assert "all files are there" in again.stderr
    seconds = second["seconds"]
    assert seconds["total"] - seconds["push"] - seconds["golden"] - seconds["run"] >= 0


def test_fp32_beside_itself_is_no_faster_on_any_phone(
    phone: Phone, make_phone: PhoneMaker, deit: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    """--compare takes turns; a bundle held against its own copy comes out near 1, on each of --all."""
    other = make_phone("other", props={"ro.product.model": "Another"})
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in tiny_bundle.iterdir():
        (copy / path.name).hardlink_to(path)
    out = tmp_path / "out"
    done = bench("--bundle", tiny_bundle, "--compare", copy, "--all", *QUICK, "--out", out)
    assert done.returncode == 0, done.stderr
    document = results(out)
    assert (document["base"], document["plan"]["rounds"]) == ("copy", 5)
    assert {one["serial"] for one in document["phones"]} == {phone.serial, other.serial}
    page = (out / "report.html").read_text()
    for one in document["phones"]:
        # Interleaved: A B, B A, A B, …
        starts = sorted(
            (each["before"]["at"], row["bundle"]) for row in one["measurements"] for each in row["rounds"]
        )
        first, second = "copy", tiny_bundle.name
        assert [name for _, name in starts] == [*[first, second, second, first] * 2, first, second]
        (row,) = one["speed_ups"]
        assert (row["bundle"], row["base"]) == (second, first)
        assert row["interval"]["low"] < row["ratio"] < row["interval"]["high"]
        assert 0.3 < row["ratio"] < 3
        line = (
            f"{one['serial']}: {second} is {row['ratio']:.2f} times as fast as copy (1 thread, no-bind; 95 %:"
        )
        assert line in done.stdout
        assert one["serial"] in page
        assert f"{row['ratio']:.2f}×" in page
    with (out / "results.csv").open(newline="") as file:
        assert len({(line["serial"], line["bundle"]) for line in csv.DictReader(file)}) == 4


@pytest.mark.parametrize(
    ("option", "of"),
    [(("--package", "a.b"), "--install-bundle"), (("--cooldown-timeout", 5), "--cooldown-temp")],
)
def test_an_option_that_would_not_be_heeded_is_refused(option: tuple[object, ...], of: str) -> None:
    done = bench(*option)
    assert done.returncode == 2
    assert f"{option[0]} is for {of}" in done.stderr


def test_json_is_the_only_thing_on_standard_output(
    phone: Phone, deit: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    """And the options are what the plan says."""
    options = (
        "--threads",
        "1,2",
        "--rounds",
        2,
        "--cooldown-temp",
        60,
        "--cooldown-timeout",
        5,
        "--timeout",
        90,
    )
    done = bench("--bundle", tiny_bundle, *QUICK, *options, "--out", tmp_path / "out", "--json")
    document = json.loads(done.stdout)
    assert document == results(tmp_path / "out")
    assert document["plan"] == {
        "threads": [1, 2], "power_modes": ["no-bind"], "cores": [], "warmup": 1, "repeats": 6, "rounds": 2,
        "cooldown_celsius": 60, "cooldown_limit": 5, "timeout": 90, "sample_seconds": 0, "min_seconds": 0,
        "soak": False, "fixed_clocks": False,
    }  # fmt: skip
    assert [row["threads"] for row in document["phones"][0]["measurements"]] == [1, 2]
    assert "golden picture" in done.stderr


def test_phones_side_by_side_by_serial_on_a_terminal(
    phone: Phone, make_phone: PhoneMaker, deit: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    """Which shows how far each push is, and the table, as they grow."""
    other = make_phone("other", props={"ro.product.model": "Another"})
    options = ("--bundle", tiny_bundle, *QUICK, "--rounds", 3, "--out", tmp_path / "out")
    which = bench(*options)
    assert which.returncode == 2
    assert "--serial SERIAL or --all" in which.stderr
    phone.relay.delay = 0.005
    code, text = on_a_terminal(*options, "--serial", other.serial, "--serial", phone.serial)
    assert code == 0
    assert [one["serial"] for one in results(tmp_path / "out")["phones"]] == [other.serial, phone.serial]
    assert re.search(rf"{phone.serial}: pushing \d+\.\d of \d+\.\d MB, \d+\.\d MB/s", text)
    assert "━" * 10 in text
    assert "p50" in text
    # The cursor is there again.
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_what_does_not_fit_is_refused_before_anything_is_pushed(
    arm_phone: Phone, deit: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    done = bench("--bundle", tiny_bundle, "--demo", deit, "--out", tmp_path / "out")
    assert done.returncode == 6
    assert (
        f"error: {arm_phone.serial}: program: {deit} is for x86_64, the phone wants arm64-v8a" in done.stderr
    )
    assert results(tmp_path / "out")["phones"][0]["status"] == "refused"
    assert not arm_phone.path("/data/local/tmp/deit_lite").exists()


def test_no_phone(server: AdbServer, tiny_bundle: Path, tmp_path: Path) -> None:
    done = bench("--bundle", tiny_bundle, "--out", tmp_path / "out")
    assert done.returncode == 6
    assert done.stderr.startswith("error: no phone is connected")
    assert not (tmp_path / "out").exists()


def test_another_adb_server_and_clean(phone: Phone, deit: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    """The server named with --adb-host; here it is this computer's. --clean takes everything off the phone."""
    farm = ("--adb-host", f"127.0.0.1:{os.environ['ANDROID_ADB_SERVER_PORT']}")
    done = bench("--bundle", tiny_bundle, *farm, *QUICK, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert phone.path("/data/local/tmp/deit_lite/deit").exists()
    done = bench("--clean", *farm)
    assert (done.returncode, done.stdout) == (0, "")
    assert list(phone.path("/data/local/tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--threads", "0"), "no list of whole numbers from 1 to 64"),
        (("--threads", "1,two"), "no list of whole numbers"),
        (("--power-mode", "fast"), "no list of power modes"),
        (("--cpu-mask", "0xg"), "hexadecimal masks"),
        (("--repeats", "3", "--rounds", "4"), "--repeats 3 is less than --rounds 4"),
        (("--adb-host", "farm"), "give HOST:PORT"),
        (("--timeout", "0"), "--timeout"),
    ],
)
def test_bad_usage_ends_with_2_before_any_phone_is_asked(options: tuple[str, ...], why: str) -> None:
    done = bench(*options)
    assert done.returncode == 2
    assert why in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_bad_bundle(tmp_path: Path) -> None:
    done = bench("--bundle", tmp_path)
    assert done.returncode == 2
    assert "is not a bundle" in done.stderr


def test_the_newest_bundle_is_not_compared_with_itself(tiny_bundle: Path, tmp_path: Path) -> None:
    """Nobody gave it twice, so it is not told as two bundles of one name."""
    only = tmp_path / "bundles/only"
    only.parent.mkdir()
    only.symlink_to(tiny_bundle)
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "tools")!r})
import adb_bench, _command
adb_bench.BUNDLES = Path({str(only.parent)!r})
_command.run(adb_bench.main)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, "--compare", str(only)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert f"--compare {only} is the newest bundle itself; give another with --bundle" in done.stderr


def test_help_shows_three_examples() -> None:
    _, examples = bench("--help").stdout.split("Examples:")
    assert examples.count("  ./run.sh tools/adb_bench.py") >= 3
    assert "Exit codes" in examples
