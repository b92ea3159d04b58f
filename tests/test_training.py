"""Training: that it learns, repeats, goes on exactly where it stopped, and says what it can't do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle
import pytest
from states import random_state, write_state
from tensorboardX.proto import event_pb2
from training_data import DISTILLED, PLAIN, RANDOM, TINY, assert_same, run, settings, write_colours

from lite import zoo
from lite.errors import ConversionError, InputError
from lite.model import pdparams, state, weights
from lite.pictures import digits, prepare
from lite.training import batches, checkpoint, initial, sources
from lite.training import initial as resolution
from lite.training.batches import ALONE, Devices, Epoch
from lite.training.loop import Task
from lite.training.settings import Augment
from lite.training.sources import Digits, Pictures


@pytest.fixture
def colours(tmp_path: Path) -> Pictures:
    return sources.find_pictures(str(write_colours(tmp_path / "colours")), seed=1)


def test_it_learns_a_folder(colours: Pictures):
    result = run(Task(TINY, colours, settings(epochs=8, learning_rate=5e-4, drop_path=0.0, ema_decay=0.5)))
    assert result.accuracy == 1.0
    assert result.state["pos_embed"].shape == (1, 1 + 4, 192)
    assert result.state["head.bias"].shape == (2,)


def test_a_run_repeats_however_many_processes_read(colours: Pictures):
    first = run(Task(TINY, colours, settings(image=16, **RANDOM)))
    assert_same(first, run(Task(TINY, colours, settings(image=16, **RANDOM, workers=2))))
    other = run(Task(TINY, colours, settings(image=16, **RANDOM, seed=3)))
    assert (first.state["head.weight"] != other.state["head.weight"]).any()


def test_a_step_of_several_batches_is_a_step_of_one_large_batch(colours: Pictures):
    large = run(Task(TINY, colours, settings(**PLAIN, batch=8)))
    small = run(Task(TINY, colours, settings(**PLAIN, batch=2, accumulate=4)))
    for name, value in large.state.items():
        np.testing.assert_allclose(value, small.state[name], atol=2e-5, err_msg=name)


def test_devices_share_the_pictures_of_a_step(colours: Pictures):
    chosen, half = settings(batch=8), settings(batch=2, accumulate=2)
    epoch = Epoch(0, 0, 16)
    alone = [pixels.numpy() for pixels, _, _ in batches.training_batches(colours, chosen, ALONE, epoch)]
    parts = [
        [pixels.numpy() for pixels, _, _ in batches.training_batches(colours, half, Devices(rank, 2), epoch)]
        for rank in (0, 1)
    ]
    assert len(alone) == 4
    for step, whole in enumerate(alone):
        shared = [parts[rank][2 * step + part] for part in (0, 1) for rank in (0, 1)]
        np.testing.assert_array_equal(np.concatenate(shared), whole)


def test_a_data_set_smaller_than_a_step_fills_it(colours: Pictures):
    (only,) = batches.training_batches(colours, settings(batch=100), ALONE, Epoch(0, 0, 16))
    assert only[0].shape == [100, 3, 16, 16]


def test_digits_come_at_any_resolution():
    data = Digits()
    view = data.view(0, 48, Augment(), np.random.default_rng(0))
    assert (view.shape, view.dtype) == ((48, 48, 3), np.uint8)
    held = [labels for _, labels, _ in batches.held_out_batches(data, settings(batch=150), ALONE, 48)]
    assert sum(len(labels) for labels in held) == len(digits.labels("held_out"))


@pytest.mark.parametrize("name", ["deit_tiny", "deit_base_384", "vit_tiny", "vit_tiny_384", "deit3_small"])
def test_pictures_are_prepared_as_the_variant_is_everywhere_else(tmp_path: Path, name: str):
    spec = zoo.find(name).preprocess
    found = sources.find_pictures(str(write_colours(tmp_path / "colours")), seed=1, spec=spec)
    for source, picture in (
        (Digits(spec), digits.pictures("held_out")[0]),
        (found, prepare.decode(Path(found.held_out_paths[0]))),
    ):
        np.testing.assert_array_equal(source.held_out(0, spec.crop), prepare.prepare(picture, spec)[0])
    plain = settings(batch=1, seed=1, augment={"rand_augment": None, "erasing": 0.0})
    order = np.random.default_rng([1, 0, 0]).permutation(len(found.labels))
    (pixels, _, _) = next(iter(batches.training_batches(found, plain, ALONE, Epoch(0, 0, 32))))
    view = found.view(int(order[0]), 32, plain.augment, np.random.default_rng([1, 0, 0, 0]))
    wanted = (view / 255 - np.array(spec.mean)) / np.array(spec.std)
    np.testing.assert_allclose(pixels.numpy()[0], wanted.transpose(2, 0, 1), atol=1e-5)


def test_other_sizes_keep_the_proportion():
    sizes = [sources.at_size(zoo.find("deit_tiny").preprocess, image).resize_short for image in (112, 224)]
    assert sizes == [128, 256]
    assert sources.at_size(zoo.find("deit_base_384").preprocess, 224).resize_short == 256


def test_pictures_that_cannot_be_read_are_counted_or_end_the_run(colours: Pictures):
    Path(colours.paths[3]).write_bytes(b"no picture")
    Path(colours.paths[5]).unlink()
    Path(colours.held_out_paths[0]).write_bytes(b"")
    lines: list[str] = []
    result = run(Task(TINY, colours, settings(image=16, batch=6, epochs=2)), report=lines.append)
    assert result.unreadable == 2
    told = [line for line in lines if "can't be read, others stand in" in line]
    assert len(told) == 1
    assert Path(colours.paths[3]).name in told[0]
    assert any(
        line.startswith("1 held-out picture can't be read and does not count: ")
        and Path(colours.held_out_paths[0]).name in line
        for line in lines
    )
    with pytest.raises(InputError, match="not a readable JPEG|cannot read"):
        run(Task(TINY, colours, settings(image=16, batch=6), strict=True))


def test_nothing_but_damaged_pictures_is_an_error(colours: Pictures):
    for path in colours.paths:
        Path(path).write_bytes(b"no picture")
    with pytest.raises(InputError, match="not a readable JPEG"):
        run(Task(TINY, colours, settings(image=16)))


def test_a_loss_that_is_no_number_ends_the_run(colours: Pictures):
    initial = {name: value * 1e30 for name, value in random_state(TINY, 2, depth=2).items()}
    with pytest.raises(ConversionError, match="try a lower learning rate"):
        run(Task(TINY, colours, settings(image=16), initial=initial))


def test_position_embeddings_are_stretched_and_class_tokens_stay():
    embedding = np.zeros((1, 1 + 16, 8), np.float32)
    embedding[0, 0] = 7
    embedding[0, 1:] = np.linspace(0, 1, 4).repeat(4)[:, None]  # grows from row to row
    stretched = resolution.interpolate_position_embedding(embedding, 1, 8)
    assert stretched.shape == (1, 1 + 64, 8)
    np.testing.assert_array_equal(stretched[0, 0], embedding[0, 0])
    rows = stretched[0, 1:, 0].reshape(8, 8)
    assert (np.diff(rows.mean(axis=1)) > 0).all()
    np.testing.assert_allclose(rows, rows[:, :1].repeat(8, axis=1), atol=1e-5)
    assert resolution.interpolate_position_embedding(embedding, 1, 4) is embedding


def test_a_head_for_other_classes_is_made_anew():
    official = random_state(zoo.find("deit_tiny_distilled"), 1000)
    changed = resolution.with_classes(official, 5)
    for name in ("head.weight", "head_dist.weight"):
        assert changed[name].shape == (192, 5)
    np.testing.assert_array_equal(changed["norm.weight"], official["norm.weight"])
    assert resolution.with_classes(official, 1000) is official


def test_what_is_saved_goes_through_the_reader(tmp_path: Path):
    values = random_state(zoo.find("deit_tiny"), 3)
    checkpoint.save(values, tmp_path / "small.pdparams", ("a", "b", "c"), half=True)
    loaded = weights.load(
        zoo.find("deit_tiny"),
        str(tmp_path / "small.pdparams"),
        labels=tmp_path / "small.labels.txt",
        notify=print,
    )
    assert loaded.labels == ("a", "b", "c")
    np.testing.assert_allclose(loaded.state["head.weight"], values["head.weight"], atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.labels.txt", "small.pdparams"]


def test_the_bundled_weights_are_small_and_whole():
    assert weights.DIGITS_FILE.stat().st_size <= 12e6
    assert state.check_state(pdparams.read_state(weights.DIGITS_FILE), zoo.find("deit_tiny")) == 10


def test_weight_decay_leaves_norms_biases_tokens_and_positions_alone(colours: Pictures):
    # With a learning rate that moves nothing by itself, decay alone shrinks the matrices.
    kept = {"not_decayed": ["norm", ".bias", "cls_token", "dist_token", "pos_embed"]}
    initial = random_state(DISTILLED, 2, depth=2)
    initial["pos_embed"] = resolution.at_resolution(initial, DISTILLED, 16)["pos_embed"]

    def trained(decay: float) -> dict[str, np.ndarray]:
        chosen = settings(image=16, batch=36, **PLAIN, optimizer={"weight_decay": decay, **kept})
        return run(Task(DISTILLED, colours, chosen, initial=initial)).state

    without, with_decay = trained(0.0), trained(0.5)
    decayed = {name for name, value in without.items() if (value != with_decay[name]).any()}
    matrices = {name for name, value in initial.items() if name.endswith(".weight") and value.ndim >= 2}
    assert decayed == matrices
    # Decoupled: one step at 1e-3 takes away 1e-3 x 0.5 of the weight.
    np.testing.assert_allclose(
        with_decay["head.weight"], without["head.weight"] - 5e-4 * initial["head.weight"], atol=1e-7
    )


def test_the_average_follows_the_weights(colours: Pictures):
    last = run(Task(TINY, colours, settings(image=16, **PLAIN)))
    slow = run(Task(TINY, colours, settings(image=16, **PLAIN, ema_decay=0.999)))
    paddle.seed(2026)
    # The average stays nearer to where it began than the last weights are.
    assert np.abs(slow.state["head.bias"]).max() < np.abs(last.state["head.bias"]).max()
    assert (slow.state["head.bias"] != 0).any()


def test_weights_of_the_other_input_size_are_stretched(tmp_path: Path):
    large, small = (replace(zoo.find(name), depth=1) for name in ("deit_base_384", "deit_base"))
    path = write_state(tmp_path / "base.pdparams", random_state(small, 3, depth=1))
    notes: list[str] = []
    found = initial.load(large, str(path), ("blue", "red"), notify=notes.append)
    assert found["pos_embed"].shape == (1, 197, 768)
    assert found["head.weight"].shape == (768, 2)
    assert len(notes) == 2
    assert "for 224 pixels" in notes[0]
    assert "3 classes and the data has 2" in notes[1]
    assert resolution.at_resolution(found, large, 384)["pos_embed"].shape == (1, 577, 768)
    with pytest.raises(InputError, match="use --model deit_base"):
        initial.load(replace(zoo.find("deit_tiny"), depth=1), str(path), ("blue", "red"), notify=print)


def test_a_device_without_held_out_pictures_has_none(colours: Pictures):
    few = replace(
        colours, held_out_paths=colours.held_out_paths[:1], held_out_labels=colours.held_out_labels[:1]
    )
    assert not list(batches.held_out_batches(few, settings(), Devices(1, 2), 16))


def test_curves_are_tensorboards(colours: Pictures, tmp_path: Path):
    chosen = settings(image=16, epochs=2, schedule={"start": 0.1})
    run(Task(TINY, colours, chosen), events=tmp_path / "logs")
    (file,) = (tmp_path / "logs").iterdir()
    curves: dict[str, dict[int, float]] = {}
    data = file.read_bytes()
    # TFRecord: length (8 bytes), its checksum (4), the event, its checksum (4).
    while data:
        length = int.from_bytes(data[:8], "little")
        event = event_pb2.Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            curves.setdefault(value.tag, {})[event.step] = value.simple_value
        data = data[16 + length :]
    assert curves.keys() == {"loss", "learning_rate", "held_out_top1"}
    assert [*curves["loss"]] == list(range(1, 9))
    assert [*curves["held_out_top1"]] == [4, 8]
    assert curves["learning_rate"][1] == pytest.approx(1e-3)
    assert curves["learning_rate"][8] < 1e-4
