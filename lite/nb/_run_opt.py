"""The child process of `lite/nb/optimizer.py`: runs Paddle Lite's opt, which may take its process down.

Converts `model.pdmodel` and `model.pdiparams` of the working folder to `model.nb`. Arguments: comma-separated
targets, fp16 as 0 or 1.

opt orders operators that do not depend on each other by the addresses of its objects, and shares memory between
tensors by that order, so that whatever moves its heap changes the file: the length of a path, the environment.
It therefore gets the same short names everywhere, and a heap on which nothing was done before: glibc gives
each thread one. What it writes then depends on the program only.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lite import lifeline

MODEL, PARAMS, OUT = "model.pdmodel", "model.pdiparams", "model"
# For glibc, which reads it when a process starts. Without its cache, what the thread frees of the main heap goes
# back there; with a fixed threshold, large blocks stay outside of heaps whatever was freed before.
TUNABLES = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mmap_threshold=131072"}
NO_PADDLELITE = 64


def main() -> None:
    """Converts one model; ends with status `NO_PADDLELITE` where Paddle Lite cannot be imported."""
    lifeline.hold()
    targets, fp16 = sys.argv[1:]
    try:
        import paddlelite.lite  # noqa: F401
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(NO_PADDLELITE)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_convert, targets, fp16 == "1").result()
    _blank_header(Path(f"{OUT}.nb"))


def _convert(targets: str, fp16: bool) -> None:
    from paddlelite import lite

    opt = lite.Opt()
    opt.set_model_file(MODEL)
    opt.set_param_file(PARAMS)
    opt.set_model_type("naive_buffer")
    opt.set_optimize_out(OUT)
    if fp16:
        # Has to come before the targets, which take the precision over.
        opt.enable_fp16()
    opt.set_valid_places(targets)
    opt.run()


def _blank_header(file: Path) -> None:
    """Zeroes what opt leaves behind the version's NUL in bytes 2 to 17: memory that it never set."""
    if file.is_file():
        with file.open("r+b") as model:
            version = model.read(18)[2:]
            model.seek(2)
            model.write(version.partition(b"\0")[0].ljust(len(version), b"\0"))


if __name__ == "__main__":
    main()
