"""What can go wrong with a phone, each with the exit code of the commands (see lite/errors.py)."""

from __future__ import annotations

from lite.errors import ToolkitError


class NoPhoneError(ToolkitError):
    """There is no phone that can be used, or no adb server to ask for one."""

    exit_code = 6


class PhoneError(ToolkitError):
    """Something failed on one phone, which is the `what` of it: `{serial}: {why}; {remedy}`.

    `lost` tells that the phone itself is out of reach (cable, reboot, stalled link, adb server ended), so that
    nothing more can be had from it in this run.
    """

    exit_code = 7

    def __init__(self, serial: str, why: str, remedy: str, *, lost: bool = False) -> None:
        super().__init__(serial, why=why, remedy=remedy)
        self.serial = serial
        self.lost = lost


class PhoneTimeoutError(PhoneError):
    """A command did not end in its time and was ended; the phone still answers."""


class BusyError(PhoneError):
    """Another bench is at work on the phone; it was left alone."""

    exit_code = NoPhoneError.exit_code


class GoldenMismatchError(ToolkitError):
    """The phone's answers to the golden pictures are not the bundle's; no latency of it is worth a look."""

    exit_code = 8
