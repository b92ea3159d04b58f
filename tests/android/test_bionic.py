"""The core with Android's own C and C++ libraries, on an emulated arm64 processor: the same bits as on this computer.

No phone and no NDK: `bionic_build.py` says what stands in for what.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from bionic_build import BUILD, FETCHED, HERE, linked, run_on_bionic
from core_build import SOURCES, build, run
from networks import small_nb
from PIL import Image
from tensors import encoded, manifest, photograph, smooth, write_manifest

from lite.files import file_sha256
from lite.pictures import prepare
from lite.zoo import MODELS

CPP = HERE.parents[1] / "cpp"


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


PICTURES = {
    "jpeg": lambda: encoded(photograph(300, 401), "JPEG", quality=90),
    "progressive and turned": lambda: encoded(photograph(300, 401), "JPEG", progressive=True, exif=exif(6)),
    "cmyk": lambda: encoded(photograph(60, 50).convert("CMYK"), "JPEG"),
    "png": lambda: encoded(photograph(257, 333), "PNG"),
    "sixteen bits": lambda: encoded(
        Image.fromarray(np.arange(7200, dtype=np.uint16).reshape(90, 80) * 9), "PNG"
    ),
    "palette": lambda: encoded(photograph(60, 50).quantize(20), "PNG"),
    "tiny": lambda: encoded(photograph(1, 1), "PNG"),
    "webp": lambda: encoded(photograph(300, 211), "WEBP", quality=80, exif=exif(7)),
    "lossless webp": lambda: encoded(Image.fromarray(smooth(60, 50, 4), "RGBA"), "WEBP", lossless=True),
}


@pytest.fixture(scope="module")
def tensor_program() -> Path:
    return linked(SOURCES / "src" / "deit_tensor.cpp")


@pytest.mark.parametrize("picture", PICTURES)
def test_the_tensors_of_this_computer(tensor_program: Path, tmp_path: Path, picture: str) -> None:
    (tmp_path / "picture").write_bytes(PICTURES[picture]())
    write_manifest(tmp_path)
    done = run_on_bionic(tensor_program, tmp_path, "/picture", "/manifest.json", "/bionic.f32")
    assert (done.returncode, done.stderr) == (0, "")
    here = [tmp_path / name for name in ("picture", "manifest.json", "here.f32")]
    subprocess.run([build("host") / "deit_tensor", *here], check=True)
    assert (tmp_path / "bionic.f32").read_bytes() == (tmp_path / "here.f32").read_bytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_refusals_in_the_same_words(tensor_program: Path, tmp_path: Path, kind: str) -> None:
    """Thrown and caught in two libraries, each with an unwinder of its own, as on phones."""
    (tmp_path / "picture").write_bytes(encoded(photograph(40, 50), kind)[:-20])
    write_manifest(tmp_path)
    done = run_on_bionic(tensor_program, tmp_path, "/picture", "/manifest.json", "/bionic.f32")
    here = [tmp_path / name for name in ("picture", "manifest.json", "here.f32")]
    ended = subprocess.run([build("host") / "deit_tensor", *here], capture_output=True, text=True)
    assert done.returncode == ended.returncode == 3
    assert (tmp_path / "stderr.txt").read_text() == ended.stderr.replace(str(here[0]), "/picture")
    assert not (tmp_path / "bionic.f32").exists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle of a small network, and numbers."""
    (tmp_path / "model.nb").write_bytes(small_nb("arm"))
    (tmp_path / "host.nb").write_bytes(small_nb("x86"))
    (tmp_path / "labels.txt").write_text("one\n猫\n三\n", encoding="utf-8")
    document = manifest()
    document["weights"]["classes"] = 3
    for name in ("model.nb", "host.nb", "labels.txt"):
        path = tmp_path / name
        document["files"][name] = {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    random = np.random.default_rng(3)
    random.gamma(2, 10, 1001).tofile(tmp_path / "samples.f64")
    random.normal(0, 5, 1000).astype(np.float32).tofile(tmp_path / "logits.f32")
    return tmp_path


def both(folder: Path) -> tuple[list[str], list[str]]:
    """What core_facts prints of the folder with Android's libraries, and with this computer's."""
    program = linked(HERE / "core_facts.cpp")
    done = run_on_bionic(program, folder, "/")
    assert (done.returncode, done.stderr) == (0, "")
    here = BUILD / "core_facts"
    core = build("host") / "libdeit_core_image.a"
    run(
        [
            "g++",
            "-std=c++17",
            "-O2",
            f"-I{SOURCES / 'src'}",
            str(HERE / "core_facts.cpp"),
            str(core),
            "-o",
            str(here),
        ]
    )
    ended = subprocess.run([here, folder], capture_output=True, text=True, check=True)
    return (folder / "stdout.txt").read_text().splitlines(), ended.stdout.replace(
        f"{folder}/", "/"
    ).splitlines()


def test_manifest_labels_networks_and_figures_are_the_same(folder: Path) -> None:
    android, here = both(folder)
    assert android == here
    kinds = [line.split()[0] for line in here]
    assert kinds == ["manifest", *["label"] * 3, *["sha256", "nb"] * 2, "statistics", *["class"] * 5]
    assert "label 猫" in here


def test_what_is_damaged_is_refused_in_the_same_words(folder: Path) -> None:
    (folder / "labels.txt").write_text("one\ntwo\n")
    (folder / "model.nb").write_bytes(small_nb("arm")[:-9])
    android, here = both(folder)
    assert android == here
    assert sum(": refused (" in line for line in here) == 2
    (folder / "manifest.json").write_text('{"schema": 1e400}')
    android, here = both(folder)
    assert android == here
    assert any(line.startswith("manifest: refused (5)") for line in here)


def test_the_whole_way_through_the_c_boundary(tiny_bundle: Path, tmp_path: Path) -> None:
    """What libdeit_jni.so is on, with the engine that adds up the tensor's values: pictures, misuse, a bench."""
    engine = (HERE.parent / "adding_engine.cpp", CPP / "engine_configuration.cpp")
    program = linked(CPP / "classify.c", *engine)
    shutil.copytree(tiny_bundle, tmp_path / "bundle")
    (tmp_path / "cut.jpg").write_bytes(encoded(photograph(40, 50), "JPEG")[:-20])
    done = run_on_bionic(program, tmp_path, "/bundle", "model.nb", "/bundle/golden.png")
    assert (done.returncode, done.stderr) == (0, "")
    lines = (tmp_path / "stdout.txt").read_text().splitlines()
    facts = json.loads(lines[0].removeprefix("facts "))
    assert (facts["model"], facts["engine"], facts["kernel_targets"]) == (
        "deit_tiny",
        "v2.13-rc",
        ["arm", "host"],
    )
    tensor = prepare.from_file(tiny_bundle / "golden.png", MODELS["deit_tiny"].preprocess).ravel()
    logits = [float(word) for word in lines[4].split()[1:]]
    expected = [tensor[c::10].mean(dtype=np.float64) + c for c in range(10)]
    np.testing.assert_allclose(logits, expected, atol=1e-5, rtol=0)
    assert lines[5] == "pixels same"
    assert lines[-1] == "cancelled after 2"
    # Thrown in one library, caught in another.
    done = run_on_bionic(program, tmp_path, "/bundle", "host.nb")
    assert done.returncode == 4
    assert "is made for x86, which this device or engine cannot run" in (tmp_path / "stdout.txt").read_text()
    done = run_on_bionic(program, tmp_path, "/bundle", "model.nb", "/cut.jpg")
    assert done.returncode == 3
    assert "the JPEG is cut short" in (tmp_path / "stdout.txt").read_text()


def test_the_libraries_are_androids(tensor_program: Path) -> None:
    needed = subprocess.check_output(["readelf", "-dW", tensor_program], text=True)
    libraries = {line.rpartition("[")[2].rstrip("]") for line in needed.splitlines() if "(NEEDED)" in line}
    assert libraries == {"libc++_shared.so", "libc.so", "libm.so", "libdl.so"}
    notes = subprocess.check_output(["readelf", "-nW", FETCHED / "lib" / "libc++_shared.so"], text=True)
    assert "Android" in notes
    assert shutil.which("java") is not None
