"""A phone that was lost, by a loose cable, a restart, an adb server that ended: waits for it, and goes on with it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lite.phone.device import Device
from lite.phone.exclusive import exclusive
from lite.phone.link import BusyError, NoPhoneError, PhoneError
from lite.phone.server import AdbServer

if TYPE_CHECKING:
    from lite.phone.session import Outcome

# A phone that is lost so often without a round in between is ill.
MOST_FRUITLESS = 3
_POLL = 1.0
_ANSWER = 15.0


@dataclass(frozen=True)
class Loss:
    """When a phone was lost (seconds since the epoch), why, and for how long (s); None while it is not back."""

    at: float
    why: str
    seconds: float | None = None

    def ended(self) -> Loss:
        """It is back now."""
        return replace(self, seconds=max(0.0, time.time() - self.at))


def wait(device: Device, seconds: float, stop: threading.Event) -> bool:
    """Waits until the phone answers again, at most `seconds`; whether it does. Ends early once `stop` is set.

    A phone in the network is connected to again, and this computer's adb server is started where it has ended. What
    the phone still runs of what it was told before is ended.
    """
    end = time.monotonic() + seconds
    while not stop.is_set():
        with contextlib.suppress(PhoneError):
            device.run(["true"], _ANSWER)
            device.end_left()
            return True
        if time.monotonic() >= end:
            return False
        with contextlib.suppress(NoPhoneError):
            AdbServer(device.adb_server).connect_again(device.serial)
        stop.wait(_POLL)
    return False


def through_losses(
    bench: Callable[[Callable[[], None]], None],
    device: Device,
    outcome: Outcome,
    seconds: float,
    stop: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Runs `bench` with the phone for itself, again after each loss from which the phone comes back in `seconds`.

    Raises what ended it. What `bench` has measured by then it does not measure again.
    """
    until = 0.0
    while True:
        rounds = outcome.measured.rounds
        try:
            with exclusive(device) as check:
                return bench(check)
        except BusyError:
            # The hold that a dead link keeps, for a minute at most.
            if time.monotonic() >= until:
                raise
            stop.wait(_POLL)
        except PhoneError as error:
            if not error.lost or stop.is_set():
                raise
            outcome.fruitless = 0 if outcome.measured.rounds > rounds else outcome.fruitless + 1
            why = error.why or "out of reach"
            outcome.losses.append(Loss(time.time(), why))
            if not seconds or outcome.fruitless >= MOST_FRUITLESS:
                raise
            say(f"lost: {why}; waiting {seconds:g} s at most for it to come back")
            with outcome.stages.stage("lost"):
                if not wait(device, seconds, stop):
                    raise
            outcome.losses[-1] = outcome.losses[-1].ended()
            until = time.monotonic() + seconds
            say(f"back after {outcome.losses[-1].seconds:.0f} s")
