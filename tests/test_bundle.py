"""A bundle is whole or not there, and nothing in it is believed without a check."""

from __future__ import annotations

import copy
import errno
import json
import multiprocessing
import platform
import time
from pathlib import Path

import numpy as np
import pytest
from waiting import HANG, until

from lite import bundle
from lite.errors import ConversionError, InputError

MANIFEST = {
    "model": "deit_tiny",
    "weights": {"source": "digits", "path": None, "sha256": None, "classes": 3},
    "input": {
        "name": "x", "shape": [1, 3, 8, 8], "layout": "NCHW", "colour": "RGB", "resize_short": 9, "crop": 8,
        "interpolation": "bicubic", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225),
    },
    "precision": "int8",
    "target": "arm",
    "recipe": {"name": "paddleslim", "algo": "avg"},
    "calibration": {"source": "digits", "images": 32, "sha256": "0" * 64},
    "seed": 2026,
    "versions": {"paddlelite": "2.13rc0", "paddlepaddle": "2.6.2", "paddleslim": "2.6.0", "python": "3.10.9"},
    "fp32_bytes": 23_098_112,
    "kernels": [{"op": "fc", "target": "arm", "precision": "int8", "count": 73}],
    "int8_coverage": 0.99,
    "drift": None,
    "gate": None,
}  # fmt: skip
COST = {
    "core": "Cortex-A76", "instructions": 20, "without_dot_product": 30,
    "layers": [{"layer": "head", "instructions": 9}],
    "operators": [{"op": "fc", "target": "arm", "precision": "int8", "count": 73, "instructions": 15}],
}  # fmt: skip
LABELS = ("tench", "café", "the rest")
TENSOR = np.linspace(-1, 1, 192, dtype=np.float32).reshape(1, 3, 8, 8)
LOGITS = np.array([[1, 2, 3], [3, 1, 2]], dtype=np.float32)
NOISE = np.array([0.001, 0.002], dtype=np.float32)


def fill(folder: Path, manifest: dict = MANIFEST) -> None:
    (folder / "model.nb").write_bytes(b"phone")
    (folder / "host.nb").write_bytes(b"host")
    (folder / "golden.png").write_bytes(b"picture")
    (folder / "report.html").write_text("report")
    bundle.write_labels(folder, LABELS)
    (folder / "golden-2.png").write_bytes(b"another")
    bundle.write_golden(folder, TENSOR, LOGITS, NOISE)
    bundle.write_manifest(folder, manifest)


def make(out: Path, manifest: dict = MANIFEST, *, force: bool = False) -> Path:
    with bundle.new_bundle(out, force=force) as folder:
        fill(folder, manifest)
    return out


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def edit(out: Path, change) -> None:
    path = out / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_what_is_written_is_read(tmp_path):
    out = make(tmp_path / "build" / "bundles" / "a")
    read = bundle.read(out)
    assert read.path == out
    assert read.manifest["schema"] == 1
    assert read.manifest["model"] == "deit_tiny"
    assert read.labels == LABELS
    assert read.input_shape == (1, 3, 8, 8)
    assert read.model_nb.read_bytes() == b"phone"
    assert read.host_nb.read_bytes() == b"host"
    assert read.preprocess == bundle.Preprocess(9, 8)
    tensor, logits = read.golden()
    np.testing.assert_array_equal(tensor, TENSOR)
    np.testing.assert_array_equal(logits, LOGITS[0])
    golden = read.golden_pictures()
    assert [path.name for path in golden.files] == ["golden.png", "golden-2.png"]
    np.testing.assert_array_equal(golden.logits, LOGITS)
    np.testing.assert_array_equal(golden.noise, NOISE)
    assert names(out) == sorted([*read.manifest["files"], "manifest.json"])
    assert names(out.parent) == ["a"]


