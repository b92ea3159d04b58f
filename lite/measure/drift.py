"""How far the deployed network's outputs are from the reference's: metrics, the gate, per-layer drift.

Every metric is a small function under the name the manifest knows it by; they see logits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from lite.errors import ConversionError, DriftError, InputError
from lite.measure import accuracy, interval, margins
from lite.measure.interval import Interval

# Outputs equal to the last bit have no finite ratio, and JSON no infinity: this stands for "no difference".
SNR_LIMIT_DB = 200.0
_ROWS = 1000

# The fields that are shares of pictures, each with an interval.
SHARES = ("top1_agreement", "top1_reference", "top1_deployed", "top5_reference", "top5_deployed")
TOP = 5


@dataclass(frozen=True)
class Drift:
    """The manifest's `drift`: `deployed` against `reference` over `images` pictures.

    Shares (`top1_*`, `top5_*`) are fractions of the pictures, 0 to 1; those of one side are accuracies and None where
    the pictures have no labels, top-5 also where there are no more than five classes. `reference` says what the
    outputs were held against. `max_abs` and `margin_noise` are in logits. `flip_probability`: that a picture like these
    gets another first class, 0 to 1 (`lite/measure/margins.py`). The last four are None in bundles of earlier versions.
    """

    images: int
    reference: str
    cosine_mean: float
    cosine_min: float
    snr_db: float
    top1_agreement: float
    top1_reference: float | None
    top1_deployed: float | None
    max_abs: float
    top5_reference: float | None = None
    top5_deployed: float | None = None
    margin_noise: float | None = None
    flip_probability: float | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Drift:
        """From a manifest's `drift`; what follows from the fields is not read."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in entry.items() if name in known})

    @property
    def flips(self) -> int:
        """Pictures whose first class is not the reference's."""
        return round((1.0 - self.top1_agreement) * self.images)

    @property
    def flips_expected(self) -> float | None:
        """Flips expected of as many pictures like these."""
        return None if self.flip_probability is None else self.flip_probability * self.images

    def interval(self, name: str) -> Interval | None:
        """Wilson's 95 % interval of the share in the field `name`; None where the share is."""
        return interval.of_known(getattr(self, name), self.images)

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as the manifest holds them, with the intervals of the shares and the flips."""
        intervals = {f"{name}_interval": interval.or_none(self.interval(name)) for name in SHARES}
        return {**asdict(self), **intervals, "flips": self.flips, "flips_expected": self.flips_expected}


@dataclass(frozen=True)
class LayerDrift:
    """Drift of one layer's output over `images` pictures: SNR over all in dB, cosine as the mean over pictures."""

    name: str
    snr_db: float
    cosine: float
    images: int


def cosines(reference: np.ndarray, deployed: np.ndarray) -> np.ndarray:
    """Cosine of each picture's outputs, float64 [N], from two [N, classes].

    Two zero vectors have cosine 1, a zero vector and any other 0.
    """
    product = np.einsum("nc,nc->n", reference, deployed, dtype=np.float64)
    reference_power = np.einsum("nc,nc->n", reference, reference, dtype=np.float64)
    deployed_power = np.einsum("nc,nc->n", deployed, deployed, dtype=np.float64)
    norms = np.sqrt(reference_power * deployed_power)
    values = np.divide(product, norms, out=np.zeros_like(product), where=norms > 0)
    values[(reference_power == 0) & (deployed_power == 0)] = 1.0
    return np.clip(values, -1.0, 1.0)


def snr_db(reference: np.ndarray, deployed: np.ndarray) -> float:
    """Signal-to-noise ratio over all pictures: 10 log10(sum r^2 / sum (r - d)^2) dB, within ±SNR_LIMIT_DB."""
    signal = noise = 0.0
    for expected, found in _blocks(reference, deployed):
        signal += float(np.square(expected, dtype=np.float64).sum())
        noise += float(np.square(expected.astype(np.float64) - found).sum())
    return _ratio_db(signal, noise)


def top1_agreement(reference: np.ndarray, deployed: np.ndarray) -> float:
    """Share of pictures whose first class is the same."""
    return float((reference.argmax(1) == deployed.argmax(1)).mean())


