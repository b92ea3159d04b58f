"""DeiT, ViT and DeiT III as paddle.nn, in PaddleClas's form: its parameter names, its outputs.

This is the form that is trained, and the reference everything else is compared with. What goes to the
phone is the deployable form of the same weights, in `lite/model/deploy.py`.

Source: Touvron et al., "Training data-efficient image transformers & distillation through attention"
(2021); parameter names and numerics follow PaddleClas's `vision_transformer.py` and
`distilled_vision_transformer.py`. Touvron et al., "DeiT III: Revenge of the ViT" (2022): layer scale, by its names, and
a position embedding that the class token has no part of.
"""

from __future__ import annotations

import paddle
from paddle import nn
from paddle.nn import functional

from lite.zoo import PATCH_SIZE, Variant


class PatchEmbed(nn.Layer):
    """Non-overlapping 16x16 patches, each projected to `dim` channels."""

    def __init__(self, dim: int):
        super().__init__()
        self.proj = nn.Conv2D(3, dim, PATCH_SIZE, PATCH_SIZE)

    def forward(self, pixels: paddle.Tensor) -> paddle.Tensor:
        """[N, 3, H, W] float32 → [N, patches, dim]."""
        return self.proj(pixels).flatten(2).transpose([0, 2, 1])


class Attention(nn.Layer):
    """Multi-head self-attention with one packed qkv layer: all of q, then k, then v."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        """[N, tokens, dim] → [N, tokens, dim]."""
        _, count, dim = tokens.shape
        packed = self.qkv(tokens).reshape([-1, count, 3, self.heads, dim // self.heads])
        query, key, value = packed.transpose([2, 0, 3, 1, 4]).unbind(0)
        weights = functional.softmax(query.matmul(key, transpose_y=True) * self.scale, axis=-1)
        mixed = weights.matmul(value).transpose([0, 2, 1, 3]).reshape([-1, count, dim])
        return self.proj(mixed)


class Mlp(nn.Layer):
    """Two linear layers around an erf GELU."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        """[N, tokens, dim] → [N, tokens, dim]."""
        return self.fc2(functional.gelu(self.fc1(tokens)))


class Block(nn.Layer):
    """One pre-norm transformer block; `drop_path` is the chance that training skips a branch."""

    def __init__(self, variant: Variant, drop_path: float):
        super().__init__()
        dim = variant.dim
        self.norm1 = nn.LayerNorm(dim, epsilon=variant.epsilon)
        self.attn = Attention(dim, variant.heads)
        self.norm2 = nn.LayerNorm(dim, epsilon=variant.epsilon)
        self.mlp = Mlp(dim, variant.hidden)
        self.drop_path = drop_path
        self.layer_scale = variant.layer_scale
        if variant.layer_scale:
            self.gamma_1 = self.create_parameter([dim])
            self.gamma_2 = self.create_parameter([dim])

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        """[N, tokens, dim] → [N, tokens, dim]."""
        mixed = self.attn(self.norm1(tokens))
        tokens = tokens + self._skip_at_random(self.gamma_1 * mixed if self.layer_scale else mixed)
        changed = self.mlp(self.norm2(tokens))
        return tokens + self._skip_at_random(self.gamma_2 * changed if self.layer_scale else changed)

    def _skip_at_random(self, branch: paddle.Tensor) -> paddle.Tensor:
        if not self.training or self.drop_path == 0.0:
            return branch
        keep = 1.0 - self.drop_path
        mask = paddle.floor(paddle.rand([branch.shape[0], 1, 1]) + keep)
        return branch * (mask / keep)


class DeiT(nn.Layer):
    """DeiT in PaddleClas's form; its state dict has PaddleClas's 152 names (155 when distilled, 176 of DeiT III).

    `image` in pixels overrides the variant's input size (training at low resolution).
    """

    def __init__(
        self,
        variant: Variant,
        classes: int,
        *,
        image: int | None = None,
        drop_path: float = 0.0,
    ):
        super().__init__()
        self.variant = variant
        self.distilled = variant.distilled
        grid = (image or variant.image) // PATCH_SIZE
        dim = variant.dim
        self.patch_embed = PatchEmbed(dim)
        self.cls_token = self.create_parameter([1, 1, dim])
        if variant.distilled:
            self.dist_token = self.create_parameter([1, 1, dim])
        positions = grid**2 + variant.positions - variant.grid**2
        self.pos_embed = self.create_parameter([1, positions, dim])
        self.blocks = nn.LayerList(
            Block(variant, drop_path * index / max(variant.depth - 1, 1)) for index in range(variant.depth)
        )
        self.norm = nn.LayerNorm(dim, epsilon=variant.epsilon)
        self.head = nn.Linear(dim, classes)
        if variant.answers == 2:
            self.head_dist = nn.Linear(dim, classes)
        _initialise(self)

    def features(self, pixels: paddle.Tensor) -> paddle.Tensor:
        """[N, 3, H, W] → the normalised class tokens, [N, 1 or 2, dim]."""
        tokens = self.patch_embed(pixels)
        batch = tokens.shape[0]
        prefix = [self.cls_token.expand([batch, -1, -1])]
        if self.distilled:
            prefix.append(self.dist_token.expand([batch, -1, -1]))
        if self.variant.class_position:
            tokens = paddle.concat([*prefix, tokens], axis=1) + self.pos_embed
        else:
            tokens = paddle.concat([*prefix, tokens + self.pos_embed], axis=1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[:, : self.variant.class_tokens]

    def head_outputs(self, pixels: paddle.Tensor) -> list[paddle.Tensor]:
        """Logits of each head, [N, classes] each: one, or the class head's and the distillation head's."""
        features = self.features(pixels)
        heads = [self.head, self.head_dist] if self.variant.answers == 2 else [self.head]
        return [head(features[:, index]) for index, head in enumerate(heads)]

    def forward(self, pixels: paddle.Tensor) -> paddle.Tensor:
        """[N, 3, H, W] float32 → logits [N, classes]; distilled variants give the mean of both heads."""
        outputs = self.head_outputs(pixels)
        return outputs[0] if len(outputs) == 1 else (outputs[0] + outputs[1]) / 2


def _initialise(model: DeiT) -> None:
    # Truncated normal with std 0.02 and zero biases, as DeiT's authors and PaddleClas start.
    # Layer scale starts near zero; 1e-4 is DeiT III's for 12 blocks.
    constant = nn.initializer.Constant
    normal, zeros, scale = nn.initializer.TruncatedNormal(std=0.02), constant(0.0), constant(1e-4)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            continue
        if ".gamma_" in name:
            scale(parameter)
        else:
            (zeros if name.endswith(".bias") else normal)(parameter)
