"""lite/phone/push.py: files onto a real adbd, only once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from conftest import ready
from phone import Phone
from sent import assert_whole
from waiting import HANG

from lite.errors import InputError
from lite.phone.device import Device
from lite.phone.push import FOLDER, Pushed, clean, push
from lite.phone.server import AdbServer

MB = 1_000_000


def test_files_arrive_whole_and_programs_run(device: Device, phone: Phone, files: dict[str, Path]):
    seen: list[tuple[str, int, int]] = []
    pushed = push(device, files, on_progress=lambda *step: seen.append(step))
    assert (pushed.sent, pushed.kept, pushed.bytes) == (("deit", "int8/model.nb"), (), 25 * MB + 26)
    assert_whole(phone, files)
    assert device.run([f"{FOLDER}/deit"], HANG).stdout == "ran\n"
    assert seen[0] == ("deit", 26, 25 * MB + 26)
    assert seen[-1] == ("int8/model.nb", 25 * MB + 26, 25 * MB + 26)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_only_what_changed_is_sent_again(device: Device, phone: Phone, files: dict[str, Path]):
    push(device, files)
    before = phone.relay.passed["to_phone"]
    assert push(device, files).sent == ()
    assert phone.relay.passed["to_phone"] - before < 10_000
    files["deit"].write_text("#!/system/bin/sh\necho new\n")
    pushed = push(device, files)
    assert (pushed.sent, pushed.kept) == (("deit",), ("int8/model.nb",))
    assert device.run([f"{FOLDER}/deit"], HANG).stdout == "new\n"


def test_the_same_content_with_another_time_is_kept(device: Device, files: dict[str, Path]):
    push(device, files)
    os.utime(files["deit"], (1, 1))
    assert push(device, files).sent == ()


def test_a_file_that_became_a_program_is_sent_again(device: Device, files: dict[str, Path]):
    files["deit"].chmod(0o644)
    push(device, files)
    assert device.run([f"{FOLDER}/deit"], HANG).code == 126
    files["deit"].chmod(0o755)
    assert push(device, files).sent == ("deit",)
    assert device.run([f"{FOLDER}/deit"], HANG).code == 0


@pytest.mark.parametrize(
    "harm",
    [
        "echo x > deit",
        "echo x >> deit",
        "touch deit",
        "rm deit",
        "rm .index",
        "printf '\\n- deit\\n' >> .index",
        "printf rubbish > .index",
    ],
)
def test_what_was_changed_on_the_phone_is_mended(
    device: Device, phone: Phone, files: dict[str, Path], harm: str
):
    push(device, files)
    time.sleep(1.1)  # so that the changed file's time differs, in seconds
    assert device.run(f"cd {FOLDER}; {harm}", HANG).code == 0
    assert "deit" in push(device, files).sent
    assert_whole(phone, files)
    assert push(device, files).sent == ()


def test_two_bundles_lie_side_by_side(device: Device, phone: Phone, files: dict[str, Path]):
    push(device, files)
    push(device, {"fp32/model.nb": files["deit"]})
    assert_whole(phone, {**files, "fp32/model.nb": files["deit"]})


def test_clean_removes_all(device: Device, phone: Phone, files: dict[str, Path]):
    push(device, files)
    clean(device)
    assert not phone.path(FOLDER).exists()
    clean(device)


@pytest.mark.parametrize(
    "folder", ["/", "/data/local/tmp", "/data/local/tmp/", "/data/local/tmp/../x", "/sdcard/x"]
)
def test_nothing_else_is_ever_removed(device: Device, phone: Phone, folder: str):
    with pytest.raises(InputError, match="is no folder below"):
        clean(device, folder)


@pytest.mark.parametrize("name", ["", "/deit", "../deit", "a//b", ".index", "a/.b", "a\nb"])
def test_names_that_cannot_be(device: Device, files: dict[str, Path], name: str):
    with pytest.raises(InputError, match="cannot be a file's name on the phone"):
        push(device, {name: files["deit"]})


def test_names_with_blanks_quotes_and_backslashes(device: Device, phone: Phone, files: dict[str, Path]):
    odd = {"it's a/b $c.nb": files["deit"], "-n/\\n\\c.nb": files["deit"]}
    push(device, odd)
    assert_whole(phone, odd)
    assert push(device, odd).sent == ()


def test_a_file_that_is_missing_here(device: Device, tmp_path: Path):
    with pytest.raises(InputError, match=r"cannot read .*gone.nb: No such file"):
        push(device, {"model.nb": tmp_path / "gone.nb"})


def test_an_arm_phone(server: AdbServer, arm_phone: Phone, files: dict[str, Path]):
    device = ready(server, arm_phone)
    pushed: Pushed = push(device, files)
    assert_whole(arm_phone, files)
    assert pushed.bytes > 25 * MB
    assert pushed.seconds > 0
    assert push(device, files).sent == ()
