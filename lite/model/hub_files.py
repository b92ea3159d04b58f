"""What lies beside weights of Hugging Face and timm: `config.json` and `preprocessor_config.json`.

They give the classes' names, the layer norms' epsilon, and how pictures are prepared. What they ask for and is not done
here in the same way is told; a preparation that no bundle's manifest may hold is refused. Sources: transformers'
`configuration_vit.py` and `image_processing_vit.py`; timm's `models/_hub.py` and `data/transforms_factory.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lite.errors import InputError
from lite.input_file import read_bytes
from lite.manifest import input_bounds, longest_short_side
from lite.shown import shown
from lite.zoo import PATCH_SIZE, Preprocess, Variant

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
_MAXIMUM_BYTES = 8_000_000
_MODELS = ("vit", "deit")
# PIL's numbers
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


@dataclass(frozen=True)
class Beside:
    """`variant` as the files beside the weights say it is, the classes' `labels` (None: they give none)."""

    variant: Variant
    labels: tuple[str, ...] | None = None


def read(weights: Path, variant: Variant, notify: Callable[[str], None]) -> Beside:
    """What the two files in the folder of `weights` say; nothing where there are none.

    `notify` is told of what is prepared in another way than they ask for. Raises InputError for files that cannot be
    read or that describe a network we do not have.
    """
    config, labels = _json(weights.parent / CONFIG), None
    if config is not None and isinstance(config.get("pretrained_cfg"), dict):
        return _timm(weights.parent / CONFIG, config, variant, notify)
    if config is not None and config.get("model_type") in _MODELS:
        variant, labels = _transformers(weights.parent / CONFIG, config, variant)
    elif config is not None:
        notify(f"{weights.parent / CONFIG} describes no ViT or DeiT and is left aside")
        return Beside(variant)
    processor = _json(weights.parent / PREPROCESSOR)
    if processor is not None:
        variant = replace(
            variant, preprocess=_processor(weights.parent / PREPROCESSOR, processor, variant, notify)
        )
    return Beside(variant, labels)


def _json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        found = json.loads(read_bytes(path, _MAXIMUM_BYTES))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON", remedy="mend it, or take it away") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no JSON object", remedy="mend it, or take it away")
    return found


def _transformers(
    path: Path, config: Mapping[str, Any], variant: Variant
) -> tuple[Variant, tuple[str, ...] | None]:
    fixed = {
        "hidden_act": "gelu", "patch_size": PATCH_SIZE, "qkv_bias": True, "num_channels": 3,
        "image_size": variant.image, "hidden_size": variant.dim, "num_attention_heads": variant.heads,
        "num_hidden_layers": variant.depth, "intermediate_size": variant.hidden,
    }  # fmt: skip
    for key, wanted in fixed.items():
        _check(path, key, config.get(key, wanted), wanted, variant)
    epsilon = config.get("layer_norm_eps", 1e-12)
    if not _is_number(epsilon) or not 0 < epsilon < 1:
        raise _wrong(path, "layer_norm_eps", epsilon)
    names = config.get("id2label")
    labels = None
    if isinstance(names, dict) and names:
        labels = _labels(path, "id2label", [names.get(str(index)) for index in range(len(names))])
        if labels == tuple(f"LABEL_{index}" for index in range(len(labels))):
            labels = None
    return replace(variant, epsilon=float(epsilon)), labels


def _timm(path: Path, config: Mapping[str, Any], variant: Variant, notify: Callable[[str], None]) -> Beside:
    name = config.get("architecture")
    same = isinstance(name, str) and name.split(".")[0] == variant.reference
    if not same:
        notify(f"{path} says that the network is {shown(name)}; it is taken for {variant.name}, as asked")
    cfg = config["pretrained_cfg"]
    size = cfg.get("input_size", [3, variant.image, variant.image])
    _check(path, "input_size", size, [3, variant.image, variant.image], variant)
    share = cfg.get("crop_pct", 0.9)
    least = variant.image / longest_short_side(variant.image)
    if not _is_number(share) or not least <= share <= 1:
        raise _wrong(path, "crop_pct", share, f"it must be a number from {least:g} to 1")
    if cfg.get("crop_mode", "center") != "center":
        notify(
            f"{path} crops by {shown(cfg['crop_mode'])}; here the short side is resized and the centre cut"
        )
    _tell_filter(path, cfg.get("interpolation", "bicubic"), notify)
    spec = replace(
        variant.preprocess,
        resize_short=max(variant.image, math.floor(variant.image / share)),
        mean=_rgb(path, "mean", cfg.get("mean", variant.preprocess.mean), "mean"),
        std=_rgb(path, "std", cfg.get("std", variant.preprocess.std), "std"),
    )
    names = config.get("label_names") or cfg.get("label_names")
    labels = None
    if isinstance(names, list) and names:
        described = config.get("label_descriptions")
        described = described if isinstance(described, dict) else {}
        words = [described.get(name, name) if isinstance(name, str) else name for name in names]
        labels = _labels(path, "label_names", words)
    return Beside(replace(variant, preprocess=spec), labels)


