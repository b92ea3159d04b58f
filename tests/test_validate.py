"""A bundle is checked on any pictures, by real engines; what is done is never done again, nor mixed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import ended, until

from lite import bundle
from lite.engines import workers
from lite.engines.paddle_lite import LiteEngine
from lite.engines.workers import ChunkResult
from lite.errors import ConversionError, InputError
from lite.measure import comparison, validate
from lite.measure.chunks import SIZE
from lite.measure.comparison import ReferenceNetwork
from lite.measure.validate import ValidationRun
from lite.pictures import digits, picture_set
from lite.pictures.picture_set import PictureSet

COUNT = 4 * SIZE + 1


def unheard(message: str) -> None:
    pytest.fail(f"unexpected: {message}")


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Labelled digits as small files in class folders."""
    folder = tmp_path_factory.mktemp("photos")
    everything = zip(digits.pictures("held_out", COUNT), digits.labels("held_out")[:COUNT], strict=True)
    for index, (pixels, label) in enumerate(everything):
        (folder / str(label)).mkdir(exist_ok=True)
        small = cv2.resize(pixels, (48, 48), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / str(label) / f"{index:03d}.png"), small[..., ::-1])
    for label in digits.CLASSES:
        (folder / label).mkdir(exist_ok=True)
    return folder


def command(*arguments: str | Path) -> list[str]:
    root = Path(__file__).resolve().parent.parent
    return [sys.executable, str(root / "tools" / "validate.py"), *map(str, arguments)]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


def figures(results: dict) -> dict:
    """All that must not depend on how the run went."""
    return {name: value for name, value in results.items() if name not in ("seconds", "created")}


def chunk_files(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.glob("logits/*/*.npz")}


@pytest.fixture(scope="module")
def whole(tiny_bundle, photos, tmp_path_factory) -> tuple[Path, dict]:
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("whole")
    done = run("--bundle", tiny_bundle, "--images", photos, "--out", out, "--workers", "2", "--json")
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def test_the_figures_of_a_labelled_folder(whole, tiny_bundle, photos):
    out, results = whole
    assert json.loads((out / "results.json").read_text()) == results
    assert results["images"] == {
        "source": str(photos), "measured": COUNT, "labelled": True, "unreadable": []
    }  # fmt: skip
    assert results["drift"]["images"] == COUNT
    assert results["drift"]["reference"] == "Paddle Inference, fp32"
    assert results["drift"]["cosine_min"] > 0.99999
    assert results["drift"]["top1_agreement"] == 1.0
    assert results["drift"]["max_abs"] > 0
    assert results["top1"]["deployed"] == results["drift"]["top1_deployed"]
    assert results["top1"]["deployed"] < results["top5"]["deployed"] < 1.0
    assert sum(one["images"] for one in results["classes"]) == COUNT
    assert len(results["worst"]) == validate.WORST
    page = (out / "report.html").read_text()
    assert f"{COUNT} pictures went through both networks" in page
    assert "<code>results.json</code>, beside this file" in page
    assert sorted(path.name for path in out.iterdir()) == [
        "classes.csv",
        "logits",
        "predictions.csv",
        "report.html",
        "results.json",
    ]


def test_the_logits_are_those_of_the_engine_alone(whole, tiny_bundle, photos):
    made = bundle.read(tiny_bundle)
    predictor = LiteEngine(made.host_nb).open()
    pictures = picture_set.load(str(photos), made.labels, notify=unheard)
    deployed = (
        ValidationRun(made, pictures, None, whole[0], lambda: unheard("nothing is missing")).run().deployed
    )
    for index in (0, SIZE, COUNT - 1):
        pixels = pictures.pictures[index].tensor(made.preprocess)
        np.testing.assert_array_equal(deployed[index], predictor.run(pixels))


