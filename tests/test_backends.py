"""lite/backends: one network in four engines, each in a process of its own, with the same logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from lite import bundle, zoo
from lite.engines import BACKENDS, Options, Runnable, Selection, processes
from lite.engines.dygraph import NetworkPredictor
from lite.engines.export import logits_of
from lite.errors import InputError
from lite.measure import classifier, scores
from lite.measure.classifier import Classifier
from lite.model import weights
from lite.model.weights import Weights
from lite.pictures import digits, picture_set, prepare

GPU = Options(device="gpu")


@pytest.fixture(scope="module")
def trained() -> Weights:
    return weights.load(zoo.find("deit_tiny"), "digits", notify=print)


@pytest.fixture(scope="module")
def asked(trained: Weights, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Classifier]:
    """The bundled weights in every backend."""
    work = tmp_path_factory.mktemp("backends")
    return {backend: classifier.of_weights(trained, backend, work) for backend in BACKENDS}


@pytest.fixture(scope="module")
def pixels(trained: Weights) -> np.ndarray:
    spec = trained.variant.preprocess
    return np.concatenate([prepare.prepare(one, spec) for one in digits.pictures("held_out", 3)])


@pytest.fixture(scope="module")
def call() -> Iterator[Callable]:
    """Calls a function on an engine in a process that only this kind of engine has."""
    with ExitStack() as stack:
        pools: dict[type, Executor] = {}

        def call(function: Callable, engine: Runnable, *arguments: object):
            if type(engine) not in pools:
                pools[type(engine)] = stack.enter_context(processes.pool(1))
            return pools[type(engine)].submit(function, engine, *arguments).result()

        yield call


def batch_of(engine: Runnable) -> int | None:
    """Runs in the engine's process."""
    return engine.open().batch


def one_by_one(engine: Runnable, pixels: np.ndarray) -> np.ndarray:
    """Runs in the engine's process."""
    opened = engine.open()
    return np.concatenate([opened.logits(one[None]) for one in pixels])


@pytest.mark.parametrize("backend", BACKENDS)
def test_logits_are_those_of_the_network(backend: str, asked, call, pixels: np.ndarray, trained: Weights):
    expected = NetworkPredictor(trained.variant, trained.state).logits(pixels)
    assert np.abs(expected).max() > 1
    engine = asked[backend].engine
    np.testing.assert_allclose(call(one_by_one, engine, pixels), expected, atol=1e-4)
    if backend != "lite":
        np.testing.assert_allclose(call(logits_of, engine, [pixels])[0], expected, atol=1e-4)


def test_how_many_pictures_at_once_is_stated_and_kept_to(asked, call, pixels: np.ndarray):
    assert {name: call(batch_of, one.engine) for name, one in asked.items()} == {
        "paddle": None, "inference": None, "lite": 1, "onnx": None
    }  # fmt: skip
    with pytest.raises(InputError, match="one picture at a time, not 3"):
        call(logits_of, asked["lite"].engine, [pixels])


def test_without_onednn_the_logits_are_the_same(asked, call, pixels: np.ndarray):
    engine = asked["inference"].engine
    with_it, without = (
        call(logits_of, type(engine)(engine.path, Options(onednn=onednn)), [pixels])[0]
        for onednn in (True, False)
    )
    np.testing.assert_allclose(with_it, without, atol=1e-4)
    assert not np.array_equal(with_it, without), "the switch changes nothing"


@pytest.mark.parametrize(
    ("backend", "options", "message"),
    [
        ("paddle", GPU, "for CPUs only|no NVIDIA GPU"),
        ("inference", GPU, "for CPUs only|no NVIDIA GPU"),
        ("inference", Options(tensorrt="fp16"), "TensorRT runs on NVIDIA GPUs only"),
        ("onnx", GPU, "onnxruntime .* is for CPUs only; install onnxruntime-gpu"),
    ],
)
def test_what_this_computer_cannot_do_is_said(backend: str, options: Options, message: str, asked, call):
    engine = asked[backend].engine
    fields = {"path": engine.path, "options": options}
    if backend == "paddle":
        fields["variant"] = engine.variant
    with pytest.raises(InputError, match=message):
        call(batch_of, type(engine)(**fields))


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(bundle=Path("b"), model="deit_tiny"), "give one of --bundle, --export and --model"),
        (Selection(weights="digits"), "need --model"),
        (Selection(backend="onnx"), "a bundle runs in Paddle Lite only"),
        (Selection(options=GPU), "Paddle Lite runs on this computer's CPU only"),
        (
            Selection(model="deit_tiny", backend="onnx", options=Options("gpu", tensorrt="fp32")),
            "--tensorrt is for",
        ),
        (Selection(options=Options(onednn=False)), "--no-onednn is for --backend inference, not for lite"),
    ],
)
def test_options_that_exclude_each_other(selection: Selection, message: str, tmp_path: Path):
    with pytest.raises(InputError, match=message):
        classifier.find(selection, tmp_path, tmp_path, notify=print)


def test_an_exported_folder_is_for_one_backend(asked, tmp_path: Path):
    folder = asked["onnx"].engine.path.parent
    assert classifier.find(Selection(export=folder), tmp_path, tmp_path, notify=print).backend == "onnx"
    with pytest.raises(InputError, match="is for --backend onnx, not inference"):
        classifier.find(Selection(export=folder, backend="inference"), tmp_path, tmp_path, notify=print)
    with pytest.raises(InputError, match="is for --backend onnx, not lite; give --model and --weights"):
        classifier.find(Selection(export=folder, backend="lite"), tmp_path, tmp_path, notify=print)
    asked_for = Selection(export=folder, options=Options("gpu", tensorrt="fp16"))
    with pytest.raises(InputError, match="--tensorrt is for --backend inference, not for onnx"):
        classifier.find(asked_for, tmp_path, tmp_path, notify=print)


def test_a_file_that_is_no_onnx(tmp_path: Path, asked, call):
    bad = tmp_path / "model.onnx"
    bad.write_bytes(b"no model")
    with pytest.raises(InputError, match="onnxruntime does not take .*model.onnx"):
        call(batch_of, type(asked["onnx"].engine)(bad))


def test_a_bundle_is_asked_in_paddle_lite(tiny_bundle: Path, tmp_path: Path):
    made = bundle.read(tiny_bundle)
    found = classifier.find(Selection(), tiny_bundle.parent, tmp_path, notify=print)
    assert (found.backend, found.precision, found.engine.path) == ("lite", "fp32", made.host_nb.absolute())


def test_every_backend_gives_the_same_figures(asked, trained: Weights):
    pictures = picture_set.digits("held_out", trained.labels, 24)
    ours, *others = (scores.score(one, pictures, processes=1) for one in asked.values())
    assert ours.top_k(1) > 0.9
    assert ours.confusion.sum() == 24
    for found in others:
        assert (found.top_k(1), found.top_k(5)) == (ours.top_k(1), ours.top_k(5))
        np.testing.assert_array_equal(found.confusion, ours.confusion)
        assert found.classes == ours.classes