def _processor(
    path: Path, processor: Mapping[str, Any], variant: Variant, notify: Callable[[str], None]
) -> Preprocess:
    """The preparation that a `preprocessor_config.json` asks for, as near as ours comes to it."""
    crop = variant.image
    resize = _side(path, "size", processor.get("size", crop))
    cut = (
        _side(path, "crop_size", processor.get("crop_size", crop))
        if processor.get("do_center_crop")
        else resize
    )
    _check(path, "crop_size" if processor.get("do_center_crop") else "size", cut, crop, variant)
    if processor.get("do_resize", True) is not True or resize < crop:
        raise InputError(f"{path} does not resize pictures to {crop} pixels or more", remedy="mend it")
    most = longest_short_side(crop)
    if resize > most:
        raise _wrong(
            path, "size", processor["size"], f"for a crop of {crop} pixels it must be {most} at most"
        )
    squeezed = not (isinstance(processor.get("size"), dict) and "shortest_edge" in processor["size"])
    if squeezed:
        notify(
            f"{path} squeezes every picture into {resize}x{resize} pixels; here its short side becomes {resize} and "
            f"the centre is cut to {crop}x{crop}: the same for square pictures, and no other shape is distorted"
        )
    number = processor.get("resample", 2)
    _tell_filter(path, _FILTERS.get(number, number) if isinstance(number, int) else number, notify)
    factor = processor.get("rescale_factor", 1 / 255)
    if (
        processor.get("do_rescale", True) is not True
        or not _is_number(factor)
        or abs(factor * 255 - 1) > 1e-3
    ):
        raise _wrong(path, "rescale_factor", factor)
    half = (0.5, 0.5, 0.5)
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if processor.get("do_normalize", True):
        mean = _rgb(path, "image_mean", processor.get("image_mean", half), "mean")
        std = _rgb(path, "image_std", processor.get("image_std", half), "std")
    return Preprocess(resize_short=resize, crop=crop, mean=mean, std=std)


def _side(path: Path, key: str, value: object) -> int:
    if isinstance(value, dict):
        sides = [value[name] for name in ("height", "width", "shortest_edge") if name in value]
        value = sides[0] if sides and all(side == sides[0] for side in sides) else value
    if type(value) is not int or value < 1:
        raise _wrong(path, key, value)
    return value


def _tell_filter(path: Path, name: object, notify: Callable[[str], None]) -> None:
    if name not in ("bicubic", "random"):
        notify(
            f"{path} resizes pictures by the {shown(name)} filter; here and on the phone it is bicubic, so check the "
            "accuracy with tools/eval.py"
        )


def _check(path: Path, key: str, found: object, wanted: object, variant: Variant) -> None:
    if found != wanted:
        raise InputError(
            f"{path} says {key} {shown(found)}",
            why=f"{variant.name} has {wanted}",
            remedy="choose another --model, or take the file away if it is not these weights'",
        )


def _rgb(path: Path, key: str, value: object, field: str) -> tuple[float, float, float]:
    """A number for each channel, within what the manifest's `field` may hold."""
    least, greatest = input_bounds(field)
    if isinstance(value, list | tuple) and len(value) == 3 and all(map(_is_number, value)):
        red, green, blue = (float(number) for number in value)
        if all(least <= number <= greatest for number in (red, green, blue)):
            return red, green, blue
    raise _wrong(path, key, value, f"it must be three numbers from {least:g} to {greatest:g}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9


def _labels(path: Path, key: str, names: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(name, str) and " ".join(name.split()) for name in names):
        raise InputError(
            f"{path} has no name for some class in {key}",
            remedy="give every class one, or give --labels FILE",
        )
    return tuple(" ".join(name.split()) for name in names)


def _wrong(path: Path, key: str, value: object, why: str = "no preparation here is so") -> InputError:
    return InputError(f"{path} says {key} {shown(value)}", why=why, remedy="mend it")
