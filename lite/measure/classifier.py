"""What answers for pictures: a network in an engine, how pictures are prepared for it, and its class names.

It comes from one of three places: a bundle of tools/opt.py (backend `lite`), a folder of tools/export.py
(`inference` or `onnx`), or weights (every backend; what it needs is made in a folder for the occasion). `classify` asks
it for the classes of picture files, on all cores of this computer.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from lite import bundle, zoo
from lite.bundle import Bundle
from lite.engines import BACKENDS, DEFAULT, Backend, Options, Runnable, Selection, workers
from lite.engines import export as exported
from lite.engines.paddle_lite import LiteEngine
from lite.engines.workers import EngineJob
from lite.errors import ConversionError, InputError, ToolkitError
from lite.measure import csv_tables
from lite.measure.accuracy import Guess, guesses
from lite.model import weights
from lite.model.weights import Weights
from lite.pictures import folders
from lite.pictures.picture_set import Picture
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
        from lite.engines.export import export

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


@dataclass(frozen=True)
class Prediction:
    """One picture: its likeliest classes, likeliest first, or why it could not be read."""

    path: str
    guesses: Sequence[Guess] = ()
    error: ToolkitError | None = None


def expand(arguments: Iterable[str]) -> list[Path | Prediction]:
    """The picture files of `arguments` (files, folders with all below them, list files, glob patterns), each once.

    What holds no picture becomes a Prediction with its `error`.
    """
    found: dict[Path, None] = {}
    listed: list[Path | Prediction] = []
    for argument in arguments:
        try:
            paths = _files(argument)
        except InputError as error:
            listed.append(Prediction(argument, error=error))
            continue
        except OSError as error:
            unreadable = InputError(f"cannot read {argument}", why=error.strerror, remedy="check the path")
            listed.append(Prediction(argument, error=unreadable))
            continue
        new = [path for path in dict.fromkeys(paths) if path not in found]
        listed += new
        found.update(dict.fromkeys(new))
    return listed


def classify(
    classifier: Classifier,
    pictures: Sequence[Path | Prediction],
    *,
    count: int,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Prediction]:
    """The `count` likeliest classes of each picture, by softmax over the logits; errors are kept as they are.

    `processes` is one a core by default; `on_progress` gets the pictures done and all that are to be run. Raises
    InputError for a network that cannot be opened, ConversionError for one that answers NaN or infinity or takes
    its process down.
    """
    paths = [Picture(str(picture), picture) for picture in pictures if isinstance(picture, Path)]
    job = EngineJob.of(classifier.engine, classifier.preprocess, len(classifier.labels))
    with workers.local(processes) as pool:
        found = pool.submit_all(job, paths).result(on_progress)
    places = iter(range(len(paths)))
    predictions = []
    for picture in pictures:
        if isinstance(picture, Prediction):
            predictions.append(picture)
        elif (place := next(places)) in found.unreadable:
            predictions.append(Prediction(str(picture), error=found.unreadable[place]))
        else:
            guesses = _guesses(classifier, picture, found.logits[place], count)
            predictions.append(Prediction(str(picture), guesses))
    return predictions


def document(classifier: Classifier, predictions: Iterable[Prediction]) -> dict[str, Any]:
    """All of it as JSON values; probabilities are 0 to 1."""
    return {
        "origin": str(classifier.origin),
        "model": classifier.model,
        "precision": classifier.precision,
        "backend": classifier.backend,
        "pictures": [
            {
                "picture": one.path,
                "classes": [
                    {"class": guess.label, "probability": guess.probability} for guess in one.guesses
                ],
                "error": one.error.as_dict() if one.error else None,
            }
            for one in predictions
        ],
    }


def as_csv(predictions: Iterable[Prediction]) -> str:
    """A line for each guess, likeliest first: picture, rank from 1, class, probability, error.

    A picture that could not be read has one line, with its error.
    """
    rows: list[tuple[object, ...]] = []
    for one in predictions:
        if one.error is not None:
            rows.append((one.path, None, None, None, " ".join(str(one.error).split())))
        for rank, guess in enumerate(one.guesses, start=1):
            rows.append((one.path, rank, guess.label, f"{guess.probability:.6f}", None))
    return csv_tables.table(("picture", "rank", "class", "probability", "error"), rows, line_end="\n")


def _guesses(classifier: Classifier, path: Path, logits: np.ndarray, count: int) -> list[Guess]:
    if not np.isfinite(logits).all():
        raise ConversionError(
            f"{classifier.engine.path} answers NaN or infinity for {path}",
            remedy="make it again with --force",
        )
    return guesses(logits, classifier.labels, count)


def _files(argument: str) -> list[Path]:
    if not argument:
        raise InputError("an empty name is no picture", remedy="name a file or a folder")
    path = Path(argument)
    if path.is_dir() or (path.suffix.lower() == ".txt" and path.is_file()):
        return folders.read(path).paths
    if path.exists() or not glob.has_magic(argument):
        return [path]
    files = [match for match in sorted(_matches(path)) if match.is_file()]
    if not files:
        raise InputError(f"no picture matches {argument}")
    return files


def _matches(pattern: Path) -> list[Path]:
    """What is called like `pattern`. Hidden files are not, and `**` follows no links, which can lead to each other."""
    # Path.glob takes no absolute pattern.
    start = Path(pattern.anchor)
    below = str(pattern.relative_to(start))
    if "**" not in below:
        return [Path(match) for match in glob.iglob(str(pattern))]  # noqa: PTH207
    try:
        found = list(start.glob(below))
    except (ValueError, NotImplementedError) as error:
        raise InputError(f"cannot read the pattern {pattern}", why=str(error)) from error
    named = [part for part in pattern.parts if part.startswith(".")]
    return [match for match in found if all(_is_named(part, named) for part in match.parts)]


def _is_named(part: str, dotted: Sequence[str]) -> bool:
    return not part.startswith(".") or any(fnmatchcase(part, one) for one in dotted)
