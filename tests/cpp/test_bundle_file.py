"""The core compares a bundle's files with the manifest's SHA-256 before it reads what is in them."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from demo import copy_bundle, document, refusal, run, write_listed


@pytest.fixture
def deit(host_build: Path) -> Any:
    return lambda *arguments: run(host_build / "deit", *arguments)


def test_digests_are_hashlibs(host_build: Path, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(100_001)
    (tmp_path / "data").write_bytes(data)
    done = run(host_build / "digests", tmp_path / "data")
    parts = [data[:size] for size in range(300)] + [data]
    assert done.stdout.splitlines() == [hashlib.sha256(part).hexdigest() for part in parts]


def test_any_bit_of_the_network(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    data = bytearray((tiny_bundle / "host.nb").read_bytes())
    chosen = random.Random(2)
    places = [0, len(data) - 1, *(chosen.randrange(len(data)) for _ in range(6))]
    for number, place in enumerate(places):
        data[place] ^= 1 << chosen.randrange(8)
        copy = copy_bundle(tiny_bundle, tmp_path / str(number), host_nb=bytes(data))
        message = refusal(deit("--bundle", copy, "--host", "--image", copy / "golden.png"), 4)
        assert message == (
            f"{copy / 'host.nb'} is not the file of its manifest (SHA-256 differs): copy the bundle again"
        )


def test_labels_of_another_bundle(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    labels = (tiny_bundle / "labels.txt").read_bytes()
    other = bytes(reversed(labels.removesuffix(b"\n"))) + b"\n"
    assert (len(other), other.count(b"\n")) == (len(labels), labels.count(b"\n"))
    copy = copy_bundle(tiny_bundle, tmp_path / "copy", labels_txt=other)
    for arguments in (
        ("--bundle", copy, "--host"),
        ("--model", tiny_bundle / "host.nb", "--labels", copy / "labels.txt"),
    ):
        done = deit(*arguments, "--image", tiny_bundle / "golden.png")
        assert f"{copy / 'labels.txt'} is not the file of its manifest" in refusal(done, 5)


def test_a_golden_picture_that_was_changed(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    picture = bytearray((tiny_bundle / "golden.png").read_bytes())
    picture[len(picture) // 2] ^= 1
    copy = copy_bundle(tiny_bundle, tmp_path / "copy", golden_png=bytes(picture))
    for arguments in (("--bench",), ("--image", copy / "golden.png")):
        done = deit("--bundle", copy, "--host", *arguments)
        assert done.returncode == 5
        assert "golden.png is not the file of its manifest" in done.stderr


@pytest.mark.parametrize("missing", ["null", "absent"])
def test_an_older_bundle_is_used_with_a_word(
    deit: Any, tiny_bundle: Path, tmp_path: Path, missing: str
) -> None:
    copy = copy_bundle(tiny_bundle, tmp_path / "copy")
    write_listed(copy, lambda _: None)
    if missing == "absent":
        manifest = json.loads((copy / "manifest.json").read_text())
        for entry in manifest["files"].values():
            del entry["sha256"]
        (copy / "manifest.json").write_text(json.dumps(manifest))
    done = deit("--bundle", copy, "--host", "--image", copy / "golden.png")
    document(done)
    assert done.stderr.splitlines() == [
        f"deit: note: the manifest has no SHA-256 of {name}, so it is not compared"
        for name in ("labels.txt", "host.nb")
    ]


def test_files_that_the_manifest_does_not_name(deit: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.nb").symlink_to(tiny_bundle / "host.nb")
    beside = ("--labels", tiny_bundle / "labels.txt", "--manifest", tiny_bundle / "manifest.json")
    done = deit("--model", tmp_path / "mine.nb", *beside, "--image", tiny_bundle / "golden.png")
    document(done)
    assert done.stderr == "deit: note: the manifest has no SHA-256 of mine.nb, so it is not compared\n"