def test_the_folder_is_as_open_as_any_other(tmp_path):
    (tmp_path / "plain").mkdir()
    assert make(tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("failure", [ValueError("boom"), KeyboardInterrupt(), ConversionError("no")])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_failed_run_leaves_all_as_it_was(tmp_path, failure, earlier):
    out = tmp_path / "a"
    if earlier:
        make(out)
    before = {path: path.read_bytes() for path in out.rglob("*")}
    with pytest.raises(type(failure)), bundle.new_bundle(out, force=True) as folder:  # noqa: PT012
        (folder / "model.nb").write_bytes(b"half")
        assert {path: path.read_bytes() for path in out.rglob("*")} == before
        raise failure
    assert {path: path.read_bytes() for path in out.rglob("*")} == before
    assert names(tmp_path) == (["a"] if earlier else [])


def test_an_earlier_bundle_is_replaced_with_force_only(tmp_path):
    out = make(tmp_path / "a")
    with pytest.raises(InputError, match="--force"), bundle.new_bundle(out):
        pytest.fail("the work should not have begun")
    make(out, MANIFEST | {"seed": 7}, force=True)
    assert bundle.read(out).manifest["seed"] == 7
    assert names(tmp_path) == ["a"]


def test_force_never_replaces_what_is_no_bundle(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letters.txt").write_text("dear")
    with pytest.raises(InputError, match="never replaced"), bundle.new_bundle(tmp_path / "home", force=True):
        pytest.fail("the work should not have begun")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="never replaced"), bundle.new_bundle(tmp_path / "file", force=True):
        pytest.fail("the work should not have begun")
    assert (tmp_path / "home" / "letters.txt").read_text() == "dear"


def test_a_bundle_that_appeared_meanwhile_is_kept(tmp_path):
    out = tmp_path / "a"
    with pytest.raises(InputError, match="--force"), bundle.new_bundle(out) as folder:  # noqa: PT012
        fill(folder)
        make(out, MANIFEST | {"seed": 7})
    assert bundle.read(out).manifest["seed"] == 7
    assert names(tmp_path) == ["a"]


def test_a_folder_under_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"), bundle.new_bundle(tmp_path / "file" / "a"):
        pytest.fail("the work should not have begun")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said_plainly(tmp_path):
    with pytest.raises(InputError, match="disk is full"), bundle.new_bundle(tmp_path / "a") as folder:  # noqa: PT012
        (folder / "model.nb").symlink_to("/dev/full")
        (folder / "model.nb").write_bytes(b"phone")
    assert names(tmp_path) == []


def test_other_failures_keep_their_name(tmp_path):
    with pytest.raises(OSError, match="broken") as caught, bundle.new_bundle(tmp_path / "a"):
        raise OSError(errno.EIO, "broken")
    assert caught.value.errno == errno.EIO
    assert not isinstance(caught.value, InputError)


def _stay_forever(out: Path) -> None:
    with bundle.new_bundle(out, force=True) as folder:
        (folder / "model.nb").write_bytes(b"half")
        time.sleep(HANG)


def test_what_a_killed_run_left_is_cleaned_up_and_a_live_ones_is_not(tmp_path):
    out = tmp_path / "a"
    process = multiprocessing.get_context("spawn").Process(target=_stay_forever, args=(out,))
    process.start()
    until(lambda: list(tmp_path.glob(".a.*/model.nb")) or not process.is_alive())
    assert process.is_alive()
    make(out)
    assert len(names(tmp_path)) == 2
    process.kill()
    process.join()
    make(out, force=True)
    assert names(tmp_path) == ["a"]


def test_a_bundle_that_a_killed_run_moved_aside_comes_back(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=int)
    process.start()
    process.join()
    out = make(tmp_path / "a")
    out.rename(tmp_path / f".a.{platform.node()}.{process.pid}.00ff.old")
    with pytest.raises(InputError, match="--force"), bundle.new_bundle(out):
        pytest.fail("the work should not have begun")
    assert bundle.read(out).labels == LABELS
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("cost", [COST, None])
def test_a_manifest_may_say_what_a_run_costs(tmp_path, cost):
    made = make(tmp_path / "a", MANIFEST | {"cost": cost})
    assert bundle.read(made).manifest["cost"] == cost


@pytest.mark.parametrize("path", [*MANIFEST, "weights/sha256", "input/std", "versions/paddleslim"])
def test_a_manifest_without_a_field_is_not_written(tmp_path, path):
    manifest = copy.deepcopy(MANIFEST)
    *parents, last = path.split("/")
    entry = manifest
    for parent in parents:
        entry = entry[parent]
    del entry[last]
    with pytest.raises(ConversionError, match=last):
        make(tmp_path / "a", manifest)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, "extra"),
        ({"precision": "int4"}, "precision: must be one of fp32, fp16, int8, int8-fp16"),
        ({"int8_coverage": float("nan")}, "nan"),
        ({"seed": np.int64(3)}, "int64"),
        ({"int8_coverage": 1.5}, "int8_coverage"),
        ({"created": "2026-13-01T00:00:00Z"}, "no time"),
        ({"created": "yesterday"}, "created"),
        ({"input": MANIFEST["input"] | {"crop": 9}}, "input/shape/2: must be 9"),
        ({"input": MANIFEST["input"] | {"std": [0.2, 0, 0.2]}}, "std"),
        ({"cost": COST | {"instructions": 0}}, "cost/instructions"),
        ({"cost": {"core": "Cortex-A76"}}, "cost"),
    ],
)
def test_a_manifest_that_does_not_fit_is_not_written(tmp_path, change, message):
    with pytest.raises(ConversionError, match=message):
        make(tmp_path / "a", MANIFEST | change)


def test_a_bundle_without_a_file_is_not_written(tmp_path):
    with pytest.raises(ConversionError, match=r"model\.nb"), bundle.new_bundle(tmp_path / "a") as folder:
        bundle.write_manifest(folder, MANIFEST)


def test_a_place_is_asked_about_before_the_work(tmp_path):
    bundle.check_free(tmp_path / "a", force=False)
    out = make(tmp_path / "a")
    bundle.check_free(out, force=True)
    with pytest.raises(InputError, match="--force"):
        bundle.check_free(out, force=False)


