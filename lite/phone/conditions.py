"""What else goes on on a phone before it is measured: its screen, its charger, other work; and what that spoils."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from lite.phone.device import Device

_SECONDS = 30.0
# Other work over this share of all processors is worth a word.
BUSY = 0.10
# Between two looks at what the processors did.
_APART = 0.5
_SCRIPT = f"""
read -r s </proc/stat && echo "$s"
read -r s </proc/loadavg && echo "load $s"
dumpsys power 2>/dev/null | grep -m1 mWakefulness=
dumpsys battery 2>/dev/null
sleep {_APART}
read -r s </proc/stat && echo "$s"
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
