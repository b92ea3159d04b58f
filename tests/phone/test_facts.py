"""lite/phone/facts.py: what phones say of themselves."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import pytest
from conftest import PhoneMaker, ready
from phone import Phone
from waiting import HANG

from lite.phone import facts
from lite.phone.device import Device
from lite.phone.link import PhoneError
from lite.phone.push import FOLDER
from lite.phone.server import AdbServer

OLD_CORES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"


def test_an_arm_phone(server: AdbServer, arm_phone: Phone):
    found = facts.read(ready(server, arm_phone))
    assert (found.model, found.soc) == ("Google Pixel 7", "Google GS201")
    assert (found.abis, found.cores) == (("arm64-v8a",), 8)
    assert found.cpu_parts == ("0xd05",) * 4 + ("0xd41",) * 2 + ("0xd44",) * 2
    assert found.features == ("asimd", "asimdhp", "asimddp")
    assert (found.android_version, found.sdk) == ("14", 34)
    assert found.free_bytes == 600 << 20
    assert (found.own_bytes, found.opencl, found.root) == (0, None, False)
    assert json.loads(json.dumps(asdict(found)))["features"] == ["asimd", "asimdhp", "asimddp"]


def test_an_x86_64_phone_has_this_computers_processor(device: Device):
    found = facts.read(device)
    assert (found.abis, found.cores, found.cpu_parts) == (("x86_64",), os.cpu_count(), ())
    assert "sse4_2" in found.features
    assert "asimdhp" not in found.features


def test_only_what_every_core_can_counts(server: AdbServer, make_phone: PhoneMaker):
    phone = make_phone(arch="arm64")
    text = (phone.dir / "proc/cpuinfo").read_text()
    phone.set("proc/cpuinfo", text.replace(" asimdhp", "", 1))
    assert facts.read(ready(server, phone)).features == ("asimd", "asimddp")


def test_space_and_what_earlier_runs_left(server: AdbServer, make_phone: PhoneMaker):
    phone = make_phone(data_size="64m")
    device = ready(server, phone)
    device.run(f"mkdir -p {FOLDER}; head -c 8000000 /dev/zero > {FOLDER}/x", HANG)
    found = facts.read(device)
    assert found.free_bytes
    assert 55_000_000 < found.free_bytes < 60_000_000
    assert 8_000_000 <= found.own_bytes < 8_100_000


def test_an_opencl_library_of_the_right_width(server: AdbServer, make_phone: PhoneMaker):
    phone = make_phone(arch="arm64", props={"ro.product.cpu.abilist": "armeabi-v7a,armeabi"})
    phone.set("vendor/lib64/libOpenCL.so", "64 bits")
    device = ready(server, phone)
    assert facts.read(device).abis == ("armeabi-v7a", "armeabi")
    assert facts.read(device).opencl is None
    phone.set("vendor/lib/libOpenCL.so", "32 bits")
    assert facts.read(device).opencl == "/vendor/lib/libOpenCL.so"


def test_an_opencl_library_that_may_not_be_read(server: AdbServer, arm_phone: Phone):
    arm_phone.set("vendor/lib64/libOpenCL.so", "")
    device = ready(server, arm_phone)
    assert facts.read(device).opencl == "/vendor/lib64/libOpenCL.so"
    (arm_phone.dir / "vendor/lib64/libOpenCL.so").chmod(0o600)
    assert facts.read(device).opencl is None


def test_a_phone_that_says_little(server: AdbServer, arm_phone: Phone):
    device = ready(server, arm_phone)
    arm_phone.set("system/build.prop", "ro.product.cpu.abi=arm64-v8a")
    arm_phone.set("proc/cpuinfo", "")
    arm_phone.set("sys/devices/system/cpu/present", "")
    found = facts.read(device)
    assert (found.abis, found.cores, found.cpu_parts, found.features) == (("arm64-v8a",), 1, (), ())
    assert (found.model, found.soc, found.android_version, found.sdk) == (None, None, None, None)


def test_a_phone_that_does_not_say_its_abi(server: AdbServer, arm_phone: Phone):
    device = ready(server, arm_phone)
    arm_phone.set("system/build.prop", "ro.product.model=x")
    with pytest.raises(PhoneError, match="does not say what processor it has"):
        facts.read(device)


def test_storage_that_lets_no_program_run(device: Device, phone: Phone):
    assert facts.read(device).noexec is None
    phone.remount("noexec")
    assert facts.read(device).noexec == "/data"


@pytest.mark.parametrize(
    ("mounts", "place"),
    [
        ("/dev/a /data ext4 rw,nosuid,noexec 0 0\n", "/data"),
        ("/dev/a / ext4 ro,noexec 0 0\n/dev/b /data ext4 rw 0 0\n", None),
        ("/dev/a /data ext4 rw 0 0\ntmpfs /data/local/tmp tmpfs rw,noexec 0 0\n", "/data/local/tmp"),
        ("/dev/a /data ext4 rw,noexec 0 0\n/dev/b /data ext4 rw 0 0\n", None),
        ("/dev/a /data/loc ext4 rw,noexec 0 0\nrubbish\n\n", None),
        ("", None),
    ],
)
def test_mounts_of_all_sorts(mounts: str, place: str | None):
    assert facts._noexec(mounts) == place
