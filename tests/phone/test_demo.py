"""What the demo says is checked to the last field; every other end is told in words.

The documents here come from the real demo, run on this computer; test_run_faults.py runs it on test phones.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lite import bundle
from lite.phone import demo, golden
from lite.phone.demo import Bench, DemoRequest, UnusableError
from lite.phone.device import Finished
from lite.phone.link import GoldenMismatchError
from lite.phone.plan import Candidate


@pytest.fixture(scope="module")
def request_(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> DemoRequest:
    """A bench of the golden tensor."""
    tensor = tmp_path_factory.mktemp("tensor") / "golden.f32"
    bundle.read(tiny_bundle).golden()[0].astype("<f4").tofile(tensor)
    return DemoRequest(str(tiny_bundle), host=True, tensor=str(tensor), bench=Bench(1, 3))


@pytest.fixture(scope="module")
def finished(deit: Path, request_: DemoRequest) -> Finished:
    """How the real demo ended."""
    done = subprocess.run([deit, *request_.arguments(60)], capture_output=True, text=True)
    return Finished(done.returncode, done.stdout, done.stderr, 1.0)


@pytest.fixture
def document(finished: Finished, request_: DemoRequest) -> dict[str, Any]:
    return demo.parse(finished, request_)


def candidate(made: bundle.Bundle, host: bool = False) -> Candidate:
    return Candidate(made, "there", host)


def ended(code: int, *, out: str = "", err: str = "") -> Finished:
    return Finished(code, out, err, 1.0)


def test_the_real_demo_is_understood(document: dict[str, Any], tiny_bundle: Path) -> None:
    assert len(document["bench"]["latencies_ms"]) == 3
    logits = np.array([document["pictures"][0]["logits"]])
    found = golden.compare(candidate(bundle.read(tiny_bundle)), logits, fed="tensor")
    assert (found.rule, found.top1_same) == ("max_abs", True)
    assert found.passed


def test_mask_and_power_mode_become_options(request_: DemoRequest) -> None:
    words = DemoRequest("b", threads=4, power_mode="high").arguments(9.5)
    assert words == [
        "--bundle",
        "b",
        "--logits",
        "--threads",
        "4",
        "--timeout",
        "9.5",
        "--power-mode",
        "high",
    ]
    assert DemoRequest("b", cpu_mask="f0").arguments(9)[-2:] == ["--cpu-mask", "f0"]
    assert request_.arguments(9)[-5:] == ["--bench", "--warmup", "1", "--repeats", "3"]


def broken(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], str]:
    def apply(document: dict[str, Any]) -> str:
        copy = json.loads(json.dumps(document))
        change(copy)
        return json.dumps(copy)

    return apply


@pytest.mark.parametrize(
    ("rubbish", "why"),
    [
        (lambda document: "", "printed nothing"),
        (lambda document: "\0\x1b[31m☃ hello", "no JSON"),
        (lambda document: json.dumps(document)[:-9], "no JSON"),
        (lambda document: "[" * 100_000, "no JSON"),
        (lambda document: json.dumps(document) + '\n{"bye": 1', "no JSON"),
        (lambda document: "bye\n" + json.dumps([1]), "not of type 'object'"),
        (lambda document: "{}", "required property"),
        (lambda document: "null", "not of type 'object'"),
        (broken(lambda it: it.update(more=1)), "Additional properties"),
        (broken(lambda it: it["bench"]["latencies_ms"].pop()), "2 latencies for 3 runs"),
        (broken(lambda it: it["bench"]["latencies_ms"].__setitem__(0, 0)), "0 ms"),
        (broken(lambda it: it["bench"]["latencies_ms"].__setitem__(0, -1)), "latencies_ms/0"),
        (
            lambda document: json.dumps(document).replace("[[", "[").replace(": [-", ": [1e999, -"),
            "no numbers",
        ),
        (broken(lambda it: it["bench"]["latencies_ms"].__setitem__(0, float("nan"))), "no numbers"),
        (broken(lambda it: it.update(bench=None)), "measured nothing"),
        (broken(lambda it: it["pictures"][0].update(logits=None)), "no logits"),
        (broken(lambda it: it.update(schema=2)), "schema"),
    ],
)
def test_rubbish_is_refused(
    document: dict[str, Any], request_: DemoRequest, rubbish: Callable[[dict[str, Any]], str], why: str
) -> None:
    with pytest.raises(UnusableError, match=why) as caught:
        demo.parse(ended(0, out=rubbish(document)), request_)
    assert "makes no sense" in caught.value.why
    assert caught.value.why.isprintable(), "an escape sequence in the output reaches no terminal"


@pytest.mark.parametrize("behind", ["bye", "\0\x1b[31m☃", "[1]", "a\nb\n\n"])
def test_lines_behind_the_document_do_not_cost_it(
    finished: Finished, document: dict[str, Any], request_: DemoRequest, behind: str
) -> None:
    """As drivers print when a process ends."""
    assert demo.parse(ended(0, out=f"{finished.stdout}{behind}\n"), request_) == document


@pytest.mark.parametrize(
    ("finished", "why", "remedy"),
    [
        (ended(132), "died by SIGILL: the processor lacks", "asimdhp"),
        (ended(6, err="deit: this processor lacks an instruction … (SIGILL); …\n"), "SIGILL", "asimdhp"),
        (ended(139, err="Segmentation fault\n"), "SIGSEGV", "doctor"),
        (ended(137, err="Killed\n"), "SIGKILL.*lack of memory", "close other apps"),
        (ended(134), "SIGABRT", "doctor"),
        (ended(255), "signal 127", "--clean"),
        (ended(6, err="deit: not done after 3 s: give a longer\n"), "not done after 3 s", "--timeout"),
        (ended(4, err="deit: model.nb is cut short\n"), "exit code 4: model.nb is cut short", "doctor"),
        (ended(6, err="[F] no kernel for fc\ndeit: the engine gave up\n"), "no kernel for fc", "doctor"),
        (ended(5), "exit code 5: it gave no reason", "doctor"),
        (ended(127, err="sh: deit: inaccessible or not found\n"), "could not start", "--demo"),
        (ended(126, err="sh: deit: can't execute: Permission denied\n"), "does not let programs be run", "noexec"),
        (ended(126, err="sh: deit: not executable: 64-bit ELF file\n"), "cannot execute the file", "--demo"),
        (
            ended(1, err='CANNOT LINK EXECUTABLE "deit": library "libc++_shared.so" not found'),
            "a library is missing.*libc\\+\\+_shared",
            "--sdk",
        ),
        (
            ended(127, err="deit: error while loading shared libraries: libz.so.1: cannot open"),
            "a library is missing",
            "--sdk",
        ),
    ],
)  # fmt: skip
def test_every_bad_end_in_words(finished: Finished, why: str, remedy: str) -> None:
    with pytest.raises(UnusableError, match=f"(?s){why}.*{remedy}"):
        demo.parse(finished, DemoRequest("b"))


@pytest.mark.parametrize(("shift", "passed"), [(0.0, True), (5e-4, True), (2e-3, False)])
def test_fp32_may_differ_by_a_thousandth(tiny_bundle: Path, shift: float, passed: bool) -> None:
    made = bundle.read(tiny_bundle)
    logits = made.golden()[1][None].astype(np.float64)
    logits[0, 3] += shift
    found = golden.compare(candidate(made), logits, fed="tensor")
    assert (found.rule, found.passed) == ("max_abs", passed)
    assert found.max_abs == pytest.approx(shift, abs=1e-6)


def test_int8_may_round_otherwise_but_not_change_its_mind(tiny_bundle: Path) -> None:
    made = bundle.read(tiny_bundle)
    int8 = candidate(bundle.Bundle(made.path, {**made.manifest, "precision": "int8"}))
    expected = made.golden()[1].astype(np.float64)
    order = np.argsort(expected)
    close = golden.compare(int8, expected[None] * 1.01, fed="tensor")
    assert (close.rule, close.passed) == ("cosine", True)
    swapped = expected.copy()
    swapped[order[-1]], swapped[order[-2]] = expected[order[-2]], expected[order[-1]]
    assert not golden.compare(int8, swapped[None], fed="tensor").passed
    unlike = expected + np.where(np.arange(10) == order[0], 0.1 * np.linalg.norm(expected), 0)
    found = golden.compare(int8, unlike[None], fed="tensor")
    assert found.top1_same
    assert not found.passed


@pytest.mark.parametrize(
    ("precision", "target", "host", "rule"),
    [
        ("fp32", "arm", False, "max_abs"),
        ("fp32", "x86", True, "max_abs"),
        ("fp16", "arm", True, "max_abs"),
        ("int8", "arm", False, "cosine"),
        ("int8", "arm", True, "cosine"),
        ("fp16", "arm", False, "cosine"),
        ("fp32", "opencl", False, "cosine"),
    ],
)
def test_what_logits_are_held_to(
    tiny_bundle: Path, precision: str, target: str, host: bool, rule: str
) -> None:
    """INT8 in `host.nb`, too, where the bundle has no measure of its noise."""
    manifest = {**bundle.read(tiny_bundle).manifest, "precision": precision, "target": target}
    assert golden.rule(candidate(bundle.Bundle(tiny_bundle, manifest), host), 1)[0] == rule


def test_a_mismatch_says_how_far_and_what_to_do(tiny_bundle: Path) -> None:
    made = bundle.read(tiny_bundle)
    found = golden.compare(candidate(made), -made.golden()[1][None].astype(np.float64), fed="tensor")
    with pytest.raises(
        GoldenMismatchError, match="cosine -1.00000, distance 2, first class another.*--clean"
    ) as caught:
        golden.check(found)
    assert caught.value.exit_code == 8
    with pytest.raises(GoldenMismatchError, match="3 logits where the bundle has 10"):
        golden.compare(candidate(made), np.zeros((1, 3)), fed="tensor")
