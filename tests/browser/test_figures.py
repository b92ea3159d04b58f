"""Every figure that a report shows is one of the JSON beside it, in the place where it belongs."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from pages import Page
from screenshots import show
from selenium.webdriver import Chrome

from lite.measure.drift import SNR_LIMIT_DB
from lite.shown import cosine, percent

# Heading → texts, and rows of cells.
Sections = dict[str, tuple[list[str], list[list[str]]]]
# What the JSON does not hold but predictions.csv.
_NOT_IN_JSON = ("The pictures that came off worst",)
# Heading; the text of the section's tiles, cells and plots (but their ticks) that are shown; the rows of its tables.
_SECTIONS = """
for (const part of document.querySelectorAll('details')) part.open = true;
const shown = node => node.checkVisibility();
const words = node => (node.innerText ?? node.textContent).replaceAll('\u00a0', ' ');
return Array.from(document.querySelectorAll('section'), section => [
  section.querySelector('h2').textContent,
  Array.from(section.querySelectorAll('h3, .tile, .lead, td, svg text')).filter(
    node => shown(node) && !node.closest('[id^="matplotlib.axis"]')).map(words),
  Array.from(section.querySelectorAll('tbody tr')).filter(shown).map(
    row => Array.from(row.cells, cell => words(cell).trim().split('\\n')[0]))]);
"""
# A number with a point or a unit: neither part of a name or a version, nor a date, nor a count.
_FIGURE = re.compile(
    r"([<>] )?(?<![\w.:-])([+-]?\d+(?:\.\d+)?(?:e[+-]\d+)?)(?![\w-]|\.\d|,\d| ×)(?: ?(dB|%|MB|MiB|ms|M|×)(?!\w))?"
)
_SCALES = {"%": (100, 1), "MB": (1e-6,), "MiB": (1 / 1024,), "M": (1e-6,)}
# Of the explanations.
_PROSE = ("At 20 dB", "at 40 dB", "(95 % interval)")


def values(data: Any) -> Iterator[float | str]:
    """All numbers and texts of a JSON value but the raw latencies and looks at sensors, which would match anything."""
    if isinstance(data, (dict, list)):
        for name, one in data.items() if isinstance(data, dict) else enumerate(data):
            if name not in ("latencies_ms", "during", "after"):
                yield from values(one)
    elif isinstance(data, str):
        yield data
    elif data is not None and not isinstance(data, bool):
        yield float(data)


def is_among(known: list[float], sign: str, written: str, unit: str) -> bool:
    """Whether a figure is one of the known numbers, rounded as it is written."""
    mantissa, _, power = written.partition("e")
    places = len(mantissa.partition(".")[2]) - int(power or 0)
    value, half = float(written), 0.5000001 * 10.0**-places
    for number in known:
        for scale in _SCALES.get(unit, (1,)):
            shown = number * scale
            if not sign and abs(shown - value) <= half:
                return True
            if sign and abs(shown - value) <= 2 * half and (shown > value) == (sign == "> "):
                return True
    return False


def derived(data: dict[str, Any]) -> list[float]:
    """What a report works out from its JSON: how much smaller a file is, shares of a sum, a share's interval, noise."""
    found: list[float] = []
    drift = data.get("drift")
    if "files" in data:
        found.append(data["fp32_bytes"] / data["files"]["model.nb"]["bytes"])
    if drift:
        images = drift["images"]
        found.append(1 / images)
        # Wilson's interval, as statsmodels' proportion_confint has it.
        for share in (drift["top1_agreement"], drift["top1_reference"], drift["top1_deployed"]):
            if share is not None:
                squared = 1.959964**2 / images
                middle, half = share + squared / 2, (squared * (share * (1 - share) + squared / 4)) ** 0.5
                found += [(middle - half) / (1 + squared), (middle + half) / (1 + squared)]
        found.append(1 - drift["top1_agreement_interval"]["low"])
    if cost := data.get("cost"):
        rows = [*cost["operators"], *cost["layers"]]
        found += [row["instructions"] / cost["instructions"] for row in rows]
    for phone in data.get("phones") or ():
        for one in (one for row in phone["measurements"] for one in row["rounds"]):
            p10, p50, p90 = np.percentile(one["latencies_ms"], [10, 50, 90])
            found += [p50, (p90 - p10) / p50 / 2.563103, *(clock["khz"] / 1e6 for clock in one["clocks"])]
    before = 0.0
    for row in data.get("layers") or ():
        known = row.get("instructions")
        found += (
            [known[one] - known["int8"] for one in ("fp16", "fp32") if known[one] is not None]
            if known
            else []
        )
        if "snr_db" in row:
            noise = 10 ** (-row["snr_db"] / 10)
            found.append((noise - before) / 10 ** (-data["layers"][-1]["snr_db"] / 10))
            before = noise
    return found


