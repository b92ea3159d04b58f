"""One bench at a time on a phone: two would spoil each other's figures, and remove each other's files.

Who is at work there is a shell on the phone, which ends with the bench whatever that dies of, also when its computer
vanishes and adb does not notice: then it hears nothing any more. No lock is left behind, and none has to be broken.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence

from lite.phone.device import Device, Held
from lite.phone.link import BusyError, PhoneError

_SECONDS = 60.0
# So long a computer may be silent; it says something several times meanwhile.
SILENCE = 60.0
_BEATS = 6
_MARK = "deit_lite_alone"
_LAST = "."
# The pattern matches the mark, but not itself.
_SCRIPT = f""": {_MARK}
for f in $(grep -ls '{_MARK[:-1]}[{_MARK[-1]}]' /proc/[0-9]*/cmdline); do
  read -r s <${{f%cmdline}}stat && echo "$s"
done 2>/dev/null
echo {_LAST}
while read -r -t "$silence" s; do :; done
"""
# /proc/PID/stat (proc_pid_stat(5)): process, name, state, parent, process group, …, as 22nd when it started.
_STAT = re.compile(r"(?P<pid>\d+) \(.*\) \S \d+ (?P<group>\d+)(?: -?\d+){16} (?P<started>\d+) .*")


@contextlib.contextmanager
def exclusive(device: Device, silence: float = SILENCE) -> Iterator[Callable[[], None]]:
    """Keeps other benches, also those of other computers, away from the phone while the block runs.

    A bench that is not heard of for `silence` seconds keeps nobody away any more. The block gets a function that raises
    PhoneError once that, or something on the phone, has ended it. Raises BusyError where one is at work there already,
    PhoneError for what befalls the phone.
    """
    with device.held(f"silence={silence:g}; {_SCRIPT}", _LAST, _SECONDS) as held:
        if _is_later(held.process, held.said):
            remedy = (
                "wait for it, or press Ctrl-C where it runs; if its computer has gone, the phone is free after "
                f"{silence:g} s"
            )
            raise BusyError(device.serial, "another bench is at work on it", remedy)

        def check() -> None:
            if not held.runs:
                why = "its hold on the phone has ended, so that another bench may have run beside this one"
                raise PhoneError(device.serial, why, "run this again with --resume")

        with heard(held, silence):
            yield check


@contextlib.contextmanager
def heard(held: Held, silence: float) -> Iterator[None]:
    """Writes to a command's standard input several times in `silence` seconds, as long as the block runs."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(silence / _BEATS):
            try:
                held.write_line()
            except (PhoneError, TimeoutError):
                return  # what is at work beside it tells what is wrong

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _is_later(own: int, said: Sequence[str]) -> bool:
    """Whether another bench was there first.

    Each looks only once its own is there, so that of two that come together the later one sees the other.
    """
    matches = [match for line in said if (match := _STAT.fullmatch(line))]
    # A shell's own children have its command line, too.
    leaders = {
        int(match["pid"]): int(match["started"]) for match in matches if match["pid"] == match["group"]
    }
    if own not in leaders:
        # A phone that shows no processes must not be useless for that.
        return False
    mine = (leaders[own], own)
    return any((started, pid) < mine for pid, started in leaders.items())
