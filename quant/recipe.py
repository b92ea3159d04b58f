"""What a conversion is asked for, as data: which bundles, and the recipe by which INT8 quantizes.

A recipe is a name of `quant/recipes/` or a YAML file. A mistake in one is reported with the file and the line it stands
on (`lite/yaml_file.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pydantic

from lite.errors import InputError
from lite.model.graph import CHEAPEST, Attention
from lite.shown import shown
from lite.yaml_file import YamlFile, load_model, names_in

FOLDER = Path(__file__).parent / "recipes"
DEFAULT = "deit"
# How many of the widest hidden units may be split off.
OUTLIERS = (0, 4, 8, 16, 32, 64)
NAME_LENGTH = 64

Operator = Literal["conv2d", "depthwise_conv2d", "conv2d_transpose", "mul", "matmul", "matmul_v2"]
# What PaddleSlim offers and why it cannot be deployed, by key and value.
_REFUSED = {
    "algo": {
        "min_max": "min_max only notes each tensor's least and largest value, nothing is quantized; use abs_max",
    },
    "round_type": {
        "adaround": "adaround learns nothing in Paddle 2.6.2 (it stops before the first step) and leaves weights "
        "that are not whole numbers, which Paddle Lite would cut off; use round",
    },
    "activation_quantize_type": {
        "abs_max": "abs_max stores no scales in the program, and Paddle Lite needs them; use range_abs_max",
    },
}
# INT8 with its float parts in FP16 where that pays.
MIXED = "int8-fp16"
PRECISIONS = ("int8", MIXED, "fp16", "fp32")
TARGETS = ("arm", "opencl")
CALIBRATION_PICTURES = 32
CHECK_PICTURES = 128


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)


class PaddleSlim(_Strict):
    """Arguments of `paddleslim.quant.quant_post_static`, by its names and with its defaults."""

    # First, since others depend on it.
    onnx_format: bool = True
    algo: Literal["hist", "KL", "mse", "emd", "avg", "abs_max", "ptf"] = "hist"
    hist_percent: float = pydantic.Field(default=0.9999, gt=0.5, le=1.0)
    weight_bits: int = 8
    activation_bits: int = 8
    weight_quantize_type: Literal["channel_wise_abs_max", "abs_max"] = "channel_wise_abs_max"
    activation_quantize_type: Literal["range_abs_max", "moving_average_abs_max"] = "range_abs_max"
    quantizable_op_type: list[Operator] = pydantic.Field(
        default=["conv2d", "depthwise_conv2d", "conv2d_transpose", "mul", "matmul", "matmul_v2"],
        min_length=1,
    )
    round_type: Literal["round"] = "round"
    bias_correction: bool = False

    @pydantic.field_validator(*_REFUSED, mode="before")
    @classmethod
    def _deployable(cls, value: object, info: pydantic.ValidationInfo) -> object:
        reason = _REFUSED[str(info.field_name)].get(str(value))
        if reason is not None:
            raise ValueError(reason)
        return value

    @pydantic.field_validator("weight_bits", "activation_bits")
    @classmethod
    def _eight(cls, bits: int) -> int:
        if bits != 8:
            raise ValueError(f"{bits} bits can't be deployed: Paddle Lite's integer kernels are int8; use 8")
        return bits

    @pydantic.field_validator("weight_quantize_type")
    @classmethod
    def _per_tensor_weights(cls, kind: str, info: pydantic.ValidationInfo) -> str:
        if kind == "abs_max" and info.data.get("onnx_format"):
            raise ValueError(
                "abs_max in the ONNX format converts but answers wrong numbers in Paddle Lite; "
                "use channel_wise_abs_max, or onnx_format: false"
            )
        return kind

    @pydantic.field_validator("bias_correction")
    @classmethod
    def _older_format_only(cls, correct: bool, info: pydantic.ValidationInfo) -> bool:
        if correct and info.data.get("onnx_format"):
            raise ValueError("PaddleSlim leaves it out in the ONNX format; use onnx_format: false with it")
        return correct

    @pydantic.field_validator("quantizable_op_type")
    @classmethod
    def _in_a_deit(cls, kinds: list[Operator]) -> list[Operator]:
        if not {"conv2d", "matmul_v2"} & set(kinds):
            raise ValueError("a DeiT has conv2d and matmul_v2 of these; name one of them")
        return kinds


def _blocks(value: object) -> object:
    named = isinstance(value, list) and all(type(block) is int and block >= 0 for block in value)
    if named or isinstance(value, bool):
        return value
    raise ValueError("give true, false, or a list of blocks counted from 0, such as [0, 5]")


def _counts(value: object) -> object:
    if isinstance(value, dict):
        # JSON has no whole numbers for keys.
        value = {
            int(key) if re.fullmatch("[0-9]{1,9}", str(key)) else key: count for key, count in value.items()
        }
        if all(type(number) is int and number >= 0 for pair in value.items() for number in pair):
            return value
    elif isinstance(value, bool):
        return value
    raise ValueError(
        "give true, false, or a number of hidden units for blocks counted from 0, such as {0: 16}"
    )


# All blocks, none, or those named.
Blocks = Annotated[bool | list[int], pydantic.BeforeValidator(_blocks)]


Counts = Annotated[bool | dict[int, int], pydantic.BeforeValidator(_counts)]


class Kind(NamedTuple):
    """Whether units are shifted, whether the widest are scaled, and how many of the widest are split off."""

    shift: bool
    scale: bool
    outliers: int


class Rewrite(_Strict):
    """What is rewritten before PaddleSlim calibrates (`quant/rewrite/reconstruct.py`), and with how many views.

    `shift_gelu` and `scale_gelu` are for all blocks or for those named: with True, units are scaled where that pays,
    in a named block wherever it loses less. `split_gelu` is for all blocks, as many units as pay, or says for which
    block how many. `class_tokens` is the factor on ranges of the last block, which sees one row a picture.
    """

    rotate: bool = True
    equalize: bool = True
    centre_keys: bool = True
    shift_gelu: Blocks = True
    scale_gelu: Blocks = True
    split_gelu: Counts = True
    gptq: bool = True
    tanh_gelu: bool = True
    attention: Attention | Literal["auto"] = "auto"
    views: int = pydantic.Field(default=4, ge=1, le=64)
    class_tokens: float = pydantic.Field(default=1.3, ge=1.0, le=4.0)

    @property
    def attention_form(self) -> Attention:
        """How heads come about, the cheapest way for "auto"."""
        return CHEAPEST if self.attention == "auto" else self.attention

    def allows(self, kind: Kind, block: int) -> bool:
        """Whether this may be done to GELU's outputs in this block."""
        if kind.shift != (self.shift_gelu if isinstance(self.shift_gelu, bool) else block in self.shift_gelu):
            return False
        scales = self.scale_gelu
        if kind.scale and not (scales if isinstance(scales, bool) else block in scales):
            return False
        if isinstance(self.split_gelu, bool):
            return self.split_gelu or not kind.outliers
        return kind.outliers == self.split_gelu.get(block, 0)

    def price(self, instructions: float, kind: Kind) -> float:
        """What counts of the instructions of a kind that is allowed: nothing where the block is named for it."""
        named = (kind.scale and not isinstance(self.scale_gelu, bool)) or (
            kind.outliers and not isinstance(self.split_gelu, bool)
        )
        return 0.0 if named else instructions

    @property
    def outliers(self) -> set[int]:
        """How many hidden units may be split off."""
        return set(OUTLIERS if isinstance(self.split_gelu, bool) else self.split_gelu.values())


