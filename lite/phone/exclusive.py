"""One bench at a time on a phone: two would spoil each other's figures, and remove each other's files.

Who is at work there is a shell on the phone, which ends with the bench whatever that dies of: no lock is left behind.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence

from lite.phone.device import Device
from lite.phone.link import BusyError

_SECONDS = 60.0
_MARK = "deit_lite_alone"
_LAST = "."
# The pattern matches the mark, but not itself.
_SCRIPT = f""": {_MARK}
for f in $(grep -ls '{_MARK[:-1]}[{_MARK[-1]}]' /proc/[0-9]*/cmdline); do
  read -r s <${{f%cmdline}}stat && echo "$s"
done 2>/dev/null
echo {_LAST}; read -r s
"""
# /proc/PID/stat (proc_pid_stat(5)): process, name, state, parent, process group, …, as 22nd when it started.
_STAT = re.compile(r"(?P<pid>\d+) \(.*\) \S \d+ (?P<group>\d+)(?: -?\d+){16} (?P<started>\d+) .*")


@contextlib.contextmanager
def exclusive(device: Device) -> Iterator[None]:
    """Keeps other benches, also those of other computers, away from the phone while the block runs.

    Raises BusyError where one is at work there already, PhoneError for what befalls the phone.
    """
    with device.held(_SCRIPT, _LAST, _SECONDS) as (own, said):
        other = _earlier(own, said)
        if other is not None:
            remedy = f"wait for it, or end it (if there is none: adb -s {device.serial} shell kill {other})"
            raise BusyError(device.serial, "another bench is at work on it", remedy)
        yield


def _earlier(own: int, said: Sequence[str]) -> int | None:
    """The process of a bench that was there first.

    Each looks only once its own is there, so that of two that come together the later one sees the other.
    """
    matches = [match for line in said if (match := _STAT.fullmatch(line))]
    # A shell's own children have its command line, too.
    leaders = {
        int(match["pid"]): int(match["started"]) for match in matches if match["pid"] == match["group"]
    }
    if own not in leaders:
        # A phone that shows no processes must not be useless for that.
        return None
    mine = (leaders[own], own)
    return next((pid for pid, started in sorted(leaders.items()) if (started, pid) < mine), None)
