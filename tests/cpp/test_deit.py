"""`deit` classifies pictures as Python does, with the same network in the same engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo import document, refusal, run
from PIL import Image

from lite import bundle as bundles

TOLERANCE = 1e-4
PICTURES = ("photo.jpg", "portrait.png", "grey.jpg", "alpha.png", "turned.jpg", "tiny.png")
# In a process of its own: Paddle Lite beside Paddle's own libraries is asking for trouble.
PYTHON = """
import json, sys
from pathlib import Path
from lite import bundle
from lite.pictures import prepare
from lite.engines.paddle_lite import LitePredictor
made = bundle.read(Path(sys.argv[1]))
network = LitePredictor(made.host_nb)
answers = {path: network.run(prepare.from_file(Path(path), made.preprocess)).tolist() for path in sys.argv[2:]}
Path(sys.argv[1], "..", "answers.json").resolve().write_text(json.dumps(answers))
"""


def _scene(width: int, height: int, seed: int) -> Image.Image:
    """Waves of colour with noise: has edges, gradients and detail."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = np.stack([np.sin(9 * x + seed + c) + np.cos((7 + c) * y * (1 + x)) for c in range(3)], axis=-1)
    return Image.fromarray(
        np.clip(127 + 55 * waves + rng.normal(0, 12, waves.shape), 0, 255).astype(np.uint8)
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    turned = Image.Exif()
    turned[0x0112] = 6
    with_alpha = _scene(300, 301, 4)
    with_alpha.putalpha(_scene(300, 301, 5).convert("L"))
    made: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "photo.jpg": (_scene(641, 427, 1), {"quality": 90}),
        "portrait.png": (_scene(250, 777, 2), {}),
        "grey.jpg": (_scene(400, 300, 3).convert("L"), {}),
        "alpha.png": (with_alpha, {}),
        "turned.jpg": (_scene(500, 333, 6), {"exif": turned}),
        "tiny.png": (_scene(5, 3, 7), {}),
    }
    for name, (image, options) in made.items():
        image.save(folder / name, **options)
    assert set(made) == set(PICTURES)
    return {name: folder / name for name in made}


@pytest.fixture(scope="module")
def python_logits(tiny_bundle: Path, pictures: dict[str, Path]) -> dict[str, list[float]]:
    paths = [str(path) for path in pictures.values()]
    subprocess.run([sys.executable, "-c", PYTHON, str(tiny_bundle), *paths], check=True)
    answers: dict[str, list[float]] = json.loads((tiny_bundle.parent / "answers.json").read_text())
    return {Path(path).name: logits for path, logits in answers.items()}


@pytest.fixture(scope="module")
def classified(
    host_build: Path, tiny_bundle: Path, pictures: dict[str, Path]
) -> subprocess.CompletedProcess[str]:
    images = [argument for path in pictures.values() for argument in ("--image", path)]
    return run(host_build / "deit", "--bundle", tiny_bundle, "--host", "--logits", "--topk", 3, *images)


@pytest.fixture
def deit(host_build: Path) -> Any:
    return lambda *arguments: run(host_build / "deit", *arguments)


@pytest.mark.parametrize("name", PICTURES)
def test_logits_are_pythons(
    name: str, classified: subprocess.CompletedProcess[str], python_logits: dict[str, list[float]]
) -> None:
    answers = {Path(one["picture"]).name: one["logits"] for one in document(classified)["pictures"]}
    np.testing.assert_allclose(answers[name], python_logits[name], atol=TOLERANCE, rtol=0)


def test_pictures_differ(python_logits: dict[str, list[float]]) -> None:
    """Else equal logits would say nothing."""
    rows = np.array(list(python_logits.values()))
    apart = np.abs(rows[:, None] - rows[None]).max(axis=-1)
    assert apart[~np.eye(len(rows), dtype=bool)].min() > 100 * TOLERANCE


def test_classes_are_softmax_of_the_logits(
    classified: subprocess.CompletedProcess[str], tiny_bundle: Path
) -> None:
    labels = (tiny_bundle / "labels.txt").read_text().split()
    for one in document(classified)["pictures"]:
        logits = np.array(one["logits"], np.float64)
        powers = np.exp(logits - logits.max())
        order = np.argsort(-logits, kind="stable")[:3]
        assert [guess["index"] for guess in one["classes"]] == order.tolist()
        assert [guess["class"] for guess in one["classes"]] == [labels[index] for index in order]
        found = [guess["probability"] for guess in one["classes"]]
        np.testing.assert_allclose(found, (powers / powers.sum())[order], rtol=1e-6)


