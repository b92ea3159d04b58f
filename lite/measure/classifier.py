"""What answers for pictures: a network in an engine, how pictures are prepared for it, and its class names.

It comes from one of three places: a bundle of tools/opt.py (backend `lite`), a folder of tools/export.py
(`inference` or `onnx`), or weights (every backend; what it needs is made in a folder for the occasion).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lite import bundle, zoo
from lite.bundle import Bundle
from lite.engines import BACKENDS, Backend
from lite.engines.base import DEFAULT, Options, Runnable, Selection
from lite.engines.paddle_lite import LiteEngine
from lite.errors import InputError
from lite.exports import folder as exported
from lite.model import weights
from lite.model.weights import Weights
from lite.scratch import scratch_folder
from lite.shown import shown
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


def of_bundle(deployed: Bundle) -> Classifier:
    """A bundle's `host.nb` in Paddle Lite."""
    entry = deployed.manifest["weights"]
    return Classifier(
        origin=deployed.path.absolute(),
        backend="lite",
        engine=LiteEngine(deployed.host_nb.absolute()),
        preprocess=deployed.preprocess,
        labels=deployed.labels,
        model=deployed.manifest["model"],
        precision=deployed.manifest["precision"],
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


def find(selection: Selection, bundles: Path, work: Path, *, notify: Callable[[str], None]) -> Classifier:
    """What `selection` names; the newest bundle of the folder `bundles` where it names nothing.

    Raises InputError for a selection that can't be fulfilled, and what `weights.load` and `of_weights` raise.
    """
    selection.check()
    if selection.model is not None:
        loaded = weights.load(
            zoo.find(selection.model),
            selection.weights or "auto",
            labels=selection.labels,
            sha256=selection.sha256,
            notify=notify,
        )
        return of_weights(loaded, selection.backend or selection.default_backend, work, selection.options)
    if selection.export is None:
        return of_bundle(bundle.read(selection.bundle or bundle.newest(bundles), notify=notify))
    found = of_export(selection.export, selection.options)
    if selection.backend not in (None, found.backend):
        again = (
            f"export it again with --format {selection.backend}, or "
            if selection.backend in ("inference", "onnx")
            else ""
        )
        raise InputError(
            f"{selection.export} is for --backend {found.backend}, not {selection.backend}",
            remedy=f"{again}give --model and --weights",
        )
    selection.options.check_backend(found.backend)
    return found


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
    raise InputError(f"no backend {shown(backend)}", remedy=f"choose one of {', '.join(BACKENDS)}")


def _lite(loaded: Weights, work: Path) -> LiteEngine:
    # Imported here because Paddle takes seconds, and processes that run another engine do without it.
    from lite.model.program import export_weights
    from lite.nb import optimizer

    path = (work / "lite" / "host.nb").absolute()
    optimizer.for_host(export_weights(loaded, work / "lite"), path)
    return LiteEngine(path)


@contextmanager
def opened(selection: Selection, bundles: Path, *, notify: Callable[[str], None]) -> Iterator[Classifier]:
    """`find`, in a folder that goes with the block."""
    with scratch_folder() as work:
        yield find(selection, bundles, work, notify=notify)