def test_ctrl_c_and_the_same_command_again(whole, tiny_bundle, photos, tmp_path):
    arguments = command(
        "--bundle", tiny_bundle, "--images", photos, "--out", tmp_path, "--workers", "1", "--json"
    )  # fmt: skip
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A group of its own, all of which gets the signal, as from a terminal.
    with subprocess.Popen(arguments, **pipes, text=True, start_new_session=True) as process:
        until(lambda: chunk_files(tmp_path), process)
        os.killpg(process.pid, signal.SIGINT)
        done = ended(process)
    before = chunk_files(tmp_path)
    assert done.returncode == 130
    error = json.loads(done.stdout)["error"]
    assert (error["what"], error["exit_code"]) == ("interrupted", 130)
    assert len(done.stderr.splitlines()) == 1
    assert f"{len(before) * SIZE} of {COUNT} pictures done" in done.stderr
    assert "the same command goes on" in done.stderr
    assert 1 <= len(before) < 5
    assert not (tmp_path / "results.json").exists()
    again = subprocess.run(arguments, capture_output=True, text=True, check=True)
    after = chunk_files(tmp_path)
    assert len(after) == 2 * 5
    assert {path: after[path] for path in before} == before
    assert figures(json.loads(again.stdout)) == figures(whole[1])


def test_nothing_is_run_again_but_with_restart(whole, tiny_bundle, photos, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole[0], out)
    before = chunk_files(out)
    arguments = ("--bundle", tiny_bundle, "--images", photos, "--out", out, "--json")
    assert figures(json.loads(run(*arguments).stdout)) == figures(whole[1])
    assert chunk_files(out) == before
    assert figures(json.loads(run(*arguments, "--restart", "--reference", "none").stdout))["drift"] is None
    changed = {path for path, at in chunk_files(out).items() if at != before[path]}
    assert len(changed) == 5


