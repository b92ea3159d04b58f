"""What the core repeats of its input: in one short line, with nothing in it that a terminal obeys."""

from __future__ import annotations

import json
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from demo import copy_bundle, document, refusal, run
from tensors import manifest

from lite.shown import escaped


@pytest.fixture
def repeated(host_build: Path, tmp_path: Path) -> Any:
    """What a message makes of a picture's name, which can be any bytes but NUL."""
    (tmp_path / "manifest.json").write_text(json.dumps(manifest()))

    def repeat(name: bytes) -> str:
        command = [str(host_build / "deit_tensor").encode(), name, b"manifest.json", b"out.f32"]
        done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
        assert (done.returncode, done.stderr.count(b"\n")) == (3, 1)
        said = re.fullmatch("deit_tensor: cannot read (.*): [A-Z][a-z ]+\n", done.stderr.decode())
        assert said, done.stderr
        return said[1]

    return repeat


def as_python_does(text: bytes) -> str:
    # Bytes that are no UTF-8 are \xe9 here and \udce9 there.
    there = escaped(" ".join(re.split("[\t\n\v\f\r ]+", text.decode(errors="surrogateescape"))))
    return re.sub(r"\\udc([89a-f][0-9a-f])", r"\\x\1", there)


def test_every_control_character_is_escaped_as_python_does(repeated: Any) -> None:
    characters = [*range(1, 0x300), *range(0x2000, 0x2080), 0x3000, 0xFEFF, 0xFFFD, 0x1F4A9, 0x10FFFF]
    for first in range(0, len(characters), 90):
        text = "x".join(map(chr, characters[first : first + 90])).replace("x", " x ")
        assert repeated(f"a{text}b".encode()) == as_python_does(f"a{text}b".encode())


@pytest.mark.parametrize("seed", range(4))
def test_bytes_of_any_kind_are_printable(repeated: Any, seed: int) -> None:
    chance = random.Random(seed)
    pieces = [bytes([byte]) for byte in range(1, 256)] + [
        "\u202e".encode(), "犬💩ä".encode(), b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xe2\x80", b"word "
    ]  # fmt: skip
    for _ in range(100):
        name = b"a" + b"".join(chance.choices(pieces, k=chance.randrange(40))) + b"b"
        assert repeated(name) == as_python_does(name)


@pytest.mark.parametrize("letter", ["a", "ä", "犬", "💩", "\x1b", "\u202e"])
def test_a_long_name_is_shortened_between_characters(repeated: Any, letter: str) -> None:
    # The system takes no name of more than 4,095 bytes for a file.
    shown = repeated(b"dir/" + (letter * 900).encode()[:3600])
    assert len(shown.encode()) <= 200
    assert shown.startswith("dir/")
    assert "…" in shown
    assert "\N{REPLACEMENT CHARACTER}" not in shown


def test_names_in_a_network_are_quoted(host_build: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    data = (tiny_bundle / "host.nb").read_bytes()
    for old, new, shown in [
        (b"softmax/def/2/1/1", b"soft\x1b[2J\xffxy/2/1/1", r"'soft\x1b[2J\xffxy/2/1/1'"),
        (b"softmax/def/2/1/1", "\u202e\u2066\x7f /2/1/1 xy".encode(), r"'\u202e\u2066\x7f /2/1/1 xy'"),
    ]:
        assert len(old) == len(new)
        (tmp_path / "given.nb").write_bytes(data.replace(old, new))
        parts = ("--manifest", tiny_bundle / "manifest.json", "--labels", tiny_bundle / "labels.txt")
        message = refusal(
            run(host_build / "deit", "--model", tmp_path / "given.nb", *parts, "--image", "a.png"), 4
        )
        assert shown in message


@pytest.mark.parametrize(
    "option", ["--image", "--model", "--labels", "--tensor", "--power-mode", "--cpu-mask"]
)
def test_options_are_repeated_short_and_escaped(host_build: Path, tiny_bundle: Path, option: str) -> None:
    value = "\x1b[2J\u202e" + "x" * 3000
    given = ("--image", "a.png", option, value) if option not in ("--image", "--tensor") else (option, value)
    bundle = () if option == "--model" else ("--bundle", tiny_bundle, "--host")
    done = run(host_build / "deit", *bundle, *given)
    assert done.returncode in (2, 3, 4, 5)
    assert done.stderr.count("\n") == 1
    assert done.stderr.strip().isprintable()
    assert "x" * 201 not in done.stderr


def test_labels_and_names_are_escaped_on_standard_output(
    host_build: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    labels = [f"\x1b[2J{number}\u202e\x9b" for number in range(10)]
    facts = json.loads((tiny_bundle / "manifest.json").read_text()) | {"model": "deit\x1b]0;x\x07"}
    copy = copy_bundle(
        tiny_bundle,
        tmp_path / "copy",
        sealed=True,
        labels_txt="".join(f"{label}\n" for label in labels).encode(),
        manifest_json=json.dumps(facts).encode(),
    )
    done = run(host_build / "deit", "--bundle", copy, "--host", "--image", copy / "golden.png")
    assert document(done)["pictures"][0]["classes"][0]["class"] in labels
    assert done.stdout.replace("\n", "").isprintable()
    assert r"\x1b[2J" in done.stdout
    assert r"deit\x1b]0;x\x07 " in done.stdout
