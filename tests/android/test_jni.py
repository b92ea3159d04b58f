"""The app's native library on real JVMs, of x86_64 with the real engine and of arm64, and its preprocessing in Java."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from core_build import SOURCES, build, run
from demo import copy_bundle, document
from demo import run as run_program
from jni_build import JAVA, arm64_library, classes, fp16_engine, java, java_on_arm64
from PIL import Image

from lite import zoo
from lite.pictures import prepare

TINY = zoo.MODELS["deit_tiny"].preprocess
TOLERANCE = 1e-4
LABELS = ("零", "one", "🦆", "three", "four", "𠀋五", "שש", "7", "8", "nine")
# Width and height of pictures that are unlike each other.
SIZES = ((1, 1), (1, 2), (3, 500), (2000, 2), (256, 256), (224, 224), (255, 257), (641, 427), (1333, 1000))
AOSP = Path("/usr/include/android/nativehelper")


def rgba(width: int, height: int) -> np.ndarray:
    """A picture with noise everywhere and alpha of every kind: uint8 [height, width, 4]."""
    return np.random.default_rng(width + height).integers(0, 256, (height, width, 4), dtype=np.uint8)


def pixels(folder: Path, picture: np.ndarray) -> list[object]:
    """The arguments for a picture: a file of its pixels, width and height."""
    height, width = picture.shape[:2]
    path = folder / f"{width}x{height}.rgba"
    path.write_bytes(picture.tobytes())
    return [path, width, height]


@pytest.fixture(scope="session")
def class_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classes(tmp_path_factory.mktemp("classes"))


@pytest.fixture(scope="session")
def host_library() -> Path:
    """The folder of libdeit_jni.so for this computer."""
    return build("jni")


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A bundle with labels of many scripts, in a folder with such a name."""
    return copy_bundle(
        tiny_bundle,
        tmp_path / "束 🦆",
        sealed=True,
        labels_txt="".join(f"{one}\n" for one in LABELS).encode(),
    )


def logits(lines: list[str]) -> np.ndarray:
    """Of every picture that was classified: float32 [pictures, classes]."""
    rows = [line.split()[1:] for line in lines if line.startswith("logits ")]
    return np.array(rows, np.float32)


def assert_classes_are_softmax(lines: list[str], row: np.ndarray) -> None:
    """The first five "class" lines are the likeliest by `row`, with their labels."""
    powers = np.exp(row.astype(np.float64) - row.max())
    shown = [line.split(" ", 4)[1:] for line in lines if line.startswith("class ")][:5]
    assert [int(one[0]) for one in shown] == np.argsort(-row, kind="stable")[:5].tolist()
    for index, logit, probability, label in shown:
        assert np.float32(logit) == row[int(index)]
        assert float(probability) == pytest.approx(powers[int(index)] / powers.sum(), rel=1e-6)
        assert label == LABELS[int(index)]


def test_logits_are_the_command_lines(
    class_path: Path, host_library: Path, bundle: Path, tmp_path: Path
) -> None:
    picture = np.asarray(Image.open(bundle / "golden.png").convert("RGBA"))
    lines = java(class_path, host_library, "ClassifyPixels", bundle, "host.nb", 1, *pixels(tmp_path, picture))
    deit = build("host") / "deit"
    answer = document(
        run_program(deit, "--bundle", bundle, "--host", "--logits", "--image", bundle / "golden.png")
    )
    (row,) = logits(lines)
    np.testing.assert_allclose(row, answer["pictures"][0]["logits"], atol=TOLERANCE, rtol=0)
    assert_classes_are_softmax(lines, row)
    facts = json.loads(lines[0].removeprefix("facts "))
    assert (facts["model"], facts["engine"], facts["kernel_targets"]) == (
        "deit_tiny",
        "v2.13-rc",
        ["host", "x86"],
    )


MISUSE = [
    "measured 2 of 50, asked 4",
    "thrown no more",
    "2 an argument is NULL that must not be",
    "2 an argument is NULL that must not be",
    "3 a picture without pixels: give at least 1x1",
    "2 there is room for no class: give at least 1",
    "2 there is room for 1 of 10 logits",
    "2 0 measured runs: give 1 to 1000000",
]


