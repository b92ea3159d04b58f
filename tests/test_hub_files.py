"""What lies beside weights of Hugging Face and timm says how pictures are prepared and what classes are called."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch_files
from manifest_vectors import edited
from states import random_state

from lite import zoo
from lite.errors import InputError
from lite.manifest import first_problem
from lite.model import hub_files, weights
from lite.model.state import expected_shapes
from lite.training import initial

FILES = Path(__file__).parent / "sources" / "files"
NAMES = tuple(f"kind {index}" for index in range(10))
HALF = (0.5, 0.5, 0.5)


@pytest.fixture
def beside(tmp_path: Path) -> Callable[..., Path]:
    def copied(title: str, **changes: object) -> Path:
        """The files of `title` beside weights; changes are the processor's, or with `config_` before the config's."""
        for name in (hub_files.CONFIG, hub_files.PREPROCESSOR):
            source = FILES / f"{title}-{name}"
            if not source.exists():
                continue
            content = json.loads(source.read_text())
            for key, value in changes.items():
                if key.startswith("config_") == (name == hub_files.CONFIG):
                    content[key.removeprefix("config_")] = value
            (tmp_path / name).write_text(json.dumps(content))
        return tmp_path / "model.safetensors"

    return copied


def read(path: Path, model: str) -> tuple[hub_files.Beside, list[str]]:
    notes: list[str] = []
    return hub_files.read(path, zoo.find(model), notes.append), notes


def test_nothing_beside_changes_nothing(tmp_path: Path) -> None:
    found, notes = read(tmp_path / "model.safetensors", "deit_tiny")
    assert found == hub_files.Beside(zoo.find("deit_tiny"))
    assert not notes


def test_of_a_vit_size_mean_std_epsilon_and_labels_are_taken(beside) -> None:
    found, notes = read(beside("vit"), "vit_tiny")
    assert found.labels == NAMES
    assert found.variant.epsilon == 1e-12
    assert found.variant.preprocess == zoo.Preprocess(resize_short=224, crop=224, mean=HALF, std=HALF)
    assert len(notes) == 2
    assert "squeezes every picture into 224x224 pixels" in notes[0]
    assert "by the 'bilinear' filter; here and on the phone it is bicubic" in notes[1]


def test_of_a_deit_256_is_resized_and_224_cut(beside) -> None:
    found, notes = read(beside("deit"), "deit_tiny_distilled")
    assert found.variant.preprocess == zoo.Preprocess(resize_short=256, crop=224, mean=HALF, std=HALF)
    assert len(notes) == 1  # bicubic, but squeezed


def test_the_short_side_alone_and_other_numbers_are_taken(beside) -> None:
    path = beside("deit", size={"shortest_edge": 240}, image_mean=[0.4, 0.5, 0.6], image_std=[0.1, 0.2, 0.3])
    found, notes = read(path, "deit_tiny_distilled")
    assert found.variant.preprocess == zoo.Preprocess(240, 224, "bicubic", (0.4, 0.5, 0.6), (0.1, 0.2, 0.3))
    assert not notes


def test_without_normalizing_pixels_go_from_0_to_1(beside) -> None:
    found, _ = read(beside("vit", do_normalize=False), "vit_tiny")
    assert (found.variant.preprocess.mean, found.variant.preprocess.std) == ((0, 0, 0), (1, 1, 1))


def test_of_timm_crop_share_mean_std_and_labels_are_taken(beside) -> None:
    found, notes = read(beside("timm"), "deit3_small")
    assert found.labels == NAMES
    assert found.variant == zoo.find("deit3_small")
    assert not notes
    cfg = json.loads((FILES / "timm-config.json").read_text())["pretrained_cfg"]
    path = beside(
        "timm", config_pretrained_cfg={**cfg, "crop_pct": 0.95, "mean": HALF, "interpolation": "bilinear"}
    )
    found, notes = read(path, "deit3_small")
    assert found.variant.preprocess.resize_short == 235
    assert found.variant.preprocess.mean == HALF
    assert "the 'bilinear' filter" in notes[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"config_hidden_act": "gelu_new"}, "says hidden_act 'gelu_new': vit_tiny has gelu"),
        ({"config_num_hidden_layers": 6}, "says num_hidden_layers 6: vit_tiny has 12"),
        ({"config_qkv_bias": False}, "says qkv_bias False"),
        ({"config_layer_norm_eps": "small"}, "says layer_norm_eps 'small'"),
        ({"config_id2label": {"0": ""}}, "no name for some class in id2label"),
        ({"size": 384}, "says size 384: vit_tiny has 224"),
        ({"size": {"longest_edge": 224}}, "says size {'longest_edge': 224}"),
        ({"size": [[]]}, "says size"),
        ({"image_mean": [0.5, 0.5]}, "says image_mean [0.5, 0.5]"),
        ({"image_std": [0.5, 0.5, 0]}, "says image_std [0.5, 0.5, 0]"),
        ({"image_std": [0.5, 0.5, 10**400]}, "says image_std"),
        (
            {"image_mean": [0.5, 0.5, 1.01]},
            "says image_mean [0.5, 0.5, 1.01]: it must be three numbers from 0 to 1",
        ),
        ({"image_mean": [-0.1, 0.5, 0.5]}, "says image_mean [-0.1, 0.5, 0.5]"),
        (
            {"image_std": [1.5, 0.5, 0.5]},
            "says image_std [1.5, 0.5, 0.5]: it must be three numbers from 0.001 to 1",
        ),
        ({"image_std": [0.0001, 0.5, 0.5]}, "says image_std [0.0001, 0.5, 0.5]"),
        (
            {"size": 900, "do_center_crop": True, "crop_size": 224},
            "says size 900: for a crop of 224 pixels it must be",
        ),
        ({"rescale_factor": 1.0}, "says rescale_factor 1.0"),
        ({"do_resize": False}, "does not resize pictures"),
    ],
)
def test_what_is_not_done_here_is_refused_by_name(beside, changes: dict, words: str) -> None:
    path = beside("vit", **changes)
    with pytest.raises(InputError) as caught:
        read(path, "vit_tiny")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"crop_pct": 0.2}, "says crop_pct 0.2: it must be a number from 0.25 to 1; mend it"),
        ({"crop_pct": 1e-320}, "says crop_pct 1e-320"),
        ({"mean": [0.5, 0.5, 2]}, "says mean [0.5, 0.5, 2]: it must be three numbers from 0 to 1; mend it"),
        ({"std": [0.0001, 0.5, 0.5]}, "says std [0.0001, 0.5, 0.5]"),
    ],
)
def test_what_no_bundle_could_hold_is_refused_in_timms_file(beside, changes: dict, words: str) -> None:
    cfg = json.loads((FILES / "timm-config.json").read_text())["pretrained_cfg"]
    with pytest.raises(InputError) as caught:
        read(beside("timm", config_pretrained_cfg=cfg | changes), "deit3_small")
    assert words in str(caught.value)


def test_the_outermost_preparations_that_are_taken_fit_a_bundle(beside) -> None:
    cfg = json.loads((FILES / "timm-config.json").read_text())["pretrained_cfg"]
    for share, mean, std in ((0.25, [0, 0, 0], [0.001, 0.001, 0.001]), (1, [1, 1, 1], [1, 1, 1])):
        changes = {"crop_pct": share, "mean": mean, "std": std}
        found, _ = read(beside("timm", config_pretrained_cfg=cfg | changes), "deit3_small")
        spec = found.variant.preprocess
        held = {name: json.dumps(getattr(spec, name)) for name in ("resize_short", "crop", "mean", "std")}
        held |= {f"shape/{axis}": str(spec.crop) for axis in (2, 3)}
        manifest = edited({f"input/{name}": text for name, text in held.items()})
        assert first_problem(json.loads(manifest)) is None


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, "\x00"])
def test_what_is_no_json_object_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match="is no JSON"):
        read(tmp_path / "model.safetensors", "vit_tiny")


def test_another_networks_configuration_is_left_aside(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "resnet", "id2label": {"0": "cat"}}')
    found, notes = read(tmp_path / "model.safetensors", "vit_tiny")
    assert found == hub_files.Beside(zoo.find("vit_tiny"))
    assert "describes no ViT or DeiT and is left aside" in notes[0]


def hugging_face(state: dict[str, np.ndarray], model: str = "vit") -> dict[str, np.ndarray]:
    """PaddleClas's tensors by transformers' names, as PyTorch lays them."""
    names = {
        "cls_token": "embeddings.cls_token", "dist_token": "embeddings.distillation_token",
        "pos_embed": "embeddings.position_embeddings",
        "patch_embed.proj": "embeddings.patch_embeddings.projection", "norm": "layernorm",
        "norm1": "layernorm_before", "norm2": "layernorm_after", "attn.proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense",
    }  # fmt: skip
    theirs = {}
    for name, value in state.items():
        kind = next((kind for kind in (".weight", ".bias") if name.endswith(kind)), "")
        stem, value = name.removesuffix(kind), value.T if value.ndim == 2 else value
        block, inner = "", stem
        if stem.startswith("blocks."):
            _, index, inner = stem.split(".", 2)
            block = f"encoder.layer.{index}."
        if inner == "attn.qkv":
            for part, piece in zip(("query", "key", "value"), np.split(value, 3), strict=True):
                theirs[f"{model}.{block}attention.attention.{part}{kind}"] = piece
        else:
            theirs[f"classifier{kind}" if stem == "head" else f"{model}.{block}{names[inner]}{kind}"] = value
    return theirs


def test_a_folder_of_hugging_face_is_loaded_with_all_it_says(beside) -> None:
    state = random_state(zoo.find("vit_tiny"), 10)
    path = torch_files.save_safetensors(beside("vit"), hugging_face(state))
    notes: list[str] = []
    loaded = weights.load(zoo.find("vit_tiny"), str(path.parent), notify=notes.append)
    assert loaded.path == path
    assert loaded.labels == NAMES
    assert loaded.variant.preprocess.mean == HALF
    assert loaded.name == path.parent.name.replace("_", "-").lower()
    assert all(np.array_equal(loaded.state[name], state[name]) for name in state)
    # The user's own names go before.
    (path.parent / "names.txt").write_text("\n".join(f"mine {index}" for index in range(10)))
    mine = weights.load(
        zoo.find("vit_tiny"), str(path), labels=path.parent / "names.txt", notify=notes.append
    )
    assert mine.labels[0] == "mine 0"


def test_labels_of_another_number_of_classes_are_refused(beside) -> None:
    path = torch_files.save_safetensors(beside("vit"), hugging_face(random_state(zoo.find("vit_tiny"), 3)))
    with pytest.raises(InputError, match=r"config\.json beside them names 10 classes, their head has 3"):
        weights.load(zoo.find("vit_tiny"), str(path), notify=lambda note: None)


def test_what_is_missing_or_strange_is_told_by_the_files_names(tmp_path: Path) -> None:
    tensors = hugging_face(random_state(zoo.find("vit_tiny"), 3))
    lost = "vit.encoder.layer.7.attention.attention.key.weight"
    without = {name: value for name, value in tensors.items() if name != lost}
    path = torch_files.save_safetensors(tmp_path / "x", without)
    with pytest.raises(
        InputError, match=r"tensor 'vit\.encoder\.layer\.7\.attention\.attention\.\w+\.weight' is missing"
    ):
        weights.load(zoo.find("vit_tiny"), str(path), notify=pytest.fail)
    torch_files.save_safetensors(path, {**tensors, "vit.encoder.layer.12.extra": np.zeros(3)})
    with pytest.raises(InputError, match=r"'vit\.encoder\.layer\.12\.extra' is not one of vit_tiny's 152"):
        weights.load(zoo.find("vit_tiny"), str(path), notify=pytest.fail)
    torch_files.save_safetensors(path, {**tensors, "vit.layernorm.bias": np.zeros(3)})
    with pytest.raises(InputError, match=r"'vit\.layernorm\.bias' has shape \[3\], vit_tiny needs \[192\]"):
        weights.load(zoo.find("vit_tiny"), str(path), notify=pytest.fail)
    # A pooler answers for no class.
    torch_files.save_safetensors(path, {**tensors, "vit.pooler.dense.bias": np.zeros(192)})
    assert weights.load(zoo.find("vit_tiny"), str(path), notify=pytest.fail).classes == 3


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod."])
def test_what_training_wraps_a_network_in_is_taken_off(wrapper: str, tmp_path: Path) -> None:
    state = random_state(zoo.find("deit3_small"), 3, depth=1)
    tensors = {f"{wrapper}{name}": value.T if value.ndim == 2 else value for name, value in state.items()}
    opened = weights.open_file(
        torch_files.save(tmp_path / "x.pth", tensors, under="model"),
        replace(zoo.find("deit3_small"), depth=1),
        notify=lambda note: None,
    )
    assert opened.classes == 3


def test_vits_have_no_published_weights() -> None:
    for source in ("auto", "imagenet"):
        with pytest.raises(
            InputError, match="PaddleClas publishes no weights of vit_small; give --weights FILE"
        ):
            weights.load(zoo.find("vit_small"), source, notify=pytest.fail)


def test_training_of_a_distilled_network_begins_with_one_head_for_both_tokens(tmp_path: Path) -> None:
    variant = zoo.find("deit_tiny_distilled")
    state = random_state(replace(variant, distillation_head=False), 10)
    path = torch_files.save_safetensors(tmp_path / "x", hugging_face(state, "deit"))
    assert weights.load(variant, str(path), notify=pytest.fail).variant.answers == 1
    notes: list[str] = []
    begun = initial.load(variant, str(path), NAMES, notify=notes.append)
    assert "no head for the distillation token" in notes[-1]
    assert begun.keys() == expected_shapes(variant, 10).keys()
    assert np.array_equal(begun["head_dist.weight"], state["head.weight"])


def test_a_position_embedding_without_the_class_token_is_stretched_whole() -> None:
    variant = zoo.find("deit3_small")
    state = random_state(variant, 3, depth=0)
    assert initial.at_resolution(state, variant, 384)["pos_embed"].shape == (1, 24 * 24, 384)
