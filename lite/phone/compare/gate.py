"""A gate for CI: whether a bench is slower than an earlier one by more than is allowed, beyond chance.

Three outcomes, by the 95 % interval of the ratio of both over their starts: all of it above the limit is slower, none
of it is not slower, and where the limit lies in it the starts do not tell. A CI system shows it as JUnit's XML among
its tests, and as Markdown in its summary.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lite.errors import InputError
from lite.phone.compare import cases
from lite.phone.compare.cases import BenchCases, Case
from lite.phone.compare.ratio import MOST_STARTS, Ratio, percent, ratio, starts_needed
from lite.phone.plan import ROUNDS
from lite.shown import escaped

SLOWER, NOT_SLOWER, UNDECIDED = "slower", "not slower", "undecided"
# The command's exit codes; where nothing is slower and all is decided it is that of the bench.
SLOWER_CODE, UNDECIDED_CODE = 9, 10
_SIGNS = {SLOWER: "❌", NOT_SLOWER: "✅", UNDECIDED: "❔"}


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one case; `limit` is the ratio that is allowed, 1.05 for 5 %."""

    case: Case
    base: Case
    ratio: Ratio
    limit: float

    @property
    def outcome(self) -> str:
        """SLOWER, NOT_SLOWER or UNDECIDED."""
        bounds = self.ratio.interval
        # What is slower by exactly what is allowed is not slower, whatever a logarithm rounds.
        limit = self.limit * (1 + 1e-9)
        if bounds is None or bounds.low <= limit < bounds.high:
            return UNDECIDED
        return SLOWER if bounds.low > limit else NOT_SLOWER

    @property
    def text(self) -> str:
        """The figures in words."""
        return f"{self.base.p50:.2f} to {self.case.p50:.2f} ms, {self.ratio.change}; allowed {percent(self.limit)}"

    @cached_property
    def advice(self) -> str | None:
        """How many more rounds an undecided case needs, None for one that is decided."""
        if self.outcome != UNDECIDED:
            return None
        if self.case.soak:
            return "a soak is one start, which tells no spread: hold a bench without --soak against its like"
        if self.ratio.base.starts < 2:
            return f"the baseline has one start, which tells no spread: measure it with --rounds {ROUNDS}"
        if self.ratio.case.starts < 2:
            return f"one start tells no spread: measure with --rounds {ROUNDS}"
        if wanted := starts_needed(self.ratio, self.limit):
            more = wanted - self.ratio.case.starts
            return f"about {more} more round{'s' if more > 1 else ''} would tell: {self._options(wanted)}"
        if wanted := starts_needed(self.ratio, self.limit, base_too=True):
            return f"the baseline's starts are too few: measure both with {self._options(wanted)}"
        return f"not even {MOST_STARTS} rounds would tell: the change is as large as what is allowed"

    def _options(self, rounds: int) -> str:
        """So many rounds of as many runs as this bench had."""
        return f"--rounds {rounds} --repeats {math.ceil(rounds * self.case.runs / len(self.case.starts))}"

    @property
    def notes(self) -> list[str]:
        """What may be why it is slower, and what whoever quotes the figures should know."""
        return [*cases.notes(self.case, self.base), *self.case.notes]

    def as_dict(self) -> dict[str, Any]:
        """As JSON values: milliseconds, ratios of time."""
        bounds = self.ratio.interval
        return {
            "phone": self.case.device,
            "case": self.case.name,
            "outcome": self.outcome,
            "baseline_ms": self.base.p50,
            "ms": self.case.p50,
            "ratio": self.ratio.value,
            "interval": bounds and bounds.as_dict(),
            "allowed": self.limit,
            "rounds": {"baseline": self.ratio.base.starts, "now": self.ratio.case.starts},
            "advice": self.advice,
            "notes": self.notes,
        }


@dataclass(frozen=True)
class Gate:
    """A bench held against its baseline: a verdict for each case that both have, a line for each that only one has."""

    base: str
    limit: float
    verdicts: Sequence[Verdict]
    unmatched: Sequence[str]
    failures: Sequence[str]

    def of(self, outcome: str) -> list[Verdict]:
        """The verdicts of one outcome."""
        return [one for one in self.verdicts if one.outcome == outcome]

    @property
    def exit_code(self) -> int:
        """SLOWER_CODE where a case is slower, UNDECIDED_CODE where one is undecided, 0."""
        if self.of(SLOWER):
            return SLOWER_CODE
        return UNDECIDED_CODE if self.of(UNDECIDED) else 0

    @property
    def summary(self) -> str:
        """One line."""
        counts = [
            f"{len(found)} {outcome}"
            for outcome in (SLOWER, UNDECIDED, NOT_SLOWER)
            if (found := self.of(outcome))
        ]
        return (
            f"{', '.join(counts)}; held against {self.base}, {100 * (self.limit - 1):g} % slower is allowed"
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "baseline": self.base,
            "allowed": self.limit,
            "exit_code": self.exit_code,
            "verdicts": [one.as_dict() for one in self.verdicts],
            "unmatched": list(self.unmatched),
            "failures": list(self.failures),
        }


