"""Results as files: what the schema holds, and a page that tells the truth about every sort of phone."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measurements import USED, measurement, outcome, renamed, round_of
from test_engine_profile import SAID

from lite import bundle
from lite.errors import InputError
from lite.phone import report, results, resume
from lite.phone.binaries import Binaries
from lite.phone.counters import Counters
from lite.phone.demo import kernel_times
from lite.phone.link import PhoneError
from lite.phone.measured import Cooldown, Measurement, PhoneFigures, Round
from lite.phone.plan import BenchPlan, Candidate, Configuration, flattened
from lite.phone.sensors import Sample
from lite.phone.session import Outcome, PhoneJob
from lite.phone.trace import Trace


@pytest.fixture
def candidate(tiny_bundle: Path) -> Candidate:
    return Candidate(bundle.read(tiny_bundle), "/data/local/tmp/b", host=True)


@pytest.fixture
def job(candidate: Candidate) -> PhoneJob:
    return PhoneJob([candidate.bundle], BenchPlan(repeats=36, rounds=3), Binaries(None, None))


def test_all_three_files_are_written_and_hold_the_same(
    tmp_path: Path, candidate: Candidate, job: PhoneJob
) -> None:
    document = results.document([outcome(measurement(candidate, 20))], job, adb_server=41)
    results.write(tmp_path, document)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "results.csv", "results.json"]
    stored = json.loads((tmp_path / "results.json").read_text())
    assert stored == document
    assert results.problem(stored) is None
    (row,) = stored["phones"][0]["measurements"]
    medians = [np.median(one["latencies_ms"]) for one in row["rounds"]]
    assert row["summary"]["count"] == 36
    assert row["summary"]["p50"] == pytest.approx(np.prod(medians) ** (1 / 3))
    with (tmp_path / "results.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert float(line["p50_ms"]) == row["summary"]["p50"]
    assert (line["runs"], line["noisy"], line["bundle"]) == ("36", "0", candidate.name)
    assert line["starts"] == "3"
    assert float(line["between_starts"]) == row["summary"]["between_starts"] > 0
    assert float(line["within_starts"]) == row["summary"]["within_starts"] > 0
    page = (tmp_path / "report.html").read_text()
    assert f"{row['summary']['p50']:.1f} ms" in page


def test_starts_of_one_run_say_nothing_of_what_runs_of_a_start_spread(
    tmp_path: Path, candidate: Candidate, job: PhoneJob
) -> None:
    single = measurement(candidate, 20)
    single.rounds[:] = [round_of([latency]) for latency in (20.0, 20.1, 20.2)]
    results.write(tmp_path, results.document([outcome(single)], job))
    with (tmp_path / "results.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert line["within_starts"] == "" != line["between_starts"]
    page = (tmp_path / "report.html").read_text()
    assert '<td data-name="within starts">–</td>' in page
    assert page.count('<td data-name="within">–</td>') == 3


def test_the_page_has_the_loading_time_of_the_csv(
    tmp_path: Path, candidate: Candidate, job: PhoneJob
) -> None:
    started = measurement(candidate, 20)
    started.rounds[:] = [
        replace(each, load_ms=load) for each, load in zip(started.rounds, (900.0, 120.0, 110.0), strict=True)
    ]
    results.write(tmp_path, results.document([outcome(started)], job))
    with (tmp_path / "results.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert float(line["load_ms"]) == 120
    assert "load 120.0, first run" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (("schema",), 1, "schema"),
        (("phones", 0, "status"), "fine", "status"),
        (("phones", 0, "measurements", 0, "rounds", 0, "latencies_ms", 0), 0, "latencies_ms/0"),
        (("phones", 0, "measurements", 0, "summary", "p50"), None, "p50"),
        (("phones", 0, "more"), 1, "more"),
        (("bundles",), [], "bundles"),
    ],
)
def test_the_schema_holds(
    candidate: Candidate, job: PhoneJob, place: tuple[Any, ...], value: Any, problem: str
) -> None:
    document = results.document([outcome(measurement(candidate, 20))], job)
    assert results.problem(document) is None
    *parents, last = place
    inner = document
    for step in parents:
        inner = inner[step]
    inner[last] = value
    assert problem in (results.problem(document) or "")


def test_earlier_results_stay_whole_when_new_ones_cannot_be_written(
    tmp_path: Path, candidate: Candidate, job: PhoneJob
) -> None:
    document = results.document([outcome(measurement(candidate, 20))], job)
    results.write(tmp_path, document)
    before = (tmp_path / "results.json").read_bytes()
    with pytest.raises(AssertionError, match="schema"):
        results.write(tmp_path, {**document, "schema": 3})
    assert (tmp_path / "results.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write.*choose another folder"):
        results.write(tmp_path / "file", document)


def test_speed_up_is_in_all_of_them(
    tmp_path: Path, candidate: Candidate, job: PhoneJob, tiny_bundle: Path
) -> None:
    slow = Candidate(renamed(tiny_bundle, tmp_path / "slow-fp32"), "/data/local/tmp/s", host=True)
    pair = [measurement(slow, 40), measurement(candidate, 20)]
    both = PhoneJob([slow.bundle, candidate.bundle], job.plan, job.binaries)
    document = results.document([outcome(*pair)], both, base="slow-fp32")
    (row,) = document["phones"][0]["speed_ups"]
    assert (row["bundle"], row["base"]) == (candidate.name, "slow-fp32")
    assert row["ratio"] == pytest.approx(2, rel=0.02)
    assert (row["certain"], row["simulated"]) == (True, False)
    assert "Compared with slow-fp32" in report.render(document)
    lines = list(csv.DictReader(results.table(document).splitlines()))
    assert [bool(line["speed_up"]) for line in lines] == [False, True]


def test_a_simulation_is_not_sold_as_a_speed_up(candidate: Candidate, job: PhoneJob) -> None:
    """On x86 an INT8 bundle's host.nb runs, which computes in fp32."""
    manifest = {**candidate.bundle.manifest, "precision": "int8"}
    int8 = Candidate(bundle.Bundle(Path("int8"), manifest), "/data/local/tmp/i", host=True)
    rows = [measurement(candidate, 20), measurement(int8, 40)]
    both = PhoneJob([candidate.bundle, int8.bundle], job.plan, job.binaries)
    document = results.document([outcome(*rows)], both, base=candidate.name)
    assert results.problem(document) is None
    phone = document["phones"][0]
    assert phone["speed_ups"][0]["simulated"]
    assert (
        "not int8's latency: on x86 host.nb runs, which computes int8 in fp32"
        in phone["measurements"][1]["notes"]
    )
    assert "not the speed-up of its precision" in report.render(document)


