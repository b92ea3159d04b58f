"""The child process of `lite/optimizer.py`: runs Paddle Lite's opt, which may take its process down.

Arguments: program file, parameter file, output without `.nb`, comma-separated targets, fp16 as 0 or 1.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

NO_PADDLELITE = 64
# From Linux's personality.h.
_ADDR_NO_RANDOMIZE = 0x0040000
_ASK = 0xFFFFFFFF


def without_random_addresses() -> bool:
    """Asks Linux to load programs that this process starts at the same addresses each time.

    False where that is not allowed, as in some containers.
    """
    personality = ctypes.CDLL(None).personality
    personality.argtypes = [ctypes.c_ulong]
    return bool(personality(personality(_ASK) | _ADDR_NO_RANDOMIZE) != -1)


def main() -> None:
    """Converts one model; ends with status `NO_PADDLELITE` where Paddle Lite cannot be imported."""
    # opt orders some operators by their addresses, so that one in 25 files would differ.
    if not ctypes.CDLL(None).personality(_ASK) & _ADDR_NO_RANDOMIZE and without_random_addresses():
        os.execv(sys.executable, [sys.executable, "-m", "lite._run_opt", *sys.argv[1:]])  # noqa: S606
    model, params, out, targets, fp16 = sys.argv[1:]
    try:
        from paddlelite import lite
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(NO_PADDLELITE)
    opt = lite.Opt()
    opt.set_model_file(model)
    opt.set_param_file(params)
    opt.set_model_type("naive_buffer")
    opt.set_optimize_out(out)
    if fp16 == "1":
        # Has to come before the targets, which take the precision over.
        opt.enable_fp16()
    opt.set_valid_places(targets)
    opt.run()
    _blank_header(Path(f"{out}.nb"))


def _blank_header(file: Path) -> None:
    """Zeroes what opt leaves behind the version's NUL in bytes 2 to 17: memory that it never set."""
    if file.is_file():
        with file.open("r+b") as model:
            version = model.read(18)[2:]
            model.seek(2)
            model.write(version.partition(b"\0")[0].ljust(len(version), b"\0"))


if __name__ == "__main__":
    main()
