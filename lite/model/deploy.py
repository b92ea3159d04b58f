"""DeiT, ViT or DeiT III in its deployable form: the plain network's outputs from a graph that Paddle Lite runs well.

What changes against `lite/model/network.py`, exact in real arithmetic:

- the packed qkv layer becomes three layers, so nothing has five dimensions (Lite moves 5-D tensors off the
  GPU) and `unbind` goes;
- the attention scale is folded into q's weight and bias;
- the patch bias is folded into the position embedding of the patches, the class tokens into theirs, so the
  convolution has no bias (exported, a biased one becomes conv2d + reshape2 + elementwise_add);
- `flatten_contiguous_range` becomes `reshape` (Lite's optimizer 2.13rc0 crashes on it);
- after the last block's keys and values only the class tokens go on, since nothing reads the patches;
- a distilled variant's two heads are halved, so that their sum is their mean;
- layer scale multiplies the output channels of `attn.proj` and `mlp.fc2`, weight and bias, and is gone;
- for a GPU the class tokens are put in front by a matrix product and a sum, and the patches' convolution comes in
  pieces (`lite/model/graph.py` says why);
- class tokens that the position embedding leaves out (DeiT III) get none, which is a row of zeros.
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional

from lite.model.graph import OUTPUTS, PLAIN, Form
from lite.zoo import PATCH_SIZE, Variant

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
            folded[name] = value / variant.answers
        elif name.endswith((".gamma_1", ".gamma_2")):
            continue
        elif name not in ("cls_token", "dist_token", "pos_embed", "patch_embed.proj.bias"):
            folded[name] = value
    for name, gamma in state.items():
        if name.endswith((".gamma_1", ".gamma_2")):
            layer = name.replace("gamma_1", "attn.proj").replace("gamma_2", "mlp.fc2")
            for kind in ("weight", "bias"):
                folded[f"{layer}.{kind}"] = folded[f"{layer}.{kind}"] * gamma
    tokens = [state["cls_token"], state["dist_token"]] if variant.distilled else [state["cls_token"]]
    position = state["pos_embed"]
    if not variant.class_position:
        position = np.pad(position, ((0, 0), (prefix, 0), (0, 0)))
    folded["class_tokens"] = np.concatenate(tokens, axis=1) + position[:, :prefix]
    folded["position"] = position[:, prefix:] + state["patch_embed.proj.bias"]
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in folded.items()}


class _Attention(nn.Layer):
    """q, k and v as three layers; heads are split off by reshape and transpose."""

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


class _PerHeadAttention(nn.Layer):
    """q, k and v as one layer per head each; the heads are put together again by concat."""

    def __init__(self, variant: Variant):
        super().__init__()
        dim, size = variant.dim, variant.head_dim
        self.q = nn.LayerList(nn.Linear(dim, size) for _ in range(variant.heads))
        self.k = nn.LayerList(nn.Linear(dim, size) for _ in range(variant.heads))
        self.v = nn.LayerList(nn.Linear(dim, size) for _ in range(variant.heads))
        self.proj = nn.Linear(dim, dim)

    def forward(self, queries: paddle.Tensor, tokens: paddle.Tensor) -> paddle.Tensor:
        mixed = []
        for head in range(len(self.q)):
            scores = paddle.matmul(self.q[head](queries), self.k[head](tokens), transpose_y=True)
            mixed.append(paddle.matmul(functional.softmax(scores, axis=-1), self.v[head](tokens)))
        return self.proj(paddle.concat(mixed, axis=-1))


class _PackedAttention(nn.Layer):
    """One layer for q, k and v, cut into heads; the last block's queries, fewer rows, have their own."""

    def __init__(self, variant: Variant, *, cut: bool):
        super().__init__()
        dim, self.heads, self.cut = variant.dim, variant.heads, cut
        if cut:
            self.q = nn.Linear(dim, dim)
            self.kv = nn.Linear(dim, 2 * dim)
        else:
            self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, queries: paddle.Tensor, tokens: paddle.Tensor) -> paddle.Tensor:
        heads = self.heads
        if self.cut:
            parts = self.q(queries).split(heads, axis=-1) + self.kv(tokens).split(2 * heads, axis=-1)
        else:
            parts = self.qkv(tokens).split(3 * heads, axis=-1)
        mixed = []
        for head in range(heads):
            scores = paddle.matmul(parts[head], parts[heads + head], transpose_y=True)
            mixed.append(paddle.matmul(functional.softmax(scores, axis=-1), parts[2 * heads + head]))
        return self.proj(paddle.concat(mixed, axis=-1))