@pytest.mark.parametrize("label", ["", "  ", "two\nlines"])
def test_a_label_has_one_line(tmp_path, label):
    with pytest.raises(InputError, match="label 1"):
        bundle.write_labels(tmp_path, ("a", label))


def damage(name: str, data: bytes | None):
    def change(out: Path) -> None:
        (out / name).unlink() if data is None else (out / name).write_bytes(data)

    return change


def edited(change):
    return lambda out: edit(out, change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damage("manifest.json", None), "is not a bundle: it has no manifest.json"),
        (damage("manifest.json", b'{"schema"'), "cannot be read"),
        (damage("manifest.json", b"\xff\xfe"), "cannot be read"),
        (damage("manifest.json", b"[]"), "no manifest"),
        (damage("host.nb", None), "incomplete: host.nb is missing"),
        (damage("model.nb", b"pho"), "3 bytes where the manifest says 5"),
        (damage("model.nb", b"PHONE"), "changed after"),
        (edited(lambda manifest: manifest.update(schema=2)), "newer version .manifest schema 2"),
        (edited(lambda manifest: manifest.update(schema=0)), "edited"),
        (edited(lambda manifest: manifest.pop("drift")), "drift"),
        (edited(lambda manifest: manifest["weights"].update(classes=4)), "3 labels for 4 classes"),
        (
            edited(lambda manifest: manifest["files"].update({"../x": manifest["files"]["model.nb"]})),
            "edited",
        ),
        (edited(lambda manifest: manifest["files"].pop("host.nb")), "host.nb"),
    ],
)
def test_a_damaged_bundle_is_refused_in_one_line(tmp_path, change, message):
    out = make(tmp_path / "a")
    change(out)
    with pytest.raises(InputError, match=message) as caught:
        bundle.read(out)
    assert "\n" not in str(caught.value)


def test_without_verify_only_the_hashes_go_unread(tmp_path):
    out = make(tmp_path / "a")
    damage("model.nb", b"PHONE")(out)
    assert bundle.read(out, verify=False).path == out
    damage("model.nb", b"PHON")(out)
    with pytest.raises(InputError, match="4 bytes"):
        bundle.read(out, verify=False)


def test_no_folder_is_no_bundle(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        bundle.read(tmp_path / "none")


@pytest.mark.parametrize(
    "arrays",
    [
        {"tensor": TENSOR},
        {"tensor": TENSOR, "logits": LOGITS[0, :2]},
        {"tensor": TENSOR.astype(np.float64), "logits": LOGITS[0]},
        {"tensor": TENSOR, "logits": LOGITS[0], "other_logits": LOGITS[1]},
        {"tensor": TENSOR, "logits": LOGITS[0], "other_logits": LOGITS},
        {"tensor": TENSOR, "logits": LOGITS[0], "noise": NOISE},
        {"tensor": TENSOR, "logits": LOGITS[0], "other_logits": LOGITS[1:], "noise": np.float32(0)},
        {"tensor": TENSOR, "logits": LOGITS[0], "other_logits": np.float32(0)},
        {"tensor": TENSOR, "logits": np.array([1, np.nan, 2], np.float32)},
        {"tensor": TENSOR, "logits": np.array([{}, {}, {}], object)},
        None,
    ],
)
def test_a_golden_file_that_does_not_fit_is_refused(tmp_path, arrays):
    read = bundle.read(make(tmp_path / "a"))
    path = read.path / "golden.npz"
    path.write_bytes(b"PK\3\4") if arrays is None else np.savez(path, **arrays)
    with pytest.raises(InputError, match=r"golden\.npz"):
        read.golden()


def test_an_older_bundle_has_one_golden_picture(tmp_path):
    read = bundle.read(make(tmp_path / "a"))
    np.savez(read.path / "golden.npz", tensor=TENSOR, logits=LOGITS[0])
    golden = read.golden_pictures()
    assert [path.name for path in golden.files] == ["golden.png"]
    np.testing.assert_array_equal(golden.logits, LOGITS[:1])
    assert golden.noise is None


def test_the_newest_is_found_among_others(tmp_path):
    make(tmp_path / "b", MANIFEST | {"created": "2026-01-02T00:00:00Z"})
    make(tmp_path / "c", MANIFEST | {"created": "2026-01-03T00:00:00.500000+00:00"})
    make(tmp_path / "a", MANIFEST | {"created": "2026-01-03T00:00:00+00:00"})
    broken = make(tmp_path / "d")
    (broken / "host.nb").unlink()
    make(tmp_path / "e").rename(tmp_path / ".e")
    assert bundle.newest(tmp_path) == tmp_path / "c"


@pytest.mark.parametrize("root", ["none", "empty"])
def test_no_bundle_at_all_says_how_to_make_one(tmp_path, root):
    (tmp_path / "empty" / "not-one").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no bundle in .*tools/opt\.py"):
        bundle.newest(tmp_path / root)
