"""The C boundary, from a program in plain C: what the app's JNI is built on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from demo import copy_bundle, run


def test_classifies_from_c(host_build: Path, tiny_bundle: Path) -> None:
    done = run(host_build / "classify", tiny_bundle, "host.nb", tiny_bundle / "golden.png")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    facts = json.loads(lines[0].removeprefix("facts "))
    assert (facts["model"], facts["engine"], facts["classes"]) == ("deit_tiny", "v2.13-rc", 10)
    assert facts["drift"]["top1_agreement"] == 1
    assert (facts["opt"], facts["kernel_targets"]) == ("v2.13-rc", ["host", "x86"])
    assert facts["bytes"] == (tiny_bundle / "host.nb").stat().st_size
    golden = np.load(tiny_bundle / "golden.npz")["logits"]
    logits = np.array(lines[4].removeprefix("logits ").split(), np.float64)
    np.testing.assert_allclose(logits, golden, atol=1e-4, rtol=0)
    order = np.argsort(-golden, kind="stable")[:3]
    labels = (tiny_bundle / "labels.txt").read_text().split()
    probabilities = np.exp(golden - golden.max()) / np.exp(golden - golden.max()).sum()
    for line, index in zip(lines[1:4], order, strict=True):
        number, probability, label = line.split()
        assert (int(number), label) == (index, labels[index])
        np.testing.assert_allclose(float(probability), probabilities[index], atol=1e-4)
    assert lines[5] == "pixels same"


def test_misuse_gives_a_code_and_a_message(host_build: Path, tiny_bundle: Path) -> None:
    done = run(host_build / "classify", tiny_bundle, "host.nb", tiny_bundle / "golden.png")
    assert done.stdout.splitlines()[6:] == [
        "2 there is room for no class: give at least 1",
        "3 the file is no JPEG, PNG or WebP, or its beginning is damaged: save it as one of these",
        "3 a picture of 2 channels: give 3 (RGB) or 4 (RGBA)",
        "2 an argument is NULL that must not be",
        "2 there is room for 1 of 10 logits",
        "2 an argument",
        "cancelled after 2",
    ]


def test_what_cannot_be_opened(host_build: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    cases = {
        ("model.nb", 4, "is made for arm"): tiny_bundle,
        ("host.nb", 5, "is not a bundle"): tmp_path / "none",
        ("none.nb", 4, "none.nb"): tiny_bundle,
        ("host.nb", 5, "labels for 10 classes"): copy_bundle(
            tiny_bundle, tmp_path / "c", sealed=True, labels_txt=b"one\n"
        ),
    }
    for (model, code, reason), bundle in cases.items():
        done = run(host_build / "classify", bundle, model)
        assert done.returncode == code
        assert done.stdout.startswith(f"{code} ")
        assert reason in done.stdout


def test_message_is_cut_at_a_characters_end(host_build: Path, tiny_bundle: Path) -> None:
    """A long name of three-byte characters: 200 bytes of message end with a whole one."""
    done = run(host_build / "classify", tiny_bundle, "模" * 80 + ".nb")
    assert done.returncode == 4
    message = done.stdout.removeprefix("4 ").rstrip("\n")
    assert 190 < len(message.encode()) < 200
    assert "�" not in message
