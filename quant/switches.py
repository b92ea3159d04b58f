"""Which parts of the `deit` recipe's rewrite are made."""

from __future__ import annotations

from dataclasses import dataclass

from quant import hidden


@dataclass(frozen=True)
class Switches:
    """Which rewrites are made.

    `shift_gelu` and `scale_gelu` are for all blocks or for those named: with True, units are scaled where that pays,
    in a named block wherever it loses less. `class_tokens` is the factor on ranges of the last block, which sees one
    row a picture.
    """

    rotate: bool = True
    equalize: bool = True
    centre_keys: bool = True
    shift_gelu: bool | tuple[int, ...] = True
    scale_gelu: bool | tuple[int, ...] = True
    gptq: bool = True
    class_tokens: float = 1.3

    def shifts(self, block: int) -> bool:
        """Whether GELU's outputs are shifted in this block."""
        return self.shift_gelu if isinstance(self.shift_gelu, bool) else block in self.shift_gelu

    def worth(self, block: int) -> float:
        """What part of the error scaling must get below in this block (`quant.hidden.choose`)."""
        if isinstance(self.scale_gelu, bool):
            return hidden.WORTH if self.scale_gelu else 0.0
        return 1.0 if block in self.scale_gelu else 0.0