@pytest.fixture
def sections(browser: Chrome, page: Page) -> Sections:
    show(browser, page.path, width=1280, dark=False)
    return {heading: (texts, rows) for heading, texts, rows in browser.execute_script(_SECTIONS)}


def test_no_figure_is_another_than_the_jsons(page: Page, sections: Sections) -> None:
    documents = [page.data]
    if "bundle" in page.data:  # a validation's report shows its bundle, too
        documents.append(page.bundle_manifest)
    wrong, seen = compared(documents, sections)
    assert not wrong, "\n".join(wrong)
    assert seen > 2


@pytest.mark.parametrize("page", ["bench-1"], indirect=True)
def test_another_figure_is_found(page: Page, sections: Sections) -> None:
    changed = copy.deepcopy(page.data)
    changed["phones"][0]["golden"][0]["cosine"] = 0.9997
    for row in changed["phones"][0]["measurements"]:
        for one in row["rounds"]:
            one["first_run_ms"] = 91.0
    wrong, _ = compared([changed], sections)
    assert {line.split()[0] for line in wrong} == {"0.999900", "90.0"}


def compared(documents: list[dict[str, Any]], sections: Sections) -> tuple[list[str], int]:
    """The page's figures that are none of the documents', and how many were looked at."""
    known: list[float] = []
    quoted: list[str] = list(_PROSE)
    for document in documents:
        for value in (*values(document), *derived(document)):
            known.append(value) if isinstance(value, float) else quoted.append(value)
    wrong, seen = [], 0
    for heading, (texts, _) in sections.items():
        for text in texts if heading not in _NOT_IN_JSON else ():
            rest = text
            # What is quoted holds figures of its own: notes of a measurement, names of phones.
            for words in quoted:
                rest = rest.replace(words, "") if len(words) > 6 else rest
            for sign, written, unit in _FIGURE.findall(rest):
                if unit or "." in written:
                    seen += 1
                    if not is_among(known, sign, written, unit):
                        wrong.append(f"{sign}{written} {unit} in {heading}: {text[:80]}")
    return wrong, seen


def test_the_key_figures_are_in_their_places(page: Page, sections: Sections) -> None:
    KEY_FIGURES["bench" if "phones" in page.data else page.json](page.data, sections)


def _conversion(data: dict[str, Any], sections: Sections) -> None:
    tiles, lost = _tiles(sections), _rows(sections, "What it lost")
    _drift(data["drift"], tiles, lost)
    assert _one(tiles, "for the phone") == f"{data['files']['model.nb']['bytes'] / 1e6:.1f} MB"


def _validation(data: dict[str, Any], sections: Sections) -> None:
    if data["drift"] is None:
        assert not _rows(sections, "What it lost")
        return
    _drift(data["drift"], _tiles(sections), _rows(sections, "What it lost"))


