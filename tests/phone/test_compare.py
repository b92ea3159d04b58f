"""Benches beside each other: rows, a fleet's best configurations, histories, and what spreadsheets get."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench import ROOT
from benches import around, document, scaled, together, with_starts, write
from test_gate import EVEN, compare

from lite.errors import InputError
from lite.phone.compare import cases, history
from lite.phone.compare.fleet import fleet
from lite.phone.compare.rows import rows


def test_each_bench_is_held_against_the_first_that_has_the_case(tiny_bundle: Path) -> None:
    made = document(tiny_bundle, threads=(1, 2))
    first = with_starts(made, *around(20, *EVEN))
    del first["phones"][0]["measurements"][1]
    second = with_starts(with_starts(made, *around(25, *EVEN)), *around(10, *EVEN), row=1)
    third = with_starts(with_starts(made, *around(20, *EVEN)), *around(8, *EVEN), row=1)
    benches = [cases.of(one, name) for one, name in ((first, "a"), (second, "b"), (third, "c"))]
    one, two = rows(benches)
    assert [(each.bench.name, each.verdict) for each in one.entries] == [
        ("a", ""),
        ("b", "slower"),
        ("c", "may be chance"),
    ]
    assert [(each.bench.name, each.verdict) for each in two.entries] == [("b", ""), ("c", "faster")]
    assert one.entries[1].ratio.value == pytest.approx(1.25)


def test_phones_of_one_model_stand_in_rows_of_their_own(tiny_bundle: Path) -> None:
    pair = together(document(tiny_bundle, serial="A1"), document(tiny_bundle, serial="A2"))
    other = document(tiny_bundle, serial="A3")
    found = rows(
        [cases.of(pair, "a"), cases.of(document(tiny_bundle, serial="A2"), "b"), cases.of(other, "c")]
    )
    assert [[(one.bench.name, one.case.serial) for one in row.entries] for row in found] == [
        [("a", "A1"), ("c", "A3")],
        [("a", "A2"), ("b", "A2")],
    ]
    assert "another phone of the model (A1)" in found[0].entries[1].notes[0]


def test_a_fleet_has_the_fastest_configuration_of_each_model(tiny_bundle: Path) -> None:
    """Over phones of a model its median counts, of a phone its newest bench, and models stand apart by SoC."""
    old = with_starts(document(tiny_bundle, serial="A1", begun="2026-01-01T00:00:00+00:00"), *around(5, 1.0))
    pixels = [
        with_starts(
            with_starts(document(tiny_bundle, serial=serial, threads=(1, 4)), *around(one, *EVEN)),
            *around(four, *EVEN),
            row=1,
        )
        for serial, one, four in (("A1", 20, 10), ("A2", 30, 14), ("A3", 9, 90))
    ]
    exynos = with_starts(document(tiny_bundle, serial="B1", model="Galaxy", soc="Exynos"), *around(12, *EVEN))
    snapdragon = with_starts(
        document(tiny_bundle, serial="B2", model="Galaxy", soc="SM8550"), *around(6, *EVEN)
    )
    found = fleet([cases.of(one, "x") for one in (old, together(*pixels), exynos, snapdragon)])
    assert [(row.best.phone, row.best.soc, row.best.threads, len(row.cases)) for row in found] == [
        ("Galaxy", "SM8550", 1, 1),
        ("Galaxy", "Exynos", 1, 1),
        ("Pixel 6", "Google Tensor", 4, 3),
    ]
    assert found[2].p50 == pytest.approx(14, rel=1e-3)
    assert found[2].range == pytest.approx((10, 90), rel=1e-3)
    assert found[0].range is None


def test_a_history_sorts_by_when_a_bench_was_begun_and_a_resumed_one_is_one(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    for day, level in ((3, 22), (1, 20), (2, 20)):
        made = with_starts(
            document(tiny_bundle, begun=f"2026-01-0{day}T00:00:00+00:00"), *around(level, *EVEN)
        )
        history.keep(tmp_path, made, tmp_path / "out")
        history.keep(tmp_path, made | {"created": "later"}, tmp_path / "out")
    # Two benches of one second into other folders.
    history.keep(tmp_path, document(tiny_bundle, begun="2026-01-03T00:00:00+00:00"), tmp_path / "other")
    (tmp_path / "x.json").write_text("{")
    assert len(list(tmp_path.glob("2026*.json"))) == 4
    (tmp_path / sorted(path.name for path in tmp_path.glob("20260103*"))[-1]).unlink()
    benches = history.read(tmp_path, notify=said.append)
    assert [one.begun.day for one in benches] == [1, 2, 3]
    assert len(said) == 1
    assert "x.json is no result of a bench" in said[0]
    with pytest.raises(InputError, match="there is no bench in"):
        history.read(tmp_path / "none", notify=said.append)


def test_a_trend_tells_which_step_is_no_chance(tiny_bundle: Path) -> None:
    made = document(tiny_bundle)
    benches = [
        cases.of(
            with_starts(made, *around(level, *EVEN)) | {"sessions": [f"2026-01-0{day}T00:00:00+00:00"]}, "x"
        )
        for day, level in ((1, 20), (2, 20.02), (3, 23), (4, 23.02))
    ]
    (trend,) = history.trends(benches[::-1])
    assert [step.certain for step in trend.steps] == [False, True, False]
    assert trend.since_first.value == pytest.approx(23.02 / 20)


def test_tables_for_spreadsheets_run_no_formula_and_are_utf_8(tiny_bundle: Path, tmp_path: Path) -> None:
    evil = document(tiny_bundle, model="=HYPERLINK(1)", serial="+49", soc="@SUM(A1)")
    evil["phones"][0]["measurements"][0]["notes"] = ["-1+1", "手机"]
    file = write(tmp_path / "-2.json", evil)
    done = compare(file, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    raw = (tmp_path / "out/fleet.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(raw.decode("utf-8-sig").splitlines())
    assert (row["phone"], row["serials"], row["soc"]) == ("'=HYPERLINK(1)", "'+49", "'@SUM(A1)")
    assert row["notes"] == "'-1+1; 手机"
    assert float(row["p50_ms"]) > 0
    (line,) = csv.DictReader((tmp_path / "out/compare.csv").read_text().splitlines())
    assert (line["bench"], line["phone"]) == ("'-2", "'=HYPERLINK(1)")
    page = (tmp_path / "out/compare.html").read_text()
    assert "=HYPERLINK(1)" in page


def test_tables_say_which_case_was_a_soak_or_had_fixed_clocks(tiny_bundle: Path, tmp_path: Path) -> None:
    made = document(tiny_bundle)
    plans = ({}, {"soak": True}, {"fixed_clocks": True})
    files = [
        write(tmp_path / f"{place}.json", made | {"plan": made["plan"] | plan})
        for place, plan in enumerate(plans)
    ]
    # An old bench has no such fields.
    files.append(write(tmp_path / "old.json", made | {"plan": {}}))
    assert compare(*files, "--out", tmp_path / "out").returncode == 0
    lines = csv.DictReader((tmp_path / "out/compare.csv").read_text().splitlines())
    assert {(line["bench"], line["soak"], line["fixed_clocks"]) for line in lines} == {
        ("0", "0", "0"),
        ("1", "1", "0"),
        ("2", "0", "1"),
        ("old", "0", "0"),
    }
    (row,) = csv.DictReader((tmp_path / "out/fleet.csv").read_text("utf-8-sig").splitlines())
    assert (row["soak"], row["fixed_clocks"]) == ("0", "0")


def test_the_command_shows_tables_and_the_same_as_json(tiny_bundle: Path, tmp_path: Path) -> None:
    made = document(tiny_bundle)
    files = [
        write(tmp_path / name / "results.json", with_starts(made, *around(level, *EVEN)))
        for name, level in (("monday", 20), ("friday", 23))
    ]
    shown = compare(*(file.parent for file in files))
    assert shown.returncode == 0, shown.stderr
    assert "monday" in shown.stdout
    assert "+15.0 %" in " ".join(shown.stdout.split())
    assert "slower" in shown.stdout
    document_ = json.loads(compare(*files, "--json").stdout)
    assert [one["time_ratio"] for one in document_["benches"]] == [None, pytest.approx(1.15)]
    assert [one["phone"] for one in document_["phones"]] == ["Pixel 6"]
    assert (document_["gate"], document_["trends"]) == (None, [])
    page = write_page(files, tmp_path / "out")
    for one in document_["benches"]:
        assert f"<b>{one['p50_ms']:.1f}</b>" in page
    assert "+15.0 % (+13" in page
    # Two of one name are told apart.
    same = compare(files[0], files[0].parent)
    assert "monday [1]" in " ".join(same.stdout.split())
    assert compare("--help").returncode == 0


def write_page(files: list[Path], out: Path) -> str:
    done = compare(*files, "--out", out)
    assert done.returncode == 0, done.stderr
    return (out / "compare.html").read_text()


def test_no_library_writes_to_standard_error(tiny_bundle: Path, tmp_path: Path) -> None:
    """Not for letters that its font lacks, nor for a home without place for its cache, nor for old functions."""
    made = document(tiny_bundle, model="小米 手机")
    later = scaled(made, 1.1) | {"sessions": ["2026-02-02T00:00:00+00:00"]}
    files = [write(tmp_path / "手机.json", made), write(tmp_path / "b.json", later)]
    write(tmp_path / "history/1.json", made), write(tmp_path / "history/2.json", later)
    script = str(ROOT / "tools/adb_bench.py")
    options = [
        "compare",
        *map(str, files),
        "--history",
        str(tmp_path / "history"),
        "--out",
        str(tmp_path / "out"),
    ]
    nobody = {
        name: value for name, value in os.environ.items() if name not in ("MPLCONFIGDIR", "XDG_CACHE_HOME")
    }
    done = subprocess.run(
        [sys.executable, script, *options], capture_output=True, text=True, env=nobody | {"HOME": "/dev/null"}
    )
    assert (done.returncode, done.stderr) == (0, "")
