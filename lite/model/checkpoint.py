"""Reads weights of any kind we know, told by what is in the file and never by its name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lite.errors import InputError
from lite.model import pdparams, pytorch, safetensors
from lite.model.tensors import MAXIMUM_BYTES, State, reading

Format = Literal["Paddle", "PyTorch", "safetensors"]
# What a folder of Hugging Face or timm calls its weights.
NAMES = ("model.safetensors", "pytorch_model.bin")
_HEAD = 64


@dataclass(frozen=True)
class WeightsFile:
    """Tensors by the file's names, float32; `part` is the key of a training checkpoint that they were under."""

    format: Format
    state: State
    part: str | None = None


def file_of(path: Path) -> Path:
    """The file of weights that `path` means: itself, or of a folder the one that Hugging Face's libraries write.

    Raises InputError for a folder without one.
    """
    if not path.is_dir():
        return path
    found = next((path / name for name in NAMES if (path / name).is_file()), None)
    if found is None:
        cut = any(path.glob("*.index.json"))
        raise InputError(
            f"the folder {path} has no {' or '.join(NAMES)}",
            why="its weights are in several files" if cut else None,
            remedy="save them in one file: save_pretrained(DIR, max_shard_size='5GB')"
            if cut
            else "give the file",
        )
    return found


def read(path: Path) -> WeightsFile:
    """Reads a `.pdparams` of Paddle 2 or 3, what `torch.save` writes (zip or older form), or a `.safetensors`.

    No code in it is run. It takes less than twice the file's size of memory, and 200 MB. Raises InputError for anything
    else: a missing, cut, foreign or oversized file, tensors of other numbers than floats or that share their bytes.
    """
    with reading(path):
        kind, size = _kind(path)
    if kind == "Paddle":
        return WeightsFile("Paddle", pdparams.read_state(path))
    with reading(path), path.open("rb") as file:
        if kind == "safetensors":
            return WeightsFile("safetensors", safetensors.read(file, size))
        return WeightsFile("PyTorch", *pytorch.read(file, size))


def _kind(path: Path) -> tuple[Format, int]:
    if not path.is_file():
        return "Paddle", 0  # whose reader says what is wrong
    with path.open("rb") as file:
        size, head = os.fstat(file.fileno()).st_size, file.read(_HEAD)
    if size > MAXIMUM_BYTES:
        return "Paddle", size
    if head.startswith((pytorch.ZIP, pytorch.OLD)):
        return "PyTorch", size
    if safetensors.is_safetensors(head, size):
        return "safetensors", size
    if head.lstrip().startswith(b"{"):
        raise _json(head)
    return "Paddle", size


def _json(head: bytes) -> InputError:
    if b'"base_code"' in head or b'"pir"' in head:
        return InputError(
            "it is a program of Paddle 3, which Paddle Lite's optimizer cannot read",
            why="the weights are not in it",
            remedy="give its .pdparams to --weights, written by paddle.save(network.state_dict(), FILE) in Paddle 3 or "
            "2 (a program in the older form comes of paddle.jit.save with FLAGS_enable_pir_api=0 in the environment)",
        )
    return InputError(
        "it is JSON, not weights", remedy="give the .safetensors, .bin, .pth or .pdparams beside it"
    )
