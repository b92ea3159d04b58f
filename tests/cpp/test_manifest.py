"""The C++ core's reader of manifest.json and labels.txt: what it takes, and what it says of the rest."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tensors import manifest, smooth

from lite import bundle
from lite.bundle import first_problem

Edit = Callable[[dict[str, Any]], object]


def run(deit_tensor: list[str], folder: Path, text: bytes) -> tuple[int, str]:
    """Exit code and standard error of deit_tensor with this manifest."""
    (folder / "manifest.json").write_bytes(text)
    Image.fromarray(smooth(30, 40)).save(folder / "picture.png")
    paths = [folder / "picture.png", folder / "manifest.json", folder / "tensor.f32"]
    ended = subprocess.run([*deit_tensor, *map(str, paths)], capture_output=True, text=True)
    assert ended.stdout == ""
    assert (folder / "tensor.f32").exists() == (ended.returncode == 0)
    return ended.returncode, ended.stderr


GOOD: dict[str, Edit] = {
    "as written": lambda document: None,
    "fp32 without recipe, drift and versions": lambda document: document.update(
        precision="fp32", recipe=None, drift=None, versions=dict.fromkeys(document["versions"])
    ),
    "whole numbers written as floats": lambda document: document["input"].update(
        crop=224.0, resize_short=256.0
    ),
    "crop of the whole": lambda document: document["input"].update(resize_short=224),
    "negative mean": lambda document: document["input"].update(mean=[-1, 0, 1e-9]),
    "more in the recipe": lambda document: document["recipe"].update(deep=[[[]]] * 3, name="mine"),
    "other text": lambda document: document.update(model="deit_tiny_d\u00e9j\u00e0"),
}


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("edit", GOOD)
def test_what_python_takes(deit_tensor: list[str], tmp_path: Path, edit: str, ascii_only: bool) -> None:
    document = manifest()
    GOOD[edit](document)
    assert first_problem(document) is None
    text = json.dumps(document, ensure_ascii=ascii_only, indent=1).encode()
    assert run(deit_tensor, tmp_path, text) == (0, "")


BAD: dict[str, tuple[Edit, str]] = {
    "no input": (lambda document: document.pop("input"), "input: is missing"),
    "no crop": (lambda document: document["input"].pop("crop"), "input/crop: is missing"),
    "input is a list": (lambda document: document.update(input=[]), "input: must be an object"),
    "no classes": (
        lambda document: document["weights"].update(classes=0),
        "weights/classes: must be a whole",
    ),
    "half a class": (
        lambda document: document["weights"].update(classes=1.5),
        "weights/classes: must be a whole",
    ),
    "crop of text": (lambda document: document["input"].update(crop="224"), "input/crop: must be a whole"),
    "crop over the short side": (
        lambda document: document["input"].update(crop=300, shape=[1, 3, 300, 300]),
        "input/crop: must be a whole number from 1 to 256",
    ),
    "giant": (
        lambda document: document["input"].update(crop=10**9, resize_short=10**9, shape=[1, 3, 10**9, 10**9]),
        "input/resize_short: must be",
    ),
    "beyond int64": (lambda document: document["input"].update(crop=2**64), "input/crop: must be"),
    "negative": (lambda document: document["input"].update(resize_short=-256), "input/resize_short: must be"),
    "another shape": (
        lambda document: document["input"].update(shape=[1, 3, 224, 225]),
        "input/shape/3: must be",
    ),
    "two pictures": (
        lambda document: document["input"].update(shape=[2, 3, 224, 224]),
        "input/shape/0: must be",
    ),
    "a flat shape": (
        lambda document: document["input"].update(shape=[150528]),
        "input/shape: must be an array of 4",
    ),
    "NHWC": (lambda document: document["input"].update(layout="NHWC"), "input/layout: must be one of NCHW"),
    "BGR": (lambda document: document["input"].update(colour="BGR"), "input/colour: must be one of RGB"),
    "bilinear": (
        lambda document: document["input"].update(interpolation="bilinear"),
        "input/interpolation: must be one of bicubic",
    ),
    "two means": (
        lambda document: document["input"].update(mean=[0, 1]),
        "input/mean: must be an array of 3",
    ),
    "no deviation": (lambda document: document["input"].update(std=[1, 0, 1]), "input/std: must be above 0"),
    "below float32": (
        lambda document: document["input"].update(std=[1, 1e-60, 1]),
        "input/std: must be above 0",
    ),
    "beyond float32": (
        lambda document: document["input"].update(mean=[0, 0, 1e60]),
        "input/mean: is too large",
    ),
    "another precision": (
        lambda document: document.update(precision="int4"),
        "must be one of fp32, fp16, int8, int8-fp16",
    ),
    "another target": (lambda document: document.update(target="npu"), "must be one of arm, opencl, x86"),
    "no name": (lambda document: document.update(model=""), "model: must not be empty"),
    "a recipe without a name": (lambda document: document.update(recipe={}), "recipe/name: is missing"),
    "half a drift": (lambda document: document["drift"].pop("snr_db"), "drift/snr_db: is missing"),
    "drift of text": (
        lambda document: document["drift"].update(max_abs="0"),
        "drift/max_abs: must be a number",
    ),
    "a path out": (
        lambda document: document["files"].update({"../model.nb": document["files"]["model.nb"]}),
        "files: has a name that is no plain file name",
    ),
    "a short hash": (
        lambda document: document["files"]["model.nb"].update(sha256="abc"),
        "files/model.nb/sha256: must be 64",
    ),
    "another version": (lambda document: document.update(schema=2), "schema 2, this program reads 1"),
}


@pytest.mark.parametrize("edit", BAD)
def test_what_does_not_fit_is_named(deit_tensor: list[str], tmp_path: Path, edit: str) -> None:
    document = manifest()
    BAD[edit][0](document)
    code, message = run(deit_tensor, tmp_path, json.dumps(document).encode())
    assert code == 5
    assert message.startswith(f"deit_tensor: {tmp_path / 'manifest.json'} cannot be used: manifest.json")
    assert BAD[edit][1] in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is empty"),
        (b"\0" * 100, "is no JSON (at byte 1)"),
        (b"{", "is no JSON"),
        (b'"text"', "top level: must be an object"),
        (b"[" * 200_000, "is no JSON"),
        (b"[" * 200_000 + b"]" * 200_000, "must be an object"),
        (b'{"schema": 1e999}', "beyond float64"),
        (b'{"schema": NaN}', "is no JSON"),
        (b'{"model": "\xff"}', "is no JSON"),
        (b'{"schema": 1, "model": "a\nb"}', "is no JSON"),
        (b" " * (16 << 20) + b"{}", "more than the 16777216"),
    ],
)
def test_what_is_no_manifest(deit_tensor: list[str], tmp_path: Path, text: bytes, words: str) -> None:
    code, message = run(deit_tensor, tmp_path, text)
    assert (code, message.count("\n")) == (5, 1)
    assert words in message


def test_a_cut_manifest(deit_tensor: list[str], tmp_path: Path) -> None:
    text = json.dumps(manifest()).encode()
    for length in range(1, len(text), 97):
        code, message = run(deit_tensor, tmp_path, text[:length])
        assert (code, message.count("\n")) == (5, 1)


def test_a_manifest_that_is_not_there(deit_tensor: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.fromarray(smooth(30, 40)).save(picture)
    command = [*deit_tensor, str(picture), str(tmp_path / "none.json"), str(tmp_path / "tensor.f32")]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 5
    assert ended.stderr == f"deit_tensor: cannot read {tmp_path / 'none.json'}: No such file or directory\n"


# Stray bytes, overlong forms, a surrogate, beyond Unicode, cut.
NO_UTF8 = [b"\xff", b"\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"]


def labels_of(host_build: Path, path: Path, classes: int) -> subprocess.CompletedProcess[str]:
    command = [str(host_build / "read_labels"), str(path), str(classes)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")


def test_labels_as_python_writes_them(host_build: Path, tmp_path: Path) -> None:
    labels = ["zero", "tench, Tinca tinca", "d\u00e9j\u00e0 vu", "\u732b \U0001f408", "'quoted'"]
    bundle.write_labels(tmp_path, labels)
    ended = labels_of(host_build, tmp_path / "labels.txt", len(labels))
    assert (ended.returncode, ended.stdout.split("\n")) == (0, [*labels, ""])
    (tmp_path / "labels.txt").write_bytes(b"one\r\ntwo")
    assert labels_of(host_build, tmp_path / "labels.txt", 2).stdout == "one\ntwo\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a\nb\n", "has 2 labels for 3 classes"),
        (b"a\nb\nc\nd\n", "has 4 labels for 3 classes"),
        (b"a\n\nc\n", "line 2 is empty"),
        (b"a\nb\nc\n\n", "line 4 is empty"),
        (b"", "is empty"),
        (b"\n", "line 1 is empty"),
        *[(b"a\nb\n" + bad, "is not UTF-8") for bad in NO_UTF8],
    ],
)
def test_labels_that_do_not_fit(host_build: Path, tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(text)
    ended = labels_of(host_build, path, 3)
    assert (ended.returncode, ended.stderr.count("\n")) == (5, 1)
    assert words in ended.stderr