class Recipe(_Strict):
    """A whole recipe: `rewrite` None for the network as it is, `skip` layer names or patterns to leave in float.

    `skip_fp16` are those that leave INT8 as well where they may run in FP16 (`for_precision`). `batches` is the number
    of pictures to calibrate with, None for all.
    """

    name: str = pydantic.Field(pattern=rf"^[a-z0-9][a-z0-9_-]{{0,{NAME_LENGTH - 1}}}$")
    rewrite: Rewrite | None = None
    paddleslim: PaddleSlim = PaddleSlim()
    batches: int | None = pydantic.Field(default=None, ge=1)
    skip: list[str] = []
    skip_fp16: list[str] = []
    _file: YamlFile | None = pydantic.PrivateAttr(default=None)
    # How many of `skip` stand there in the file; those after them are from its `skip_fp16`.
    _skipped_in_file: int | None = pydantic.PrivateAttr(default=None)

    @classmethod
    def named(cls, name_or_path: str | Path) -> Recipe:
        """The recipe of that name ("deit", "paddleslim"), or from that YAML file.

        Raises InputError that names the file, the line and the value at fault.
        """
        recipe, file = load_model(Recipe, str(name_or_path), FOLDER, what="recipe")
        recipe._file = file
        return recipe

    def for_precision(self, precision: str) -> Recipe:
        """The recipe of a bundle of that precision: with FP16 in it, `skip_fp16` has moved into `skip`."""
        if precision != MIXED or not self.skip_fp16:
            return self
        merged = self.model_copy(update={"skip": [*self.skip, *self.skip_fp16], "skip_fp16": []})
        merged._skipped_in_file = len(self.skip)
        return merged

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, every default spelled out, for the manifest."""
        return self.model_dump(mode="json")

    def renamed(self, suffix: str) -> str:
        """A name for a recipe made of this one: its own, as much as has room, with `suffix` after it."""
        return self.name[: NAME_LENGTH - len(suffix)] + suffix

    def check_blocks(self, depth: int, hidden: int) -> None:
        """Raises InputError for blocks or hidden units in `rewrite` that a network of this size does not have."""
        for switch in ("split_gelu", "shift_gelu", "scale_gelu"):
            blocks = getattr(self.rewrite, switch, True)
            if isinstance(blocks, bool):
                continue
            for place, block in (
                zip(blocks, blocks, strict=True) if isinstance(blocks, dict) else enumerate(blocks)
            ):
                if block >= depth:
                    raise InputError(
                        self.place("rewrite", switch, place),
                        why=f"there is no block {block}",
                        remedy=f"blocks are 0 to {depth - 1}",
                    )
        split = getattr(self.rewrite, "split_gelu", True)
        for block, units in split.items() if isinstance(split, dict) else ():
            if units >= hidden:
                raise InputError(
                    self.place("rewrite", "split_gelu", block),
                    why=f"{units} of {hidden} hidden units can't be split off",
                    remedy="give fewer",
                )

    def place(self, *where: str | int) -> str:
        """Where the value at `where` (keys and indices) stands, for messages: file, line and key."""
        match where, self._skipped_in_file:
            case ("skip", int(index)), int(first) if index >= first:
                where = ("skip_fp16", index - first)
        keys = ".".join(map(str, where))
        return f"{self._file.place(where)}: {keys}" if self._file else f"recipe {self.name}: {keys}"


def names() -> list[str]:
    """Names of the recipes that come with the toolkit."""
    return names_in(FOLDER)


@dataclass(frozen=True)
class Request:
    """One bundle to make: precision fp32, fp16, int8 or int8-fp16, target arm or opencl.

    int8-fp16 is int8 whose float parts are fp16 where that pays, for processors that have it.

    Raises InputError for INT8 on a GPU, and for others than these.
    """

    precision: str
    target: str

    def __post_init__(self) -> None:
        for what, value, known in (
            ("precision", self.precision, PRECISIONS),
            ("target", self.target, TARGETS),
        ):
            if value not in known:
                raise InputError(
                    f"there is no {what} {shown(value)}", remedy=f"choose one of {', '.join(known)}"
                )
        if self.int8 and self.target == "opencl":
            raise InputError(
                f"{self.precision} with opencl is refused",
                why=(
                    "Paddle Lite has no INT8 GPU kernels, so data would hop between GPU and CPU at every "
                    "layer (29 copies in two blocks)"
                ),
                remedy=f"use {self.precision} with arm, or fp16 with opencl",
            )

    @property
    def int8(self) -> bool:
        """Whether the network is quantized."""
        return self.precision in ("int8", MIXED)


def combinations(precisions: Sequence[str], targets: Sequence[str]) -> tuple[list[Request], list[InputError]]:
    """Every combination Paddle Lite can honour, and why it can't the others.

    Raises the refusal itself when nothing else is left.
    """
    requests, refusals = [], []
    for precision in dict.fromkeys(precisions):
        for target in dict.fromkeys(targets):
            try:
                requests.append(Request(precision, target))
            except InputError as error:
                refusals.append(error)
    if not requests:
        raise refusals[0]
    return requests, refusals
