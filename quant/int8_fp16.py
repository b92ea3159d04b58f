"""INT8 and FP16 in one `.nb`: what stays float in an INT8 program goes to fp16 kernels where that pays.

Paddle Lite's optimizer has no such switch: it ignores fp16 for a quantized program. The choice is made by
`quant/cost/fp16.py`, the file is rewritten by `lite/nb/fp16.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lite.model.exported import Exported
from lite.nb import fp16, optimizer, program, reader
from lite.nb.kernel_check import Expectation, check_kernels
from lite.nb.reader import LiteModel
from lite.nb.shapes import Shape
from quant.cost.fp16 import cheapest
from quant.program.half import Halved, halved

PRECISION = "int8-fp16"


@dataclass(frozen=True)
class Mixed:
    """A `.nb` in INT8 and FP16; `halved` says what of the program runs in fp16, for its host twin."""

    model: LiteModel
    halved: Halved


def convert(int8: Exported, input_shape: Shape, out: Path) -> Mixed:
    """Converts an INT8 program for ARM to the `.nb` `out`, for one input of `input_shape` (NCHW).

    The same program gives the same bytes. Raises as `lite.nb.optimizer.optimize` and `quant.cost.fp16.cheapest` do;
    ConversionError where what was written is not what was asked for.
    """
    whole = optimizer.for_phone(int8, "int8", "arm", out)
    chosen = cheapest(whole, input_shape)
    program.write(fp16.to_fp16(program.read(out), whole, chosen), out, out)
    written = reader.read(out)
    check_kernels(written, Expectation(PRECISION, ("arm",)))
    return Mixed(written, halved(whole, chosen))
