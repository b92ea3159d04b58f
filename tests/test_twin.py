"""The host twin computes what Paddle's simulation of the INT8 program computes, in Paddle and in Lite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import programs
import pytest

from lite import zoo
from lite.errors import ConversionError
from lite.model import program as export
from lite.model import weights
from lite.model.deploy import deployable_state
from lite.model.graph import Exported
from lite.model.program import LoadedProgram, static_graph
from lite.nb import optimizer, reader
from lite.pictures import digits, prepare
from lite.pictures.picture_set import PictureSet
from quant.program import ptq
from quant.program.twin import build_twin
from quant.recipe import Recipe

VARIANT = zoo.find("deit_tiny")
ROOT = Path(__file__).resolve().parent.parent
FORMATS = pytest.mark.parametrize("onnx_format", [False, True], ids=["older", "onnx"])
SKIP = ["blocks.*.attn.av", "blocks.0.mlp.fc2"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    """The bundled DeiT-tiny, all twelve blocks, and its float program."""
    loaded = weights.load(VARIANT, "digits", notify=lambda message: None)
    network = export.build(deployable_state(loaded.state, VARIANT), VARIANT)
    return network, export.export(network, tmp_path_factory.mktemp("fp32"))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Held-out digits as input tensors: float32 [6, 1, 3, 224, 224]."""
    return np.stack([prepare.prepare(one, VARIANT.preprocess) for one in digits.pictures("held_out", 6)])


def quantize(trained, folder: Path, onnx_format: bool, skip: list[str] | None = None) -> Exported:
    network, exported = trained
    options = {"algo": "hist", "onnx_format": onnx_format}
    recipe = Recipe.model_validate({"name": "test", "paddleslim": options, "skip": skip or []})
    calibration = PictureSet.of("digits", digits.pictures("calibration", 4))
    return ptq.quantize(network, exported, calibration, recipe, folder)


def run(program: Exported, pixels: np.ndarray) -> np.ndarray:
    with static_graph() as executor:
        loaded = LoadedProgram(program, executor)
        return np.concatenate([loaded.run(one)[0] for one in pixels])


LITE = """
import sys
import numpy as np
from pathlib import Path
from lite.engines.paddle_lite import LitePredictor
predictor = LitePredictor(Path(sys.argv[1]))
np.save(sys.argv[3], np.stack([predictor.run(one) for one in np.load(sys.argv[2])]))
"""


def run_in_lite(twin: Exported, pixels: np.ndarray, folder: Path) -> np.ndarray:
    """The twin's logits in Paddle Lite's x86 runtime, in a process without Paddle."""
    optimizer.optimize(twin, folder / "host.nb", "fp32", ("x86",))
    np.save(folder / "pixels.npy", pixels)
    arguments = [folder / "host.nb", folder / "pixels.npy", folder / "logits.npy"]
    subprocess.run([sys.executable, "-c", LITE, *arguments], cwd=ROOT, check=True)
    return np.load(folder / "logits.npy")


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = one.astype(np.float64), other.astype(np.float64)
    return (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)


@FORMATS
def test_equals_paddles_simulation_on_trained_weights(trained, pixels, tmp_path: Path, onnx_format: bool):
    quantized = quantize(trained, tmp_path / "int8", onnx_format)
    twin = build_twin(quantized, tmp_path / "twin")
    simulated, answered = run(quantized, pixels), run(twin, pixels)
    assert cosines(answered, simulated).min() >= 0.99999
    # It is INT8 that is compared: the float network is further away.
    assert cosines(run(trained[1], pixels), simulated).min() < 0.9999
    # In Lite softmax differs in its last bit, which can tip a rounding, and that one others after it.
    in_lite = run_in_lite(twin, pixels, tmp_path)
    assert cosines(in_lite, answered).min() >= 0.999
    assert (in_lite.argmax(-1) == answered.argmax(-1)).all()


@FORMATS
def test_lite_gives_the_twins_numbers(pixels, tmp_path: Path, onnx_format: bool):
    """With two blocks there is hardly room for a rounding to tip; most pictures have none."""
    program = programs.deployable(tmp_path / "fp32")
    quantized = programs.quantized(program, tmp_path / "int8", onnx_format=onnx_format)
    twin = build_twin(quantized, tmp_path / "twin")
    difference = np.abs(run_in_lite(twin, pixels, tmp_path) - run(twin, pixels)).max(axis=-1)
    assert np.median(difference) <= 1e-4


@FORMATS
def test_mixed_precision(trained, pixels, tmp_path: Path, onnx_format: bool):
    quantized = quantize(trained, tmp_path / "int8", onnx_format, SKIP)
    model = optimizer.for_phone(quantized, "int8", "arm", tmp_path / "model.nb")
    counts = {
        (row["op"], row["precision"]): row["count"]
        for row in reader.kernel_table(model)
        if row["op"] in ("conv2d", "fc", "matmul_v2")
    }
    assert counts == {
        ("conv2d", "int8"): 1, ("fc", "int8"): 72, ("fc", "fp32"): 1, ("matmul_v2", "int8"): 12,
        ("matmul_v2", "fp32"): 12,
    }  # fmt: skip
    twin = build_twin(quantized, tmp_path / "twin")
    assert cosines(run(twin, pixels), run(quantized, pixels)).min() >= 0.99999


@FORMATS
def test_blocks_can_be_compared(trained, pixels, tmp_path: Path, onnx_format: bool):
    """The residual stream has the float program's names, and the simulation's values."""
    quantized = quantize(trained, tmp_path / "int8", onnx_format)
    twin = build_twin(quantized, tmp_path / "twin")
    outputs = []
    for program in (trained[1], quantized, twin):
        with static_graph() as executor:
            loaded = LoadedProgram(program, executor)
            assert len(loaded.stream) == 13
            outputs.append((loaded.stream, loaded.run(pixels[0], loaded.stream)[1:]))
    (reference_names, reference), (_, simulated), (names, answered) = outputs
    assert names == reference_names
    for one, other, floating in zip(answered, simulated, reference, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(other).max())
        assert one.shape == floating.shape
        assert cosines(one, floating).mean() > 0.9


@FORMATS
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf, 1e-39])
def test_scales_that_are_no_scales(tmp_path: Path, onnx_format: bool, value: float):
    program = programs.quantized(
        programs.deployable(tmp_path / "fp32"), tmp_path / "int8", onnx_format=onnx_format
    )
    with static_graph() as executor:
        loaded = LoadedProgram(program, executor)
        loaded.scope.find_var("gelu_0.tmp_0@scale").get_tensor().set(
            np.array([value], np.float32), executor.place
        )
        changed = loaded.save(tmp_path / "changed")
    with pytest.raises(
        ConversionError, match=r"the activation scale of gelu_0\.tmp_0 is .*check the weights"
    ):
        build_twin(changed, tmp_path / "twin")


def test_programs_that_have_no_twin(tmp_path: Path):
    program = programs.deployable(tmp_path / "fp32")
    with pytest.raises(ConversionError, match="holds no int8 weights: nothing was quantized"):
        build_twin(program, tmp_path / "twin")
    # This one has its scales computed from each picture, and stored nowhere.
    dynamic = programs.quantized(program, tmp_path / "int8", activation_quantize_type="abs_max")
    with pytest.raises(ConversionError, match="holds fake_quantize_abs_max, which is not known here"):
        build_twin(dynamic, tmp_path / "twin")
    assert not (tmp_path / "twin").exists()
