"""Room above the calibrated ranges, for values that calibration has not seen.

Calibration notes the largest value of each tensor; the next picture may go beyond, and clipping an outlier costs
more than a slightly coarser step. It matters where few values were seen (the last block's class tokens: one
row a picture) and where outliers are heavy (behind GELU).
"""

from __future__ import annotations

import numpy as np
import paddle

from lite.export import Exported, LoadedProgram, static_graph
from lite.zoo import Variant

_QUANTIZERS = {"fake_quantize_range_abs_max": "InScale", "quantize_linear": "Scale"}


def widen(quantized: Exported, variant: Variant, *, class_tokens: float, gelu: float) -> int:
    """Multiplies activation scales of linear layers in a quantized program, in place; returns how many.

    `class_tokens` is the factor for tensors [1, class tokens, dim or hidden], `gelu` the one for other tensors
    [1, tokens, hidden]; the head's input is left as it is.
    """
    with static_graph() as executor:
        loaded = LoadedProgram(quantized, executor)
        block = loaded.program.global_block()
        factors: dict[str, float] = {}
        for operator in block.ops:
            if operator.type not in _QUANTIZERS:
                continue
            shape = tuple(block.var(operator.input("X")[0]).shape)
            (scale,) = operator.input(_QUANTIZERS[operator.type])
            if len(shape) == 3 and shape[1] == variant.class_tokens:
                factors[scale] = class_tokens
            elif len(shape) == 3 and shape[-1] == variant.hidden:
                factors[scale] = gelu
        for name, factor in factors.items():
            tensor = loaded.scope.find_var(name).get_tensor()
            tensor.set(np.array(tensor) * np.float32(factor), paddle.CPUPlace())
        loaded.save(quantized.model.parent)
        return len(factors)
