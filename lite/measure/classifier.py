"""What answers for pictures: a network in an engine, how pictures are prepared for it, and its class names.

It comes from one of three places: a bundle of tools/opt.py (backend `lite`), a folder of tools/export.py
(`inference` or `onnx`), or weights (every backend; what it needs is made in a folder for the occasion).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lite import bundle, zoo
from lite.bundle import Bundle
from lite.engines import BACKENDS, Backend
from lite.engines.base import Runnable
from lite.engines.options import DEFAULT, Options
from lite.engines.paddle_lite import LiteEngine
from lite.errors import InputError
from lite.exports import folder as exported
from lite.model import weights
from lite.model.weights import Weights
from lite.zoo import Preprocess


@dataclass(frozen=True)
class Classifier:
    """A network that can be asked. `origin` is the folder or file it comes from, `sha256` its weights'.

    `precision` is fp32, or a bundle's own; `sha256` is None where a bundle does not know it.
    """

    origin: Path
    backend: Backend
    engine: Runnable
    preprocess: Preprocess
    labels: tuple[str, ...]
    model: str
    precision: str
    source: str
    sha256: str | None
    options: Options = DEFAULT


def of_bundle(made: Bundle) -> Classifier:
    """A bundle's `host.nb` in Paddle Lite."""
    entry = made.manifest["weights"]
    return Classifier(
        origin=made.path.absolute(),
        backend="lite",
        engine=LiteEngine(made.host_nb.absolute()),
        preprocess=made.preprocess,
        labels=made.labels,
        model=made.manifest["model"],
        precision=made.manifest["precision"],
        source=entry["source"],
        sha256=entry["sha256"],
    )


def of_export(folder: Path, options: Options = DEFAULT) -> Classifier:
    """A folder of tools/export.py in the engine it is for. Raises InputError for one that is not whole."""
    found = exported.read(folder)
    return Classifier(
        origin=folder.absolute(),
        backend=found.manifest.format,
        engine=found.engine(options),
        preprocess=found.preprocess,
        labels=found.labels,
        model=found.manifest.model,
        precision="fp32",
        source=found.manifest.weights.source,
        sha256=found.manifest.weights.sha256,
        options=options,
    )


def of_weights(loaded: Weights, backend: Backend, work: Path, options: Options = DEFAULT) -> Classifier:
    """Weights in `backend`; what it needs is made in the folder `work`, which must last as long as the engine.

    Raises ConversionError where that can't be made.
    """
    return Classifier(
        origin=loaded.path.absolute(),
        backend=backend,
        engine=_engine(loaded, backend, work, options),
        preprocess=loaded.variant.preprocess,
        labels=loaded.labels,
        model=loaded.variant.name,
        precision="fp32",
        source=loaded.source,
        sha256=loaded.sha256,
        options=options,
    )


@dataclass(frozen=True)
class Wish:
    """What a command was asked for: a bundle, an exported folder, or a model with weights; None is not said."""

    bundle: Path | None = None
    export: Path | None = None
    model: str | None = None
    weights: str | None = None
    labels: Path | None = None
    backend: Backend | None = None
    options: Options = DEFAULT

    def check(self) -> None:
        """Raises InputError for options that exclude each other."""
        if sum(place is not None for place in (self.bundle, self.export, self.model)) > 1:
            raise InputError("give one of --bundle, --export and --model")
        if self.model is None and (self.weights is not None or self.labels is not None):
            raise InputError("--weights and --labels need --model")
        if self.model is None and self.export is None and self.backend not in (None, "lite"):
            raise InputError(
                "a bundle runs in Paddle Lite only",
                remedy=(
                    f"for --backend {self.backend} give --model and --weights, or --export with a folder of "
                    "tools/export.py"
                ),
            )
        on_gpu, backend = self.options.device == "gpu", self.backend or _default(self)
        if on_gpu and backend == "lite":
            raise InputError("Paddle Lite runs on this computer's CPU only", remedy="leave out --device gpu")
        if self.options.tensorrt != "off" and backend != "inference" and self.export is None:
            raise InputError(f"--tensorrt is for --backend inference, not for {backend}")


def find(wish: Wish, bundles: Path, work: Path, *, notify: Callable[[str], None]) -> Classifier:
    """What `wish` names; the newest bundle of the folder `bundles` where it names nothing.

    Raises InputError for a wish that can't be fulfilled, and what `weights.load` and `of_weights` raise.
    """
    wish.check()
    if wish.model is not None:
        loaded = weights.load(zoo.find(wish.model), wish.weights or "auto", labels=wish.labels, notify=notify)
        return of_weights(loaded, wish.backend or _default(wish), work, wish.options)
    if wish.export is None:
        return of_bundle(bundle.read(wish.bundle or bundle.newest(bundles)))
    found = of_export(wish.export, wish.options)
    if wish.backend not in (None, found.backend):
        raise InputError(
            f"{wish.export} is for --backend {found.backend}, not {wish.backend}",
            remedy=f"export it again with --format {wish.backend}, or give --model and --weights",
        )
    return found


def _default(wish: Wish) -> Backend:
    return "lite" if wish.model is None and wish.export is None else "inference"


def _engine(loaded: Weights, backend: Backend, work: Path, options: Options) -> Runnable:
    if backend == "paddle":
        from lite.engines.dygraph import PaddleEngine

        return PaddleEngine(loaded.path.absolute(), loaded.variant, options)
    if backend == "lite":
        return _lite(loaded, work)
    if backend in ("inference", "onnx"):
        from lite.exports.export import export

        export(loaded, backend, work / backend)
        return exported.read(work / backend).engine(options)
    raise InputError(f"no backend {backend!r}", remedy=f"choose one of {', '.join(BACKENDS)}")


def _lite(loaded: Weights, work: Path) -> LiteEngine:
    # Imported here because Paddle takes seconds, and processes that run another engine do without it.
    from lite.model.program import export_weights
    from lite.nb import optimizer

    path = (work / "lite" / "host.nb").absolute()
    optimizer.for_host(export_weights(loaded, work / "lite").program, path)
    return LiteEngine(path)
