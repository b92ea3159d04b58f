"""The conditions under which a phone is measured: its screen, its charger, other work, what these spoil; fixed clocks.

Clocks stand still at what a phone can hold in Android's fixed-performance mode. Who takes it is a shell on the phone
that gives it back when the block ends, when the bench dies of whatever, and when its computer is not heard of any more.
A phone that restarts has it no more by itself.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from lite.phone.device import Device
from lite.phone.exclusive import SILENCE, heard
from lite.phone.link import PhoneError
from lite.shown import printable, shortened

_SECONDS = 30.0
# Other work over this share of all processors is worth a word.
BUSY = 0.10
# Between two looks at what the processors did.
_APART = 0.5
# What asks is at work itself, so it asks before it looks.
_SCRIPT = f"""
dumpsys power 2>/dev/null | grep -m1 mWakefulness=
dumpsys battery 2>/dev/null
read -r s </proc/loadavg && echo "load $s"
read -r s </proc/stat && echo "$s"
sleep {_APART}
read -r s </proc/stat && echo "$s"
"""
_CLOCKS_SECONDS = 60.0
_CLOCKS_COMMAND = "cmd power set-fixed-performance-mode-enabled"
_CLOCKS_LAST = "."
_CLOCKS_REFUSED = "refused"
# The end of its standard input, or silence, ends it; SIGHUP comes beside that end and must not be before it. An earlier
# one that still gives the mode back, known by its command line (the pattern does not match itself), would do so after
# this has taken it; a shell's own children have that line, too, and are no leaders of a process group.
_CLOCKS_SCRIPT = f""": deit_lite_fixed_clocks
trap '' HUP
earlier() {{
  for f in $(grep -ls 'deit_lite_fixed_clock[s]' /proc/[0-9]*/cmdline); do
    read -r p c t q g r <${{f%cmdline}}stat && [ "$p" = "$g" ] && [ "$p" != $$ ] && echo $p
  done 2>/dev/null
}}
n=0; while [ $n -lt 100 ] && [ -n "$(earlier)" ]; do n=$((n+1)); sleep 0.1; done
s=$({_CLOCKS_COMMAND} true 2>&1) || {{ echo "{_CLOCKS_REFUSED} $s"; echo {_CLOCKS_LAST}; exit; }}
echo {_CLOCKS_LAST}
while read -r -t "$silence" s; do :; done
{_CLOCKS_COMMAND} false >/dev/null 2>&1
"""


@dataclass(frozen=True)
class Conditions:
    """What a phone shows of itself before a bench; None for what it does not tell.

    `screen_on`; `charger`: what it is plugged into in words, "" for nothing; `charging`: whether the battery takes
    charge; `busy`: the share of all its processors' time, 0 to 1, that other work took in half a second; `load`: the
    kernel's load average of the last minute, in which Android counts what waits, too.
    """

    screen_on: bool | None
    charger: str | None
    charging: bool | None
    busy: float | None
    load: float | None

    @property
    def warnings(self) -> list[str]:
        """What may spoil a bench, in words."""
        found = []
        if self.screen_on:
            found.append("the screen is on: what it draws takes processor time; switch it off")
        if self.charging:
            found.append(f"it charges ({self.charger or 'from what is not told'}), which warms it")
        if self.busy is not None and self.busy > BUSY:
            found.append(f"other work took {self.busy:.0%} of its processors' time before the bench")
        return found

    def as_dict(self) -> dict[str, Any]:
        """As JSON values, with the warnings."""
        return {**asdict(self), "warnings": self.warnings}


def read(device: Device) -> Conditions:
    """Asks the phone; that takes half a second. Raises PhoneError for what befalls it."""
    return parse(device.run(_SCRIPT, _SECONDS).stdout)


def parse(text: str) -> Conditions:
    """What the script's output `text` says."""
    awake = re.search(r"mWakefulness=(\w+)", text)
    load = re.search(r"^load (\d+\.\d+)", text, re.M)
    plugged = re.findall(r"^  (AC|USB|Wireless|Dock) powered: (true|false)", text, re.M)
    status = re.search(r"^  status: (\d+)", text, re.M)
    return Conditions(
        # Android's PowerManagerInternal: Asleep, Awake, Dreaming (a screen saver), Dozing (always-on display).
        None if awake is None else awake[1] in ("Awake", "Dreaming"),
        ", ".join(name for name, value in plugged if value == "true") if plugged else None,
        None if status is None else status[1] == "2",
        _busy(text),
        float(load[1]) if load else None,
    )


def _busy(text: str) -> float | None:
    """Of proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal."""
    looks = [[int(word) for word in line.split()[:8]] for line in re.findall(r"^cpu +([\d ]+)$", text, re.M)]
    if len(looks) != 2 or any(len(look) < 5 for look in looks):
        return None
    passed = [after - before for before, after in zip(*looks, strict=True)]
    total = sum(passed)
    return 1 - (passed[3] + passed[4]) / total if total > 0 and min(passed) >= 0 else None


class NoFixedClocksError(PhoneError):
    """The phone has no fixed-performance mode."""


@contextlib.contextmanager
def fixed_clocks(device: Device, silence: float = SILENCE) -> Iterator[None]:
    """Keeps the phone in its fixed-performance mode while the block runs, and gives that back however it ends.

    It must be alone on the phone (see `exclusive`). Raises NoFixedClocksError where it has none, PhoneError for what
    befalls it.
    """
    with device.held(f"silence={silence:g}; {_CLOCKS_SCRIPT}", _CLOCKS_LAST, _CLOCKS_SECONDS) as held:
        if held.said and held.said[0].startswith(_CLOCKS_REFUSED):
            said = shortened(printable(" ".join(held.said).removeprefix(_CLOCKS_REFUSED).strip()), 160)
            raise NoFixedClocksError(
                device.serial,
                f"it has no fixed-performance mode ({said or 'it gave no reason'})",
                "measure without --fixed-clocks, with --cooldown-temp so that each start begins as cool",
            )
        try:
            with heard(held, silence):
                yield
        finally:
            # Something on the phone may have ended the shell, which can give nothing back then; twice does no harm.
            with contextlib.suppress(PhoneError):
                device.run(f"{_CLOCKS_COMMAND} false", _CLOCKS_SECONDS)