def _drift(drift: dict[str, Any], tiles: list[list[str]], lost: dict[str, list[str]]) -> None:
    share = f"{100 * drift['top1_agreement']:.2f} %"
    snr = f"{drift['snr_db']:.1f} dB"
    same = drift["snr_db"] >= SNR_LIMIT_DB
    assert _one(tiles, "SNR") == ("identical" if same else snr)
    assert _one(tiles, "same first class") == share
    assert lost["Same first class"][0] == share
    changed = round((1 - drift["top1_agreement"]) * drift["images"])
    assert re.search(rf"\b{changed or 'None'} of {drift['images']} changed", lost["Same first class"][1])
    assert lost["SNR"][0] == ("no difference" if same else snr)
    right = drift["top1_deployed"]
    assert lost["Correct (top-1)"][0] == ("unknown" if right is None else f"{100 * right:.2f} %")
    for heading, key in (("Cosine, mean", "cosine_mean"), ("Cosine, worst", "cosine_min")):
        shown = lost[heading][0]
        assert shown == f"{drift[key]:.5f}" or (shown == "> 0.99999" and 0.99999 < drift[key] < 1)
    assert lost["Largest difference"][0] == f"{drift['max_abs']:.3g}"


def _sensitivity(data: dict[str, Any], sections: Sections) -> None:
    layers, tensors = (_rows(sections, heading) for heading in ("Layers", "All tensors"))
    assert list(layers) == [row["name"] for row in data["layers"]]
    assert list(tensors) == [row["name"] for row in data["tensors"]]
    for row in data["layers"] + data["tensors"]:
        cells = (layers if row["kind"] == "layer" else tensors)[row["name"]]
        isolated = row["isolated"]
        assert cells[:4] == [
            _percent(row["share"]), f"{isolated['snr_db']:.1f} dB", cosine(isolated["cosine_min"]),
            _percent(isolated["top1_agreement"]),
        ]  # fmt: skip
        assert cells[5 if row["kind"] == "layer" else 4] == f"{row['gain_db']:+.2f} dB"


def _percent(share: float) -> str:
    return percent(share).replace("%", " %")


def _bench(data: dict[str, Any], sections: Sections) -> None:
    best: dict[tuple[str, str], float] = {}
    for phone in data["phones"]:
        name = f"{phone['facts']['model']} ({phone['serial']})" if phone["facts"] else phone["serial"]
        rows = _rows(sections, name)
        for row in phone["measurements"]:
            summary = row["summary"]
            shown = rows[_label(row)]
            assert shown == [
                _ms(summary["p50"]),
                f"{_ms(summary['median_interval']['low'])} to {_ms(summary['median_interval']['high'])}",
                *(f"{100 * summary[key]:.1f} %" for key in ("within_starts", "between_starts")),
                *(_ms(summary[key]) for key in ("mean", "stddev", "p90", "p99", "min", "max")),
            ]
            assert f"{summary['p50']:.1f}" in sections[name][0]  # beside its dots
            assert all(note in rows for note in row["notes"])
            key = phone["serial"], row["bundle"]
            best[key] = min(best.get(key, summary["p50"]), summary["p50"])
        if phone["speed_ups"]:
            texts, speed_ups = sections[f"Compared with {data['base']}"]
            for row in phone["speed_ups"]:
                low, high = row["interval"]["low"], row["interval"]["high"]
                cells = [_label(row), f"{row['ratio']:.2f}", f"{low:.2f} to {high:.2f}", str(row["rounds"])]
                assert cells in speed_ups
                assert f"{row['ratio']:.2f}×" in texts
    tiles = _tiles(sections)
    assert [lines[0] for lines in tiles] == [f"{_ms(value)} ms" for value in best.values()]
    assert all(serial in lines[1] for lines, (serial, _) in zip(tiles, best, strict=True))


def _label(row: dict[str, Any]) -> str:
    threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
    return f"{row['bundle']}, {threads}, CPU mask {row['cpu_mask']}"


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def _tiles(sections: Sections) -> list[list[str]]:
    """The lines of each tile."""
    return [text.split("\n") for text in sections["In short"][0] if "\n" in text]


def _one(tiles: list[list[str]], words: str) -> str:
    (figure,) = [lines[0] for lines in tiles if words in " ".join(lines[1:])]
    return figure


def _rows(sections: Sections, heading: str) -> dict[str, list[str]]:
    """The first cell of each row of the section's tables → the others."""
    return {cells[0]: cells[1:] for cells in sections[heading][1]}


KEY_FIGURES: dict[str, Callable[[dict[str, Any], Sections], None]] = {
    "manifest.json": _conversion,
    "results.json": _validation,
    "sensitivity.json": _sensitivity,
    "bench": _bench,
}