def test_what_was_stored_is_of_contents_whatever_size_and_time_say(whole, tiny_bundle, photos, tmp_path):
    """Another picture of as many bytes and the same time is run; one that was only touched is not."""
    moved, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(photos / "1", moved)
    deployed = here(tiny_bundle, picture_set.load(str(moved), digits.CLASSES, notify=unheard), out)
    first = deployed.run().deployed
    files = sorted(moved.iterdir())
    for path in files:
        path.touch()
    stored = chunk_files(out)
    again = here(tiny_bundle, picture_set.load(str(moved), digits.CLASSES, notify=unheard), out)
    np.testing.assert_array_equal(again.run().deployed, first)
    assert chunk_files(out) == stored
    # Padding after a PNG's end changes no pixel, so both pictures can have one size.
    other = next((photos / "5").iterdir()).read_bytes()
    size = max(len(other), files[0].stat().st_size)
    files[0].write_bytes(files[0].read_bytes().ljust(size, b"\0"))
    before = files[0].stat()
    padded = (
        here(tiny_bundle, picture_set.load(str(moved), digits.CLASSES, notify=unheard), out).run().deployed
    )
    files[0].write_bytes(other.ljust(size, b"\0"))
    os.utime(files[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (files[0].stat().st_size, files[0].stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    last = here(tiny_bundle, picture_set.load(str(moved), digits.CLASSES, notify=unheard), out).run().deployed
    assert not np.array_equal(last[0], padded[0])
    np.testing.assert_array_equal(last[1:], padded[1:])


def here(
    tiny_bundle: Path, pictures: PictureSet, out: Path, compared: ReferenceNetwork | None = None
) -> ValidationRun:
    return ValidationRun(bundle.read(tiny_bundle), pictures, compared, out, lambda: workers.local(1))


def test_a_changed_picture_starts_a_new_folder(whole, tiny_bundle, photos, tmp_path):
    copied, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(photos / "1", copied)
    first = picture_set.load(str(copied), digits.CLASSES, notify=unheard)
    count = len(first.pictures)
    deployed = here(tiny_bundle, first, out).run().deployed
    assert len(list(out.glob("logits/*"))) == 1
    shutil.copyfile(next((photos / "5").iterdir()), first.pictures[0].file)
    second = picture_set.load(str(copied), digits.CLASSES, notify=unheard)
    changed = here(tiny_bundle, second, out).run().deployed
    assert len(list(out.glob("logits/*"))) == 2
    assert [bool((deployed[index] != changed[index]).any()) for index in range(count)] == [
        True, *[False] * (count - 1)
    ]  # fmt: skip


def test_unreadable_pictures_are_named_and_the_others_measured(tiny_bundle, photos, tmp_path):
    mixed, out = tmp_path / "mixed", tmp_path / "out"
    shutil.copytree(photos / "3", mixed)
    count = len(list(mixed.iterdir()))
    (mixed / "000 [bold]bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    (mixed / "zzz.jpg").write_text("")
    done = run(
        "--bundle", tiny_bundle, "--images", mixed, "--out", out, "--strict", "--json", "--workers", "1"
    )
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert "000 [bold]bad.png" in lines[0]
    assert "zzz.jpg is empty" in lines[1]
    assert lines[2].startswith("error: 2 pictures could not be read")
    results = json.loads(done.stdout)
    assert results["images"]["measured"] == results["drift"]["images"] == count
    assert [one["picture"] for one in results["images"]["unreadable"]] == ["000 [bold]bad.png", "zzz.jpg"]
    empty = results["images"]["unreadable"][1]["error"]
    assert empty["what"].endswith("zzz.jpg is empty")
    assert empty["remedy"] == "copy or download it again"
    assert results["top1"] == {"deployed": None, "reference": None}


def test_no_readable_picture_at_all(tiny_bundle, tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    pictures = picture_set.load(str(tmp_path), digits.CLASSES, notify=unheard)
    with pytest.raises(InputError, match="none of the 1 pictures can be read"):
        here(tiny_bundle, pictures, tmp_path / "out").run()


def test_a_dask_cluster_gives_the_same(whole, tiny_bundle, photos, tmp_path):
    from distributed import LocalCluster

    made = bundle.read(tiny_bundle)
    pictures = picture_set.load(str(photos), made.labels, notify=unheard)
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        found = ValidationRun(
            made, pictures, comparison.rebuilt(made), tmp_path, lambda: workers.connected(address)
        ).run()
        results = validate.document(found, max_drift=None, seconds={})
    assert figures(results) == figures(whole[1])
    assert len(chunk_files(tmp_path)) == 2 * 5
    with pytest.raises(InputError, match="no Dask scheduler at"), workers.connected(address):
        pytest.fail("the cluster is gone")


def test_nan_stops_a_run_and_names_the_picture(tiny_bundle, tmp_path):
    pictures = picture_set.load("digits", digits.CLASSES, limit=3, notify=unheard)
    validating = here(tiny_bundle, pictures, tmp_path)
    made = bundle.read(tiny_bundle)
    logits = np.ones((3, 10), np.float32)
    logits[1, 4] = np.nan
    store = validating._chunks(comparison.lite_identity(made))
    store.write(0, ChunkResult(logits))
    with pytest.raises(ConversionError, match="NaN or infinity for held-out digit 1.*0 of 3 pictures done"):
        validating.run()


@pytest.fixture
def moved(tiny_bundle, tmp_path) -> Path:
    """A bundle whose weights are elsewhere: a copy with another path in its manifest."""
    folder = tmp_path / "moved"
    shutil.copytree(tiny_bundle, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["weights"]["path"] = str(tmp_path / "weights.pdparams")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_without_the_weights_only_the_deployed_figures(moved, tiny_bundle, photos, tmp_path):
    arguments = ("--bundle", moved, "--images", photos, "--out", tmp_path / "out", "--limit", "4")
    done = run(*arguments, "--json", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "NO REFERENCE" in done.stderr
    assert "are not there any more" in done.stderr
    results = json.loads(done.stdout)
    assert results["drift"] is None
    assert results["top1"]["reference"] is None
    assert 0.0 <= results["top1"]["deployed"] <= 1.0
    assert "What it lost was not measured" in (tmp_path / "out" / "report.html").read_text()
    gated = run(*arguments, "--max-drift", "0.5")
    assert gated.returncode == 2
    assert "--max-drift needs a reference" in gated.stderr
    (tmp_path / "weights.pdparams").write_bytes(b"others")
    with pytest.raises(InputError, match="were changed since the bundle was made"):
        comparison.rebuilt(bundle.read(moved))


def test_another_bundle_as_the_reference(moved, tiny_bundle, tmp_path):
    made = bundle.read(moved)
    pictures = picture_set.load("digits", made.labels, limit=3, notify=unheard)
    found = here(moved, pictures, tmp_path / "out", comparison.other_bundle(made, tiny_bundle)).run()
    assert found.drift is not None
    assert found.drift.reference == f"Paddle Lite x86, fp32 ({tiny_bundle.name})"
    assert found.drift.max_abs == 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"precision": "fp16"}, "is fp16; the reference is an fp32 bundle"),
        ({"model": "deit_small"}, "model deit_small, not deit_tiny"),
        ({"weights": {"source": "file", "path": None, "sha256": "0" * 64, "classes": 10}}, "weights 0000"),
    ],
)
def test_a_bundle_that_cannot_be_the_reference(moved, tiny_bundle, change, words):
    path = moved / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=words):
        comparison.other_bundle(bundle.read(tiny_bundle), moved)


def test_drift_over_the_gate_is_exit_3(tmp_path, tiny_bundle, photos):
    out = tmp_path / "out"
    arguments = ("--bundle", tiny_bundle, "--limit", "4", "--workers", "1")
    done = run(*arguments, "--images", photos, "--out", out, "--max-drift", "0")
    assert done.returncode == 0
    assert "none has fewer right" in done.stdout
    assert "lost most first" not in done.stdout
    made = bundle.read(tiny_bundle)
    pictures = picture_set.load(str(photos), made.labels, limit=4, notify=unheard)
    ((_, chunk),) = here(tiny_bundle, pictures, out)._chunks(comparison.lite_identity(made)).stored()

    # An fp32 bundle does not drift, so its logits of pictures that it got right are turned about.
    labelled, out = tmp_path / "labelled", tmp_path / "turned"
    for index, (picture, given) in enumerate(zip(pictures.pictures, chunk.logits.argmax(1), strict=True)):
        (labelled / made.labels[given]).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture.file, labelled / made.labels[given] / f"{index}.png")
    right = picture_set.load(str(labelled), made.labels, notify=unheard)
    order = [int(picture.file.stem) for picture in right.pictures]
    store = here(tiny_bundle, right, out)._chunks(comparison.lite_identity(made))
    store.write(0, ChunkResult(-chunk.logits[order]))
    done = run(*arguments, "--images", labelled, "--out", out, "--max-drift", "0.5")
    assert done.returncode == 3
    assert "4 of 4 check pictures (100.00%, 95 % interval 51.01% to 100.00%)" in done.stderr
    assert "-1.00000" in done.stdout
    # The order of the classes is that of what they lost, and one that was bad before may be the worst.
    assert "lost most first" in done.stdout
    assert "worst classes" not in done.stdout
    assert json.loads((out / "results.json").read_text())["gate"] == {"max_drift": 0.5, "passed": False}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--images", "nowhere"], "nowhere"),
        (["--images", "digits", "--workers", "1", "--dask", "tcp://127.0.0.1:9"], "--workers is for this computer"),
        (["--images", "digits", "--reference", "none", "--max-drift", "0.1"], "--max-drift needs a reference"),
        (["--images", "digits", "--reference", "nowhere"], "nowhere is not a bundle"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_2(tiny_bundle, arguments, words):
    done = run("--bundle", tiny_bundle, *arguments)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert not done.stdout
