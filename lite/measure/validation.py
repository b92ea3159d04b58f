"""What a validation found, and all of it as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

import numpy as np

from lite.bundle import Bundle
from lite.errors import ToolkitError
from lite.measure import accuracy, drift, interval, margins
from lite.measure.accuracy import ClassAccuracy
from lite.measure.drift import Drift
from lite.measure.margins import ClassMargins
from lite.pictures.picture_set import PictureSet

SCHEMA = 1
WORST = 6


@dataclass(frozen=True)
class Validation:
    """What came out, for the pictures that could be read.

    `deployed` and `reference`: logits float32 [N, classes] of `pictures`; `unreadable`: name → why.
    """

    bundle: Bundle
    pictures: PictureSet
    unreadable: Mapping[str, ToolkitError]
    deployed: np.ndarray = field(repr=False)
    reference: np.ndarray | None = field(repr=False)
    drift: Drift | None

    def top_k(self, logits: np.ndarray | None, k: int) -> float | None:
        """Top-k accuracy; None without labels or logits, and where k says nothing (see `accuracy.known_top_k`)."""
        return accuracy.known_top_k(logits, self.pictures.labels, k)

    @cached_property
    def classes(self) -> list[ClassAccuracy]:
        """Accuracy of each class, the one that lost most first; empty without labels."""
        if self.pictures.labels is None:
            return []
        return accuracy.by_class(self.deployed, self.reference, self.pictures.labels, self.bundle.labels)

    @cached_property
    def margins(self) -> list[ClassMargins]:
        """How near a flip is, by class, the likeliest first; empty without a reference."""
        if self.reference is None:
            return []
        found = margins.measure(self.reference, self.deployed)
        return margins.by_class(found, self.bundle.labels) if found else []

    def gate(self, max_drift: float | None) -> dict[str, Any] | None:
        """The manifest's `gate` for this drift; None where no gate is set or there is no drift."""
        if max_drift is None or self.drift is None:
            return None
        return {"max_drift": max_drift, "passed": drift.over_gate(self.drift, max_drift) is None}


def document(found: Validation, *, max_drift: float | None, seconds: Mapping[str, float]) -> dict[str, Any]:
    """All of a validation as JSON values; unknown is null, shares are 0 to 1."""
    manifest = found.bundle.manifest
    return {
        "schema": SCHEMA,
        "bundle": str(found.bundle.path.absolute()),
        **{name: manifest[name] for name in ("model", "weights", "precision", "target", "versions")},
        "host_nb": found.bundle.sha256("host.nb"),
        "images": {
            "source": found.pictures.source,
            "measured": len(found.pictures.pictures),
            "labelled": found.pictures.labels is not None,
            "unreadable": [
                {"picture": name, "error": error.as_dict()} for name, error in found.unreadable.items()
            ],
        },
        "drift": None if found.drift is None else found.drift.as_dict(),
        "gate": found.gate(max_drift),
        **_top(found, "top1", 1),
        **_top(found, "top5", drift.TOP),
        "classes": [one.as_dict() for one in found.classes],
        "margins": [one.as_dict() for one in found.margins],
        "worst": _worst(found),
        "seconds": dict(seconds),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _sides(found: Validation) -> list[tuple[str, np.ndarray | None]]:
    return [("deployed", found.deployed), ("reference", found.reference)]


def _top(found: Validation, name: str, k: int) -> dict[str, Any]:
    """Top-k accuracy of both sides, and its intervals."""
    shares = {side: found.top_k(logits, k) for side, logits in _sides(found)}
    images = len(found.pictures.pictures)
    bounds = {side: interval.or_none(interval.of_known(share, images)) for side, share in shares.items()}
    return {name: shares, f"{name}_interval": bounds}


def _worst(found: Validation) -> list[dict[str, Any]]:
    if found.reference is None:
        return []
    cosines = drift.cosines(found.reference, found.deployed)
    names, truth = found.bundle.labels, found.pictures.labels
    return [
        {
            "picture": found.pictures.names[index],
            "cosine": float(cosines[index]),
            "deployed": names[int(found.deployed[index].argmax())],
            "reference": names[int(found.reference[index].argmax())],
            "label": None if truth is None else names[int(truth[index])],
        }
        for index in drift.worst(found.reference, found.deployed, WORST)
    ]
