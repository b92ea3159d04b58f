"""What `quant/cost/model.py` knows of ARM cores: instructions of Paddle Lite's loops, read and fitted.

`CORES` by the name that commands take. Cores with int8 dot product (Cortex-A55, A75 and newer) run the kernels of the
Cortex-A76 here, others (A53, A72, A73) those of the A53, which differs from its like in float products only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lite.errors import InputError
from lite.shown import shown

DEFAULT_CORE = "cortex-a76"
WITHOUT_DOT_PRODUCT = "cortex-a53"


@dataclass(frozen=True)
class Rates:
    """Instructions, fitted by `benchmarks/cost_model.py`: of an element where nothing else is said."""

    run: float  # of the input, copying it
    operator: float  # of starting an operator
    tile: float  # of writing out a tile of a product, whatever its depth
    strip_int8: float  # of a row of tiles, beside these
    tile_int8: float  # with bias and scale a column, as fc has them
    tile_int8_convolution: float  # with bias and scale a row
    pack: float  # of a product's left factor
    pack_columns: float  # of its right one
    pack_transposed: float
    pack_int8: float
    pack_columns_int8: float
    pack_transposed_int8: float
    bias: float
    product_int8: float  # of what an int8 matmul_v2 makes
    narrow: float  # of a float weight, where two to four rows are multiplied
    vector: float  # of a multiply-add, where the product has one row or column
    vector_int8: float
    im2col: float
    im2col_int8: float
    transpose: float
    transpose_matrix: float
    slice_start: float
    slice: float  # for each dimension
    gelu: float
    gelu_tanh: float
    softmax: float
    softmax_rest: float  # more, of what is left of a row after fours: its exp is a call
    layer_norm: float
    layer_norm_row: float
    hard_swish: float
    calib: float
    scale: float
    clip: float
    relu: float
    sigmoid: float
    swish: float
    tanh: float
    piece: float  # of a row of a part that split or concat copies
    copy: float
    same_shape: float
    row: float
    row_element: float
    broadcast_add_row: float
    broadcast_add: float
    scalar: float
    # The same of fp16 kernels.
    tile_fp16: float
    pack_fp16: float
    pack_columns_fp16: float
    pack_transposed_fp16: float
    bias_fp16: float
    vector_fp16: float
    softmax_fp16: float
    sigmoid_fp16: float
    calib_fp16: float
    scale_fp16: float
    same_shape_fp16: float
    broadcast_fp16: float
    copy_fp16: float


@dataclass(frozen=True)
class Core:
    """A kind of core. `loops`, read: instructions for a step of depth of float tiles of 8 rows by 12, 4, 1 columns.

    `fp16`: it has half-precision arithmetic (asimdhp).
    """

    name: str
    dot_product: bool
    fp16: bool
    loops: tuple[float, float, float]
    rates: Rates


_A76 = Rates(
    run=0.6597, operator=1146, tile=96.71, strip_int8=587.2, tile_int8=366.2, tile_int8_convolution=239, pack=1.298,
    pack_columns=0.2494, pack_transposed=0.6798, pack_int8=0.566, pack_columns_int8=1.982, pack_transposed_int8=1.44,
    bias=1.048, product_int8=4.477, narrow=1.928, vector=0.4913, vector_int8=0.2319, im2col=10.24, im2col_int8=8.972,
    transpose=18.25, transpose_matrix=1.857, slice_start=8464, slice=10, gelu=30.81, gelu_tanh=14.5, softmax=18.91,
    softmax_rest=44.21, layer_norm=3.44, layer_norm_row=81.82, hard_swish=2.65, calib=1.707, scale=0.9947, clip=1.15,
    relu=1, sigmoid=9.5, swish=10, tanh=17, piece=36.07, copy=0.6283, same_shape=1.402, row=18, row_element=0.9,
    broadcast_add_row=228, broadcast_add=1.062, scalar=18, tile_fp16=82, pack_fp16=0.9588, pack_columns_fp16=0.1932,
    pack_transposed_fp16=0.6154, bias_fp16=0.3145, vector_fp16=0.3468, softmax_fp16=10.32, sigmoid_fp16=4.007,
    calib_fp16=0.3576, scale_fp16=0.5574, same_shape_fp16=0.6863, broadcast_fp16=0.8444, copy_fp16=0.288,
)  # fmt: skip
_A73 = replace(
    _A76,
    tile=96.25, strip_int8=373.2, tile_int8=378.6, tile_int8_convolution=398.6, pack_int8=0.481,
    pack_columns_int8=0.2652, pack_transposed_int8=1.19, product_int8=5.184, vector_int8=0.3634,
)  # fmt: skip
_A53 = replace(
    _A76,
    tile=83.54, strip_int8=358.6, tile_int8=379.3, tile_int8_convolution=420.5, pack_int8=0.4985,
    pack_columns_int8=0.2853, pack_transposed_int8=1.199, product_int8=5.193, vector_int8=0.3803,
)  # fmt: skip
# A53's loops load half a register at a time.
_LOOPS, _LOOPS_A53 = (28.25, 11.25, 4.0), (47.0, 18.25, 5.0)
CORES: Mapping[str, Core] = {
    "cortex-a76": Core("Cortex-A76", True, True, _LOOPS, _A76),
    "cortex-a73": Core("Cortex-A73", False, False, _LOOPS, _A73),
    "cortex-a53": Core("Cortex-A53", False, False, _LOOPS_A53, _A53),
}


def check_core(name: str) -> None:
    """Raises InputError for a core that is not one of `CORES`."""
    if name not in CORES:
        raise InputError(f"there is no core {shown(name)}", remedy=f"choose one of {', '.join(CORES)}")
