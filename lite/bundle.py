"""The bundle: a folder with the network for the phone, its twin for the host, and what is known of both.

`new_bundle` makes one so that nobody ever sees half of it; `read` opens one and trusts nothing in it.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lite import labels as class_names
from lite.errors import ConversionError, InputError
from lite.files import check_new_folder, file_sha256, new_folder
from lite.input_file import read_text
from lite.manifest import MOST_BYTES, SCHEMA, creation_time, first_problem, parse
from lite.shown import shortened, shown
from lite.zoo import Preprocess

MANIFEST = "manifest.json"
_AGAIN = "make the bundle again with tools/opt.py --force"


@dataclass(frozen=True)
class GoldenPictures:
    """Pictures by which it is known whether a phone computes a bundle's network; `golden.png` is the first.

    `files`: N PNGs; `logits`: what `host.nb` answers, float32 [N, classes]; `noise`: float32 [N], how far sound runs of
    an INT8 network lie apart (`quant/host_check.py`), as the norm of the difference of two answers to a picture by that
    of one. None where it is not INT8, and in older bundles, which have one picture.
    """

    files: Sequence[Path]
    logits: np.ndarray
    noise: np.ndarray | None


@dataclass(frozen=True)
class Bundle:
    """A checked bundle: its folder `path` and its `manifest` (see `schema/manifest.schema.json`).

    `Bundle.open` reads one; `quant.convert` makes one.
    """

    path: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, path: str | Path) -> Bundle:
        """The bundle in the folder `path`. Raises InputError where there is none, or one that is not whole."""
        return read(Path(path))

    @property
    def name(self) -> str:
        """The folder's name, by which commands and reports call the bundle."""
        return self.path.resolve().name

    @property
    def model_nb(self) -> Path:
        """The network for the phone."""
        return self.path / "model.nb"

    @property
    def host_nb(self) -> Path:
        """The network for the x86 runtime."""
        return self.path / "host.nb"

    def sha256(self, name: str) -> str:
        """SHA-256 of the bundle's file `name`: the manifest's, or the file's own where an older one does not say."""
        return self.manifest["files"][name].get("sha256") or file_sha256(self.path / name)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The class names, in the order of the logits."""
        return _read_labels(self.path)

    @property
    def preprocess(self) -> Preprocess:
        """How a picture becomes the input tensor."""
        entry = self.manifest["input"]
        return Preprocess(
            resize_short=entry["resize_short"],
            crop=entry["crop"],
            interpolation=entry["interpolation"],
            mean=tuple(entry["mean"]),
            std=tuple(entry["std"]),
        )

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Batch, channels, height, width of the input tensor."""
        batch, channels, height, width = self.manifest["input"]["shape"]
        return batch, channels, height, width

    def golden(self) -> tuple[np.ndarray, np.ndarray]:
        """The golden picture's tensor (float32 [1, 3, H, W]) and `host.nb`'s logits (float32 [classes]).

        Raises InputError if `golden.npz` does not hold just that.
        """
        arrays = self._golden_arrays()
        return arrays["tensor"], arrays["logits"]

    def golden_pictures(self) -> GoldenPictures:
        """All golden pictures. Raises InputError as `golden` does."""
        arrays = self._golden_arrays()
        logits = np.concatenate([arrays["logits"][None], arrays["other_logits"]])
        files = [self.path / golden_name(index) for index in range(len(logits))]
        return GoldenPictures(files, logits, arrays.get("noise"))

    def _golden_arrays(self) -> dict[str, np.ndarray]:
        path = self.path / "golden.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
                first = arrays["tensor"], arrays["logits"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is damaged", why=_first_line(error), remedy=_AGAIN) from error
        classes = int(self.manifest["weights"]["classes"])
        # Older bundles have the first picture only.
        others = arrays.setdefault("other_logits", np.empty((0, classes), np.float32))
        checked = [
            *zip(first, (self.input_shape, (classes,)), strict=True),
            (others, (len(np.atleast_1d(others)), classes)),
        ]
        if "noise" in arrays:
            checked.append((arrays["noise"], (1 + len(np.atleast_1d(others)),)))
        for array, shape in checked:
            if array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
                raise InputError(
                    f"{path} holds {array.dtype} {array.shape}, not finite float32 {shape}", remedy=_AGAIN
                )
        for index in range(1 + len(others)):
            if golden_name(index) not in self.manifest["files"]:
                raise InputError(
                    f"{path} has answers to {golden_name(index)}, which is not there", remedy=_AGAIN
                )
        return arrays


def new_bundle(out: Path, *, force: bool = False) -> AbstractContextManager[Path]:
    """An empty folder to build a bundle in; it becomes `out` when the block ends without an exception.

    See `lite.files.new_folder`: with `force`, an earlier bundle at `out` (never another folder) is replaced.
    """
    return new_folder(out, holds=MANIFEST, force=force)


def check_free(out: Path, *, force: bool) -> None:
    """Raises InputError if `new_bundle` would refuse `out`; ask before a long run."""
    check_new_folder(out, MANIFEST, force)


def write_labels(folder: Path, labels: Sequence[str]) -> None:
    """Writes `labels.txt`, one class a line. Raises InputError for an empty name or one with a line break."""
    for index, label in enumerate(labels):
        if not label.strip() or "\n" in label or "\r" in label:
            raise InputError(
                f"label {index} ({shown(label)}) is empty or has a line break",
                remedy="give each class one line",
            )
    (folder / "labels.txt").write_text(class_names.as_text(labels), encoding="utf-8")


def golden_name(index: int) -> str:
    """The file of a golden picture: golden.png, golden-2.png and so on."""
    return f"golden-{index + 1}.png" if index else "golden.png"


def write_golden(
    folder: Path, tensor: np.ndarray, logits: np.ndarray, noise: np.ndarray | None = None
) -> None:
    """Writes `golden.npz`, what `host.nb` answers to the golden pictures.

    `tensor` is the first one's, float32 [1, 3, H, W]; `logits` [N, classes]; `noise` [N], see GoldenPictures.
    """
    arrays = {"tensor": tensor, "logits": logits[0], "other_logits": logits[1:]}
    if noise is not None:
        arrays["noise"] = noise
    np.savez(folder / "golden.npz", **{name: array.astype(np.float32) for name, array in arrays.items()})


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Checks `manifest` against the schema and writes it, as the last file of a bundle.

    `files` is filled from what lies in `folder`; `schema`, and `created` if it is missing, are filled too.
    Raises ConversionError for a manifest that does not fit, a missing file or a number that JSON cannot hold.
    """
    files = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
    filled = {
        "created": datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        **manifest,
        "schema": SCHEMA,
        "files": {path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in files},
    }
    try:
        text = json.dumps(filled, indent=1, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ConversionError(
            f"the manifest of {folder.name} cannot be written", why=_first_line(error)
        ) from error
    # Checked as it will be read: tuples have become arrays by then.
    problem = first_problem(json.loads(text))
    if problem:
        raise ConversionError(f"the manifest of {folder.name} is not complete", why=problem)
    (folder / MANIFEST).write_text(f"{text}\n", encoding="utf-8")


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)


def read(folder: Path, *, verify: bool = True, notify: Callable[[str], None] = _warn) -> Bundle:
    """Opens the bundle at `folder` after checking manifest, files and labels; `verify` compares SHA-256 too.

    `notify` hears which files could not be compared, since the manifest of an older bundle has no SHA-256 of them.
    Raises InputError saying what is wrong: no bundle, one by a newer version, incomplete, or edited.
    """
    try:
        there = (folder / MANIFEST).exists()
        manifest: Any = parse(read_text(folder / MANIFEST, MOST_BYTES)) if there else None
    except ValueError as error:
        raise InputError(
            f"{folder / MANIFEST} cannot be read", why=_first_line(error), remedy=_AGAIN
        ) from error
    except OSError as error:
        raise InputError(
            f"{folder} cannot be read", why=error.strerror, remedy="check its permissions"
        ) from error
    if not there:
        reason = f"it has no {MANIFEST}" if folder.is_dir() else "there is no such folder"
        raise InputError(f"{folder} is not a bundle", why=reason, remedy="make one with tools/opt.py")
    version = manifest.get("schema") if isinstance(manifest, dict) else None
    if isinstance(version, int) and version > SCHEMA:
        raise InputError(
            f"{folder} was written by a newer version (manifest schema {version}, this one reads {SCHEMA})",
            remedy="update this toolkit",
        )
    problem = first_problem(manifest)
    if problem:
        raise InputError(f"{folder / MANIFEST} was edited or is no manifest", why=problem, remedy=_AGAIN)
    unknown = []
    for name, entry in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{folder} is incomplete", why=f"{name} is missing", remedy=_AGAIN)
        if path.stat().st_size != entry["bytes"]:
            size = path.stat().st_size
            raise InputError(
                f"{path} has {size} bytes where the manifest says {entry['bytes']}", remedy=_AGAIN
            )
        if entry.get("sha256") is None:
            unknown.append(name)
        elif verify and file_sha256(path) != entry["sha256"]:
            raise InputError(f"{path} was changed after it was made (SHA-256 differs)", remedy=_AGAIN)
    if verify and unknown:
        notify(f"{folder}: the manifest has no SHA-256 of {', '.join(unknown)}, so these are not compared")
    count, classes = len(_read_labels(folder)), manifest["weights"]["classes"]
    if count != classes:
        raise InputError(f"{folder / 'labels.txt'} has {count} labels for {classes} classes", remedy=_AGAIN)
    return Bundle(folder, manifest)


def newest(root: Path) -> Path:
    """The complete bundle in `root` that was made last (sizes are checked, SHA-256 is not).

    Raises InputError if there is none.
    """
    found: list[tuple[datetime, Path]] = []
    skipped = 0
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir() and not folder.name.startswith("."):
            try:
                found.append((creation_time(read(folder, verify=False).manifest["created"]), folder))
            except InputError:
                skipped += 1
    if not found:
        what = (
            "one folder there is no complete bundle" if skipped == 1 else f"{skipped} folders there are none"
        )
        broken = f" ({what})" if skipped else ""
        raise InputError(
            f"no bundle in {root}{broken}", remedy="make one with tools/opt.py, or give --bundle"
        )
    return max(found)[1]


def _read_labels(folder: Path) -> tuple[str, ...]:
    try:
        text = read_text(folder / "labels.txt")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{folder / 'labels.txt'} cannot be read", why=_first_line(error), remedy=_AGAIN
        ) from error
    return tuple(text.removesuffix("\n").split("\n"))


def _first_line(error: object) -> str:
    lines = str(error).splitlines()
    return shortened(lines[0]) if lines else type(error).__name__
