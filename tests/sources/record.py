"""Makes what tests/test_sources.py holds ours against: logits and files of timm, transformers and PyTorch themselves.

It runs in an environment of its own, with none of this repository's packages but numpy:

    sudo apt-get install --no-install-recommends python3-torch          # Debian 12: PyTorch 1.13 for the CPU
    python3.11 -m pip install --no-deps --target build/sources -r tests/sources/requirements.txt
    PYTHONPATH=build/sources:DEIT /usr/bin/python3 tests/sources/record.py

DEIT is a checkout of the original DeiT (facebookresearch/deit). It writes `logits.json` and `files/` beside itself.

`logits.json`: of each network the names and shapes of its tensors (`lively.py` makes the tensors of them) and the
logits of one picture. `files/`: small files by `torch.save` and safetensors, and what lies beside models of a hub.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import platform
import tempfile

import lively
import models as deit
import models_v2 as deit3
import numpy as np
import safetensors.torch
import timm
import torch
import transformers

CLASSES = 10
HERE = pathlib.Path(__file__).parent
SIZES = {"tiny": (192, 3), "small": (384, 6), "base": (768, 12)}
TIMM = [
    *(f"deit_{size}{kind}_patch16_224" for kind in ("", "_distilled") for size in SIZES),
    "deit_base_patch16_384", "deit_base_distilled_patch16_384",
    *(f"vit_{size}_patch16_{side}" for size in SIZES for side in (224, 384)),
    "deit3_small_patch16_224", "deit3_medium_patch16_224", "deit3_base_patch16_224",
    "deit3_small_patch16_384", "deit3_base_patch16_384",
]  # fmt: skip


def row(source: str, model: str, network: torch.nn.Module, side: int, block: str) -> dict:
    """One network: its tensors' names and shapes, and the logits of `lively.picture`."""
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(value) for name, value in lively.state(shapes).items()})
    network.eval()
    with torch.no_grad():
        answer = network(torch.from_numpy(lively.picture(side)))
    logits = answer if isinstance(answer, torch.Tensor) else answer.logits
    print(source, model, float(logits.abs().max()))
    return {
        "source": source,
        "model": model,
        "shapes": lively.packed(shapes, block),
        "logits": [float(value) for value in logits[0]],
    }


def of_deit(name: str) -> dict:
    side = 384 if name.endswith("384") else 224
    network = getattr(deit, name)(num_classes=CLASSES)
    return row("original DeiT", name, network, side, "blocks.{}.")


def of_deit3(size: str, side: int) -> dict:
    network = getattr(deit3, f"deit_{size}_patch16_LS")(img_size=side, num_classes=CLASSES)
    return row("original DeiT", f"deit3_{size}_patch16_{side}", network, side, "blocks.{}.")


def of_timm(name: str) -> dict:
    network = timm.create_model(name, num_classes=CLASSES)
    return row("timm", name, network, 384 if name.endswith("384") else 224, "blocks.{}.")


def configuration(kind: type, size: str, side: int) -> transformers.PretrainedConfig:
    dim, heads = SIZES[size]
    return kind(
        hidden_size=dim, num_attention_heads=heads, intermediate_size=4 * dim, image_size=side, num_labels=CLASSES
    )  # fmt: skip


def of_transformers(kind: str, size: str, side: int) -> dict:
    config = configuration(
        transformers.ViTConfig if kind.startswith("ViT") else transformers.DeiTConfig, size, side
    )
    network = getattr(transformers, kind)(config)
    prefix = "vit" if kind.startswith("ViT") else "deit"
    name = f"deit_{size}{'' if prefix == 'vit' else '_distilled'}{'_384' if side == 384 else ''}"
    return row(kind, name, network, side, f"{prefix}.encoder.layer.{{}}.")


