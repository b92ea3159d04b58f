"""Whether a phone computes the network it was given: the golden picture's logits there against the bundle's.

A phone that answers otherwise gets no latency: it would be the latency of another computation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lite.bundle import Bundle
from lite.measure.drift import cosines
from lite.phone.link import GoldenMismatchError

# INT8 kernels for ARM, fp16 and GPUs round in other places than `host.nb`, and a flipped rounding travels. So it
# does in `host.nb` of an INT8 bundle: the last bit of a sum moves logits of 4 by 0.004 on one and the same engine.
COSINE = 0.999
# Sums in another order, and that through twelve blocks; logits are around 1 to 10.
MAX_ABS = 1e-3


@dataclass(frozen=True)
class Golden:
    """How far a phone's logits are from the bundle's; `rule` is what they were held to: `cosine` or `max_abs`.

    `input`: `tensor` for golden.npz's own, `picture` for golden.png through the phone's own preprocessing.
    """

    bundle: str
    input: str
    rule: str
    cosine: float
    max_abs: float
    top1_same: bool

    @property
    def passed(self) -> bool:
        """Whether the phone computes the same network."""
        if self.rule == "cosine":
            return self.cosine >= COSINE and self.top1_same
        return self.max_abs <= MAX_ABS

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "passed": self.passed}


def rule(bundle: Bundle) -> str:
    """`max_abs` where phone and host compute alike: fp32 on a processor. Else `cosine`."""
    fp32 = bundle.manifest["precision"] == "fp32" and bundle.manifest["target"] != "opencl"
    return "max_abs" if fp32 else "cosine"


def compare(bundle: Bundle, logits: np.ndarray, *, fed: str) -> Golden:
    """Holds a phone's `logits` (float [classes]) against the bundle's golden ones; `fed`: Golden's `input`.

    Raises GoldenMismatchError for another number of classes.
    """
    _, expected = bundle.golden()
    name = bundle.path.resolve().name
    if logits.shape != expected.shape:
        raise GoldenMismatchError(
            f"{name}",
            why=f"the phone gives {logits.size} logits where the bundle has {expected.size}",
            remedy="run this with --clean, then without",
        )
    return Golden(
        bundle=name,
        input=fed,
        rule=rule(bundle),
        cosine=float(cosines(expected[None], logits.astype(np.float32)[None])[0]),
        max_abs=float(np.abs(expected.astype(np.float64) - logits).max()),
        top1_same=bool(expected.argmax() == logits.argmax()),
    )


def check(golden: Golden) -> None:
    """Raises GoldenMismatchError, with the figures, unless the phone passed."""
    if golden.passed:
        return
    allowed = (
        f"at most {MAX_ABS:g}" if golden.rule == "max_abs" else f"a cosine of {COSINE} and the same class"
    )
    where = (
        "its engine computes another network"
        if golden.input == "tensor"
        else "its preprocessing gives another input"
    )
    raise GoldenMismatchError(
        golden.bundle,
        why=(
            f"the golden {golden.input} gives other logits on the phone than here: largest difference "
            f"{golden.max_abs:.4g}, cosine {golden.cosine:.5f}, first class "
            f"{'the same' if golden.top1_same else 'another'}, where {allowed} is allowed. {where.capitalize()}, "
            "so no latency was measured"
        ),
        remedy=(
            "make the bundle and the demo with the same version of Paddle Lite, run this with --clean, "
            "then without"
        ),
    )
