"""Android's fixed-performance mode, in which clocks stand still at what a phone can hold: taken, and given back.

Who takes it is a shell on the phone that gives it back when the block ends, when the bench dies of whatever, and when
its computer is not heard of any more. A phone that restarts has it no more by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lite.phone.device import Device
from lite.phone.exclusive import SILENCE, heard
from lite.phone.link import PhoneError
from lite.shown import printable, shortened

_SECONDS = 60.0
_COMMAND = "cmd power set-fixed-performance-mode-enabled"
_LAST = "."
_REFUSED = "refused"
# The end of its standard input, or silence, ends it; SIGHUP comes beside that end and must not be before it. An earlier
# one that still gives the mode back, known by its command line (the pattern does not match itself), would do so after
# this has taken it; a shell's own children have that line, too, and are no leaders of a process group.
_SCRIPT = f""": deit_lite_fixed_clocks
trap '' HUP
earlier() {{
  for f in $(grep -ls 'deit_lite_fixed_clock[s]' /proc/[0-9]*/cmdline); do
    read -r p c t q g r <${{f%cmdline}}stat && [ "$p" = "$g" ] && [ "$p" != $$ ] && echo $p
  done 2>/dev/null
}}
n=0; while [ $n -lt 100 ] && [ -n "$(earlier)" ]; do n=$((n+1)); sleep 0.1; done
s=$({_COMMAND} true 2>&1) || {{ echo "{_REFUSED} $s"; echo {_LAST}; exit; }}
echo {_LAST}
while read -r -t "$silence" s; do :; done
{_COMMAND} false >/dev/null 2>&1
"""


class NoFixedClocksError(PhoneError):
    """The phone has no fixed-performance mode."""


@contextlib.contextmanager
def fixed_clocks(device: Device, silence: float = SILENCE) -> Iterator[None]:
    """Keeps the phone in its fixed-performance mode while the block runs, and gives that back however it ends.

    It must be alone on the phone (see `exclusive`). Raises NoFixedClocksError where it has none, PhoneError for what
    befalls it.
    """
    with device.held(f"silence={silence:g}; {_SCRIPT}", _LAST, _SECONDS) as held:
        if held.said and held.said[0].startswith(_REFUSED):
            said = shortened(printable(" ".join(held.said).removeprefix(_REFUSED).strip()), 160)
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
                device.run(f"{_COMMAND} false", _SECONDS)
