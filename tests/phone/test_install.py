"""tools/adb_bench.py --install-bundle and lite/phone/install.py: bundles into the app's folder on a real adbd."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bench import bench
from conftest import PhoneMaker, ready
from phone import Phone
from phone_files import write
from sent import on_phone
from waiting import HANG

from lite import bundle as bundles
from lite.bundle import Bundle
from lite.errors import InputError
from lite.phone import push
from lite.phone.device import Device
from lite.phone.exclusive import exclusive
from lite.phone.install import FILES, PACKAGE, folder_of, install
from lite.phone.link import PhoneError
from lite.phone.server import AdbServer

APP = f"/sdcard/Android/data/{PACKAGE}/files"
# Android's package manager, as far as it is asked here: it is silent about what is not there.
PM = """#!/system/bin/sh
[ "$1" = path ] && [ -e "/system/apps/$2" ] && echo "package:/data/app/$2/base.apk"
"""


def with_app(phone: Phone, package: str = PACKAGE) -> Phone:
    """The phone, with the app installed as far as its package manager says."""
    write(phone.dir / "system/bin/pm", PM, 0o755)
    write(phone.dir / "system/apps" / package, "")
    return phone


@pytest.fixture
def app_phone(phone: Phone) -> Phone:
    return with_app(phone)


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Bundle:
    """A bundle to change."""
    return bundles.read(Path(shutil.copytree(tiny_bundle, tmp_path / tiny_bundle.name)))


def there(phone: Phone) -> dict[str, bytes]:
    return on_phone(phone, APP)


def expected(bundle: Bundle) -> dict[str, bytes]:
    return {f"bundles/{bundle.path.name}/{name}": (bundle.path / name).read_bytes() for name in FILES}


def test_the_app_gets_what_it_reads_and_nothing_else(
    app_phone: Phone, device: Device, bundle: Bundle
) -> None:
    installed = install(device, bundle)
    assert installed.folder == f"{APP}/bundles/{bundle.path.name}"
    assert installed.changed
    assert sorted(installed.sent) == sorted(f"{bundle.path.name}/{name}" for name in FILES)
    assert there(app_phone) == expected(bundle)


def test_what_is_there_is_neither_sent_nor_copied_again(
    app_phone: Phone, device: Device, bundle: Bundle
) -> None:
    install(device, bundle)
    inode = app_phone.path(f"{APP}/bundles/{bundle.path.name}/model.nb").stat().st_ino
    again = install(device, bundle)
    assert (again.changed, again.sent) == (False, ())
    assert app_phone.path(f"{APP}/bundles/{bundle.path.name}/model.nb").stat().st_ino == inode


def test_only_what_changed_is_sent(app_phone: Phone, device: Device, bundle: Bundle) -> None:
    install(device, bundle)
    labels = bundle.path / "labels.txt"
    labels.write_text("other\n")
    again = install(device, bundle)
    assert (again.changed, again.sent) == (True, (f"{bundle.path.name}/labels.txt",))
    assert there(app_phone) == expected(bundle)


def test_what_was_damaged_in_the_apps_folder_is_mended(
    app_phone: Phone, device: Device, bundle: Bundle
) -> None:
    install(device, bundle)
    damaged = f"{APP}/bundles/{bundle.path.name}/model.nb"
    assert device.run(f"echo x >{damaged}; echo y >{APP}/bundles/{bundle.path.name}/more", HANG).code == 0
    assert install(device, bundle).changed
    assert there(app_phone) == expected(bundle)


def test_what_an_interrupted_run_left_is_removed(app_phone: Phone, device: Device, bundle: Bundle) -> None:
    left = f"{APP}/.installing/{bundle.path.name}"
    assert device.run(f"mkdir -p {left}; echo half >{left}/model.nb", HANG).code == 0
    install(device, bundle)
    assert there(app_phone) == expected(bundle)
    assert not app_phone.path(f"{APP}/.installing").exists()


def test_without_space_the_earlier_bundle_stays(
    make_phone: PhoneMaker, server: AdbServer, bundle: Bundle
) -> None:
    phone = with_app(make_phone(data_size="60m"))
    device = ready(server, phone)
    install(device, bundle)
    before = there(phone)
    # It comes to the phone, and its copy does not fit.
    filled = device.run("dd if=/dev/zero of=/sdcard/full bs=1048576 count=30", HANG)
    assert filled.code == 0, filled.stderr
    labels = bundle.path / "labels.txt"
    labels.write_text("other\n")
    with pytest.raises(PhoneError, match=r"cannot be written: .*No space left for model.nb; free some space"):
        install(device, bundle)
    assert there(phone) == before


def test_app_that_is_not_installed(app_phone: Phone, device: Device, bundle: Bundle) -> None:
    with pytest.raises(PhoneError, match=r"the app org\.else\.where is not installed on it; install it"):
        install(device, bundle, "org.else.where")
    assert not app_phone.path(push.FOLDER).exists()


def test_phone_without_package_manager(device: Device, bundle: Bundle) -> None:
    with pytest.raises(PhoneError, match="does not say whether the app com.example.deit is installed"):
        install(device, bundle)


@pytest.mark.parametrize("package", ["", "deit", "a.b; rm -rf /", "../a.b", "a..b", "a.b\n"])
def test_what_is_no_package(package: str) -> None:
    with pytest.raises(InputError, match="is no package of an app"):
        folder_of(package)


def test_the_command(app_phone: Phone, bundle: Bundle) -> None:
    done = bench("--install-bundle", "--bundle", bundle.path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert f"{APP}/bundles/{bundle.path.name}" in " ".join(done.stderr.split())
    assert there(app_phone) == expected(bundle)
    assert "is there already" in " ".join(bench("--install-bundle", "--bundle", bundle.path).stderr.split())


def test_the_command_with_a_phone_that_lacks_the_app(
    app_phone: Phone, make_phone: PhoneMaker, bundle: Bundle
) -> None:
    other = make_phone("other")
    done = bench("--install-bundle", "--bundle", bundle.path, "--all")
    assert done.returncode == 7
    said = " ".join(done.stderr.split())
    assert f"error: {other.serial}: it does not say whether the app" in said
    # It stops no other.
    assert there(app_phone) == expected(bundle)


def test_a_phone_that_cannot_be_cleaned_stops_no_other(make_phone: PhoneMaker, server: AdbServer) -> None:
    busy, other = make_phone("busy"), make_phone("other")
    for phone in (busy, other):
        phone.path(push.FOLDER).mkdir()
    with exclusive(ready(server, busy)):
        done = bench("--clean", "--all")
    assert done.returncode == 6
    assert f"error: {busy.serial}: " in done.stderr
    assert busy.path(push.FOLDER).exists()
    assert not other.path(push.FOLDER).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--install-bundle", "--clean"), "--install-bundle is no option of --clean"),
        (("--clean", "--resume"), "--resume is no option of --clean"),
        (("--clean", "--bundle", "one"), "--bundle is no option of --clean"),
        (("--install-bundle", "--threads", 2), "--threads is no option of --install-bundle"),
    ],
)
def test_what_does_not_go_with_it(arguments: tuple[object, ...], words: str) -> None:
    done = bench(*arguments)
    assert (done.returncode, words in done.stderr) == (2, True)
