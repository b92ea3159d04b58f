"""Which parts of the `deit` recipe's rewrite are made."""

from __future__ import annotations

from dataclasses import dataclass

from quant import hidden
from quant.hidden import Kind


@dataclass(frozen=True)
class Switches:
    """Which rewrites are made.

    `shift_gelu` and `scale_gelu` are for all blocks or for those named: with True, units are scaled where that pays,
    in a named block wherever it loses less. `split_gelu` is for all blocks, as many units as pay, or says for which
    block how many. `class_tokens` is the factor on ranges of the last block, which sees one row a picture.
    """

    rotate: bool = True
    equalize: bool = True
    centre_keys: bool = True
    shift_gelu: bool | tuple[int, ...] = True
    scale_gelu: bool | tuple[int, ...] = True
    split_gelu: bool | tuple[tuple[int, int], ...] = True
    gptq: bool = True
    class_tokens: float = 1.3

    def shifts(self, block: int) -> bool:
        """Whether GELU's outputs are shifted in this block."""
        return self.shift_gelu if isinstance(self.shift_gelu, bool) else block in self.shift_gelu

    def allows(self, kind: Kind, block: int) -> bool:
        """Whether this may be done to GELU's outputs in this block."""
        if kind.shift != self.shifts(block):
            return False
        scales = self.scale_gelu
        if kind.scale and not (scales if isinstance(scales, bool) else block in scales):
            return False
        if isinstance(self.split_gelu, bool):
            return self.split_gelu or not kind.outliers
        return kind.outliers == dict(self.split_gelu).get(block, 0)

    def price(self, instructions: float, kind: Kind) -> float:
        """What counts of the instructions of a kind that is allowed: nothing where the block is named for it."""
        named = (kind.scale and not isinstance(self.scale_gelu, bool)) or (
            kind.outliers and not isinstance(self.split_gelu, bool)
        )
        return 0.0 if named else instructions

    @property
    def outliers(self) -> set[int]:
        """How many hidden units may be split off."""
        if isinstance(self.split_gelu, bool):
            return set(hidden.OUTLIERS)
        return {units for _, units in self.split_gelu}