def test_no_base_no_speed_up(candidate: Candidate, job: PhoneJob) -> None:
    document = results.document([outcome(measurement(candidate, 20))], job)
    assert document["phones"][0]["speed_ups"] == []
    assert "Compared with" not in report.render(document)


def test_what_spoils_a_number_is_said_beside_it(candidate: Candidate, job: PhoneJob) -> None:
    made = Measurement(candidate, Configuration(8, "high"), 11, used=dict(USED))
    made.rounds.append(
        round_of(
            [20.0] * 5 + [60.0] * 5,
            throttled=["throttled: the system lowered the top clock"],
            cooldown=Cooldown(300.0, 55.0, "processor", reached=False),
        )
    )
    made.rounds.append(round_of([20.0], cooldown=Cooldown(1.0, 38.0, "battery", reached=True)))
    assert made.notes == [
        "throttled: the system lowered the top clock",
        "noisy: p10 to p90 is 141% of the median",
        "not cooled down: started at 55 °C",
        "waited for the battery to be cool: the processor's temperature cannot be read",
        "1 thread in place of 8: the engine takes no more",
        "power mode high is not this engine's: no-bind",
    ]
    document = results.document([outcome(made)], job)
    page = report.render(document)
    for note in made.notes:
        assert note.replace("'", "&#39;") in page
    (line,) = csv.DictReader(results.table(document).splitlines())
    assert (line["noisy"], line["throttled"]) == ("1", "1")


def test_an_interrupted_bench_says_how_many_runs_it_has(candidate: Candidate, job: PhoneJob) -> None:
    """Everywhere: on the terminal and in JSON as a note, in the page, in the table."""
    begun, done = measurement(candidate, 20, rounds=1), measurement(candidate, 30, rounds=3)
    begun.planned = 36
    document = results.document([outcome(done, begun, status="stopped")], job)
    rows = document["phones"][0]["measurements"]
    assert [(row["complete"], row["planned"]) for row in rows] == [(True, 36), (False, 36)]
    assert begun.notes[0] == "12 of 36 runs"
    page = report.render(document)
    assert "12 of 36 runs" in page
    assert "The median of 36 runs" not in page
    assert "Not all of this was done" in page
    lines = list(csv.DictReader(results.table(document).splitlines()))
    assert [(line["status"], line["runs"], line["planned_runs"]) for line in lines] == [
        ("complete", "36", "36"),
        ("stopped", "12", "36"),
    ]


def test_few_runs_and_hidden_sensors(candidate: Candidate, job: PhoneJob) -> None:
    made = Measurement(candidate, Configuration(1), 2, used=dict(USED))
    hidden = Sample(1000.0)
    made.rounds.append(
        Round([20.0, 21.0], 1.0, 2.0, None, hidden, [], hidden, Cooldown(0.0, None, None, reached=False), [])
    )
    assert made.notes == [
        "one start: no interval",
        "not cooled down: the phone hides its temperatures",
    ]
    document = results.document([outcome(made)], job)
    assert results.problem(document) is None
    assert "hides its temperatures from the shell" in report.render(document)
    assert "peak memory" not in report.render(document)