def gate(base: BenchCases, bench: BenchCases, allowed: float) -> Gate:
    """Holds `bench` against `base`; `allowed` is the share by which it may be slower, 0.05 for 5 %.

    Raises InputError where cases were measured and none of them is like one of the other's, so that nothing was held
    against anything. A bench without any, whose phones failed, gives a gate without verdicts.
    """
    limit = 1 + allowed
    verdicts, unmatched, used = [], [], []
    for case in bench.cases:
        if found := cases.counterpart(case, base.cases):
            used.append(found)
            verdicts.append(Verdict(case, found, ratio(found.starts, case.starts), limit))
        else:
            why = cases.difference(case, base.cases)
            unmatched.append(f"{case.device}: {case.name} has no counterpart in {base.name}: {why}")
    unmatched += [
        f"{case.device}: {case.name} is in {base.name} and was not measured"
        for case in base.cases
        if case not in used
    ]
    if not verdicts and bench.cases:
        raise InputError(
            f"nothing here can be held against {base.name}",
            why=unmatched[0],
            remedy="give a baseline of the same bundles, phones, threads and cores",
        )
    return Gate(base.name, limit, verdicts, unmatched, bench.failures)


def junit(gate: Gate) -> str:
    """The gate as JUnit's XML: a suite, a test for each case, which fails if it is slower and is skipped if undecided.

    Phones that failed are errors, cases without a counterpart are skipped. As Jenkins, GitLab and GitHub's actions read
    it: https://github.com/jenkinsci/xunit-plugin, its junit-10.xsd.
    """
    suite = ET.Element("testsuite", name="adb_bench")
    for one in gate.verdicts:
        test = _test(suite, one.case.device, one.case.name)
        # Seconds of a run: what CI systems plot.
        test.set("time", f"{one.case.p50 / 1000:.6f}")
        if one.outcome == SLOWER:
            ET.SubElement(test, "failure", message=_clean(one.text), type=SLOWER)
        elif one.outcome == UNDECIDED:
            ET.SubElement(test, "skipped", message=_clean(f"undecided: {one.text}; {one.advice}"))
        ET.SubElement(test, "system-out").text = _clean("\n".join([one.text, *one.notes]))
    for line in gate.unmatched:
        ET.SubElement(_test(suite, "no counterpart", line), "skipped", message=_clean(line))
    for line in gate.failures:
        ET.SubElement(_test(suite, "phones", line.partition(":")[0]), "error", message=_clean(line))
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{kind}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def markdown(gate: Gate) -> str:
    """The gate as Markdown with a table, for $GITHUB_STEP_SUMMARY; text from outside stays text."""
    lines = [f"### Bench: {_cell(gate.summary)}" if gate.verdicts else "### Bench: nothing was measured", ""]
    if gate.verdicts:
        lines += [
            "| | phone | bundle, threads, cores | baseline, ms | now, ms | change (95 %) | rounds |",
            "|---|---|---|---:|---:|---:|---:|",
            *(_row(one) for one in gate.verdicts),
            "",
        ]
    lines += _list("Undecided", [f"{one.case.name}: {one.advice}" for one in gate.of(UNDECIDED)])
    lines += _list("Not compared", gate.unmatched)
    lines += _list("Phones that failed", gate.failures)
    notes = [f"{one.case.name}: {note}" for one in gate.verdicts for note in one.notes]
    return "\n".join([*lines, *_list("Notes", notes)]).rstrip("\n") + "\n"


def _row(one: Verdict) -> str:
    rounds = f"{one.ratio.base.starts}, {one.ratio.case.starts}"
    cells = [
        f"{_SIGNS[one.outcome]} {one.outcome}",
        one.case.device,
        one.case.name,
        f"{one.base.p50:.2f}",
        f"{one.case.p50:.2f}",
        one.ratio.change,
        rounds,
    ]
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _list(heading: str, lines: Sequence[str]) -> list[str]:
    return [f"**{heading}**", "", *(f"- {_cell(line)}" for line in lines), ""] if lines else []


def _cell(text: str) -> str:
    """Text in which Markdown and HTML find nothing: a phone names itself as it likes."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#|!~@" else letter for letter in escaped(text))


def _test(suite: ET.Element, group: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_clean(group), name=_clean(name))


def _clean(text: str) -> str:
    # XML 1.0 has no control characters, not even escaped.
    return escaped(text, "\n")