class _Mlp(nn.Layer):
    def __init__(self, variant: Variant, *, tanh: bool, scaled: bool, shifted: bool, outliers: int):
        super().__init__()
        self.inliers, self.split = variant.hidden - outliers, outliers
        self.fc1 = nn.Linear(variant.dim, variant.hidden)
        self.fc2 = nn.Linear(self.inliers, variant.dim)
        self.tanh, self.scaled, self.shifted = tanh, scaled, shifted
        if scaled:
            self.scale = self.create_parameter([1, 1, self.inliers])
        if shifted:
            self.shift = self.create_parameter([1, 1, self.inliers])
        if outliers:
            self.outliers = nn.Linear(outliers, variant.dim, bias_attr=False)

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        hidden = functional.gelu(self.fc1(tokens), approximate=self.tanh)
        apart = hidden
        if self.split:
            hidden, apart = hidden.split([self.inliers, self.split], axis=-1)
        if self.scaled:
            # Lite multiplies by one number a channel in a scalar loop, ten times as long as it takes to add one
            # a channel (vectorized) to zeros and multiply tensors of the same shape.
            hidden = hidden * (hidden * 0.0 + self.scale)
        if self.shifted:
            hidden = hidden + self.shift
        out = self.fc2(hidden)
        if self.split:
            out = out + self.outliers(apart)
        return out


class _Block(nn.Layer):
    def __init__(self, variant: Variant, form: Form, index: int, queries: int):
        super().__init__()
        dim = variant.dim
        self.cut = queries if queries < variant.tokens else 0
        self.norm1 = nn.LayerNorm(dim, epsilon=variant.epsilon)
        if form.attention == "packed":
            self.attn: nn.Layer = _PackedAttention(variant, cut=bool(self.cut))
        elif form.attention == "per_head":
            self.attn = _PerHeadAttention(variant)
        else:
            self.attn = _Attention(variant, variant.tokens, queries)
        self.norm2 = nn.LayerNorm(dim, epsilon=variant.epsilon)
        self.mlp = _Mlp(
            variant,
            tanh=form.tanh_gelu,
            scaled=index in form.scaled_gelu,
            shifted=index in form.shifted_gelu,
            outliers=dict(form.outliers).get(index, 0),
        )

    def forward(self, tokens: paddle.Tensor) -> paddle.Tensor:
        normed = self.norm1(tokens)
        queries = normed
        if self.cut:
            tokens, queries = tokens[:, : self.cut], normed[:, : self.cut]
        tokens = tokens + self.attn(queries, normed)
        return tokens + self.mlp(self.norm2(tokens))