def max_abs(reference: np.ndarray, deployed: np.ndarray) -> float:
    """Largest difference of one output, in logits."""
    return max(
        float(np.abs(expected.astype(np.float64) - found).max())
        for expected, found in _blocks(reference, deployed)
    )


def compare(
    reference: np.ndarray, deployed: np.ndarray, labels: np.ndarray | None = None, *, reference_name: str
) -> Drift:
    """Every metric of `deployed` against `reference`, logits float32 [N, classes] each.

    `labels` (int [N], class indices) adds both accuracies. `reference_name` goes into the manifest.
    Raises ConversionError for NaN or infinity (naming the first such picture) and for shapes that differ,
    InputError for no pictures and for labels that do not fit.
    """
    _check(reference, deployed)
    truth = None if labels is None else _checked_labels(labels, reference.shape)
    found = margins.measure(reference, deployed)
    alike = cosines(reference, deployed)
    return Drift(
        images=len(reference),
        reference=reference_name,
        cosine_mean=float(alike.mean()),
        cosine_min=float(alike.min()),
        snr_db=snr_db(reference, deployed),
        top1_agreement=top1_agreement(reference, deployed),
        max_abs=max_abs(reference, deployed),
        top1_reference=accuracy.known_top_k(reference, truth, 1),
        top1_deployed=accuracy.known_top_k(deployed, truth, 1),
        top5_reference=accuracy.known_top_k(reference, truth, TOP),
        top5_deployed=accuracy.known_top_k(deployed, truth, TOP),
        margin_noise=None if found is None else found.noise,
        flip_probability=None if found is None else found.probability,
    )


def check_gate(max_drift: float | None) -> None:
    """Raises InputError for a gate outside 0 to 1."""
    if max_drift is not None and not 0.0 <= max_drift <= 1.0:
        raise InputError(f"--max-drift is a share of the pictures, 0 to 1, not {max_drift}")


def over_gate(drift: Drift, max_drift: float) -> DriftError | None:
    """The error that says by how much `drift` is over the gate, or None when it passes.

    `max_drift` (0 to 1) is the largest allowed share of pictures whose first class differs from the
    reference's: 1 - top1_agreement. Exactly that share still passes. Raises InputError outside 0 to 1.
    """
    check_gate(max_drift)
    changed, bounds = drift.flips, interval.of_count(drift.flips, drift.images)
    # Without the tolerance 0.01 of 400 pictures would be 4.000…1 or 3.999… and not 4.
    if changed <= max_drift * drift.images + 1e-9:
        return None
    return DriftError(
        "drift over the gate",
        why=(
            f"{changed} of {drift.images} check pictures ({changed / drift.images:.2%}, 95 % interval "
            f"{bounds.low:.2%} to {bounds.high:.2%}) get another first class than {drift.reference} gives, "
            f"allowed are {100 * max_drift:.4g}%"
        ),
        remedy="try another recipe, more calibration pictures, or a higher --max-drift",
    )


def room(drift: Drift, max_drift: float) -> float | None:
    """How large the share of flips may be for all that these pictures tell, where a passed gate allows less, 0 to 1.

    It is the upper end of the 95 % interval. None where the gate is not passed, or the interval is within it.
    """
    bounds = interval.of_count(drift.flips, drift.images)
    return bounds.high if bounds.high > max_drift and over_gate(drift, max_drift) is None else None


