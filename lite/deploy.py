"""DeiT in its deployable form: the plain network's outputs from a graph that Paddle Lite runs well.

What changes against `lite/network.py`, exact in real arithmetic:

- the packed qkv layer becomes three layers, so nothing has five dimensions (Lite moves 5-D tensors off the
  GPU) and `unbind` goes;
- the attention scale is folded into q's weight and bias;
- the patch bias is folded into the position embedding of the patches, the class tokens into theirs, so the
  convolution has no bias (exported, a biased one becomes conv2d + reshape2 + elementwise_add);
- `flatten_contiguous_range` becomes `reshape` (Lite's optimizer 2.13rc0 crashes on it);
- behind the last block's keys and values only the class tokens go on, since nothing reads the patches;
- a distilled variant's two heads are halved, so that their sum is their mean.
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional

from lite.zoo import LAYER_NORM_EPSILON, PATCH_SIZE, Variant

State = dict[str, np.ndarray]


def deployable_state(state: State, variant: Variant) -> State:
    """Turns a state dict by PaddleClas's names into the deployable network's, float32 throughout."""
    prefix = variant.class_tokens
    folded: State = {}
    for name, value in state.items():
        if ".attn.qkv." in name:
            scale = np.float32(variant.head_dim**-0.5)
            for part, piece in zip("qkv", np.split(value, 3, axis=-1), strict=True):
                folded[name.replace("qkv", part)] = piece * scale if part == "q" else piece
        elif name.startswith("head"):
            folded[name] = value / prefix
        elif name not in ("cls_token", "dist_token", "pos_embed", "patch_embed.proj.bias"):
            folded[name] = value
    tokens = [state["cls_token"], state["dist_token"]] if variant.distilled else [state["cls_token"]]
    position = state["pos_embed"]
    folded["class_tokens"] = np.concatenate(tokens, axis=1) + position[:, :prefix]
    folded["position"] = position[:, prefix:] + state["patch_embed.proj.bias"]
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in folded.items()}


class _Attention(nn.Layer):
    def __init__(self, variant: Variant, tokens: int, queries: int):
        super().__init__()
        self.heads, self.head_dim = variant.heads, variant.head_dim
        self.tokens, self.queries = tokens, queries
        self.q = nn.Linear(variant.dim, variant.dim)
        self.k = nn.Linear(variant.dim, variant.dim)
        self.v = nn.Linear(variant.dim, variant.dim)
        self.proj = nn.Linear(variant.dim, variant.dim)

    def forward(self, queries: paddle.Tensor, tokens: paddle.Tensor) -> paddle.Tensor:
        query = self._split(self.q(queries), self.queries)
        key = self._split(self.k(tokens), self.tokens)
        value = self._split(self.v(tokens), self.tokens)
        weights = functional.softmax(paddle.matmul(query, key, transpose_y=True), axis=-1)
        mixed = paddle.matmul(weights, value).transpose([0, 2, 1, 3])
        return self.proj(mixed.reshape([-1, self.queries, self.heads * self.head_dim]))

    def _split(self, packed: paddle.Tensor, count: int) -> paddle.Tensor:
        return packed.reshape([-1, count, self.heads, self.head_dim]).transpose([0, 2, 1, 3])


class _Block(nn.Layer):
    def __init__(self, variant: Variant, tokens: int, queries: int):
        super().__init__()
        dim = variant.dim
        self.cut = queries if queries < tokens else 0
        self.norm1 = nn.LayerNorm(dim, epsilon=LAYER_NORM_EPSILON)
        self.attn = _Attention(variant, tokens, queries)
        self.norm2 = nn.LayerNorm(dim, epsilon=LAYER_NORM_EPSILON)
        self.mlp = nn.LayerDict(
            {"fc1": nn.Linear(dim, variant.hidden), "fc2": nn.Linear(variant.hidden, dim)}
        )

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        normed = self.norm1(tokens)
        queries = normed
        if self.cut:
            tokens, queries = tokens[:, : self.cut], normed[:, : self.cut]
        tokens = tokens + self.attn(queries, normed)
        hidden = functional.gelu(self.mlp["fc1"](self.norm2(tokens)))
        return tokens + self.mlp["fc2"](hidden)


class DeployableDeiT(nn.Layer):
    """The deployable network, for a fixed input size; its state dict is `deployable_state`'s.

    `depth` overrides the number of blocks (quick tests). After `forward`, `block_outputs` is what each block
    gave, for per-layer drift; the last one holds the class tokens only.
    """

    def __init__(self, variant: Variant, classes: int, *, depth: int | None = None):
        super().__init__()
        depth = variant.depth if depth is None else depth
        self.variant, self.classes = variant, classes
        self.class_token_count = variant.class_tokens
        self.patches = variant.grid**2
        dim = variant.dim
        conv = nn.Conv2D(3, dim, PATCH_SIZE, PATCH_SIZE, bias_attr=False)
        self.patch_embed = nn.LayerDict({"proj": conv})
        self.class_tokens = self.create_parameter([1, variant.class_tokens, dim])
        self.position = self.create_parameter([1, self.patches, dim])
        self.blocks = nn.LayerList(
            _Block(
                variant,
                variant.tokens,
                variant.class_tokens if index == depth - 1 else variant.tokens,
            )
            for index in range(depth)
        )
        self.norm = nn.LayerNorm(dim, epsilon=LAYER_NORM_EPSILON)
        self.head = nn.Linear(dim, classes)
        if variant.distilled:
            self.head_dist = nn.Linear(dim, classes)
        self.distilled = variant.distilled

    def forward(self, pixels: paddle.Tensor) -> paddle.Tensor:
        """[1, 3, H, W] float32 → logits [1, classes]."""
        patches = self.patch_embed["proj"](pixels)
        patches = patches.reshape([-1, self.variant.dim, self.patches]).transpose([0, 2, 1])
        tokens = paddle.concat([self.class_tokens, patches + self.position], axis=1)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)
        logits = self.head(tokens[:, 0])
        if self.distilled:
            logits = logits + self.head_dist(tokens[:, 1])
        return logits
