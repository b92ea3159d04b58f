"""INT8 answers of a phone that runs another network than the bundle's, though by 64 bytes only; and of sound ones."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from bench import bench, results
from phone import Phone

from lite import bundle, zoo
from lite.bundle import Bundle
from lite.engines.paddle_lite import LitePredictor
from lite.model import weights
from lite.nb import reader
from lite.nb.flatbuffer import Buffer
from lite.phone import golden
from lite.phone.plan import Candidate
from lite.pictures import picture_set
from quant import host_check, recipe
from quant.conversion import convert_all
from quant.recipe import Recipe, Request

SHORT = ("--repeats", 2, "--rounds", 1, "--warmup", 0)


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundled weights in INT8 by the default recipe."""
    loaded = weights.load(zoo.find("deit_tiny"), "digits", notify=lambda message: None)
    (made,) = convert_all(
        loaded,
        [Request("int8", "arm")],
        recipe=Recipe.named(recipe.DEFAULT),
        calibration=picture_set.digits("calibration", loaded.labels, 8),
        check=picture_set.digits("held_out", loaded.labels, 9),
        out=tmp_path_factory.mktemp("int8"),
        work=tmp_path_factory.mktemp("work"),
    )
    return made


def place_of(raw: bytes, name: str) -> slice:
    """Where a `.nb` has the values of a parameter."""
    file = io.BytesIO(raw)
    file.seek(reader.HEADER.size + reader.HEADER.unpack_from(raw)[2])
    _, reserved = struct.unpack("<HH", file.read(4))
    file.seek(reserved, io.SEEK_CUR)
    (header,) = struct.unpack("<H", file.read(2))
    (count, _) = struct.unpack_from("<HI", file.read(header))
    for _ in range(count):
        total, offset = struct.unpack("<II", file.read(8))
        start = file.tell() + offset - 4
        root = Buffer(file.read(total - 4)[offset - 4 :]).root()
        found, tensor = reader._param(root)
        if found == name:
            view = root.table(reader._PARAM_TENSOR)
            assert view is not None
            start += view._table.Vector(view._offset(reader._PARAM_DATA))
            return slice(start, start + tensor.bytes)
    raise AssertionError(f"no parameter {name}")


def damaged(made: Bundle, name: str, folder: Path) -> Bundle:
    """The bundle with a parameter's largest 64 bytes in `host.nb` zeroed, and a manifest that knows no better."""
    folder.mkdir()
    for path in made.path.iterdir():
        if path.name not in ("host.nb", "manifest.json"):
            (folder / path.name).hardlink_to(path)
    raw = bytearray(made.host_nb.read_bytes())
    place = place_of(raw, name)
    values = np.frombuffer(raw[place], np.float32)
    assert len(values) % 16 == 0
    first = place.start + 64 * int(np.abs(values).reshape(-1, 16).sum(axis=1).argmax())
    raw[first : first + 64] = bytes(64)
    (folder / "host.nb").write_bytes(raw)
    bundle.write_manifest(folder, made.manifest)
    return bundle.read(folder)


def test_a_bundle_has_eight_golden_pictures_and_their_noise(int8: Bundle) -> None:
    found = int8.golden_pictures()
    assert [path.name for path in found.files] == ["golden.png", *(f"golden-{n}.png" for n in range(2, 9))]
    assert found.noise is not None
    # Roundings have flipped, and only those.
    assert 1e-4 < found.noise.min() <= found.noise.max() < 0.01
    np.testing.assert_array_equal(found.logits[0], int8.golden()[1])
    predictor = LitePredictor(int8.host_nb)
    pictures = [picture_set.Picture(path.name, path) for path in found.files]
    for picture, logits in zip(pictures, found.logits, strict=True):
        np.testing.assert_array_equal(predictor.run(picture.tensor(int8.preprocess)), logits)


def test_arms_kernels_have_more_room_than_the_same_ones_and_less_than_a_zeroed_scale_takes(
    int8: Bundle, tmp_path: Path
) -> None:
    bounds = [golden.rule(Candidate(int8, "there", host), 8) for host in (True, False)]
    assert [name for name, _ in bounds] == ["distance", "distance"]
    assert bounds[1][1] == pytest.approx(golden.ARM_NOISE / golden.NOISE * bounds[0][1])
    made = damaged(int8, "layer_norm_24.w_0", tmp_path / "damaged")
    predictor = LitePredictor(made.host_nb)
    files = int8.golden_pictures().files
    pictures = [picture_set.Picture(path.name, path) for path in files]
    logits = np.array([predictor.run(picture.tensor(int8.preprocess)) for picture in pictures], np.float64)
    assert not golden.compare(Candidate(int8, "there", False), logits, fed="picture").passed


def test_other_roundings_are_no_other_network(int8: Bundle) -> None:
    """Sound runs of which other sums flip than those that the bound was measured by, all pictures and one alone."""
    candidate = Candidate(int8, "there", True)
    found = int8.golden_pictures()
    pictures = [picture_set.Picture(path.name, path) for path in found.files]
    predictor = LitePredictor(int8.host_nb)
    for seed in range(4):
        nudged = host_check.nudged(pictures, int8.preprocess, seed)
        logits = np.array([predictor.run(picture.tensor(int8.preprocess)) for picture in nudged], np.float64)
        together = golden.compare(candidate, logits, fed="picture")
        alone = golden.compare(candidate, logits[:1], fed="tensor")
        for one in (together, alone):
            assert (one.rule, one.passed) == ("distance", True)
            assert one.distance > 0


@pytest.mark.parametrize(
    "name",
    [
        "layer_norm_24.w_0",
        "layer_norm_6.w_0",
        "linear_4.tmp_0.dequantized.weight_scales",
        "linear_42.tmp_0.dequantized.weight_scales",
        "linear_49.tmp_0.dequantized.weight_scales",
    ],
)
def test_64_zeroed_bytes_of_a_scale_are_seen(int8: Bundle, phone: Phone, name: str, tmp_path: Path) -> None:
    made = damaged(int8, name, tmp_path / "damaged")
    done = bench("--bundle", made.path, "--out", tmp_path / "out", *SHORT)
    assert done.returncode == 8, done.stderr
    assert "other logits on the phone than here" in done.stderr
    assert "p50" not in done.stdout
    (one,) = results(tmp_path / "out")["phones"]
    assert (one["status"], one["measurements"]) == ("mismatch", [])
    last = one["golden"][-1]
    assert (last["rule"], last["passed"]) == ("distance", False)
    assert last["allowed"] < last["distance"]


def test_the_sound_bundle_passes_and_says_by_how_much(int8: Bundle, phone: Phone, tmp_path: Path) -> None:
    done = bench("--bundle", int8.path, "--out", tmp_path / "out", *SHORT)
    assert done.returncode == 0, done.stderr
    found = results(tmp_path / "out")["phones"][0]["golden"]
    assert [(one["input"], one["pictures"], one["rule"], one["passed"]) for one in found] == [
        ("tensor", 1, "distance", True),
        ("picture", 8, "distance", True),
    ]
    assert "8 pictures" in (tmp_path / "out/report.html").read_text()
