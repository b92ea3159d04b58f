"""What `quant/cost.py` knows of ARM cores: instructions of Paddle Lite's loops, read and fitted.

`CORES` by the name that commands take. Cores with int8 dot product (Cortex-A55, A75 and newer) run the kernels of the
Cortex-A76 here, others (A53, A72, A73) those of the A53, which differs from its like in float products only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_CORE = "cortex-a76"
WITHOUT_DOT_PRODUCT = "cortex-a53"


@dataclass(frozen=True)
class Rates:
    """Instructions, fitted by `benchmarks/cost_model.py`: of an element where nothing else is said."""

    run: float  # of the input, copying it
    operator: float  # of starting an operator
    tile: float  # of writing out a tile of a product, whatever its depth
    tile_int8: float  # with bias and scale a column, as fc has them
    tile_int8_convolution: float  # with bias and scale a row
    tile_int8_plain: float  # matmul_v2: scaled afterwards
    pack: float  # of a product's left factor
    pack_columns: float  # of its right one
    pack_transposed: float
    pack_int8: float
    pack_columns_int8: float
    pack_transposed_int8: float
    bias: float
    product_scale: float
    vector: float  # of a multiply-add, where the product has one row or column
    vector_int8: float
    im2col: float
    transpose: float
    transpose_matrix: float
    slice: float  # for each dimension: every index is divided anew
    gelu: float
    gelu_tanh: float
    softmax: float
    softmax_rest: float  # more, of what is left of a row behind fours: its exp is a call
    layer_norm: float
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
    broadcast_add: float
    scalar: float


@dataclass(frozen=True)
class Core:
    """A kind of core. `loops`: instructions for a step of depth of float tiles of 8 rows by 12, 4 and 1 columns, read."""

    name: str
    dot_product: bool
    loops: tuple[float, float, float]
    rates: Rates


# What the source suggests, where nothing was counted (hard_swish, clip, relu, ...), and where a fit starts.
PRIOR = Rates(
    run=0.2, operator=1300, tile=96, tile_int8=448, tile_int8_convolution=330, tile_int8_plain=190, pack=1.1,
    pack_columns=0.55, pack_transposed=1.1, pack_int8=0.78, pack_columns_int8=0.78, pack_transposed_int8=0.78,
    bias=0.73, product_scale=1.8, vector=0.6, vector_int8=0.16, im2col=4.5, transpose=17.3, transpose_matrix=2.0,
    slice=12.0, gelu=25.1, gelu_tanh=14.8, softmax=18.7, softmax_rest=50, layer_norm=3.7, hard_swish=2.65, calib=29 / 16,
    scale=1.2, clip=1.15, relu=1.0, sigmoid=9.5, swish=10.0, tanh=17.0, piece=30.0, copy=0.6, same_shape=1.2, row=18.0,
    row_element=0.9, broadcast_add=1.3, scalar=18.0,
)  # fmt: skip
# A53's loops load half a register at a time.
_LOOPS, _LOOPS_A53 = (28.25, 11.25, 4.0), (47.0, 18.25, 5.0)
CORES: Mapping[str, Core] = {
    "cortex-a76": Core("Cortex-A76", True, _LOOPS, PRIOR),
    "cortex-a73": Core("Cortex-A73", False, _LOOPS, PRIOR),
    "cortex-a53": Core("Cortex-A53", False, _LOOPS_A53, PRIOR),
}
