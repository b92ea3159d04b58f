"""What training minimises: cross-entropy with soft labels, and DeiT's hard distillation."""

from __future__ import annotations

import paddle
from paddle.nn import functional


def soft_labels(labels: paddle.Tensor, classes: int, smoothing: float) -> paddle.Tensor:
    """int64 [N] → float32 [N, classes]: `smoothing` of each label's weight is spread over all classes."""
    return functional.label_smooth(functional.one_hot(labels, classes), epsilon=smoothing)


def supervised(outputs: list[paddle.Tensor], soft: paddle.Tensor) -> paddle.Tensor:
    """Mean over the heads ([N, classes] logits each) of the cross-entropy with `soft`, [N, classes]."""
    losses = [functional.cross_entropy(logits, soft, soft_label=True) for logits in outputs]
    return sum(losses[1:], losses[0]) / len(losses)


def hard_distillation(
    outputs: list[paddle.Tensor], soft: paddle.Tensor, teacher: paddle.Tensor
) -> paddle.Tensor:
    """Half the class head's cross-entropy with `soft`, half the distillation head's with the teacher's choice.

    `outputs` are the two heads' logits and `teacher` the teacher's, [N, classes] each. Source: Touvron et al.
    (2021), equation 3: L = 1/2 CE(softmax(Z_s), y) + 1/2 CE(softmax(Z_s), y_t), y_t = argmax_c Z_t(c), the first
    term on the class token and the second on the distillation token (section 4); the teacher's label is not
    smoothed.
    """
    chosen = teacher.argmax(-1)
    labels = functional.cross_entropy(outputs[0], soft, soft_label=True)
    return 0.5 * labels + 0.5 * functional.cross_entropy(outputs[1], chosen)