def test_a_phone_that_failed_keeps_what_it_measured(candidate: Candidate, job: PhoneJob) -> None:
    error = PhoneError("phone-1", "it was unplugged <b>", "plug it in", lost=True)
    failed = outcome(measurement(candidate, 20), status="failed", error=error)
    document = results.document([failed, outcome(measurement(candidate, 30))], job)
    assert results.problem(document) is None
    assert [phone["exit_code"] for phone in document["phones"]] == [7, 0]
    fields = {"what": "phone-1", "why": "it was unplugged <b>", "remedy": "plug it in"}
    assert [phone["error"] for phone in document["phones"]] == [fields, None]
    page = report.render(document)
    assert "it was unplugged &lt;b&gt;; plug it in" in page
    assert "kept below" in page


def test_nothing_measured_is_a_page_too(job: PhoneJob) -> None:
    lost = Outcome("phone-1", status="failed", error=PhoneError("phone-1", "gone", "plug it in"))
    document = results.document([lost], job)
    assert results.problem(document) is None
    assert "phone-1: gone; plug it in" in report.render(document)
    assert list(csv.DictReader(results.table(document).splitlines())) == []


def test_the_page_opens_without_a_network(candidate: Candidate, job: PhoneJob) -> None:
    page = report.render(results.document([outcome(measurement(candidate, 20))], job))
    # Names of XML's vocabularies are no addresses, and #… is in the page itself.
    page = page.replace("http://www.w3.org/", "").replace("url(#", "")
    for word in ("http://", "https://", "src=", "@import", "url("):
        assert word not in page, word


def test_names_from_outside_are_escaped(tmp_path: Path, tiny_bundle: Path, job: PhoneJob) -> None:
    evil = Candidate(renamed(tiny_bundle, tmp_path / "<script>$x$&"), "/data/local/tmp/e", host=True)
    rows = [measurement(evil, 20, configuration=Configuration(1, cpu_mask="f0"))]
    document = results.document([outcome(*rows)], PhoneJob([evil.bundle], job.plan, job.binaries))
    page = report.render(document)
    assert "<script" not in page
    assert "&lt;script&gt;$x$&amp;" in page


def test_slower_ones_of_many_phones_are_told_apart(candidate: Candidate, job: PhoneJob) -> None:
    """Every phone has its own section, its plots in both widths, and a tile."""
    document = results.document(
        [outcome(measurement(candidate, 20)), outcome(measurement(candidate, 45))], job
    )
    page = report.render(document)
    assert page.count('class="tile"') == 2
    assert page.count('<div class="plot wide">') == 4
    assert page.count('<div class="plot narrow">') == 4


def test_comparison_needs_rounds_of_both(candidate: Candidate, tmp_path: Path, tiny_bundle: Path) -> None:
    """The base was lost in its first round: there is nothing to hold the other against."""
    other = Candidate(renamed(tiny_bundle, tmp_path / "other"), "/data/local/tmp/o", host=True)
    begun = PhoneFigures(measurements=[Measurement(other, Configuration(1), 12), measurement(candidate, 20)])
    assert begun.comparisons("other") == []
    (uneven,) = PhoneFigures(
        measurements=[measurement(other, 20, rounds=2), measurement(candidate, 20, rounds=3)]
    ).comparisons("other")
    assert uneven.speed_up.rounds == 2


def test_what_was_looked_at_beside_latency_says_which_cores_by_name(
    candidate: Candidate, job: PhoneJob, tmp_path: Path
) -> None:
    """Of an engine that was built with its own profile, too: it is told whatever was asked for."""
    big = Configuration(2, cpu_mask="c0", cores="big")
    row = measurement(candidate, 20, configuration=big)
    row.kernels = kernel_times(SAID)
    done = outcome(row)
    done.diagnostics.counters.append(flattened(Counters(candidate.name, big, missing="no simpleperf")))
    done.diagnostics.traces.append(flattened(Trace(candidate.name, big, missing="no perfetto")))
    document = results.document([done], job)
    assert results.problem(document) is None
    found = document["phones"][0]["diagnostics"]
    for (one,) in (found["engine_profiles"], found["counters"], found["traces"]):
        assert report.configuration(one) == "2 threads, big cores (mask c0)"
    assert "big cores (mask c0)" in report.render(document)
    # A bench that is gone on with still knows it, and says so beside the latencies.
    results.write(tmp_path, document)
    (again,) = resume.read(tmp_path, job.plan, [candidate.bundle], None).measured("phone-1").measurements
    assert (again.kernels, again.notes) == (row.kernels, row.notes)
