"""Instructions of matrix products on an ARM core, tile by tile: what `model.py` says is read from the source."""

from __future__ import annotations

import operator

from quant.cost.rates import Core

# Main loops of int8 tiles, read: instructions for four steps of depth. With dot products a tile has 8 rows by 12
# columns, or at the right edge by 4 and 8; without them always 4 by 16.
_LOOP_INT8, _LOOP_INT8_REST = 28.25, (0.0, 15.0, 24.0, 28.25)
_LOOP_INT8_4X16 = 58.0
# Of fp16 tiles of 8 rows by 16, 8, 4 and 1 columns, read: instructions for a step of depth.
_LOOPS_FP16 = ((16, 22.0), (8, 13.0), (4, 13.0), (1, 4.0))


def product(rows: int, depth: int, columns: int, core: Core, *, int8: bool, tile: float) -> float:
    """Instructions of multiplying a packed [rows, depth] with a packed [depth, columns].

    `tile` is what a tile takes beside its main loop.
    """
    if int8 and not core.dot_product:
        wide = -(-columns // 16)
        loop = -(-depth // 4) * wide * _LOOP_INT8_4X16
        return -(-rows // 4) * (loop + wide * tile + core.rates.strip_int8)
    whole, rest = divmod(columns, 12)
    if int8:
        loop = -(-depth // 4) * (whole * _LOOP_INT8 + _LOOP_INT8_REST[-(-rest // 4)])
        return -(-rows // 8) * (loop + (whole + bool(rest)) * tile + core.rates.strip_int8)
    fours, ones = divmod(rest, 4)
    loop = depth * sum(map(operator.mul, core.loops, (whole, fours, ones)))
    return -(-rows // 8) * (loop + (whole + (fours + ones) / 3) * tile)


def product_fp16(rows: int, depth: int, columns: int, core: Core, *, transposed: bool = False) -> float:
    """Instructions of multiplying [rows, depth] with [depth, columns] in fp16, packing both."""
    rates = core.rates
    if rows == 1 or columns == 1:
        return rates.vector_fp16 * rows * depth * columns
    loop = tiles = 0.0
    rest = columns
    for wide, taken in _LOOPS_FP16:
        count, rest = divmod(rest, wide)
        loop += count * taken
        tiles += count * wide / 16
    packed = rates.pack_transposed_fp16 if transposed else rates.pack_columns_fp16
    return (
        -(-rows // 8) * (depth * loop + tiles * rates.tile_fp16)
        + rates.pack_fp16 * rows * depth
        + packed * depth * columns
    )


def linear(rows: int, depth: int, columns: int, core: Core, *, int8: bool, bias: bool) -> float:
    """Instructions of a linear layer, without its start and what quantizes its input."""
    rates = core.rates
    if rows == 1:
        return (rates.vector_int8 if int8 else rates.vector) * depth * columns
    if rows <= 4 and not int8:
        return rates.narrow * depth * columns
    cost = product(rows, depth, columns, core, int8=int8, tile=rates.tile_int8 if int8 else rates.tile)
    if int8:  # the weights were packed when the model was loaded
        return cost + rates.pack_int8 * rows * depth
    return (
        cost
        + rates.pack * rows * depth
        + rates.pack_columns * depth * columns
        + bias * rates.bias * rows * columns
    )


def matmul(rows: int, depth: int, columns: int, core: Core, *, int8: bool, transposed: bool) -> float:
    """Instructions of [rows, depth] with [depth, columns]; `transposed`: the second is stored as [columns, depth]."""
    rates = core.rates
    # Tiles are written out as they are, and scaled afterwards.
    scaled = int8 * rates.product_int8 * rows * columns
    if rows == 1 or columns == 1:
        return scaled + (rates.vector_int8 if int8 else rates.vector) * rows * depth * columns
    if rows <= 4 and not int8:
        return rates.narrow * depth * columns
    cost = product(rows, depth, columns, core, int8=int8, tile=0.0 if int8 else rates.tile)
    if int8:
        left, right = rates.pack_int8, rates.pack_transposed_int8 if transposed else rates.pack_columns_int8
    else:
        left, right = rates.pack, rates.pack_transposed if transposed else rates.pack_columns
    return scaled + cost + left * rows * depth + right * depth * columns


def convolution(filters: int, depth: int, columns: int, core: Core, *, int8: bool, unfolds: bool) -> float:
    """Instructions of filters of `depth` weights at `columns` places, which im2col unfolds where it is needed."""
    rates = core.rates
    tile = rates.tile_int8_convolution if int8 else rates.tile
    unfolding = rates.im2col_int8 if int8 else rates.im2col
    moved = unfolds * unfolding + (rates.pack_columns_int8 if int8 else rates.pack_columns)
    return product(filters, depth, columns, core, int8=int8, tile=tile) + moved * depth * columns
