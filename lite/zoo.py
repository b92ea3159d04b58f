"""The variants: the eight DeiTs with their published figures, then the plain ViTs and DeiT III, in one table.

Source of every figure: PaddleClas's DeiT model page and model zoo. Latencies there are FP32 with
TensorRT on the page's own GPU; they are quoted, never measured here. ViT and DeiT III have weights of their users' own
only, so no figures. Source of their preprocessing: timm's `vision_transformer.py` and `deit.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lite.errors import InputError
from lite.shown import shown

PATCH_SIZE = 16
LAYER_NORM_EPSILON = 1e-6
IMAGENET_CLASSES = 1000
_WEIGHTS_URL = "https://paddle-imagenet-models-name.bj.bcebos.com/dygraph/{name}_pretrained.pdparams"


@dataclass(frozen=True)
class Preprocess:
    """How a picture becomes the input tensor: sizes in pixels, mean and std on the 0-1 scale, RGB order."""

    resize_short: int
    crop: int
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Published:
    """Figures of PaddleClas's page: top-1 and top-5 on ImageNet val as fractions, latency in ms by batch."""

    top1: float
    top5: float
    reference_top1: float
    reference_top5: float
    gflops: float
    mparams: float
    tensorrt_fp32_ms: dict[int, float] = field(hash=False)


@dataclass(frozen=True)
class Variant:
    """One architecture. `dim` and `image` in channels and pixels; MLPs are four times as wide as `dim`.

    `distilled`: there is a distillation token, and with `distillation_head` a head of its own, whose logits' mean with
    the class head's is the answer. `layer_scale`: each branch's output is multiplied by one number a channel before it
    is added. `class_position`: the position embedding has rows for the class tokens. `paddleclas_name` and `published`
    are None where PaddleClas's page has no such network; `reference` is the name in timm.
    """

    name: str
    paddleclas_name: str | None
    image: int
    dim: int
    heads: int
    distilled: bool
    published: Published | None
    preprocess: Preprocess
    reference: str
    depth: int = 12
    layer_scale: bool = False
    class_position: bool = True
    distillation_head: bool = True
    epsilon: float = LAYER_NORM_EPSILON

    @property
    def head_dim(self) -> int:
        """Channels of one attention head (64 in every variant)."""
        return self.dim // self.heads

    @property
    def hidden(self) -> int:
        """Width of the MLP's hidden layer."""
        return 4 * self.dim

    @property
    def grid(self) -> int:
        """Patches along one side of the input picture."""
        return self.image // PATCH_SIZE

    @property
    def class_tokens(self) -> int:
        """Tokens before the patches: the class token, and the distillation token where there is one."""
        return 2 if self.distilled else 1

    @property
    def answers(self) -> int:
        """Heads whose mean is the answer."""
        return 2 if self.distilled and self.distillation_head else 1

    @property
    def tokens(self) -> int:
        """Length of the token sequence."""
        return self.grid**2 + self.class_tokens

    @property
    def positions(self) -> int:
        """Rows of the position embedding."""
        return self.grid**2 + (self.class_tokens if self.class_position else 0)

    @property
    def weights_url(self) -> str | None:
        """Where PaddleClas publishes the ImageNet weights; None where it has none."""
        return _WEIGHTS_URL.format(name=self.paddleclas_name) if self.paddleclas_name else None


def _variant(name: str, official: str, image: int, dim: int, figures: tuple[float, ...]) -> Variant:
    top1, top5, reference_top1, reference_top5, gflops, mparams, ms1, ms4, ms8 = figures
    return Variant(
        name=name,
        paddleclas_name=official,
        image=image,
        dim=dim,
        heads=dim // 64,
        distilled="distilled" in name,
        published=Published(
            top1, top5, reference_top1, reference_top5, gflops, mparams, {1: ms1, 4: ms4, 8: ms8}
        ),
        preprocess=Preprocess(resize_short={224: 256, 384: 438}[image], crop=image),
        reference=official.lower(),
    )


