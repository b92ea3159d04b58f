"""What a CI system shows of a gate: JUnit's XML for its tests, Markdown for its summary."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from lite.phone.compare.gate import NOT_SLOWER, SLOWER, UNDECIDED, Gate, Verdict
from lite.shown import escaped

_SIGNS = {SLOWER: "❌", NOT_SLOWER: "✅", UNDECIDED: "❔"}


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
        ET.SubElement(test, "system-out").text = _clean("\n".join([one.text, *one.as_dict()["notes"]]))
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
    notes = [f"{one.case.name}: {note}" for one in gate.verdicts for note in one.as_dict()["notes"]]
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