def test_misuse_gives_a_code_and_words(class_path: Path, host_library: Path, bundle: Path) -> None:
    assert java(class_path, host_library, "ClassifyPixels", bundle, "host.nb", 1)[1:] == MISUSE


def test_what_cannot_be_opened(class_path: Path, host_library: Path, bundle: Path, tmp_path: Path) -> None:
    none = tmp_path / "🦆 none"
    for folder, model, words in (
        (bundle, "model.nb", "4 .* is made for arm"),
        (none, "host.nb", "5 .*/🦆 none is not a bundle: there is no such folder"),
        (bundle, "🦆.nb", "4 cannot read .*/束 🦆/🦆.nb: [Nn]o such file"),
    ):
        (line,) = java(class_path, host_library, "ClassifyPixels", folder, model, 1)
        assert re.match(words, line), line


def test_whole_way_on_arm64(class_path: Path, bundle: Path, tmp_path: Path) -> None:
    """Pictures to classes through Java, JNI and the core, with an engine that adds up the tensor's values."""
    pictures = [rgba(*size) for size in ((1, 1), (2000, 2), (255, 257))]
    arguments = [argument for picture in pictures for argument in pixels(tmp_path, picture)]
    lines = java_on_arm64(class_path, arm64_library(), "ClassifyPixels", bundle, "model.nb", 2, *arguments)
    assert json.loads(lines[0].removeprefix("facts "))["threads"] == 2
    found = logits(lines)
    for row, picture in zip(found, pictures, strict=True):
        tensor = prepare.prepare(np.ascontiguousarray(picture[..., :3]), TINY).ravel()
        expected = [tensor[c::10].mean(dtype=np.float64) + c for c in range(10)]
        np.testing.assert_allclose(row, expected, atol=1e-5, rtol=0)
    assert_classes_are_softmax(lines, found[0])
    assert lines[-len(MISUSE) :] == MISUSE


def test_refusals_on_arm64(class_path: Path, bundle: Path) -> None:
    (line,) = java_on_arm64(class_path, arm64_library(), "ClassifyPixels", bundle, "host.nb", 1)
    assert line.startswith("4 ")
    assert "is made for x86, which this device or engine cannot run" in line
    (line,) = java_on_arm64(class_path, arm64_library(), "ClassifyPixels", bundle, "model.nb", 7)
    assert line.startswith("6 the engine could not load ")
    assert line.endswith("seven threads are too many")


def test_half_precision_on_arm64(
    class_path: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle that requires it, on processors with and without, and with the libraries of both releases."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["requires"] = {"cpu": "asimdhp", "release": "arm82_fp16"}
    half = copy_bundle(bundle, tmp_path / "half", manifest_json=json.dumps(manifest).encode())

    def line(processor: str) -> str:
        monkeypatch.setenv("QEMU_CPU", processor)
        lines = java_on_arm64(class_path, arm64_library(), "ClassifyPixels", half, "model.nb", 1)
        return lines[0]

    assert re.match("4 .*/model.nb computes in fp16, for which not every core", line("cortex-a53"))
    assert re.match("4 .*/model.nb computes in fp16, for which this engine's library", line("cortex-a76"))
    # Loaded in place of the other; System.loadLibrary opens it for the core alone.
    monkeypatch.setenv("LD_LIBRARY_PATH", str(fp16_engine(tmp_path / "release")))
    assert line("cortex-a76").startswith("facts ")
    assert re.match("4 .* not every core", line("cortex-a53"))


def test_preprocessing_in_java_is_pythons_to_the_bit(class_path: Path, tmp_path: Path) -> None:
    pictures = {size: rgba(*size) for size in (*SIZES, (4000, 3000), (641, 427))}
    arguments: list[object] = []
    for size, picture in pictures.items():
        arguments += [*pixels(tmp_path, picture), tmp_path / f"{size}.f32"]
    java(class_path, tmp_path, "PreparePixels", TINY.resize_short, TINY.crop, *arguments)
    for size, picture in pictures.items():
        expected = prepare.prepare(np.ascontiguousarray(picture[..., :3]), TINY)
        found = np.fromfile(tmp_path / f"{size}.f32", "<f4").reshape(expected.shape)
        np.testing.assert_array_equal(found, expected, err_msg=str(size))


def test_preprocessing_in_java_for_other_sizes_of_tensor(class_path: Path, tmp_path: Path) -> None:
    spec = zoo.Preprocess(resize_short=64, crop=17, interpolation="bicubic", mean=TINY.mean, std=TINY.std)
    picture = rgba(301, 77)
    java(class_path, tmp_path, "PreparePixels", 64, 17, *pixels(tmp_path, picture), tmp_path / "tensor.f32")
    expected = prepare.prepare(np.ascontiguousarray(picture[..., :3]), spec)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "tensor.f32", "<f4"), expected.ravel())


