"""Checkpoints: a run goes on exactly where it stopped, and only from a checkpoint of its own."""

from __future__ import annotations

import json
import resource
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from training_data import DISTILLED, RANDOM, TINY, assert_same, run, settings, write_colours

from lite.errors import InputError, InterruptedRunError
from lite.training import sources
from lite.training.batches import Devices
from lite.training.checkpoint import Checkpoint, Position
from lite.training.loop import Task
from lite.training.settings import Settings
from lite.training.sources import Digits, Pictures


@pytest.fixture
def colours(tmp_path: Path) -> Pictures:
    return sources.find_pictures(str(write_colours(tmp_path / "colours")), seed=1)


class StopError(Exception):
    pass


def stop_at(wanted: int) -> Callable[[int, int], None]:
    """For `on_step`: the power goes out in the step after this one."""

    def on_step(done: int, total: int) -> None:
        if done == wanted + 1:
            raise StopError

    return on_step


@pytest.mark.parametrize("stopped_after", [2, 4, 5, 9])
def test_a_stopped_run_goes_on_to_the_same_weights(colours: Pictures, tmp_path: Path, stopped_after: int):
    # Two stages of two and one epochs of four steps: in an epoch, at its end, after it, in the second stage.
    stages = [
        {"image": 16, "epochs": 2, "learning_rate": 1e-3, "warmup_epochs": 0.5},
        {"image": 32, "epochs": 1, "learning_rate": 5e-4},
    ]
    chosen = Settings.model_validate({"stages": stages, "checkpoint_minutes": 0, **RANDOM})
    whole = run(Task(TINY, colours, chosen))
    task = Task(TINY, colours, chosen, checkpoint=tmp_path / "run.checkpoint.npz")
    with pytest.raises(StopError):
        run(task, on_step=stop_at(stopped_after))
    seen: list[int] = []
    resumed = run(task, resume=True, on_step=lambda done, total: seen.append(done))
    assert seen == list(range(stopped_after + 1, 13))
    assert_same(whole, resumed)
    assert resumed.accuracy == whole.accuracy


@pytest.mark.parametrize("asked", [3, 5])
def test_a_run_that_is_asked_to_stop_goes_on_to_the_same_weights(
    colours: Pictures, tmp_path: Path, asked: int
):
    # Four steps, after which it measures: after the third step, and while it measures.
    task = Task(TINY, colours, settings(image=16, **RANDOM), checkpoint=tmp_path / "run.checkpoint.npz")
    answers = iter([False] * (asked - 1) + [True] * 2)
    with pytest.raises(InterruptedRunError, match=r"interrupted: [34] of 4 steps are done; --resume goes on"):
        run(task, is_stopped=lambda: next(answers))
    resumed = run(task, resume=True)
    whole = run(Task(TINY, colours, task.settings))
    assert_same(whole, resumed)
    assert resumed.accuracy == whole.accuracy


def test_the_last_good_checkpoint_outlives_a_full_disk(colours: Pictures, tmp_path: Path):
    task = Task(TINY, colours, settings(image=16, checkpoint_minutes=0), checkpoint=tmp_path / "x.npz")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def disk_fills_up(done: int, total: int) -> None:
        if done == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, hard))

    try:
        with pytest.raises(InputError, match=r"too large; .*--resume .the last good one is .*x\.npz."):
            run(task, on_step=disk_fills_up)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["x.npz"]
    assert Checkpoint.read(tmp_path / "x.npz").position == Position(0, 0, 2)
    assert_same(run(task, resume=True), run(Task(TINY, colours, task.settings)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"variant": DISTILLED}, "model deit_tiny, this one has deit_tiny_distilled"),
        ({"settings": settings(image=16, batch=4, checkpoint_minutes=0)}, "settings.batch 8, this one has 4"),
        ({"devices": Devices(0, 2)}, "devices 1, this one has 2"),
        ({"source": Digits()}, "classes"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(colours: Pictures, tmp_path: Path, change: dict, words: str):
    path = tmp_path / "x.npz"
    task = Task(TINY, colours, settings(image=16, checkpoint_minutes=0), checkpoint=path)
    identity = task.identity
    Checkpoint(identity, Position(0, 0, 1), {}, {}).write(path)
    other = Task(**{**vars(task), **change})
    with pytest.raises(InputError, match=words):
        run(other, resume=True)


def test_a_checkpoint_of_other_pictures_is_refused(colours: Pictures, tmp_path: Path):
    task = Task(TINY, colours, settings(), checkpoint=tmp_path / "x.npz")
    Checkpoint(task.identity, Position(), {}, {}).write(tmp_path / "x.npz")
    Path(colours.paths[0]).unlink()
    fewer = sources.find_pictures(str(tmp_path / "colours"), seed=1)
    with pytest.raises(InputError, match="other pictures"):
        run(Task(TINY, fewer, settings(), checkpoint=tmp_path / "x.npz"), resume=True)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path):
    path = tmp_path / "x.npz"
    with pytest.raises(InputError, match="no checkpoint"):
        Checkpoint.read(path)
    Checkpoint({}, Position(), {}, {"a": np.arange(1000)}).write(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match="damaged"):
        Checkpoint.read(path)
    np.save(tmp_path / "other.npy", np.zeros(3))
    shutil.move(tmp_path / "other.npy", path)
    with pytest.raises(InputError, match="no checkpoint, or a damaged one"):
        Checkpoint.read(path)