def test_lines_for_people_come_before_the_document(
    classified: subprocess.CompletedProcess[str], tiny_bundle: Path
) -> None:
    facts = document(classified)
    manifest = json.loads((tiny_bundle / "manifest.json").read_text())
    lines = classified.stdout.splitlines()[:-1]
    assert lines[0].startswith("deit_tiny fp32")
    assert "Paddle Lite v2.13-rc, 1 thread, no-bind" in lines[0]
    assert len(lines) == 1 + 4 * len(PICTURES)
    assert classified.stderr == ""
    assert facts["versions"] == {"deit": "0.1.0", "engine": "v2.13-rc", "opt": "v2.13-rc"}
    assert (facts["model"], facts["precision"], facts["target"]) == ("deit_tiny", "fp32", "arm")
    assert facts["bytes"] == manifest["files"]["host.nb"]["bytes"]
    assert facts["kernel_targets"] == ["host", "x86"]
    assert facts["bench"] is None


def test_tensor_in_place_of_a_picture(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    tensor, logits = bundles.read(tiny_bundle).golden()
    tensor.tofile(tmp_path / "golden.f32")
    done = deit("--bundle", tiny_bundle, "--host", "--tensor", tmp_path / "golden.f32", "--logits")
    one = document(done)["pictures"][0]
    np.testing.assert_allclose(one["logits"], logits, atol=TOLERANCE, rtol=0)
    assert one["decode_ms"] is None


def test_parts_of_a_bundle_by_name(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_bundle / "host.nb", tmp_path / "renamed.nb")
    parts = ("--model", tmp_path / "renamed.nb", "--manifest", tiny_bundle / "manifest.json")
    image = ("--image", tiny_bundle / "golden.png", "--logits", "--topk", 99)
    by_name = document(deit(*parts, "--labels", tiny_bundle / "labels.txt", *image))
    whole = document(deit("--bundle", tiny_bundle, "--host", *image))
    assert by_name["pictures"][0]["logits"] == whole["pictures"][0]["logits"]
    assert len(by_name["pictures"][0]["classes"]) == 10


def test_labels_and_manifest_lie_beside_the_model(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    image = ("--image", tiny_bundle / "golden.png", "--logits")
    whole = document(deit("--bundle", tiny_bundle, "--host", *image))["pictures"][0]
    alone = document(deit("--model", tiny_bundle / "host.nb", *image))["pictures"][0]
    assert (alone["logits"], alone["classes"]) == (whole["logits"], whole["classes"])
    labels = tmp_path / "names.txt"
    labels.write_text("".join(f"{letter}\n" for letter in "abcdefghij"))
    named = document(deit("--model", tiny_bundle / "host.nb", "--labels", labels, *image))["pictures"][0]
    assert [one["class"] for one in named["classes"]] == [
        "abcdefghij"[one["index"]] for one in whole["classes"]
    ]


def test_model_with_nothing_beside_it(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.nb"
    shutil.copy(tiny_bundle / "host.nb", model)
    image = ("--image", tiny_bundle / "golden.png")
    assert "none.nb: no such file" in refusal(deit("--model", tmp_path / "none.nb", *image), 4)
    message = refusal(deit("--model", model, "--labels", tiny_bundle / "labels.txt", *image), 5)
    assert message == f"there is no manifest.json beside {model}: give --manifest, or copy the whole bundle"
    message = refusal(deit("--model", model, "--manifest", tiny_bundle / "manifest.json", *image), 5)
    assert message == f"there is no labels.txt beside {model}: give --labels, or copy the whole bundle"


def test_unreadable_picture_does_not_stop_the_others(
    deit: Any, tiny_bundle: Path, pictures: dict[str, Path], tmp_path: Path
) -> None:
    missing = tmp_path / "missing.jpg"
    done = deit("--bundle", tiny_bundle, "--host", "--image", missing, "--image", pictures["photo.jpg"])
    bad, good = document(done, code=3)["pictures"]
    assert str(missing) in bad["error"]
    assert done.stderr == f"deit: {bad['error']}\n"
    assert (bad["classes"], bad["inference_ms"], good["error"]) == ([], None, None)
    assert len(good["classes"]) == 5


def test_power_mode_is_for_arm(deit: Any, tiny_bundle: Path) -> None:
    done = deit(
        "--bundle", tiny_bundle, "--host", "--image", tiny_bundle / "golden.png", "--power-mode", "high"
    )
    assert document(done)["power_mode"] == "no-bind"
    assert "power mode high is for ARM" in done.stdout


def test_more_threads_give_the_same(deit: Any, tiny_bundle: Path) -> None:
    image = ("--bundle", tiny_bundle, "--host", "--image", tiny_bundle / "golden.png", "--logits")
    one, two = (document(deit(*image, "--threads", threads)) for threads in (1, 2))
    assert (one["threads"], two["threads"]) == (1, 2)
    np.testing.assert_allclose(one["pictures"][0]["logits"], two["pictures"][0]["logits"], atol=TOLERANCE)


def test_help_and_version(deit: Any) -> None:
    shown = deit("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Examples:" in shown.stdout
    assert deit("--version").stdout == "0.1.0\n"