def files(folder: pathlib.Path) -> None:
    """Files of a few tensors each, whose values `test_checkpoints.py` knows."""
    folder.mkdir(exist_ok=True)
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    tensors = {
        "whole": base,
        "turned": torch.arange(6, dtype=torch.float32).reshape(2, 3).t(),
        "part": base[1:3, 2:5],
        "half": torch.arange(4, dtype=torch.float16) / 4,
        "double": torch.arange(3, dtype=torch.float64) * 1.5,
        "brain": torch.tensor([1.0, -2.5, 3.140625], dtype=torch.bfloat16),
        "parameter": torch.nn.Parameter(torch.tensor([7.0, 8.0])),
        "number": torch.tensor(5.0),
        "none": torch.zeros(0, 3),
    }
    torch.save(tensors, folder / "zip.pth")
    torch.save(tensors, folder / "old.pth", _use_new_zipfile_serialization=False)
    layer = torch.nn.Linear(3, 2)
    layer.load_state_dict({"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([1.0, 2.0])})
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    optimizer.step()
    checkpoint = {
        "model": layer.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3,
        "args": argparse.Namespace(lr=0.1, output_dir=pathlib.Path("/somewhere")), "best": np.float64(0.5),
        "device": torch.device("cpu"), "shape": torch.Size([1, 2]), "before": before,
    }  # fmt: skip
    torch.save(checkpoint, folder / "training.pth")
    torch.save(checkpoint, folder / "training-old.pth", _use_new_zipfile_serialization=False)
    (folder / "training.json").write_text(
        json.dumps({name: value.tolist() for name, value in layer.state_dict().items()})
    )
    torch.save(layer, folder / "network.pth")
    torch.save({"count": torch.arange(3)}, folder / "integers.pth")
    safetensors.torch.save_file(
        {name: value.detach().contiguous() for name, value in tensors.items()},
        folder / "some.safetensors",
        metadata={"format": "pt"},
    )


def beside(folder: pathlib.Path) -> None:
    """What save_pretrained writes beside weights."""
    names = {index: f"kind {index}" for index in range(CLASSES)}
    for title, config, processor in (
        ("vit", transformers.ViTConfig, transformers.ViTImageProcessor()),
        ("deit", transformers.DeiTConfig, transformers.DeiTImageProcessor()),
    ):
        made = configuration(config, "tiny", 224)
        made.id2label, made.label2id = names, {name: index for index, name in names.items()}
        made.architectures = [f"{'ViT' if title == 'vit' else 'DeiT'}ForImageClassification"]
        with tempfile.TemporaryDirectory() as work:
            made.save_pretrained(work)
            processor.save_pretrained(work)
            for name in ("config.json", "preprocessor_config.json"):
                (folder / f"{title}-{name}").write_text((pathlib.Path(work) / name).read_text())
    network = timm.create_model("deit3_small_patch16_224", num_classes=CLASSES)
    timm.models._hub.save_config_for_hf(
        network, folder / "timm-config.json", model_config={"label_names": list(names.values())}
    )


def main() -> None:
    rows = [of_deit(name) for name in TIMM if name.startswith("deit_")]
    rows += [
        of_deit3(size, side)
        for size, side in (("small", 224), ("medium", 224), ("base", 224), ("small", 384))
    ]
    rows += [of_timm(name) for name in TIMM]
    for size, side in (*((size, 224) for size in SIZES), ("base", 384)):
        rows.append(of_transformers("ViTForImageClassification", size, side))
        rows.append(of_transformers("DeiTForImageClassificationWithTeacher", size, side))
        rows.append(of_transformers("DeiTForImageClassification", size, side))
    files(HERE / "files")
    beside(HERE / "files")
    versions = {
        "python": platform.python_version(), "torch": torch.__version__, "timm": timm.__version__,
        "transformers": transformers.__version__, "safetensors": safetensors.__version__, "numpy": np.__version__,
    }  # fmt: skip
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "logits.json").write_text(f'{{"versions": {json.dumps(versions)}, "networks": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
