"""What a conversion can be asked for: precisions and targets, and how many pictures calibrate and check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lite.errors import InputError
from lite.shown import shown

PRECISIONS = ("int8", "int8-fp16", "fp16", "fp32")
TARGETS = ("arm", "opencl")
CALIBRATION_PICTURES = 32
CHECK_PICTURES = 128


@dataclass(frozen=True)
class Request:
    """One bundle to make: precision fp32, fp16, int8 or int8-fp16, target arm or opencl.

    int8-fp16 is int8 whose float parts are fp16 where that pays, for processors that have it.

    Raises InputError for INT8 on a GPU, and for others than these.
    """

    precision: str
    target: str

    def __post_init__(self) -> None:
        for what, value, known in (
            ("precision", self.precision, PRECISIONS),
            ("target", self.target, TARGETS),
        ):
            if value not in known:
                raise InputError(
                    f"there is no {what} {shown(value)}", remedy=f"choose one of {', '.join(known)}"
                )
        if self.int8 and self.target == "opencl":
            raise InputError(
                f"{self.precision} with opencl is refused",
                why=(
                    "Paddle Lite has no INT8 GPU kernels, so data would hop between GPU and CPU at every "
                    "layer (29 copies in two blocks)"
                ),
                remedy=f"use {self.precision} with arm, or fp16 with opencl",
            )

    @property
    def int8(self) -> bool:
        """Whether the network is quantized."""
        return self.precision in ("int8", "int8-fp16")


def combinations(precisions: Sequence[str], targets: Sequence[str]) -> tuple[list[Request], list[InputError]]:
    """Every combination Paddle Lite can honour, and why it can't the others.

    Raises the refusal itself when nothing else is left.
    """
    requests, refusals = [], []
    for precision in dict.fromkeys(precisions):
        for target in dict.fromkeys(targets):
            try:
                requests.append(Request(precision, target))
            except InputError as error:
                refusals.append(error)
    if not requests:
        raise refusals[0]
    return requests, refusals
