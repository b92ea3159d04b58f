"""What `deit` cannot use ends in one line that says why, with an exit code that says what kind it is."""

from __future__ import annotations

import json
import math
import os
import pickle
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo import copy_bundle, document, refusal, run


@pytest.fixture
def deit(host_build: Path) -> Any:
    return lambda *arguments: run(host_build / "deit", *arguments)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", "give --bundle"),
        ("--bundle BUNDLE", "give a picture"),
        ("--bundle BUNDLE --image a.jpg --tensor b.f32", "not both"),
        ("--bundle BUNDLE --model a.nb --image a.jpg", "--bundle has model"),
        ("--labels a.txt --image a.jpg", "give --bundle, or --model"),
        ("--host --model a.nb --image a.jpg", "--host is the host.nb of a bundle"),
        ("--bundle BUNDLE --image a.jpg --threads -1", "--threads: Value -1 not in range 1 to 256"),
        ("--bundle BUNDLE --image a.jpg --threads 0", "--threads: Value 0 not in range 1 to 256"),
        ("--bundle BUNDLE --image a.jpg --threads two", "--threads: Value two not in range 1 to 256"),
        ("--bundle BUNDLE --image a.jpg --threads 99999999999", "--threads"),
        ("--bundle BUNDLE --image a.jpg --topk 0", "--topk: Value 0 not in range"),
        ("--bundle BUNDLE --image a.jpg --power-mode fast", "unknown power mode 'fast'"),
        ("--bundle BUNDLE --image a.jpg --cpu-mask f0 --power-mode high", "give one of them"),
        ("--bundle BUNDLE --image a.jpg --cpu-mask xyz", "is no hexadecimal mask"),
        ("--bundle BUNDLE --image a.jpg --cpu-mask 0", "has no processor"),
        ("--bundle BUNDLE --bench --image a.jpg --image b.jpg", "a single --image"),
        ("--bundle BUNDLE --bench --repeats 0", "--repeats: Value 0 not in range"),
        ("--bundle BUNDLE --bench --warmup -3", "--warmup: Value -3 not in range"),
        ("--bundle BUNDLE --bench --timeout -1", "--timeout: Value -1 not in range"),
        *[
            (f"--bundle BUNDLE --bench --timeout {word}", "--timeout")
            for word in ("nan", "-nan", "inf", "1e300", "")
        ],
        *[
            (f"--bundle BUNDLE --image a.jpg {word} 3", f"{word} requires --bench")
            for word in ("--warmup", "--repeats", "--min-seconds")
        ],
        ("--bundle BUNDLE --image", "--image"),
        ("--bundle BUNDLE --nonsense", "--nonsense"),
    ],
)
def test_bad_usage(deit: Any, tiny_bundle: Path, arguments: str, reason: str) -> None:
    words = [str(tiny_bundle) if word == "BUNDLE" else word for word in arguments.split()]
    assert reason in refusal(deit(*words), 2)


@pytest.mark.parametrize(
    "option", ["bundle", "model", "labels", "manifest", "image", "tensor", "cpu-mask", "trace-marker"]
)
def test_an_empty_value_is_not_an_option_left_out(deit: Any, tiny_bundle: Path, option: str) -> None:
    said = refusal(deit("--host", "--bench", "--bundle", tiny_bundle, f"--{option}", ""), 2)
    assert said == f"--{option}: is empty: give a value, or leave the option out; see deit --help"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\x02\x00v2.13-rc", "cut short inside of the header"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "does not start like a .nb"),
        (b"no model at all, but long enough for one", "does not start like a .nb"),
        (struct.pack("<H16sQ", 1, b"v2.6", 0), "meta version 1, of opt v2.6"),
        (struct.pack("<H16sQ", 2, b"v2.13-rc", 1 << 40), "cut short: 1099511627776 bytes of program"),
        (struct.pack("<H16sQ", 2, b"v2.13-rc", 8) + b"\xff" * 40, "an offset points outside of it"),
    ],
    ids=["empty", "header", "picture", "text", "old", "announced", "damaged"],
)
def test_no_model_at_all(deit: Any, tiny_bundle: Path, tmp_path: Path, data: bytes, reason: str) -> None:
    message = refusal(_with_model(deit, tiny_bundle, tmp_path, data), 4)
    assert str(tmp_path / "copy" / "host.nb") in message
    assert reason in message