def small_checkpoint(path: Path) -> bytes:
    """A checkpoint of a few bytes, and its content."""
    arrays = {"network/a": np.arange(6, dtype=np.float32).reshape(2, 3), "optimizer/b": np.float64([1, 2])}
    Checkpoint({"model": "m"}, Position(1, 2, 3), {"loss": 0.5}, arrays).write(path)
    return path.read_bytes()


def as_values(found: Checkpoint) -> tuple:
    arrays = {name: (value.dtype, value.tolist()) for name, value in found.arrays.items()}
    return found.identity, found.position, found.progress, arrays


def test_every_flipped_bit_of_a_checkpoint_is_noticed_or_changes_nothing(tmp_path: Path):
    path = tmp_path / "x.npz"
    whole = small_checkpoint(path)
    sound, messages = as_values(Checkpoint.read(path)), []
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            assert as_values(Checkpoint.read(path)) == sound, bit
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 4 * len(whole)
    assert "".join(messages).isprintable()


def test_a_checkpoint_takes_no_more_memory_than_its_file(tmp_path: Path):
    path = tmp_path / "x.npz"
    head = json.dumps({"format": 1, "identity": {}, "position": {}, "progress": {}})
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, value, shape in (("head", np.array(head), ()), ("a", np.zeros(10), (1 << 40,))):
                with archive.open(f"{name}.npy", "w") as member:
                    layout = {"descr": value.dtype.str, "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(member, layout)
                    member.write(value.tobytes() if name == "head" else bytes(5_000_000))
        tracemalloc.start()
        with pytest.raises(InputError, match="damaged"):
            Checkpoint.read(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000
        assert compression == zipfile.ZIP_STORED or path.stat().st_size < 50_000


@pytest.mark.parametrize(
    "head",
    [
        "null", "[]", "{}", "[" * 100_000, '{"format": 2}', '{"format": 1, "identity": {}, "progress": {}}',
        '{"format": 1, "identity": {}, "position": {"stage": "a"}, "progress": {}}',
        '{"format": 1, "identity": {}, "position": {"stage": -1}, "progress": {}}',
        '{"format": 1, "identity": {}, "position": {"other": 1}, "progress": {}}',
        '{"format": 1, "identity": [], "position": {}, "progress": {}}',
        '{"format": 1, "identity": {}, "position": {}, "progress": 1}',
    ],
)  # fmt: skip
def test_a_head_of_another_form_is_refused(tmp_path: Path, head: str):
    np.savez(tmp_path / "x.npz", head=np.array(head))
    with pytest.raises(InputError, match="damaged|another version"):
        Checkpoint.read(tmp_path / "x.npz")


def test_a_difference_is_told_in_short(tmp_path: Path):
    found = Checkpoint({"\x1b" * 999: {"a": "x" * 99_999}, "b": 1}, Position(), {}, {})
    with pytest.raises(InputError) as caught:
        found.check(tmp_path / "x.npz", {"b": 1})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2500


def test_a_checkpoint_without_arrays_is_refused(colours: Pictures, tmp_path: Path):
    task = Task(TINY, colours, settings(image=16, checkpoint_minutes=0), checkpoint=tmp_path / "x.npz")
    Checkpoint(task.identity, Position(0, 0, 1), {}, {}).write(tmp_path / "x.npz")
    with pytest.raises(InputError, match="does not hold what a run leaves in it"):
        run(task, resume=True)
