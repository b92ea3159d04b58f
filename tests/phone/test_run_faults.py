"""What befalls a phone while it runs the demo: an end in time, in words, nothing left running, and a re-run works.

Each is the real command, adb, adbd and demo; README.md has the faults as a table.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from bench import ENDLESS, a_run_succeeds, bench, demo_runs, measuring, results, start
from conftest import PhoneMaker, kill_server_hard, ready
from phone import Phone
from waiting import ended, until

from lite import bundle
from lite.phone.server import AdbServer


def pull_cable(phone: Phone) -> None:
    phone.relay.mode = "refuse"
    phone.relay.drop()


def plug_in(phone: Phone) -> None:
    phone.relay.mode = "ok"


def stall(phone: Phone) -> None:
    phone.relay.stall.set()


def stall_no_more(phone: Phone) -> None:
    phone.relay.stall.clear()
    phone.relay.drop()


LOST = {
    "cable pulled": (pull_cable, plug_in),
    "phone restarts": (Phone.stop, Phone.start),
    "adb server ends": (lambda phone: kill_server_hard(), lambda phone: None),
}


@pytest.mark.parametrize("fault", LOST)
def test_phone_lost_in_the_middle_of_a_run(
    fault: str, phone: Phone, server: AdbServer, options: tuple[object, ...], tmp_path: Path
) -> None:
    lose, mend = LOST[fault]
    command = start(*options, *ENDLESS, "--reconnect", 0)
    measuring(phone)
    lose(phone)
    done = ended(command)
    assert done.returncode == 7
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert phone.serial in line
    assert "Traceback" not in done.stderr
    (one,) = results(tmp_path / "out")["phones"]
    assert (one["status"], one["measurements"]) == ("failed", [])
    mend(phone)
    again = AdbServer() if fault == "adb server ends" else server
    _connect(phone)
    ready(again, phone)
    until(lambda: not demo_runs(phone))
    a_run_succeeds((*options, "--serial", phone.serial))


def test_stalled_link(phone: Phone, server: AdbServer, options: tuple[object, ...]) -> None:
    """Nothing comes any more and nothing is closed: only time tells."""
    command = start(*options, "--repeats", 1_000_000, "--timeout", 10, "--sensors-every", 0, "--reconnect", 0)
    measuring(phone)
    phone.relay.stall.set()
    done = ended(command)
    assert done.returncode == 7
    assert f"error: {phone.serial}: it does not answer any more" in done.stderr
    # By its own --timeout, without a word from here.
    until(lambda: not demo_runs(phone))
    stall_no_more(phone)
    ready(server, phone)
    a_run_succeeds(options)


SIGNALS = {
    signal.SIGSEGV: "died by SIGSEGV: the engine reads memory that is not its own",
    signal.SIGKILL: "died by SIGKILL: something killed it, on phones mostly Android for lack of memory",
    signal.SIGILL: "died by SIGILL: the processor lacks an instruction",
    signal.SIGABRT: "the engine gave up",
}


def test_demo_dies_by_a_signal(phone: Phone, options: tuple[object, ...]) -> None:
    """Each time the next run gets as far again, and the last to the end."""
    for number, why in SIGNALS.items():
        command = start(*options, *ENDLESS)
        os.kill(measuring(phone), number)
        done = ended(command)
        assert done.returncode == 7
        assert why in done.stderr
        assert not demo_runs(phone)
    a_run_succeeds(options)


def test_demo_takes_longer_than_its_time(phone: Phone, options: tuple[object, ...]) -> None:
    done = bench(*options, "--repeats", 1_000_000, "--timeout", 3, "--sensors-every", 0)
    assert done.returncode == 7
    assert "the demo was not done after 3 s; give a longer --timeout or fewer --repeats" in done.stderr
    assert not demo_runs(phone)


def test_demo_that_is_stopped_never_ends_by_itself(phone: Phone, options: tuple[object, ...]) -> None:
    """Not even its own --timeout works, as when a phone freezes what runs in the background."""
    command = start(*options, "--repeats", 1_000_000, "--timeout", 10, "--sensors-every", 0)
    os.kill(measuring(phone), signal.SIGSTOP)
    done = ended(command)
    assert done.returncode == 7
    assert "did not end within 10 s, not even by its own --timeout, and was killed" in done.stderr
    until(lambda: not demo_runs(phone))
    a_run_succeeds(options)


PROGRAMS = {
    "rubbish": (
        r'puts("\033[2Jhello");',
        "the demo's output makes no sense: its last line is no JSON (\\x1b[2Jhello)",
    ),
    "nothing": ("", "makes no sense: it printed nothing"),
    "an empty document": ('puts("{}");', "makes no sense: top level: 'schema' is a required property"),
    "an exit code of its own": ("return 77;", "ended with exit code 77: it gave no reason"),
    "rubbish for ever": ('for (;;) puts("0123456789 0123456789 0123456789");', "printed more than 64 MiB"),
}


def test_another_program_in_the_demos_place(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    for says, (code, why) in PROGRAMS.items():
        done = bench(*options, "--demo", _compile(tmp_path, code), "--timeout", 100)
        assert (done.returncode, says) == (7, says)
        assert why in done.stderr
        assert "\x1b" not in done.stderr
        assert not demo_runs(phone)
    a_run_succeeds(options)


def test_one_phone_that_fails_stops_no_other(
    phone: Phone, make_phone: PhoneMaker, options: tuple[object, ...], tmp_path: Path
) -> None:
    other = make_phone("other")
    command = start(*options, "--all", "--repeats", 8, "--warmup", 1)
    os.kill(measuring(other), signal.SIGKILL)
    done = ended(command)
    assert done.returncode == 7
    by_serial = {one["serial"]: one for one in results(tmp_path / "out")["phones"]}
    assert {serial: one["status"] for serial, one in by_serial.items()} == {
        phone.serial: "ok",
        other.serial: "failed",
    }
    (kept,) = by_serial[phone.serial]["measurements"]
    assert [len(one["latencies_ms"]) for one in kept["rounds"]] == [2, 2, 2, 1, 1]
    assert f"error: {other.serial}" in done.stderr
    assert f"error: {phone.serial}" not in done.stderr


def test_a_phone_that_computes_another_network_gets_no_latency(
    phone: Phone, options: tuple[object, ...], tiny_bundle: Path, tmp_path: Path
) -> None:
    """Its golden logits are of another network: as if phone and computer disagreed."""
    other = tmp_path / "other"
    other.mkdir()
    for path in tiny_bundle.iterdir():
        if path.name not in ("golden.npz", "manifest.json"):
            (other / path.name).hardlink_to(path)
    made = bundle.read(tiny_bundle)
    logits = made.golden_pictures().logits
    bundle.write_golden(other, made.golden()[0], np.roll(logits, 1, axis=1))
    bundle.write_manifest(other, made.manifest)
    done = bench("--bundle", other, "--out", tmp_path / "out", "--repeats", 2)
    assert done.returncode == 8
    assert f"error: {phone.serial}: other: the golden tensor gives other logits on the phone" in done.stderr
    assert "p50" not in done.stdout
    (one,) = results(tmp_path / "out")["phones"]
    assert (one["status"], one["measurements"], one["exit_code"]) == ("mismatch", [], 8)
    assert [golden["passed"] for golden in one["golden"]] == [False]
    # Beside a bundle that is right, nothing is measured either.
    both = bench(*options, "--bundle", other, "--repeats", 2)
    assert both.returncode == 8
    assert results(tmp_path / "out")["phones"][0]["measurements"] == []


def test_phone_without_space_is_refused_before_anything_is_pushed(
    make_phone: PhoneMaker, options: tuple[object, ...], tmp_path: Path
) -> None:
    small = make_phone("small", data_size="32m")
    done = bench(*options)
    assert done.returncode == 6
    assert f"error: {small.serial}: space:" in done.stderr
    assert "free some space on the phone" in done.stderr
    (one,) = results(tmp_path / "out")["phones"]
    assert (one["status"], one["pushed"]) == ("refused", None)
    assert not small.path("/data/local/tmp/deit_lite").exists()


def test_storage_that_lets_no_program_run_is_told_as_such(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    phone.remount("noexec")
    done = bench(*options)
    assert done.returncode == 6
    assert (
        f"error: {phone.serial}: storage: /data is mounted noexec, so no program can be run in "
        "/data/local/tmp/deit_lite; use another phone, or as root: adb shell su -c 'mount -o remount,exec /data'"
    ) in done.stderr
    assert "ABI" not in done.stderr
    (one,) = results(tmp_path / "out")["phones"]
    assert (one["status"], one["pushed"], one["facts"]["noexec"]) == ("refused", None, "/data")
    phone.remount("exec")
    a_run_succeeds(options)


def test_a_folder_that_root_left_is_moved_out_of_the_way(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    """As after adb root: the shell's user may neither write nor remove what is in it."""
    folder = phone.path("/data/local/tmp/deit_lite")
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/file").write_text("root's")
    for path in (folder / "sub/file", folder / "sub", folder):
        os.chown(path, 0, 0)
    done = bench(*options)
    assert done.returncode == 7
    assert "Permission denied" in done.stderr
    assert "what root has left there is moved out of the way by --clean" in done.stderr
    done = bench("--clean")
    assert done.returncode == 0, done.stderr
    aside = "/data/local/tmp/deit_lite.left-1"
    assert f"only root can remove it: adb root; adb -s {phone.serial} shell rm -rf {aside}" in done.stderr
    assert phone.path(f"{aside}/sub/file").read_text() == "root's"
    a_run_succeeds(options)
    # What it pushed itself it can remove.
    assert "is gone" in bench("--clean").stderr


def _connect(phone: Phone) -> None:
    from adbutils import adb_path

    def connected() -> bool:
        done = subprocess.run(
            [adb_path(), "connect", phone.serial], capture_output=True, text=True, timeout=30
        )
        return "connected to" in done.stdout

    until(connected)


def _compile(folder: Path, code: str) -> Path:
    source = folder / "deit.cpp"
    source.write_text(f"#include <cstdio>\nint main() {{ {code} return 0; }}\n")
    subprocess.run(["g++", "-o", folder / "deit", source], check=True)
    return folder / "deit"