class DeployableDeiT(nn.Layer):
    """The deployable network, for a fixed input size; its state dict is `shaped_state(state, variant, form)`."""

    def __init__(self, variant: Variant, classes: int, *, form: Form = PLAIN):
        super().__init__()
        self.variant, self.classes, self.form = variant, classes, form
        self.patches = variant.grid**2
        dim = variant.dim
        pieces = _pieces(dim) if form.gpu else 1
        convs = [nn.Conv2D(3, dim // pieces, PATCH_SIZE, PATCH_SIZE, bias_attr=False) for _ in range(pieces)]
        self.patch_embed = nn.LayerDict({"proj": nn.LayerList(convs) if form.gpu else convs[0]})
        if form.gpu:
            self.place = nn.Linear(self.patches, variant.tokens)
            self.position = self.create_parameter([1, variant.tokens, dim])
        else:
            self.class_tokens = self.create_parameter([1, variant.class_tokens, dim])
            self.position = self.create_parameter([1, self.patches, dim])
        self.blocks = nn.LayerList(
            _Block(
                variant, form, index, variant.class_tokens if index == variant.depth - 1 else variant.tokens
            )
            for index in range(variant.depth)
        )
        self.norm = nn.LayerNorm(dim, epsilon=variant.epsilon)
        self.head = nn.Linear(dim, classes)
        if variant.answers == 2:
            self.head_dist = nn.Linear(dim, classes)

    # Paddle would write the method anew, in a file below the home directory, which may not be there.
    @paddle.jit.not_to_static
    def forward(self, pixels: paddle.Tensor) -> paddle.Tensor:
        """[1, 3, H, W] float32 → logits [1, classes]."""
        return self.classify(self.tokens(pixels))

    def tokens(self, pixels: paddle.Tensor) -> paddle.Tensor:
        """[1, 3, H, W] → what enters the first block, [1, tokens, dim]."""
        if self.form.gpu:
            return self.place(self._patches(pixels)).transpose([0, 2, 1]) + self.position
        return paddle.concat([self.class_tokens, self.embed(pixels) + self.position], axis=1)

    def embed(self, pixels: paddle.Tensor) -> paddle.Tensor:
        """[N, 3, H, W] → the patches, [N, patches, dim]."""
        return self._patches(pixels).transpose([0, 2, 1])

    def _patches(self, pixels: paddle.Tensor) -> paddle.Tensor:
        # [N, dim, patches]
        proj = self.patch_embed["proj"]
        outputs = paddle.concat([piece(pixels) for piece in proj], axis=1) if self.form.gpu else proj(pixels)
        return outputs.reshape([-1, self.variant.dim, self.patches])

    def classify(self, tokens: paddle.Tensor) -> paddle.Tensor:
        """[N, tokens, dim] → logits [N, classes]."""
        for block in self.blocks:
            tokens = block(tokens)
        return self.answer(tokens)

    def answer(self, tokens: paddle.Tensor) -> paddle.Tensor:
        """What leaves the last block, [N, class tokens, dim] → logits [N, classes]."""
        tokens = self.norm(tokens)
        logits = self.head(tokens[:, 0])
        if self.variant.answers == 2:
            logits = logits + self.head_dist(tokens[:, 1])
        return logits


def shaped_state(state: State, variant: Variant, form: Form) -> State:
    """A deployable state as the network of that form holds it: q, k and v cut into heads or joined, or a GPU's."""
    if form.gpu:
        state = _for_gpu(state)
    if form.attention == "layers":
        return state
    if form.attention == "packed":
        return _packed(state)
    shaped: State = {}
    for name, value in state.items():
        layer, _, kind = name.rpartition(".")
        if layer.endswith((".attn.q", ".attn.k", ".attn.v")):
            for head, piece in enumerate(np.split(value, variant.heads, axis=-1)):
                shaped[f"{layer}.{head}.{kind}"] = np.ascontiguousarray(piece)
        else:
            shaped[name] = value
    return shaped


def _pieces(outputs: int) -> int:
    return -(-outputs // OUTPUTS)


def _for_gpu(state: State) -> State:
    shaped = dict(state)
    classes, patches = shaped.pop("class_tokens"), shaped["position"]
    rows = classes.shape[1] + patches.shape[1]
    shaped["place.weight"] = np.eye(patches.shape[1], rows, classes.shape[1], dtype=np.float32)
    shaped["place.bias"] = np.zeros(rows, np.float32)
    shaped["position"] = np.concatenate([classes, patches], axis=1)
    weight = shaped.pop("patch_embed.proj.weight")
    for index, piece in enumerate(np.split(weight, _pieces(len(weight)))):
        shaped[f"patch_embed.proj.{index}.weight"] = np.ascontiguousarray(piece)
    return shaped


def _packed(state: State) -> State:
    attentions = sorted({name.split(".attn.")[0] for name in state if ".attn." in name}, key=_block)
    shaped = dict(state)
    for block in attentions:
        for kind in ("weight", "bias"):
            parts = [shaped.pop(f"{block}.attn.{part}.{kind}") for part in "qkv"]
            if block == attentions[-1]:
                shaped[f"{block}.attn.q.{kind}"] = parts.pop(0)
            name = "kv" if block == attentions[-1] else "qkv"
            shaped[f"{block}.attn.{name}.{kind}"] = np.concatenate(parts, axis=-1)
    return shaped


def _block(name: str) -> int:
    return int(name.split(".")[1])
