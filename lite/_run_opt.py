"""The child process of `lite/optimizer.py`: runs Paddle Lite's opt, which may take its process down.

Arguments: program file, parameter file, output without `.nb`, comma-separated targets, fp16 as 0 or 1.
"""

from __future__ import annotations

import sys

NO_PADDLELITE = 64


def main() -> None:
    """Converts one model; ends with status `NO_PADDLELITE` where Paddle Lite cannot be imported."""
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


if __name__ == "__main__":
    main()
