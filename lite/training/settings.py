"""How to train, as data: every setting with its default, read from a YAML file of `lite/configs/` or one's own.

A mistake is told with the file and line it stands on, or the `--set` flag it came from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pydantic

from lite.training.rand_augment import RandAugment
from lite.yaml_file import load_model, names_in
from lite.zoo import PATCH_SIZE

FOLDER = Path(__file__).parent.parent / "configs"
# Eight times what DeiT was trained with at once on eight devices, and four times its largest picture.
MOST_PICTURES, LARGEST_IMAGE = 8192, 1536
FROM_NOTHING, FINE_TUNING = "imagenet", "finetune"


def _number(value: object) -> object:
    # YAML 1.1 takes 1e-4 for text (it wants 1.0e-4); nobody means that.
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return float(value) if type(value) is int else value


Number = Annotated[float, pydantic.Field(allow_inf_nan=False), pydantic.BeforeValidator(_number)]
Share = Annotated[Number, pydantic.Field(ge=0.0, le=1.0)]
Beta = Annotated[Number, pydantic.Field(ge=0.0, lt=1.0)]


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)


class Stage(_Strict):
    """Some epochs at one input size: `image` in pixels (None: the variant's own), `learning_rate` the peak."""

    image: int | None = None
    epochs: int = pydantic.Field(ge=1, le=100_000)
    learning_rate: Number = pydantic.Field(gt=0.0, lt=1.0)
    warmup_epochs: Number = pydantic.Field(default=0.0, ge=0.0)

    @pydantic.field_validator("image")
    @classmethod
    def _whole_patches(cls, image: int | None) -> int | None:
        if image is not None and (image < PATCH_SIZE or image % PATCH_SIZE):
            raise ValueError(f"{image} pixels is no multiple of the patch size, {PATCH_SIZE}")
        if image is not None and image > LARGEST_IMAGE:
            raise ValueError(f"{image} pixels are more than any DeiT sees; give at most {LARGEST_IMAGE}")
        return image

    @pydantic.field_validator("warmup_epochs")
    @classmethod
    def _shorter(cls, warmup: float, info: pydantic.ValidationInfo) -> float:
        if warmup >= info.data.get("epochs", warmup + 1):
            raise ValueError(
                f"{warmup:g} of warm-up leave none of the stage's {info.data['epochs']}; give fewer, or 0 for none"
            )
        return warmup


class Schedule(_Strict):
    """Cosine with a linear warm-up, by step. `start` and `final` are shares of the stage's peak.

    `for_batch` is the pictures a step that the learning rates are meant for: with another number they are
    scaled in proportion; None takes them as written.
    """

    for_batch: int | None = pydantic.Field(default=None, ge=1)
    start: Share = 0.01
    final: Share = 0.01


class Optimizer(_Strict):
    """AdamW. A parameter with one of `not_decayed` in its name keeps out of weight decay."""

    betas: tuple[Beta, Beta] = pydantic.Field(default=(0.9, 0.999), strict=False)
    epsilon: Number = pydantic.Field(default=1e-8, gt=0.0)
    weight_decay: Share = 0.05
    not_decayed: list[str] = ["norm", ".bias", "cls_token", "dist_token", "pos_embed"]
    clip_norm: Number | None = pydantic.Field(default=None, gt=0.0)


class Augment(_Strict):
    """What happens to each picture: a random crop, resized; flip; RandAugment; random erasing."""

    crop_area: tuple[Share, Share] = pydantic.Field(default=(0.08, 1.0), strict=False)
    crop_ratio: tuple[Number, Number] = pydantic.Field(default=(0.75, 4 / 3), strict=False)
    flip: Share = 0.5
    rand_augment: str | None = None
    erasing: Share = 0.0

    @pydantic.field_validator("rand_augment")
    @classmethod
    def _known(cls, text: str | None) -> str | None:
        if text is not None:
            RandAugment.parse(text)
        return text

    @pydantic.field_validator("crop_area", "crop_ratio")
    @classmethod
    def _ordered(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if not 0.0 < bounds[0] <= bounds[1]:
            raise ValueError("give two numbers above 0, the smaller first")
        return bounds


class Mix(_Strict):
    """What happens to a batch: mixup or cutmix, each with its Beta distribution's alpha (0: never).

    With both, `cutmix_share` of the batches get cutmix and the others mixup.
    """

    mixup: Number = pydantic.Field(default=0.0, ge=0.0)
    cutmix: Number = pydantic.Field(default=0.0, ge=0.0)
    cutmix_share: Share = 0.5


class Settings(_Strict):
    """All settings of a run. `batch` is what a device reads at once; `accumulate` of them make one step.

    `ema_decay` None keeps the last weights instead of their moving average; `amp` is mixed precision, on GPUs
    only; `evaluate_every` is in epochs, `checkpoint_minutes` 0 writes one after every step; `workers` are
    processes that read pictures, 0 reads them in the training process.
    """

    seed: int = pydantic.Field(default=2026, ge=0)
    batch: int = pydantic.Field(default=64, ge=1, le=MOST_PICTURES)
    accumulate: int = pydantic.Field(default=1, ge=1, le=MOST_PICTURES)
    stages: list[Stage] = pydantic.Field(min_length=1)
    schedule: Schedule = Schedule()
    optimizer: Optimizer = Optimizer()
    label_smoothing: Share = 0.1
    drop_path: Share = 0.1
    augment: Augment = Augment()
    mix: Mix = Mix()
    ema_decay: Share | None = None
    amp: bool = True
    evaluate_every: int = pydantic.Field(default=1, ge=1)
    checkpoint_minutes: Number = pydantic.Field(default=10.0, ge=0.0)
    workers: int = pydantic.Field(default=0, ge=0, le=256)

    @pydantic.field_validator("drop_path", "label_smoothing")
    @classmethod
    def _not_all(cls, share: float) -> float:
        if share >= 1.0:
            raise ValueError("nothing would be left to learn from; give less than 1")
        return share

    def decisive(self) -> dict[str, Any]:
        """The settings that change what is learned, as plain values: those a resumed run must share."""
        return self.model_dump(mode="json", exclude={"workers", "evaluate_every", "checkpoint_minutes"})


def names() -> list[str]:
    """Names of the settings that come with the toolkit."""
    return names_in(FOLDER)


def load(name_or_path: str, overrides: tuple[str, ...] = ()) -> Settings:
    """The settings of that name, or from that YAML file, with `overrides` (`key.key=value`) set over them.

    Raises InputError that names the file and line, or the override, and the value at fault.
    """
    settings, _ = load_model(Settings, name_or_path, FOLDER, what="settings", overrides=overrides)
    return settings