def _of_timm(family: str, size: str, image: int, dim: int) -> Variant:
    half = (0.5, 0.5, 0.5)
    preprocess = Preprocess(resize_short={224: 248, 384: 384}[image], crop=image)
    variant = Variant(
        name=f"{family}_{size}" + ("_384" if image == 384 else ""),
        paddleclas_name=None,
        image=image,
        dim=dim,
        heads=dim // 64,
        distilled=False,
        published=None,
        preprocess=preprocess,
        reference=f"{family}_{size}_patch16_{image}",
    )
    if family == "vit":
        return replace(variant, preprocess=replace(preprocess, mean=half, std=half))
    return replace(variant, layer_scale=True, class_position=False)


# top-1, top-5, the paper's top-1 and top-5, GFLOPs, M parameters, TensorRT FP32 ms at batch 1, 4, 8
_TABLE = (
    _variant("deit_tiny", "DeiT_tiny_patch16_224", 224, 192,
             (0.718, 0.910, 0.722, 0.911, 1.07, 5.68, 3.61, 3.94, 6.10)),
    _variant("deit_small", "DeiT_small_patch16_224", 224, 384,
             (0.796, 0.949, 0.799, 0.950, 4.24, 21.97, 3.61, 6.24, 10.49)),
    _variant("deit_base", "DeiT_base_patch16_224", 224, 768,
             (0.817, 0.957, 0.818, 0.956, 16.85, 86.42, 6.13, 14.87, 28.50)),
    _variant("deit_base_384", "DeiT_base_patch16_384", 384, 768,
             (0.830, 0.962, 0.829, 0.972, 49.35, 86.42, 14.12, 48.80, 97.60)),
    _variant("deit_tiny_distilled", "DeiT_tiny_distilled_patch16_224", 224, 192,
             (0.741, 0.918, 0.745, 0.919, 1.08, 5.87, 3.51, 4.05, 6.03)),
    _variant("deit_small_distilled", "DeiT_small_distilled_patch16_224", 224, 384,
             (0.809, 0.953, 0.812, 0.954, 4.26, 22.36, 3.70, 6.20, 10.53)),
    _variant("deit_base_distilled", "DeiT_base_distilled_patch16_224", 224, 768,
             (0.831, 0.964, 0.834, 0.965, 16.93, 87.18, 6.17, 14.94, 28.58)),
    _variant("deit_base_distilled_384", "DeiT_base_distilled_patch16_384", 384, 768,
             (0.851, 0.973, 0.852, 0.972, 49.43, 87.18, 14.12, 48.76, 97.09)),
)  # fmt: skip

_OTHERS = (
    _of_timm("vit", "tiny", 224, 192),
    _of_timm("vit", "small", 224, 384),
    _of_timm("vit", "base", 224, 768),
    _of_timm("vit", "tiny", 384, 192),
    _of_timm("vit", "small", 384, 384),
    _of_timm("vit", "base", 384, 768),
    _of_timm("deit3", "small", 224, 384),
    _of_timm("deit3", "medium", 224, 512),
    _of_timm("deit3", "base", 224, 768),
    _of_timm("deit3", "small", 384, 384),
    _of_timm("deit3", "base", 384, 768),
)

# The eight of PaddleClas's page, and all.
DEITS: dict[str, Variant] = {variant.name: variant for variant in _TABLE}
MODELS: dict[str, Variant] = {variant.name: variant for variant in (*_TABLE, *_OTHERS)}


def find(name: str) -> Variant:
    """The variant called `name` (`deit_tiny`), by PaddleClas (`DeiT_tiny_patch16_224`) or by timm.

    Raises InputError for any other name; it lists those that there are.
    """
    for variant in MODELS.values():
        # Where PaddleClas has no such network, its name for it is None.
        if name and name in (variant.name, variant.paddleclas_name, variant.reference):
            return variant
    raise InputError(f"no model {shown(name)}", remedy=f"choose one of {', '.join(MODELS)}")
