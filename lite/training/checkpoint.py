"""Checkpoints: everything a run needs to go on where it stopped, in one `.npz` file that replaces the last whole.

A file holds arrays and JSON, never code. Random choices are functions of the seed and the position (see
`lite/training/batches.py` and `stage_run.py`), so those two are all the random state there is.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import paddle

from lite import labels
from lite.errors import InputError
from lite.files import new_file, remove_parts
from lite.model.state import State
from lite.shown import shortened

_FORMAT = 1


@dataclass(frozen=True)
class Position:
    """How far a run is: `step` steps of epoch `epoch` of stage `stage` are done."""

    stage: int = 0
    epoch: int = 0
    step: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """`identity` says what is trained (plain values by name), `progress` holds figures of the epoch so far."""

    identity: dict[str, Any]
    position: Position
    progress: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(repr=False)

    def write(self, path: Path) -> None:
        """Writes the file under a temporary name and renames it: until then the last one stays.

        Raises InputError where it cannot be written, as on a full disk.
        """
        head = {
            "format": _FORMAT,
            "identity": self.identity,
            "position": asdict(self.position),
            "progress": self.progress,
            "arrays": sorted(self.arrays),
        }
        last = f"the last good one is {path}" if path.exists() else "there was none before"
        with (
            new_file(path, remedy=f"make room and go on with --resume ({last})") as part,
            part.open("wb") as file,
        ):
            _write_arrays(file, {"head": np.array(json.dumps(head)), **self.arrays})

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Reads a checkpoint. Raises InputError if there is none, or it is damaged or another kind of file."""
        if not path.exists():
            raise InputError(
                f"there is no checkpoint {path} to go on from",
                why="one is written on Ctrl-C and every checkpoint_minutes of the settings, and taken away at the end",
                remedy="leave out --resume to begin",
            )
        try:
            with zipfile.ZipFile(path) as archive:
                arrays = _read_arrays(archive, path.stat().st_size)
            head = json.loads(str(arrays.pop("head")))
            if head["format"] != _FORMAT:
                raise InputError(
                    f"the checkpoint {path} is of another version of this toolkit", remedy="begin anew"
                )
            identity, position, progress = head["identity"], Position(**head["position"]), head["progress"]
            counts = all(type(count) is int and count >= 0 for count in asdict(position).values())
            # One wrong bit in a zip file's list of members can hide some, which has no checksum of its own.
            whole = head.get("arrays", sorted(arrays)) == sorted(arrays)
            if not (counts and whole and isinstance(identity, dict) and isinstance(progress, dict)):
                raise ValueError("a head of another form")
            return cls(identity, position, progress, arrays)
        except InputError:
            raise
        except Exception as error:  # a zip file that is damaged can raise anything at all
            raise InputError(
                f"{path} is no checkpoint, or a damaged one ({type(error).__name__})",
                remedy="begin anew with --force",
            ) from error

    def check(self, path: Path, identity: dict[str, Any]) -> None:
        """Raises InputError, naming the first difference, unless this is a checkpoint of `identity`."""
        for name, (found, wanted) in _differences(self.identity, identity).items():
            if name == "pictures":
                raise InputError(
                    f"{path} was made with other pictures, or the folder has changed",
                    remedy="begin anew with --force",
                )
            raise InputError(
                f"{path} is of a run with {shortened(name)} {shortened(str(found))}, "
                f"this one has {shortened(str(wanted))}",
                remedy="give the same, or --force to begin anew",
            )


def discard(path: Path) -> None:
    """Removes a checkpoint, and what a run that was killed while it wrote one has left."""
    path.unlink(missing_ok=True)
    remove_parts(path)


def _write_arrays(file: IO[bytes], arrays: dict[str, np.ndarray]) -> None:
    # numpy.savez leaves its archive open on a full disk, and Python then complains once more.
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def _read_arrays(archive: zipfile.ZipFile, size: int) -> dict[str, np.ndarray]:
    """What `_write_arrays` wrote. Raises ValueError for what it would not; zipfile compares the checksums."""
    members = archive.infolist()
    if sum(member.file_size for member in members) > size:
        raise ValueError("members that are larger than the file")
    arrays = {}
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError("a compressed member")
        content = archive.read(member)
        file = io.BytesIO(content)
        np.lib.format.read_magic(file)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.hasobject or dtype.itemsize * math.prod(shape) != len(content) - file.tell():
            raise ValueError("shape and bytes disagree")
        flat = np.frombuffer(content, dtype, math.prod(shape), file.tell())
        # A copy can be written to, as what was never stored.
        arrays[member.filename.removesuffix(".npy")] = flat.reshape(
            shape, order="F" if fortran else "C"
        ).copy("K")
    return arrays


def _differences(
    found: dict[str, Any], wanted: dict[str, Any], above: str = ""
) -> dict[str, tuple[Any, Any]]:
    differ: dict[str, tuple[Any, Any]] = {}
    for name in wanted | found:
        left, right = found.get(name), wanted.get(name)
        if isinstance(left, dict) and isinstance(right, dict):
            differ |= _differences(left, right, f"{above}{name}.")
        elif left != right:
            differ[f"{above}{name}"] = (left, right)
    return differ


def checkpoint_path(out: Path) -> Path:
    """Where a run that writes `out` keeps its checkpoint: `x.checkpoint.npz` beside `x.pdparams`."""
    return out.with_suffix(".checkpoint.npz")


def save(state: State, out: Path, classes: tuple[str, ...], *, half: bool = False) -> None:
    """Writes a `.pdparams` by PaddleClas's names, float16 if `half`, and the class names beside it.

    Both appear whole or not at all. Raises InputError where they cannot be written.
    """
    dtype = np.float16 if half else np.float32
    with new_file(out) as part, new_file(labels.beside(out)) as names:
        paddle.save({name: value.astype(dtype) for name, value in state.items()}, str(part), protocol=4)
        names.write_text(labels.as_text(classes), encoding="utf-8")
