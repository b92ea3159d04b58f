"""What tools/adb_bench.py --install-bundle does: bundles into the demo app's folder on each phone, in words."""

from __future__ import annotations

from collections.abc import Sequence

from _display import say

from lite.bundle import Bundle
from lite.phone import install
from lite.phone.alone import alone
from lite.phone.device import Device
from lite.phone.errors import PhoneError


def install_all(devices: Sequence[Device], bundles: Sequence[Bundle], package: str) -> int:
    """The exit code: 0, or that of the first phone that failed; one that fails stops no other."""
    # Before any phone is asked.
    install.folder_of(package)
    code = 0
    for device in devices:
        try:
            with alone(device):
                for bundle in bundles:
                    _install(device, bundle, package)
        except PhoneError as error:
            say(str(error), "error", "bold red")
            code = code or error.exit_code
    return code


def _install(device: Device, bundle: Bundle, package: str) -> None:
    done = install.install(device, bundle, package)
    if done.changed:
        say(f"installed {done.folder}: choose it in the app's settings", device.serial)
    else:
        say(f"{done.folder} is there already", device.serial)