def per_layer(
    names: Sequence[str], reference: Iterable[list[np.ndarray]], deployed: Iterable[list[np.ndarray]]
) -> list[LayerDrift]:
    """Drift of each layer named in `names`, one picture at a time; only sums are kept between pictures.

    Each item of `reference` and `deployed` is one picture's layer outputs, in the order of `names`; shapes
    are free but must be the same on both sides. Raises ConversionError for NaN or infinity, for shapes or
    picture counts that differ, InputError for no pictures.
    """
    signal, noise, cosine = (np.zeros(len(names)) for _ in range(3))
    pictures = 0
    theirs = iter(deployed)
    for index, expected in enumerate(reference):
        found = next(theirs, None)
        if found is None:
            raise ConversionError(
                "per-layer drift", why=f"the deployed network stopped after {index} pictures"
            )
        if not len(expected) == len(found) == len(names):
            raise ConversionError(
                "per-layer drift",
                why=(
                    f"{len(names)} layers are named, the reference gives {len(expected)} outputs and the "
                    f"deployed network {len(found)}"
                ),
            )
        for layer, (name, ours, other) in enumerate(zip(names, expected, found, strict=True)):
            if ours.shape != other.shape:
                raise ConversionError(
                    "per-layer drift", why=f"{name} is {ours.shape} here and {other.shape} there"
                )
            for side, output in (("reference", ours), ("deployed network", other)):
                if not np.isfinite(output).all():
                    raise ConversionError(f"{name} of the {side} holds NaN or infinity at picture {index}")
            flat, flat_other = ours.reshape(1, -1), other.reshape(1, -1)
            signal[layer] += np.square(flat, dtype=np.float64).sum()
            noise[layer] += np.square(flat.astype(np.float64) - flat_other).sum()
            cosine[layer] += cosines(flat, flat_other)[0]
        pictures += 1
    if next(theirs, None) is not None:
        raise ConversionError("per-layer drift", why=f"the reference stopped after {pictures} pictures")
    if not pictures:
        raise InputError("per-layer drift needs at least one picture")
    return [
        LayerDrift(name, _ratio_db(float(power), float(error)), float(total) / pictures, pictures)
        for name, power, error, total in zip(names, signal, noise, cosine, strict=True)
    ]


def added_noise(layers: Sequence[LayerDrift]) -> np.ndarray:
    """What each layer of a chain adds to the noise at its end, as a share of that, float64 [layers].

    `layers` are the drift of the network's output where it is deployed up to each of them. The power of the noise is
    10^(-SNR / 10) of the signal's; a layer adds by how much it is over that of the layer before. The shares sum to 1;
    one is negative where a layer's errors cancel some of those that came before.
    """
    noise = 10.0 ** (-np.array([layer.snr_db for layer in layers]) / 10.0)
    added: np.ndarray = np.diff(noise, prepend=0.0) / noise[-1]
    return added


def worst(reference: np.ndarray, deployed: np.ndarray, count: int) -> list[int]:
    """Indices of `count` pictures, from two [N, classes]: those with another first class come first.

    Among these, and among the others, the lowest cosine comes first.
    """
    _check(reference, deployed)
    same = reference.argmax(1) == deployed.argmax(1)
    order = np.lexsort((cosines(reference, deployed), same))
    return [int(index) for index in order[: max(count, 0)]]


def _blocks(reference: np.ndarray, deployed: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    # float64 of all logits at once would be four times the logits of 50,000 pictures with 1,000 classes.
    for start in range(0, len(reference), _ROWS):
        yield reference[start : start + _ROWS], deployed[start : start + _ROWS]


def _ratio_db(signal: float, noise: float) -> float:
    if noise == 0.0:
        return SNR_LIMIT_DB
    if signal == 0.0:
        return -SNR_LIMIT_DB
    return min(max(10.0 * (math.log10(signal) - math.log10(noise)), -SNR_LIMIT_DB), SNR_LIMIT_DB)


def _check(reference: np.ndarray, deployed: np.ndarray) -> None:
    if reference.ndim != 2 or reference.shape != deployed.shape:
        raise ConversionError(
            "outputs cannot be compared",
            why=(
                f"the reference's are {reference.shape}, the deployed network's {deployed.shape}, both "
                "should be (pictures, classes)"
            ),
        )
    if not reference.size:
        raise InputError("no pictures to compare", remedy="drift needs at least one")
    for side, outputs in (("reference", reference), ("deployed network", deployed)):
        broken = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
        if broken.size:
            raise ConversionError(
                f"the {side} gives NaN or infinity for {broken.size} of {len(outputs)} pictures, first for "
                f"picture {broken[0]}",
                remedy="the conversion is broken, do not deploy it",
            )


def _checked_labels(labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    truth = np.asarray(labels)
    pictures, classes = shape
    if truth.shape != (pictures,) or not np.issubdtype(truth.dtype, np.integer):
        raise InputError(
            f"labels should be {pictures} class indices, not {truth.dtype} of shape {truth.shape}"
        )
    if truth.min() < 0 or truth.max() >= classes:
        raise InputError(
            f"labels run from {truth.min()} to {truth.max()}, the network has classes 0 to {classes - 1}"
        )
    return truth
