"""Writes trained weights, by PaddleClas's names, and the class names beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle

from lite import labels
from lite.errors import InputError
from lite.state import State


def checkpoint_path(out: Path) -> Path:
    """Where a run that writes `out` keeps its checkpoint: `x.checkpoint.npz` beside `x.pdparams`."""
    return out.with_suffix(".checkpoint.npz")


def check_writable(out: Path) -> None:
    """Makes the folder of `out` where there is none. Raises InputError where `out` could not be written at the end."""
    probe = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.is_dir():
            raise InputError(f"{out} is a folder; choose another --out")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror}; choose another --out") from error


def save(state: State, out: Path, classes: tuple[str, ...], *, half: bool = False) -> None:
    """Writes a `.pdparams` by PaddleClas's names, float16 if `half`, and the class names beside it.

    Both appear whole or not at all. Raises InputError where they cannot be written.
    """
    dtype = np.float16 if half else np.float32
    parts = {path: path.with_name(f".{path.name}.part") for path in (out, labels.beside(out))}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        paddle.save({name: value.astype(dtype) for name, value in state.items()}, str(parts[out]), protocol=4)
        parts[labels.beside(out)].write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror}; choose another --out") from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
