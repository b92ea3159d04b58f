"""tools/doctor.py as people run it: this computer, the phones, and what to do next."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import PhoneMaker
from phone import Phone

from lite.phone import host


def doctor(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "tools/doctor.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found = json.loads(done.stdout)
    assert found["exit_code"] == done.returncode
    assert done.stderr == ""
    return found


def states(found: dict[str, Any]) -> dict[str, str]:
    return {check["what"]: check["state"] for check in found["computer"]}


def test_a_phone_that_fits(root: Path, phone: Phone, tiny_bundle: Path, deit: Path):
    done = doctor(root, "--bundle", tiny_bundle, "--demo", deit)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == (
        f"next: ./run.sh tools/adb_bench.py --bundle {tiny_bundle} --demo {deit}"
    )
    assert phone.serial in done.stdout
    assert "Debian Test phone x86_64" in done.stdout


def test_the_same_as_json(root: Path, phone: Phone, tiny_bundle: Path, deit: Path):
    found = document(doctor(root, "--bundle", tiny_bundle, "--demo", deit, "--json"))
    assert found["exit_code"] == 0
    assert states(found).items() >= {("Python", "ok"), ("bundle", "ok"), ("adb", "ok"), ("adb server", "ok")}
    (one,) = found["phones"]
    assert (one["serial"], one["state"], one["problems"]) == (phone.serial, "device", [])
    assert one["facts"]["abis"] == ["x86_64"]


def test_what_to_do_stands_in_a_line_of_its_own(root: Path, phone: Phone, tiny_bundle: Path, tmp_path: Path):
    done = doctor(root, "--bundle", tiny_bundle, "--demo", tmp_path / "deit")
    assert "\\n" not in done.stdout
    assert any(line.strip().startswith("→ build it for the phone") for line in done.stdout.splitlines())


def test_a_phone_that_is_not_connected(root: Path, phone: Phone, tiny_bundle: Path, deit: Path):
    found = document(doctor(root, "--bundle", tiny_bundle, "--demo", deit, "--serial", "XYZ", "--json"))
    assert (found["exit_code"], states(found)["adb server"]) == (6, "ok")
    (one,) = found["phones"]
    assert (one["serial"], one["state"]) == ("XYZ", "not connected")
    assert f"connected: {phone.serial}" in one["problems"][0]["why"]


@pytest.mark.usefixtures("server")
def test_no_phone(root: Path, tiny_bundle: Path):
    done = doctor(root, "--bundle", tiny_bundle)
    assert done.returncode == 6
    assert done.stdout.splitlines()[-1].startswith("next: plug in a phone and switch on USB debugging")


def test_a_phone_without_a_demo(root: Path, arm_phone: Phone, tiny_bundle: Path, tmp_path: Path):
    done = doctor(root, "--bundle", tiny_bundle, "--demo", tmp_path / "deit")
    assert done.returncode == 6
    assert "there is no demo at" in done.stdout
    assert "build it for the phone (android_demo/README.md)" in done.stdout.splitlines()[-1]


def test_one_phone_of_two_that_fits(root: Path, make_phone: PhoneMaker, tiny_bundle: Path, deit: Path):
    make_phone("asleep", banner="recovery")
    good = make_phone("good")
    found = document(doctor(root, "--bundle", tiny_bundle, "--demo", deit, "--json"))
    bench = f"./run.sh tools/adb_bench.py --bundle {tiny_bundle} --demo {deit}"
    assert found["next"] == f"{bench} --serial {good.serial}"
    problems = {one["state"]: one["problems"] for one in found["phones"]}
    assert problems["device"] == []
    assert problems["recovery"] == [
        {"what": "state", "why": "it is in recovery mode", "remedy": "restart it into Android: adb reboot"}
    ]


def test_its_options_are_those_of_the_next_command(
    root: Path,
    make_phone: PhoneMaker,
    tiny_bundle: Path,
    deit: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Which works as it is printed, also where more phones are connected than were asked for."""
    first, second = make_phone("first"), make_phone("second")
    sdk = tmp_path / "an sdk"
    sdk.mkdir()
    farm = f"127.0.0.1:{os.environ['ANDROID_ADB_SERVER_PORT']}"
    given = (
        "--bundle",
        tiny_bundle,
        "--adb-host",
        farm,
        "--sdk",
        sdk,
        "--demo",
        deit,
        "--serial",
        second.serial,
    )
    found = document(doctor(root, *given, "--json"))
    words = shlex.split(found["next"])
    assert words == ["./run.sh", "tools/adb_bench.py", *map(str, given)]
    out = ("--out", str(tmp_path / "out"), "--repeats", "2", "--warmup", "0")
    done = subprocess.run([sys.executable, *words[1:], *out], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("ANDROID_SERIAL", first.serial)
    found = document(doctor(root, "--bundle", tiny_bundle, "--demo", deit, "--json"))
    assert [one["serial"] for one in found["phones"]] == [first.serial]
    assert "--serial" not in found["next"]


@pytest.mark.usefixtures("server")
def test_no_bundle(root: Path, tmp_path: Path):
    done = doctor(root, "--bundle", tmp_path)
    assert done.returncode == 2
    assert done.stdout.splitlines()[-1] == "next: ./run.sh tools/opt.py --model deit_tiny"


@pytest.mark.usefixtures("adb_environment")
def test_an_adb_server_that_is_not_there(root: Path, tiny_bundle: Path):
    found = document(doctor(root, "--bundle", tiny_bundle, "--adb-host", "127.0.0.2:9", "--json"))
    assert (found["exit_code"], states(found)["adb server"]) == (2, "missing")


def test_bad_usage(root: Path):
    done = doctor(root, "--adb-host", "farm")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: 'farm' is no address of an adb server; give HOST:PORT, such as farm:5037, or [ADDRESS]:PORT for IPv6\n"
    )


def test_a_package_of_another_version(tmp_path: Path):
    (tmp_path / "requirements.txt").write_text("# pins\n-c x\nclick==0.1\nno-such-package==1.0\n")
    packages = host.python(tmp_path)[1]
    assert packages.state == "missing"
    assert "click" in packages.found
    assert "(pinned: 0.1), no-such-package missing (pinned: 1.0)" in packages.found


def test_the_ndk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in host.NDK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert host.ndk().state == "optional"
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    assert host.ndk().found == f"ANDROID_NDK_HOME is {tmp_path}, which is no NDK"
    (tmp_path / "source.properties").write_text("Pkg.Desc = Android NDK\nPkg.Revision = 25.2.9519653\n")
    assert host.ndk() == host.ok("NDK", f"25.2.9519653 at {tmp_path}")
