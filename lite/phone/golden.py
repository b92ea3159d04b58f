"""Whether a phone computes the network it was given: the golden pictures' logits there against the bundle's.

A phone that answers otherwise gets no latency: it would be the latency of another computation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lite.measure.drift import cosines
from lite.phone.link import GoldenMismatchError
from lite.phone.plan import Candidate

# fp16 and GPUs round in other places than `host.nb`. How far no phone has shown yet, so this is wide.
COSINE = 0.999
# Sums in another order, and that through twelve blocks; logits are around 1 to 10.
MAX_ABS = 1e-3
# Where `host.nb` of an INT8 bundle runs, its noise has been measured (`quant/host_check.py`). Over eight pictures that
# varies by a tenth. The largest 64 bytes of a weight scale or of a LayerNorm's gain, zeroed, make more than twice of it
# for 70 of the 72 of DeiT-tiny with the digits' weights; a cosine of 0.999 lets all but five of them pass.
NOISE = 2.0
# Paddle Lite's own ARM kernels round in other places. Under qemu, for a Cortex-A76 and a Cortex-A53, their answers to
# eight pictures are 0.7 of the noise from `host.nb` for DeiT-tiny with the digits' weights and 1.1 for a pretrained
# ViT-S in INT8, and 1.1 and 1.0 with FP16. What other builds and cores do has not been seen, hence the room.
ARM_NOISE = 3.0
# For a network that hardly rounds: the share that MAX_ABS is of logits of 10.
_LEAST_NOISE = 1e-4


@dataclass(frozen=True)
class Golden:
    """How far a phone's logits are from the bundle's in `pictures` pictures.

    `input`: `tensor` for golden.npz's own, `picture` for the PNGs through the phone's own preprocessing. `rule` is the
    figure that is held to `allowed`: `cosine`, the lowest of a picture; `max_abs`, of a logit; or `distance`, the norm
    of all differences by that of the bundle's logits. `top1_same`: in each picture whose first class leads by more
    than a cosine of COSINE can turn.
    """

    bundle: str
    input: str
    rule: str
    pictures: int
    cosine: float
    max_abs: float
    distance: float
    allowed: float
    top1_same: bool

    @property
    def passed(self) -> bool:
        """Whether the phone computes the same network."""
        if self.rule == "cosine":
            return self.cosine >= self.allowed and self.top1_same
        return (self.max_abs if self.rule == "max_abs" else self.distance) <= self.allowed

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "passed": self.passed}


def rule(candidate: Candidate, count: int) -> tuple[str, float]:
    """What `count` pictures are held to, and the limit.

    `max_abs` where phone and host compute alike in float: `host.nb`, or fp32 on a processor. `distance` for an INT8
    bundle, which has a measure of its noise. Else, and for older INT8 bundles, which have none, `cosine`.
    """
    precision, target = (candidate.bundle.manifest[name] for name in ("precision", "target"))
    if precision in ("fp32", "fp16") and (candidate.host or (precision == "fp32" and target != "opencl")):
        return "max_abs", MAX_ABS
    noise = candidate.bundle.golden_pictures().noise
    if noise is None:
        return "cosine", COSINE
    # One picture alone may be any of them.
    measured = np.sqrt(np.mean(noise.astype(np.float64) ** 2)) if count == len(noise) else noise.max()
    return "distance", (NOISE if candidate.host else ARM_NOISE) * max(float(measured), _LEAST_NOISE)


def compare(candidate: Candidate, logits: np.ndarray, *, fed: str) -> Golden:
    """Holds a phone's `logits` (float [N, classes], of the first N golden pictures) against the bundle's.

    `fed`: Golden's `input`. Raises GoldenMismatchError for another number of classes, InputError as
    Bundle.golden_pictures.
    """
    expected = candidate.bundle.golden_pictures().logits[: len(logits)].astype(np.float64)
    if logits.shape != expected.shape:
        raise GoldenMismatchError(
            candidate.name,
            why=f"the phone gives {logits.shape[1]} logits where the bundle has {expected.shape[1]}",
            remedy="run this with --clean, then without",
        )
    held_to, allowed = rule(candidate, len(logits))
    difference = np.linalg.norm(expected - logits)
    return Golden(
        bundle=candidate.name,
        input=fed,
        rule=held_to,
        pictures=len(logits),
        cosine=float(cosines(expected, logits).min()),
        max_abs=float(np.abs(expected - logits).max()),
        distance=float(difference / (np.linalg.norm(expected) or 1.0)),
        allowed=allowed,
        top1_same=_top1_same(expected, logits),
    )


def _top1_same(expected: np.ndarray, logits: np.ndarray) -> bool:
    second, first = np.sort(expected, axis=1)[:, -2:].T if expected.shape[1] > 1 else (-np.inf, np.inf)
    # Turned by a small angle a vector moves by that share of its norm, and two of its entries apart by √2 of it.
    turned = np.sqrt(2) * np.sqrt(2 * (1 - COSINE)) * np.linalg.norm(expected, axis=1)
    other = expected.argmax(axis=1) != logits.argmax(axis=1)
    return not (other & (first - second > turned)).any()


def check(golden: Golden) -> None:
    """Raises GoldenMismatchError, with the figures, unless the phone passed."""
    if golden.passed:
        return
    allowed = {
        "max_abs": f"a difference of {golden.allowed:g}",
        "cosine": f"a cosine of {golden.allowed:g} and the same class",
        "distance": f"a distance of {golden.allowed:.2g}",
    }[golden.rule]
    where = (
        "its engine computes another network"
        if golden.input == "tensor"
        else "its preprocessing gives another input, or its engine computes another network"
    )
    which = (
        f"golden {golden.input} gives" if golden.pictures == 1 else f"{golden.pictures} golden pictures give"
    )
    raise GoldenMismatchError(
        golden.bundle,
        why=(
            f"the {which} other logits on the phone than here: largest difference {golden.max_abs:.4g}, cosine "
            f"{golden.cosine:.5f}, distance {golden.distance:.2g}, first class "
            f"{'the same' if golden.top1_same else 'another'}, where {allowed} is allowed. {where.capitalize()}, "
            "so no latency was measured"
        ),
        remedy=(
            "make the bundle and the demo with the same version of Paddle Lite, run this with --clean, "
            "then without"
        ),
    )
