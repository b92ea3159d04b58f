"""What Triton's Python backend runs, each instance in a process of its own: pictures prepared, and the network.

A request that cannot be answered gets an error of its own; those it shares a batch with are answered.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

# Triton puts it there; it exists nowhere else.
import triton_python_backend_utils as triton

from lite.errors import InputError, ToolkitError
from lite.measure.accuracy import guesses
from lite.pictures.prepare import decode_bytes, prepare
from lite.serving import repository
from lite.serving.repository import Limits
from lite.zoo import Preprocess


class Network:
    """Tensors to classes: `image` float32 [N, 3, H, W] to logits, and the likeliest classes with probabilities."""

    def initialize(self, arguments: dict[str, str]) -> None:
        """Opens the network that lies beside the model's file, and runs it once with each size of batch."""
        limits, folder = _limits(arguments), _folder(arguments)
        self._turn = Turn(arguments)
        found = repository.opened(folder)
        self._labels = found.labels
        self._predictor = found.engine.open()
        side = found.preprocess.crop
        # An engine prepares its kernels for a shape when it first meets it, and no client should wait for that.
        for count in range(1, 1 + (limits.batch if self._predictor.batch is None else 1)):
            self._predictor.logits(np.zeros((count, 3, side, side), np.float32))

    def execute(self, requests: list[Any]) -> list[Any]:
        """A response for each request: its classes, or why it has none."""
        pixels = [
            triton.get_input_tensor_by_name(request, repository.TENSOR).as_numpy() for request in requests
        ]
        answers: list[Any] = [_error("image has NaN or infinity") for _ in requests]
        finite = [index for index, one in enumerate(pixels) if np.isfinite(one).all()]
        if finite:
            with self._turn.taken():
                logits = self._logits(np.concatenate([pixels[index] for index in finite]))
            ends = np.cumsum([len(pixels[index]) for index in finite])
            for index, part in zip(finite, np.split(logits, ends[:-1]), strict=True):
                answers[index] = self._answer(part)
        return answers

    def _logits(self, pixels: np.ndarray) -> np.ndarray:
        if self._predictor.batch is None:
            return self._predictor.logits(pixels)
        return np.concatenate([self._predictor.logits(one[None]) for one in pixels])

    def _answer(self, logits: np.ndarray) -> Any:
        if not np.isfinite(logits).all():
            return _error("the network answers NaN or infinity for this image")
        found = [guesses(row, self._labels, repository.TOPK) for row in logits]
        labels = [[guess.label.encode() for guess in row] for row in found]
        probabilities = [[guess.probability for guess in row] for row in found]
        return triton.InferenceResponse(
            [
                triton.Tensor("logits", logits.astype(np.float32)),
                triton.Tensor("label", np.array(labels, np.object_)),
                triton.Tensor("probability", np.array(probabilities, np.float32)),
            ]
        )


class Prepare:
    """Picture files to tensors: `picture` bytes [N, 1] to `image` float32 [N, 3, H, W], as everywhere else."""

    def initialize(self, arguments: dict[str, str]) -> None:
        """Takes the sizes and bounds from the model's configuration."""
        self._limits = _limits(arguments)
        self._turn = Turn(arguments)
        self._spec = Preprocess(**json.loads(_parameter(arguments, "preprocess")))

    def execute(self, requests: list[Any]) -> list[Any]:
        """A response for each request: its tensor, or why there is none."""
        with self._turn.taken():
            return [_answered(self._prepared, request) for request in requests]

    def _prepared(self, request: Any) -> Any:
        files = triton.get_input_tensor_by_name(request, repository.PICTURE).as_numpy().reshape(-1)
        images = []
        for index, data in enumerate(files):
            name = "the picture" if len(files) == 1 else f"picture {index}"
            if len(data) > self._limits.picture_bytes:
                raise InputError(
                    f"{name} has {len(data)} bytes", remedy=f"at most {self._limits.picture_bytes} are taken"
                )
            rgb = decode_bytes(data, name, max_pixels=self._limits.picture_pixels)
            images.append(prepare(rgb, self._spec))
        return triton.InferenceResponse([triton.Tensor(repository.TENSOR, np.concatenate(images))])


class Turn:
    """Lets one of a model's processes compute at a time, where its configuration says so.

    The lock is the kernel's, on a file of this server's: a process that dies gives it back.
    """

    def __init__(self, arguments: dict[str, str]):
        self._file: int | None = None
        if json.loads(_parameter(arguments, repository.TURNS)):
            # All processes of a model are children of the same server.
            path = Path(tempfile.gettempdir()) / f"triton-{os.getppid()}-{arguments['model_name']}.lock"
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Waits for this process's turn, and has it until the block ends."""
        if self._file is None:
            yield
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


def _answered(answer: Callable[[Any], Any], request: Any) -> Any:
    try:
        return answer(request)
    except ToolkitError as error:
        return _error(str(error))
    except Exception as error:
        # Of a decoder: it must not cost those in the same batch their answers.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return triton.InferenceResponse(
            error=triton.TritonError(
                f"the picture failed ({type(error).__name__})", triton.TritonError.INTERNAL
            )
        )


def _error(why: str) -> Any:
    return triton.InferenceResponse(error=triton.TritonError(why, triton.TritonError.INVALID_ARG))


def _folder(arguments: dict[str, str]) -> Path:
    return Path(arguments["model_repository"]) / arguments["model_version"] / repository.NETWORK


def _parameter(arguments: dict[str, str], name: str) -> str:
    return json.loads(arguments["model_config"])["parameters"][name]["string_value"]


def _limits(arguments: dict[str, str]) -> Limits:
    return Limits(**json.loads(_parameter(arguments, "limits")))
