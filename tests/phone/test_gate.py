"""A gate's verdicts: right by simulation, of like with like, and what CI systems get of them."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench import ROOT, bench, results
from benches import around, document, mapped, scaled, together, with_starts, write
from phone import Phone

from lite.errors import InputError
from lite.phone.compare import cases
from lite.phone.compare.gate import NOT_SLOWER, SLOWER, UNDECIDED, Gate, gate, junit, markdown
from lite.phone.compare.ratio import ratio, starts_needed

EVEN = (0.99, 1.0, 1.01, 0.995, 1.005)
UNEVEN = (0.9, 1.0, 1.1, 0.95, 1.05)


def starts(random: np.random.Generator, level: float, count: int, spread: float) -> list[list[float]]:
    """As on a phone: starts some percent apart, runs of one start closer together, and right-skewed."""
    levels = level * np.exp(random.normal(0, spread, count))
    return [list(one * np.exp(0.01 * random.gamma(2, 1, 20))) for one in levels]


@pytest.mark.parametrize(
    ("base", "count", "spread"), [(5, 5, 0.03), (3, 3, 0.03), (10, 4, 0.03), (5, 5, 0.1)]
)
def test_the_interval_of_a_ratio_holds_the_true_one(base: int, count: int, spread: float) -> None:
    """In 95 % of the cases, a little less where starts are few; the other way round it would not be 93."""
    random = np.random.default_rng(18)
    held = 0
    for _ in range(2000):
        found = ratio(starts(random, 20, base, spread), starts(random, 22, count, spread))
        assert found.interval
        held += found.interval.low <= 1.1 <= found.interval.high
    assert held / 2000 >= 0.93


def test_one_start_or_none_tells_no_interval() -> None:
    found = ratio([[20.0, 20.1]], around(22, *EVEN))
    assert found.value == pytest.approx(22 / 20.05, rel=1e-3)
    assert (found.interval, found.certain, starts_needed(found, 1.05)) == (None, False, None)
    with pytest.raises(ValueError, match="needs a start"):
        ratio([], [[1.0]])


def test_so_many_rounds_as_it_says_do_tell() -> None:
    """Of cases that are undecided, 80 % are decided with the rounds that were asked for, where nothing else changes."""
    random = np.random.default_rng(5)
    base = starts(random, 20, 30, 0.03)
    found = ratio(base, around(22, *UNEVEN))
    wanted = starts_needed(found, 1.05)
    assert wanted
    assert wanted > 5
    spread = found.case.deviation
    assert spread
    level, decided = 20 * found.value * np.exp(found.base.mean - np.log(20)), 0
    for _ in range(500):
        again = ratio(base, [[one] for one in level * np.exp(random.normal(0, spread, wanted))])
        assert again.interval
        decided += again.interval.low > 1.05
    assert 0.72 < decided / 500 < 0.9


@pytest.mark.parametrize(
    ("level", "shares", "outcome", "advice"),
    [
        (23, EVEN, SLOWER, None),
        (20, EVEN, NOT_SLOWER, None),
        (18, UNEVEN, NOT_SLOWER, None),
        (21.6, UNEVEN, UNDECIDED, "would tell: --rounds"),
        (21.0, EVEN, UNDECIDED, "not even 1000 rounds would tell"),
        (30, (1.0,), UNDECIDED, "one start tells no spread: measure with --rounds 5"),
    ],
)
def test_three_outcomes(
    tiny_bundle: Path, level: float, shares: tuple[float, ...], outcome: str, advice: str | None
) -> None:
    made = document(tiny_bundle)
    base = with_starts(made, *around(20, *EVEN))
    found = held(base, with_starts(made, *around(level, *shares)))
    (one,) = found.verdicts
    assert one.outcome == outcome
    assert one.case.p50 / one.base.p50 == pytest.approx(one.ratio.value)
    assert found.exit_code == {SLOWER: 9, NOT_SLOWER: 0, UNDECIDED: 10}[outcome]
    assert (advice is None) == (one.advice is None)
    assert advice is None or advice in (one.advice or "")


def test_slower_by_exactly_what_is_allowed_is_not_slower(tiny_bundle: Path) -> None:
    made = document(tiny_bundle)
    same = (1.0,) * 5
    found = held(with_starts(made, *around(20, *same)), with_starts(made, *around(21, *same)))
    assert found.verdicts[0].outcome == NOT_SLOWER


def test_a_soak_is_never_decided_and_that_is_said(tiny_bundle: Path) -> None:
    made = document(tiny_bundle)
    made["plan"]["soak"] = True
    (one,) = held(with_starts(made, *around(20, 1.0)), with_starts(made, *around(30, 1.0))).verdicts
    assert (one.outcome, one.advice) == (
        UNDECIDED, "a soak is one start, which tells no spread: hold a bench without --soak against its like"
    )  # fmt: skip


def test_a_baseline_of_few_starts_is_told_as_such(tiny_bundle: Path) -> None:
    made = document(tiny_bundle)
    one_start = held(with_starts(made, *around(20, 1.0)), with_starts(made, *around(30, *EVEN)))
    assert one_start.verdicts[0].advice == (
        "the baseline has one start, which tells no spread: measure it with --rounds 5"
    )
    few = held(with_starts(made, *around(20, 0.85, 1.15)), with_starts(made, *around(25, *EVEN)))
    assert "the baseline's starts are too few: measure both with --rounds" in (few.verdicts[0].advice or "")


def test_like_is_held_against_like(tiny_bundle: Path) -> None:
    """Another bundle, phone, SoC, thread count or file kind has no counterpart, and it is said why."""
    made = document(tiny_bundle, threads=(1, 2))
    other = document(tiny_bundle, serial="B2", model="Galaxy", threads=(1,))
    found = held(made, together(document(tiny_bundle, threads=(2, 4)), other))
    name = tiny_bundle.name
    assert [one.case.configuration for one in found.verdicts] == ["2 threads, no-bind"]
    assert list(found.unmatched) == [
        f"Pixel 6 (A1): {name}, 4 threads, no-bind has no counterpart in base: threads are 1, 2 there",
        f"Galaxy (B2): {name}, 1 thread, no-bind has no counterpart in base: the phone is Pixel 6 there",
        f"Pixel 6 (A1): {name}, 1 thread, no-bind is in base and was not measured",
    ]
    another = document(tiny_bundle)
    another["bundles"][0]["precision"] = "int8"
    with pytest.raises(
        InputError, match=r"nothing here can be held against base: .* precision is int8 there"
    ):
        held(another, made)
    fixed = document(tiny_bundle)
    fixed["plan"]["fixed_clocks"] = True
    with pytest.raises(InputError, match="it was measured as usual there"):
        held(made, fixed)
    with pytest.raises(InputError, match="the phone's SoC is Exynos there"):
        held(document(tiny_bundle, soc="Exynos"), made)


def test_a_phone_is_held_against_itself_else_against_its_model(tiny_bundle: Path) -> None:
    pair = [
        with_starts(document(tiny_bundle, serial=serial), *around(level, *EVEN))
        for serial, level in (("A1", 20), ("A2", 30))
    ]
    both = held(together(*pair), together(*reversed(pair)))
    assert [(one.case.serial, one.base.serial, one.outcome) for one in both.verdicts] == [
        ("A2", "A2", NOT_SLOWER),
        ("A1", "A1", NOT_SLOWER),
    ]
    (one,) = held(pair[0], pair[1]).verdicts
    assert one.outcome == SLOWER
    assert "another phone of the model (A1)" in one.as_dict()["notes"][0]
    silent = [document(tiny_bundle, serial=serial, model=None) for serial in ("A1", "A2")]
    with pytest.raises(InputError, match="nothing here can be held against"):
        held(*silent)


def test_what_has_changed_beside_the_time_is_noted(tiny_bundle: Path) -> None:
    base, now = document(tiny_bundle), document(tiny_bundle)
    base["bundles"][0]["model_nb"]["sha256"] = "0" * 64
    base["phones"][0]["facts"]["android_version"] = "13"
    base["phones"][0]["measurements"][0]["used"]["engine"] = "v2.12"
    notes = held(base, now).verdicts[0].as_dict()["notes"]
    assert notes[:3] == [
        "the network's file is another one",
        "the engine was v2.12, now v2.13-rc",
        "Android was 13, now 14",
    ]


def test_junit_has_a_test_for_each_case(tiny_bundle: Path) -> None:
    gates = three(tiny_bundle)
    suite = ET.fromstring(junit(gates).encode()).find("testsuite")
    assert suite is not None
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "1", "errors": "1", "skipped": "2",
    }  # fmt: skip
    tests = {test.get("name"): [child.tag for child in test] for test in suite}
    name = tiny_bundle.name
    assert tests[f"{name}, 1 thread, no-bind"] == ["failure", "system-out"]
    assert tests[f"{name}, 2 threads, no-bind"] == ["system-out"]
    assert tests[f"{name}, 4 threads, no-bind"] == ["skipped", "system-out"]
    assert tests["B2"] == ["error"]
    (failure,) = suite.iter("failure")
    assert "20.00 to 23.00 ms, +15.0 %" in failure.get("message", "")


def test_markdown_is_a_table_that_a_phone_cannot_break(tiny_bundle: Path) -> None:
    gates = three(tiny_bundle, model="a|b <img src=x> *c* [d](e)\x1b[2J")
    text = markdown(gates)
    (row,) = [line for line in text.splitlines() if line.startswith("| ❌")]
    assert row.count(" | ") == 6
    assert r"a\|b \<img src=x\> \*c\* \[d\]\(e\)" in row
    assert "\x1b" not in text
    assert "### Bench: 1 slower, 1 undecided, 1 not slower; held against base, 5 % slower is allowed" in text
    assert "would tell: --rounds" in text
    assert "B2: failed: it was unplugged" in text
    assert "\x1b" not in junit(gates)


def test_the_command_between_two_files(tiny_bundle: Path, tmp_path: Path) -> None:
    made = document(tiny_bundle)
    files = [
        write(tmp_path / name, with_starts(made, *around(level, *EVEN)))
        for name, level in (("base.json", 20), ("slow.json", 23), ("same.json", 20))
    ]
    slow = compare(*files[:2], "--fail-if-slower", "5%", "--junit", tmp_path / "gate.xml")
    assert slow.returncode == 9
    assert "gate: 1 slower; held against base, 5 % slower is allowed" in slow.stdout
    assert "+15.0 %" in slow.stdout
    assert len(list(ET.parse(tmp_path / "gate.xml").iter("failure"))) == 1
    allowed = compare(*files[:2], "--fail-if-slower", "20%")
    assert allowed.returncode == 0
    summary = tmp_path / "summary.md"
    summary.write_text("what another command of the step said\n")
    environment = {**os.environ, "GITHUB_STEP_SUMMARY": str(summary)}
    same = compare(files[0], files[2], "--markdown", summary, "--json", env=environment)
    assert (same.returncode, json.loads(same.stdout)["gate"]["exit_code"]) == (0, 0)
    assert summary.read_text().startswith("what another command of the step said\n### Bench: 1 not slower")
    compare(files[0], files[2], "--markdown", summary)
    assert summary.read_text().startswith("### Bench")


def test_a_phone_that_failed_lets_no_gate_between_files_pass(tiny_bundle: Path, tmp_path: Path) -> None:
    made = document(tiny_bundle, threads=(1, 2))
    lost = copy.deepcopy(made)
    lost["phones"][0] |= {"status": "failed", "measurements": []}
    lost["phones"][0]["error"] = {"what": "A1", "why": "it was unplugged", "remedy": None}
    half = copy.deepcopy(made)
    half["phones"][0]["status"], half["phones"][0]["error"] = "failed", lost["phones"][0]["error"]
    del half["phones"][0]["measurements"][1]
    base = write(tmp_path / "base.json", made)
    for name, now in (("lost", lost), ("half", half)):
        file = write(tmp_path / f"{name}.json", now)
        done = compare(base, file, "--fail-if-slower", "5%", "--out", tmp_path / name)
        assert done.returncode == 7, done.stderr
        assert "it was unplugged" in done.stdout
        assert "it was unplugged" in (tmp_path / name / "compare.html").read_text()


def test_phones_that_tell_no_model_are_held_against_themselves_alone(tiny_bundle: Path) -> None:
    made = [document(tiny_bundle, serial=serial, model=None) for serial in ("A1", "B2")]
    with pytest.raises(InputError, match="a phone that tells no model is held against itself alone"):
        held(*made)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--fail-if-slower", "5%"), "need --baseline"),
        (("--junit", "x.xml"), "need --baseline"),
        (("--baseline", "none.json"), "cannot read none.json"),
        (("--fail-if-slower", "5"), "is no percentage from 0% to 1000%, such as 5%"),
        (("--fail-if-slower", "nan%"), "is no percentage"),
        (("--fail-if-slower", "-1%"), "is no percentage"),
        (("--threads", "2", "compare", "a.json"), "--threads is no option of compare"),
        (("compare",), "give two results.json or more"),
        (("compare", "a.json", "--junit", "x.xml"), "a gate is between two files"),
        (("compare", "none.json"), "cannot read none.json"),
        (("compare", "--history", "none"), "there is no bench in none"),
        (("mistyped",), "No such command 'mistyped'"),
    ],
)
def test_bad_usage_ends_with_2_before_any_phone_is_asked(options: tuple[str, ...], why: str) -> None:
    done = bench(*options)
    assert done.returncode == 2
    assert why in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


BROKEN: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "it is no JSON"),
    "another program's": ('{"schema": 2}', "'sessions' is a required property"),
    "nested without end": ("[" * 100_000, "it is no JSON"),
    "not a number": ("NaN", "it is no JSON"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_is_none_is_told(tmp_path: Path, kind: str) -> None:
    text, why = BROKEN[kind]
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(InputError, match=why):
        cases.read(tmp_path)


def test_infinite_latencies_and_unknown_bundles_are_told(tiny_bundle: Path, tmp_path: Path) -> None:
    endless = json.dumps(mapped(document(tiny_bundle), lambda _: 1.5)).replace("1.5", "1e999")
    (tmp_path / "endless.json").write_text(endless)
    with pytest.raises(InputError, match=r"latencies_ms/\d+: inf"):
        cases.read(tmp_path / "endless.json")
    unknown = document(tiny_bundle) | {"bundles": []}
    with pytest.raises(InputError, match="do not fit together"):
        cases.read(write(tmp_path / "unknown.json", unknown))


def test_a_gate_on_a_phone_fails_passes_and_does_not_know(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    """The same real bench against a baseline a thousand times as fast, as slow, and one with a single start."""
    runs = ("--repeats", 6, "--rounds", 3, "--warmup", 1, "--sensors-every", 0)
    history, out = tmp_path / "history", tmp_path / "out"
    first = bench(*options, *runs, "--history", history)
    assert first.returncode == 0, first.stderr
    measured = results(out)
    fast = write(tmp_path / "fast.json", scaled(measured, 0.001))
    slow = write(tmp_path / "slow.json", scaled(measured, 1000))
    fails = bench(*options, *runs, "--baseline", fast, "--fail-if-slower", "5%", "--junit", tmp_path / "gate.xml",
                  "--history", history)  # fmt: skip
    assert fails.returncode == 9, fails.stderr
    assert "gate: 1 slower; held against fast, 5 % slower is allowed" in fails.stdout
    (failure,) = ET.parse(tmp_path / "gate.xml").iter("failure")
    assert failure.get("type") == "slower"
    passes = bench(*options, *runs, "--baseline", slow, "--fail-if-slower", "5%", "--json")
    assert passes.returncode == 0, passes.stderr
    assert json.loads(passes.stdout) == results(out)
    assert "gate: 1 not slower; held against slow, 5 % slower is allowed" in passes.stderr
    single = measured["phones"][0]["measurements"][0]
    single["rounds"] = single["rounds"][:1]
    unknown = bench(*options, *runs, "--baseline", write(tmp_path / "single.json", measured))
    assert unknown.returncode == 10, unknown.stderr
    assert "the baseline has one start, which tells no spread: measure it with --rounds 5" in unknown.stdout
    trend = compare("--history", history)
    assert trend.returncode == 0, trend.stderr
    assert len(list(history.iterdir())) == 2
    assert "Trends" in trend.stdout


def held(base: dict[str, Any], now: dict[str, Any], allowed: float = 0.05) -> Gate:
    return gate(cases.of(base, "base"), cases.of(now, "now"), allowed)


def three(tiny_bundle: Path, model: str = "Pixel 6") -> Gate:
    """One case of each outcome, one without a counterpart, and a phone that failed."""
    made = document(tiny_bundle, threads=(1, 2, 4, 8), model=model)
    base = now = made
    for row, (level, shares) in enumerate([(23, EVEN), (20, EVEN), (21.6, UNEVEN), (20, EVEN)]):
        base = with_starts(base, *around(20, *EVEN), row=row)
        now = with_starts(now, *around(level, *shares), row=row)
    del base["phones"][0]["measurements"][3]
    lost = document(tiny_bundle, serial="B2")
    lost["phones"][0] |= {"status": "failed", "measurements": []}
    lost["phones"][0]["error"] = {"what": "B2", "why": "it was unplugged", "remedy": None}
    return held(base, together(now, lost))


def compare(*options: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools/adb_bench.py"), "compare", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, env=env)
