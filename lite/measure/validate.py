"""The host check of a bundle on any pictures: on all cores or a Dask cluster, stored as it goes.

1. the bundle's `host.nb` over all pictures, chunk by chunk; what an earlier run stored is not run again;
2. the same with the reference;
3. drift, and all of it as JSON values (`lite/report/report.py` makes a page of it).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lite.bundle import Bundle
from lite.engines import Runnable
from lite.engines.paddle_inference import InferenceEngine
from lite.engines.paddle_lite import LiteEngine
from lite.engines.workers import ChunkResult, EngineJob, Workers, none_readable
from lite.errors import ConversionError, InterruptedRunError, ToolkitError
from lite.files import make_folder
from lite.measure import accuracy, chunks, drift, interval, margins
from lite.measure.accuracy import ClassAccuracy
from lite.measure.chunks import Chunks
from lite.measure.comparison import ReferenceNetwork, lite_identity
from lite.measure.drift import Drift
from lite.measure.margins import ClassMargins
from lite.pictures.picture_set import PictureSet
from lite.stages import Stages


@dataclass
class ValidationRun:
    """One validation and its files in `out`. `open_workers` starts what the chunks run on, once a network.

    Raises InterruptedRunError (a ToolkitError with exit code 130) on Ctrl-C.
    """

    bundle: Bundle
    pictures: PictureSet
    comparison: ReferenceNetwork | None
    out: Path
    open_workers: Callable[[], AbstractContextManager[Workers]]
    stages: Stages = field(default_factory=Stages)
    _done: dict[str, int] = field(default_factory=dict)

    def run(self, *, restart: bool = False) -> Validation:
        """Runs what is missing; `restart` forgets what earlier runs of the same key stored.

        Raises InputError if no picture can be read or a file cannot be written, ConversionError for NaN or
        infinity in an output, for an engine that fails and for workers that are lost.
        """
        stores = {"deployed": self._chunks(lite_identity(self.bundle))}
        engines: dict[str, Callable[[Path], Runnable]] = {
            "deployed": lambda _: LiteEngine(self.bundle.host_nb.absolute())
        }
        if self.comparison is not None:
            stores["reference"] = self._chunks(self.comparison.identity)
            engines["reference"] = self.comparison.prepare
        if restart:
            for store in stores.values():
                store.remove()
        unreadable: dict[int, ToolkitError] = {}
        logits = {}
        self._done = dict.fromkeys(stores, 0)
        try:
            for name, store in stores.items():
                with self.stages.stage(name):
                    logits[name] = self._all(name, store, engines[name], unreadable)
        except KeyboardInterrupt:
            raise InterruptedRunError(
                "interrupted", why=self._how_far(), remedy="the same command goes on from there"
            ) from None
        except ConversionError as error:
            what = f"{error.what} ({self._how_far()}, and kept)"
            raise ConversionError(what, why=error.why, remedy=error.remedy) from error
        return self._summarize(logits, unreadable)

    def _chunks(self, identity: dict[str, Any]) -> Chunks:
        return Chunks(
            self.out / "logits",
            run_key(identity, self.bundle, self.pictures),
            len(self.pictures.pictures),
            self.bundle.manifest["weights"]["classes"],
        )

    def _all(
        self,
        name: str,
        store: Chunks,
        prepare: Callable[[Path], Runnable],
        unreadable: dict[int, ToolkitError],
    ) -> np.ndarray:
        """Logits float32 [N, classes] of one network; adds to `unreadable` by place."""
        logits = np.full((store.total, store.classes), np.nan, dtype=np.float32)
        slices = store.slices
        missing = dict(enumerate(slices))

        def keep(index: int, chunk: ChunkResult) -> None:
            part = slices[index]
            self._check(name, part.start, chunk)
            logits[part] = chunk.logits
            unreadable.update({part.start + place: why for place, why in chunk.unreadable.items()})
            self._done[name] += part.stop - part.start
            self.stages.on_progress(self._done[name], store.total)
            del missing[index]

        for index, chunk in store.stored():
            # Pictures that could not be read are tried again: a disk may be back, a permission given.
            if not chunk.unreadable:
                keep(index, chunk)
        if missing:
            make_folder(self.out)
            engine = prepare(self.out)
            job = EngineJob.of(engine, self.bundle.preprocess, store.classes)

            with self.open_workers() as pool:

                def submit(task: tuple[int, slice]) -> Future[ChunkResult]:
                    return pool.submit(job, self.pictures.pictures[task[1]])

                for (index, _), chunk in pool.as_they_come(list(missing.items()), submit):
                    store.write(index, chunk)
                    keep(index, chunk)
            if isinstance(engine, InferenceEngine):
                # Until here it stays, for a run that goes on from an interrupted one.
                shutil.rmtree(engine.path, ignore_errors=True)
        return logits

    def _check(self, name: str, start: int, chunk: ChunkResult) -> None:
        for place in np.flatnonzero(~np.isfinite(chunk.logits).all(axis=1)):
            if int(place) not in chunk.unreadable:
                raise ConversionError(
                    f"the {name} network gives NaN or infinity for {self.pictures.names[start + int(place)]}",
                    remedy="the conversion is broken, do not deploy it",
                )

    def _how_far(self) -> str:
        total = len(self.pictures.pictures)
        return ", ".join(
            f"{name} network: {done} of {total} pictures done" for name, done in self._done.items()
        )

    def _summarize(self, logits: dict[str, np.ndarray], unreadable: dict[int, ToolkitError]) -> Validation:
        readable = [index for index in range(len(self.pictures.pictures)) if index not in unreadable]
        # Pairs, for two pictures may have one name: those that are no UTF-8.
        names = [(self.pictures.names[index], unreadable[index]) for index in sorted(unreadable)]
        if not readable:
            raise none_readable([error for _, error in names])
        pictures, deployed, reference = self.pictures, logits["deployed"], logits.get("reference")
        if unreadable:
            pictures, deployed = pictures.take(readable), deployed[readable]
            reference = None if reference is None else reference[readable]
        measured = None
        if self.comparison is not None and reference is not None:
            measured = drift.compare(
                reference, deployed, pictures.labels, reference_name=self.comparison.name
            )
        return Validation(self.bundle, pictures, names, deployed, reference, measured)


def run_key(identity: dict[str, Any], deployed: Bundle, pictures: PictureSet) -> str:
    """SHA-256 of all that the logits of one network depend on: network, engine, preprocessing, pictures."""
    return chunks.key(
        {
            **identity,
            "preprocess": asdict(deployed.preprocess),
            "opencv": version("opencv-python"),
            "pictures": pictures.digest,
            "chunk": chunks.SIZE,
        }
    )


def default_out(root: Path, deployed: Bundle, pictures: PictureSet) -> Path:
    """`root/<bundle name>-<short hash>`: a folder of its own for a bundle and its pictures."""
    return root / f"{deployed.name}-{run_key(lite_identity(deployed), deployed, pictures)[:8]}"


SCHEMA = 1
WORST = 6


@dataclass(frozen=True)
class Validation:
    """What came out, for the pictures that could be read.

    `deployed` and `reference`: logits float32 [N, classes] of `pictures`; `unreadable`: names, and why.
    """

    bundle: Bundle
    pictures: PictureSet
    unreadable: Sequence[tuple[str, ToolkitError]]
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
            "unreadable": [{"picture": name, "error": error.as_dict()} for name, error in found.unreadable],
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


def _top(found: Validation, name: str, k: int) -> dict[str, Any]:
    """Top-k accuracy of both sides, and its intervals."""
    shares = {"deployed": found.top_k(found.deployed, k), "reference": found.top_k(found.reference, k)}
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