def test_missing_model(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    message = refusal(_with_model(deit, tiny_bundle, tmp_path, None), 4)
    assert str(tmp_path / "copy" / "host.nb") in message


@pytest.mark.parametrize("kept", [0.001, 0.01, 0.5, 0.999999])
def test_model_cut_short(deit: Any, tiny_bundle: Path, tmp_path: Path, kept: float) -> None:
    data = (tiny_bundle / "host.nb").read_bytes()
    message = refusal(_with_model(deit, tiny_bundle, tmp_path, data[: int(len(data) * kept)]), 4)
    assert "cut short" in message


def test_more_behind_the_model(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    data = (tiny_bundle / "host.nb").read_bytes() + b"more"
    assert "its end is not where" in refusal(_with_model(deit, tiny_bundle, tmp_path, data), 4)


def test_size_that_the_manifest_does_not_say(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    data = (tiny_bundle / "host.nb").read_bytes()
    copy = copy_bundle(tiny_bundle, tmp_path / "copy", host_nb=data[:-4])
    message = refusal(deit("--bundle", copy, "--host", "--image", copy / "golden.png"), 4)
    assert f"has {len(data) - 4} bytes where the manifest says {len(data)}" in message


def test_model_of_another_version(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    data = bytearray((tiny_bundle / "host.nb").read_bytes())
    data[2:18] = b"v2.12".ljust(16, b"\0")
    message = refusal(_with_model(deit, tiny_bundle, tmp_path, bytes(data)), 4)
    assert "was made by opt v2.12 but this engine is v2.13-rc" in message


def test_model_for_another_processor(deit: Any, tiny_bundle: Path) -> None:
    message = refusal(deit("--bundle", tiny_bundle, "--image", tiny_bundle / "golden.png"), 4)
    assert "made for arm" in message
    assert "--host" in message


def test_model_that_wants_another_shape(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    manifest = json.loads((tiny_bundle / "manifest.json").read_text())
    manifest["input"] |= {"shape": [1, 3, 192, 192], "crop": 192}
    copy = copy_bundle(tiny_bundle, tmp_path / "copy", manifest_json=json.dumps(manifest).encode())
    message = refusal(deit("--bundle", copy, "--host", "--image", copy / "golden.png"), 4)
    assert "[1, 3, 224, 224]" in message
    assert "[1, 3, 192, 192]" in message


def test_network_that_answers_nan(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    poisoned = _with_weight(tiny_bundle, math.nan)
    message = refusal(_with_model(deit, tiny_bundle, tmp_path, poisoned), 6)
    assert "answers NaN or infinity" in message


def test_engine_that_aborts(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    """What the checks cannot see: a kernel that no engine has."""
    data = (tiny_bundle / "host.nb").read_bytes()
    assert data.count(b"softmax/def/2/1/1") > 0
    done = _with_model(deit, tiny_bundle, tmp_path, data.replace(b"softmax/def/2/1/1", b"softmax/xyz/2/1/1"))
    assert done.returncode == 6
    said = "deit: the engine gave up (SIGABRT) when it was to load the network; what it said is above"
    assert done.stderr.splitlines()[-1] == said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels_txt": b"one\ntwo\n"}, "has 2 labels for 10 classes"),
        ({"labels_txt": None}, "labels.txt"),
        ({"manifest_json": None}, "is not a bundle: it has no manifest.json"),
        ({"manifest_json": b"{}"}, "manifest.json"),
        ({"manifest_json": b"not json"}, "manifest.json"),
    ],
    ids=["few labels", "no labels", "no manifest", "empty manifest", "text"],
)
def test_bad_bundle(
    deit: Any, tiny_bundle: Path, tmp_path: Path, changes: dict[str, bytes | None], reason: str
) -> None:
    copy = copy_bundle(tiny_bundle, tmp_path / "copy", sealed="manifest_json" not in changes, **changes)
    assert reason in refusal(deit("--bundle", copy, "--host", "--image", tiny_bundle / "golden.png"), 5)


def test_classes_that_only_the_run_tells(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    manifest = json.loads((tiny_bundle / "manifest.json").read_text())
    manifest["weights"]["classes"] = 2
    copy = copy_bundle(
        tiny_bundle,
        tmp_path / "copy",
        sealed=True,
        labels_txt=b"one\ntwo\n",
        manifest_json=json.dumps(manifest).encode(),
    )
    message = refusal(deit("--bundle", copy, "--host", "--image", copy / "golden.png"), 5)
    assert "the network has 10 classes but there are 2 labels" in message


def test_bundle_that_is_not_there(deit: Any, tmp_path: Path) -> None:
    folder = tmp_path / "none"
    message = refusal(deit("--bundle", folder, "--image", "a.jpg"), 5)
    assert message == f"{folder} is not a bundle: there is no such folder; make one with tools/opt.py"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(10, np.float32), "the tensor has 40 bytes where the network takes 150528 float32 values"),
        (np.full((1, 3, 224, 224), np.nan, np.float32), "the tensor's value 0 is NaN or infinite"),
    ],
    ids=["short", "nan"],
)
def test_bad_tensor(deit: Any, tiny_bundle: Path, tmp_path: Path, values: np.ndarray, reason: str) -> None:
    values.tofile(tmp_path / "bad.f32")
    done = deit("--bundle", tiny_bundle, "--host", "--tensor", tmp_path / "bad.f32")
    assert reason in document(done, code=3)["pictures"][0]["error"]


def test_output_that_cannot_be_written(host_build: Path, tiny_bundle: Path) -> None:
    picture = ("--bundle", tiny_bundle, "--host", "--image", tiny_bundle / "golden.png")
    for arguments in (picture, ("--help",), ("--version",)):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [host_build / "deit", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == 7, arguments
        assert done.stderr.startswith("deit: standard output cannot be written")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "it is a folder or device, not a file"),
        (Path.mkdir, "it is a folder or device, not a file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is a folder or device, not a file"),
        (lambda path: path.symlink_to("/proc/self/mem"), "is empty"),
        (lambda path: path.symlink_to(path), "cannot read"),
        (
            lambda path: os.close(os.open(path, os.O_CREAT)) or os.truncate(path, 1 << 40),
            "1099511627776 bytes, more",
        ),
    ],
    ids=["fifo", "folder", "device", "memory", "link to itself", "sparse"],
)
def test_what_is_no_plain_file_is_refused_at_once(
    deit: Any, tiny_bundle: Path, tmp_path: Path, make: Any, reason: str
) -> None:
    picture = tmp_path / "x.png"
    make(picture)
    done = deit("--bundle", tiny_bundle, "--host", "--image", picture)
    assert reason in document(done, code=3)["pictures"][0]["error"]
    for option in ("--model", "--labels", "--manifest", "--tensor"):
        others = {
            "--model": tiny_bundle / "host.nb", "--manifest": tiny_bundle / "manifest.json",
            "--labels": tiny_bundle / "labels.txt", "--image": tiny_bundle / "golden.png",
        }  # fmt: skip
        if option == "--tensor":
            del others["--image"]
        words = [word for pair in (others | {option: picture}).items() for word in pair]
        assert reason in deit(*words).stderr, option


def test_message_is_one_line_whatever_the_name(deit: Any, tiny_bundle: Path) -> None:
    done = deit("--bundle", tiny_bundle, "--host", "--image", "a\nb\x1b[31m.jpg")
    assert document(done, code=3)["pictures"][0]["picture"] == "a\nb\x1b[31m.jpg"
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr


def _with_model(
    deit: Any, bundle: Path, folder: Path, data: bytes | None
) -> subprocess.CompletedProcess[str]:
    """Classifies with another host.nb, whose size and SHA-256 the manifest has, so that these don't give it away."""
    copy = copy_bundle(bundle, folder / "copy", sealed=True, host_nb=data)
    done: subprocess.CompletedProcess[str] = deit("--bundle", copy, "--host", "--image", copy / "golden.png")
    return done


def _with_weight(bundle: Path, value: float) -> bytes:
    """The bundle's host.nb with one weight of the last layer changed."""
    state = pickle.loads((bundle.parent / "tiny.pdparams").read_bytes())
    data = (bundle / "host.nb").read_bytes()
    start = data.find(state["head.weight"].tobytes())
    assert start > 0
    return data[:start] + struct.pack("<f", value) + data[start + 4 :]