def natives() -> set[str]:
    declared = re.findall(r"static native \S+ (\w+)\(", (JAVA / "NativeCore.java").read_text())
    assert len(declared) == 7
    return {f"Java_com_example_deit_classify_NativeCore_{name}" for name in declared}


@pytest.mark.parametrize("library", ["host", "arm64"])
def test_exports_the_natives_and_nothing_else(host_library: Path, library: str) -> None:
    folder = host_library if library == "host" else arm64_library()
    listed = said("nm", "-D", "--defined-only", folder / "libdeit_jni.so")
    assert {line.split()[2] for line in listed.splitlines()} == natives()


def test_loads_on_pages_of_16_kib() -> None:
    """As some phones with Android 15 have them; and only the engine and the C and C++ libraries are needed."""
    library = arm64_library() / "libdeit_jni.so"
    segments = [line.split() for line in said("readelf", "-lW", library).splitlines() if "LOAD " in line]
    assert segments
    assert all(int(segment[-1], 16) % 0x4000 == 0 for segment in segments)
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", said("readelf", "-d", library)))
    assert needed - {"libm.so.6", "libc.so.6", "libgcc_s.so.1", "ld-linux-aarch64.so.1"} == {
        "libpaddle_light_api_shared.so",
        "libstdc++.so.6",
    }


@pytest.mark.parametrize(
    "compiler", [["aarch64-linux-gnu-g++"], ["clang++", "-stdlib=libc++"]], ids=["gcc", "clang"]
)
def test_compiles_with_androids_jni_header(compiler: list[str]) -> None:
    """AOSP's own jni.h, which the NDK has, declares some functions otherwise than a JDK's."""
    if not (AOSP / "jni.h").exists():
        pytest.fail(f"no {AOSP}/jni.h: ./test.sh installs android-libnativehelper-dev as root", False)
    flags = [
        "-std=c++17",
        "-fsyntax-only",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-D__ANDROID__",
        "-D__ANDROID_API__=24",
    ]
    run([*compiler, *flags, "-isystem", str(AOSP), "-Isrc", "jni/deit_jni.cpp"])


def test_build_without_decoding_says_so(host_library: Path, bundle: Path) -> None:
    done = run_program(host_library / "refuse_encoded", bundle, "host.nb")
    assert done.stdout == "2 this build decodes no files (DEIT_DECODE=OFF): give pixels\n"
    linked = said("readelf", "-d", host_library / "libdeit_jni.so")
    assert "jpeg" not in linked
    assert "png" not in linked
    assert "webp" not in linked


def test_json_library_is_fetched_where_there_is_none(tmp_path: Path) -> None:
    """With the unpacked release's place taken by a folder, as FetchContent lets one do."""
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "CMakeLists.txt").write_text(
        "add_library(nlohmann_json INTERFACE)\nadd_library(nlohmann_json::nlohmann_json ALIAS nlohmann_json)\n"
        "target_include_directories(nlohmann_json INTERFACE /usr/include)\n"
    )
    options = [
        "-DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON",
        "-DDEIT_DECODE=OFF",
        "-DDEIT_ENGINE=OFF",
    ]
    options.append(f"-DFETCHCONTENT_SOURCE_DIR_NLOHMANN_JSON={tmp_path / 'json'}")
    run(["cmake", "-S", str(SOURCES), "-B", str(tmp_path / "build"), *options])
    pinned = (SOURCES / "cmake" / "Json.cmake").read_text()
    assert re.search(r"URL_HASH SHA256=[0-9a-f]{64}\)", pinned)


def said(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    return done.stdout
