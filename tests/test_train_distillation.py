"""Hard distillation: the loss by the paper's equation, and which teachers fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
import pytest
from states import random_state, write_state
from training_data import DISTILLED, PLAIN, settings, write_colours

from lite import zoo
from lite.errors import InputError
from lite.training import sources, teacher
from lite.training.loop import Task, train
from lite.training.stage_run import hard_distillation, soft_labels, supervised
from lite.training.teacher import Teacher


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def logits(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((5, 3)).astype(np.float32)


def test_the_loss_is_the_papers_equation_3():
    own, distilled, taught = logits(0), logits(1), logits(2)
    labels = np.array([0, 2, 1, 1, 0])
    soft = soft_labels(paddle.to_tensor(labels), 3, 0.1)
    np.testing.assert_allclose(soft.numpy()[0], [0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3], rtol=1e-6)
    loss = hard_distillation(
        [paddle.to_tensor(own), paddle.to_tensor(distilled)], soft, paddle.to_tensor(taught)
    )
    from_labels = -(soft.numpy() * log_softmax(own)).sum(-1).mean()
    from_teacher = -log_softmax(distilled)[np.arange(5), taught.argmax(-1)].mean()
    assert float(loss) == pytest.approx(0.5 * from_labels + 0.5 * from_teacher, rel=1e-5)
    # Without a teacher both heads learn from the labels.
    both = supervised([paddle.to_tensor(own), paddle.to_tensor(distilled)], soft)
    from_labels_too = -(soft.numpy() * log_softmax(distilled)).sum(-1).mean()
    assert float(both) == pytest.approx((from_labels + from_labels_too) / 2, rel=1e-5)


def test_the_distillation_head_learns_what_the_teacher_says(tmp_path: Path):
    pictures = sources.find_pictures(str(write_colours(tmp_path / "colours")), seed=1)
    always_red = random_state(zoo.find("deit_tiny"), 2)
    always_red["head.weight"][:] = 0
    always_red["head.bias"][:] = [-1, 1]
    path = write_state(tmp_path / "red.pdparams", always_red)
    taught = teacher.load("deit_tiny", str(path), ("blue", "red"), notify=print)
    chosen = settings(image=32, epochs=6, learning_rate=5e-4, **PLAIN)
    result = train(Task(DISTILLED, pictures, chosen, teacher=taught), report=print)
    network = Teacher("student", result.state, 2, DISTILLED).at(32)
    pixels = paddle.to_tensor(np.stack([pictures.held_out(index, 32) for index in range(4)]))
    own, distilled = (head.argmax(-1).tolist() for head in network.head_outputs(pixels))
    assert own == [0, 0, 1, 1]
    assert distilled == [1, 1, 1, 1]


def test_a_convolutional_teacher(tmp_path: Path):
    network = paddle.vision.models.resnet18(num_classes=2)
    network.eval()
    paddle.save(network.state_dict(), str(tmp_path / "resnet.pdparams"))
    found = teacher.load("resnet18", str(tmp_path / "resnet.pdparams"), ("blue", "red"), notify=print)
    pixels = paddle.randn([2, 3, 64, 64])
    np.testing.assert_array_equal(found.at(64)(pixels).numpy(), network(pixels).numpy())
    with pytest.raises(InputError, match="knows 2 classes and the data has 3"):
        teacher.load("resnet18", str(tmp_path / "resnet.pdparams"), tuple("abc"), notify=print)
    with pytest.raises(InputError, match="do not fit the teacher mobilenet_v2: tensor .* is missing"):
        teacher.load("mobilenet_v2", str(tmp_path / "resnet.pdparams"), ("blue", "red"), notify=print)


def test_a_teacher_that_takes_other_pictures_is_refused(tmp_path: Path):
    path = write_state(tmp_path / "t.pdparams", random_state(zoo.find("deit_tiny"), 2))
    spec = zoo.find("vit_tiny").preprocess
    teacher.load("vit_tiny", str(path), ("blue", "red"), spec=spec, notify=print)
    with pytest.raises(InputError, match=r"takes pictures of mean \(0.5, .*the student's have \(0.485, "):
        teacher.load("vit_tiny", str(path), ("blue", "red"), notify=print)


def test_teachers_that_do_not_fit_are_refused(tmp_path: Path):
    path = write_state(tmp_path / "t.pdparams", random_state(zoo.find("deit_tiny"), 5))
    with pytest.raises(InputError, match="knows 5 classes and the data has 2"):
        teacher.load("deit_tiny", str(path), ("blue", "red"), notify=print)
    with pytest.raises(InputError, match="use --model deit_tiny"):
        teacher.load("deit_small", str(path), ("blue", "red"), notify=print)
    with pytest.raises(InputError, match="no teacher 'regnet'; choose one of deit_tiny"):
        teacher.load("regnet", str(path), ("blue", "red"), notify=print)
