"""The C++ core's reader of manifest.json and labels.txt: what it takes, and what it says of the rest."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from random import Random

import pytest
from PIL import Image
from tensors import manifest, smooth

from lite import bundle
from lite.manifest import first_problem, parse
from tests.manifest_vectors import any_change, edited, texts

# What the core reads.
READ = ("input", "weights/classes", "files", "precision", "target", "model", "requires")


def run(deit_tensor: list[str], folder: Path, text: bytes) -> tuple[int, str]:
    """Exit code and standard error of deit_tensor with this manifest."""
    (folder / "manifest.json").write_bytes(text)
    Image.fromarray(smooth(30, 40)).save(folder / "picture.png")
    paths = [folder / "picture.png", folder / "manifest.json", folder / "tensor.f32"]
    ended = subprocess.run([*deit_tensor, *map(str, paths)], capture_output=True, text=True)
    assert ended.stdout == ""
    assert (folder / "tensor.f32").exists() == (ended.returncode == 0)
    return ended.returncode, ended.stderr


def verdicts(host_build: Path, texts: list[str]) -> list[str]:
    """What the core says of each manifest, which must be one line."""
    text = "\n".join(texts)
    assert text.count("\n") == len(texts) - 1
    ended = subprocess.run([host_build / "check_manifests"], input=text, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def test_every_vector_is_taken_or_refused_in_its_words(host_build: Path) -> None:
    vectors = list(texts())
    said = verdicts(host_build, [text for _, text, _ in vectors])
    wrong = [
        f"{name}: {line!r} where it should be {words!r}"
        for (name, _, words), line in zip(vectors, said, strict=True)
        if (line == "taken") != (words is None) or (words and words not in line)
    ]
    assert not wrong, "\n".join(wrong)


def test_any_change_is_judged_as_by_python(host_build: Path) -> None:
    """Of what the core reads; the rest it lets pass, so that what it refuses Python must refuse, too."""
    random = Random(15)
    cases = [any_change(random) for _ in range(3000)]
    said = verdicts(host_build, [edited(edits) for edits in cases])
    wrong = []
    for edits, line in zip(cases, said, strict=True):
        python = _by_python(edited(edits))
        # That a file is not listed at all the core tells of when it opens it.
        read = all(
            path.startswith(READ) and (text not in (None, "{}") or not path.startswith("files"))
            for path, text in edits.items()
        )
        if (line != "taken" and python is None) or (read and line == "taken" and python is not None):
            wrong.append(f"{edits}: the core: {line}; Python: {python}")
    assert not wrong, "\n".join(wrong[:20])
    # Neither says one and the same to all of them.
    assert 100 < sum(line == "taken" for line in said) < 2900


def _by_python(text: str) -> str | None:
    try:
        return first_problem(parse(text))
    except ValueError as error:
        return str(error)


def test_a_refusal_names_the_file(deit_tensor: list[str], tmp_path: Path) -> None:
    code, message = run(deit_tensor, tmp_path, edited({"input/std/1": "58.4"}).encode())
    assert code == 5
    assert message == (
        f"deit_tensor: {tmp_path / 'manifest.json'} cannot be used: manifest.json: input/std/1: must be a number from "
        "0.001 to 1; it was edited or is no manifest: make the bundle again with tools/opt.py\n"
    )


@pytest.mark.parametrize("ascii_only", [True, False])
def test_other_text(deit_tensor: list[str], tmp_path: Path, ascii_only: bool) -> None:
    document = manifest() | {"model": "deit_tiny_d\u00e9j\u00e0"}
    document["recipe"] |= {"deep": [[[]]] * 3}
    text = json.dumps(document, ensure_ascii=ascii_only, indent=1).encode()
    assert run(deit_tensor, tmp_path, text) == (0, "")


def test_another_version(deit_tensor: list[str], tmp_path: Path) -> None:
    code, message = run(deit_tensor, tmp_path, edited({"schema": "2"}).encode())
    assert code == 5
    assert "schema 2, this program reads 1" in message


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
