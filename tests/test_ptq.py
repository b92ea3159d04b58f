"""quant/program/ptq.py and layers.py: every option of a recipe through PaddleSlim, opt and the twin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import paddle
import programs
import pytest
from states import random_state

from lite import zoo
from lite.errors import ConversionError, InputError
from lite.model import program as export
from lite.model.deploy import DeployableDeiT, deployable_state
from lite.model.graph import PLAIN, Exported, Form
from lite.model.program import LoadedProgram, static_graph
from lite.nb import optimizer, reader
from lite.pictures import digits, prepare
from lite.pictures.picture_set import PictureSet
from quant.program import layers, ptq
from quant.program.twin import build_twin
from quant.recipe import Recipe

VARIANT = zoo.find("deit_tiny")
CALIBRATION = PictureSet.of("digits", digits.pictures("calibration", 2))
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Net:
    network: DeployableDeiT
    exported: Exported


def make(folder: Path, depth: int, form: Form = PLAIN, spoil: Callable[[dict], None] = lambda state: None):
    state = random_state(VARIANT, 10, depth=depth)
    spoil(state)
    network = export.build(deployable_state(state, VARIANT), replace(VARIANT, depth=depth), form=form)
    return Net(network, export.export(network, folder))


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Net:
    """DeiT-tiny with two blocks and random weights."""
    return make(tmp_path_factory.mktemp("net"), 2)


def recipe(*, skip: tuple[str, ...] = (), batches: int | None = None, **options: object) -> Recipe:
    options = {"algo": "abs_max", "onnx_format": False, **options}
    return Recipe.model_validate(
        {"name": "test", "paddleslim": options, "skip": list(skip), "batches": batches}
    )


def quantize(net: Net, folder: Path, calibration: PictureSet = CALIBRATION, **options) -> Exported:
    return ptq.quantize(net.network, net.exported, calibration, recipe(**options), folder)


def kernels(quantized: Exported, folder: Path) -> dict[tuple[str, str], int]:
    """How many operators of a kind run in a precision on ARM, those that multiply matrices."""
    model = optimizer.for_phone(quantized, "int8", "arm", folder / "model.nb")
    return {
        (row["op"], row["precision"]): row["count"]
        for row in reader.kernel_table(model)
        if row["op"] in ("conv2d", "fc", "matmul_v2", "mul", "matmul")
    }


def logits(program: Exported, count: int = 2) -> np.ndarray:
    with static_graph() as executor:
        loaded = LoadedProgram(program, executor)
        pictures = digits.pictures("held_out", count)
        return np.stack([loaded.run(prepare.prepare(one, VARIANT.preprocess))[0][0] for one in pictures])


def weight(program: Exported, name: str) -> np.ndarray:
    with static_graph() as executor:
        return LoadedProgram(program, executor).parameter(name)


ALL_INT8 = {("conv2d", "int8"): 1, ("fc", "int8"): 13, ("matmul_v2", "int8"): 4}


@pytest.mark.parametrize("onnx_format", [False, True])
@pytest.mark.parametrize("algo", ["hist", "mse", "emd", "avg", "abs_max", "ptf"])
def test_every_algo_gives_int8_kernels_and_a_twin(net: Net, tmp_path: Path, algo: str, onnx_format: bool):
    quantized = quantize(net, tmp_path / "int8", algo=algo, onnx_format=onnx_format)
    assert kernels(quantized, tmp_path) == ALL_INT8
    simulated = logits(quantized)
    np.testing.assert_allclose(logits(build_twin(quantized, tmp_path / "twin")), simulated, rtol=0, atol=1e-6)
    # Quantized, and still the network.
    reference = logits(net.exported)
    assert 0 < np.abs(simulated - reference).max() < 0.6 * np.abs(reference).max()


@pytest.mark.slow
@pytest.mark.parametrize("onnx_format", [False, True])
def test_kl_too(tmp_path: Path, onnx_format: bool):
    net = make(tmp_path / "net", 1)
    quantized = quantize(net, tmp_path / "int8", algo="KL", onnx_format=onnx_format)
    assert kernels(quantized, tmp_path) == {
        ("conv2d", "int8"): 1,
        ("fc", "int8"): 7,
        ("matmul_v2", "int8"): 2,
    }
    twin = build_twin(quantized, tmp_path / "twin")
    np.testing.assert_allclose(logits(twin), logits(quantized), rtol=0, atol=1e-6)


def test_options_of_the_older_format(net: Net, tmp_path: Path):
    made = {
        name: quantize(net, tmp_path / name, **options)
        for name, options in {
            "plain": {},
            "per_tensor": {"weight_quantize_type": "abs_max"},
            "corrected": {"bias_correction": True},
            "moving": {"activation_quantize_type": "moving_average_abs_max"},
        }.items()
    }
    simulated = {name: logits(program) for name, program in made.items()}
    np.testing.assert_array_equal(simulated["moving"], simulated["plain"])
    for name in ("per_tensor", "corrected"):
        assert kernels(made[name], tmp_path) == ALL_INT8
        twin = build_twin(made[name], tmp_path / "twin")
        np.testing.assert_allclose(logits(twin), simulated[name], rtol=0, atol=1e-6)
    # Each option did what it is for.
    plain, per_tensor, corrected = (
        weight(made[name], "linear_0.w_0") for name in ("plain", "per_tensor", "corrected")
    )
    assert (np.abs(plain).max(axis=0) == 127).all()
    assert np.abs(per_tensor).max() == 127
    assert (np.abs(per_tensor).max(axis=0) < 127).any()
    # PaddleSlim rounds once more after it, and at 8 bits nothing but that is left of it.
    assert (plain != corrected).mean() < 0.01


def test_hist_percent_clips(net: Net, tmp_path: Path):
    scales = [
        weight(quantize(net, tmp_path / str(share), algo="hist", hist_percent=share), "image@scale").item()
        for share in (0.6, 0.9, 1.0)
    ]
    assert 0 < scales[0] < scales[1] < scales[2]


def test_operators_left_out_stay_float(net: Net, tmp_path: Path):
    quantized = quantize(net, tmp_path / "int8", quantizable_op_type=["conv2d"])
    assert kernels(quantized, tmp_path) == {
        ("conv2d", "int8"): 1, ("fc", "fp32"): 13, ("matmul_v2", "fp32"): 4
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"algo": "min_max"}, "holds no int8 weights"),
        ({"round_type": "adaround"}, "other than whole numbers from -127 to 127"),
    ],
)
def test_what_recipes_refuse_does_not_work(tmp_path: Path, options: dict[str, str], words: str):
    """Straight through PaddleSlim, past the recipe. When this fails, the recipe may offer more."""
    program = programs.deployable(tmp_path / "fp32")
    with pytest.raises(ConversionError, match=words):
        build_twin(programs.quantized(program, tmp_path / "int8", **options), tmp_path / "twin")


def test_adaround_learns_nothing(tmp_path: Path):
    program = programs.deployable(tmp_path / "fp32")
    quantized = programs.quantized(program, tmp_path / "int8", round_type="adaround")
    original = weight(program, "linear_0.w_0")
    # The float weights on another scale: no rounding, neither learned nor to the nearest.
    same = original / np.abs(original).max(axis=0) * 127
    np.testing.assert_allclose(weight(quantized, "linear_0.w_0"), same, atol=1e-3)


def test_layers_have_names_in_every_form(net: Net, tmp_path: Path):
    with static_graph() as executor:
        named = layers.tensors(net.network, LoadedProgram(net.exported, executor))
    assert list(named)[:6] == ["patch_embed.proj", *(f"blocks.0.attn.{part}" for part in ("q", "k", "v", "proj")),
                               "blocks.0.mlp.fc1"]  # fmt: skip
    assert {"blocks.1.mlp.fc2", "head", "blocks.0.attn.qk", "blocks.1.attn.av"} < named.keys()
    assert all(len(behind) == 1 for behind in named.values())
    heads = make(tmp_path / "heads", 2, Form(attention="per_head"))
    with static_graph() as executor:
        per_head = layers.tensors(heads.network, LoadedProgram(heads.exported, executor))
    assert per_head.keys() == named.keys()
    for layer, behind in per_head.items():
        assert len(behind) == (3 if layer.endswith((".q", ".k", ".v", ".qk", ".av")) else 1)
    every = [tensor for behind in per_head.values() for tensor in behind]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize(("per_head", "onnx_format"), [(False, False), (False, True), (True, False)])
def test_skipped_layers_and_only_they_stay_float(tmp_path: Path, per_head: bool, onnx_format: bool):
    net = make(tmp_path / "net", 2, Form(attention="per_head" if per_head else "layers"))
    skip = ("blocks.*.attn.av", "blocks.0.mlp.fc2", "blocks.1.attn.q")
    quantized = quantize(net, tmp_path / "int8", skip=skip, onnx_format=onnx_format)
    counts = kernels(quantized, tmp_path)
    heads = 3 if per_head else 1
    assert counts == {
        ("conv2d", "int8"): 1,
        ("fc", "int8"): 7 + 6 * heads - 1 - heads,
        ("fc", "fp32"): 1 + heads,
        ("matmul_v2", "int8"): 2 * heads,
        ("matmul_v2", "fp32"): 2 * heads,
    }


def test_unknown_layers_are_named_with_their_line(net: Net, tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nskip:\n  - head\n  - blocks.0.mlp.fc3\n")
    with pytest.raises(InputError) as caught:
        ptq.quantize(net.network, net.exported, CALIBRATION, Recipe.named(file), tmp_path / "int8")
    message = str(caught.value)
    assert message.startswith(
        f"{file}:4: skip.1: no layer matches 'blocks.0.mlp.fc3'; layers are patch_embed."
    )
    assert "blocks.0.mlp.fc2" in message
    with pytest.raises(InputError, match="recipe test: skip: every layer is left in float"):
        quantize(net, tmp_path / "int8", skip=("*",))


def test_batches(net: Net, tmp_path: Path):
    seen: list[tuple[int, int]] = []
    three = PictureSet.of("digits", digits.pictures("calibration", 3))
    first = ptq.quantize(
        net.network, net.exported, three, recipe(batches=2), tmp_path / "first",
        on_picture=lambda *progress: seen.append(progress),
    )  # fmt: skip
    assert seen == [(1, 2), (2, 2)]
    assert first.params.read_bytes() == quantize(net, tmp_path / "two").params.read_bytes()
    with pytest.raises(InputError, match="batches: 4 calibration pictures are wanted, here are 3"):
        quantize(net, tmp_path / "more", three, batches=4)


def test_broken_weights(tmp_path: Path):
    def explode(state: dict[str, np.ndarray]) -> None:
        state["patch_embed.proj.weight"][:] = 1e38

    net = make(tmp_path / "net", 1, spoil=explode)
    with pytest.raises(ConversionError) as caught:
        quantize(net, tmp_path / "int8", algo="hist")
    assert str(caught.value) == (
        "PaddleSlim failed with algo hist: supplied range of [nan, nan] is not finite; check the weights, or try "
        "another algo in the recipe"
    )
    # Nothing of it stays behind.
    assert paddle.in_dynamic_mode()
    assert (tmp_path / "int8" / "model.pdmodel").exists() is False


def test_a_folder_that_cannot_be_written(net: Net, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: can't write the INT8 program"):
        quantize(net, tmp_path / "file")


def test_nothing_is_printed(net: Net, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    ptq.quantize(
        net.network, net.exported, CALIBRATION, recipe(onnx_format=True), tmp_path / "int8",
        on_picture=lambda place, count: print(f"{place} of {count}", file=sys.stderr),
    )  # fmt: skip
    # What the caller shows on standard error meanwhile is not swallowed.
    assert capfd.readouterr() == ("", "1 of 2\n2 of 2\n")


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
import test_ptq
folder = Path(sys.argv[1])
net = test_ptq.make(folder / "net", 1)
for onnx_format in (False, True):
    quantized = test_ptq.quantize(net, folder / str(onnx_format), onnx_format=onnx_format)
    test_ptq.kernels(quantized, folder / str(onnx_format))
"""


def test_the_same_bytes_in_every_process(tmp_path: Path):
    suffixes = {".pdmodel", ".pdiparams", ".nb"}
    made = []
    for seed in ("1", "2", "3"):
        folder = tmp_path / seed
        folder.mkdir()
        # The environment is another one too, which moves memory addresses.
        environment = {**os.environ, "PYTHONHASHSEED": seed, "FILLING": "x" * 1000 * int(seed)}
        command = [sys.executable, "-c", SCRIPT, folder]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        files = [path for path in folder.rglob("*") if path.suffix in suffixes]
        assert len(files) == 8
        made.append({str(path.relative_to(folder)): path.read_bytes() for path in files})
    for other in made[1:]:
        assert [name for name in made[0] if made[0][name] != other[name]] == []
