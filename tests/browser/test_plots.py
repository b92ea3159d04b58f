"""Plots of networks and of names that no small report has: in a page of their own, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from screenshots import show
from selenium.webdriver import Chrome
from test_layout import problems

from lite.measure.drift import LayerDrift
from lite.phone import plots
from lite.report.plots import Curve, Point, curve_plot, layer_plot, share_plot

LONG = "a_folder_that_somebody_gave_a_name_of_his_own_with_no_place_to_break_it-int8-arm, 8 threads, CPU mask f0f0f0"
# As wide as a report's card is at 1280 and at 390 px.
WIDTHS = {"wide": (1280, 913), "narrow": (390, 331)}


def layers(count: int, worst: int) -> list[LayerDrift]:
    return [
        LayerDrift(name, 20.0 if index >= worst else 70.0 - index, 0.99, 8)
        for index, name in enumerate(["patches", *(f"block {index + 1}" for index in range(count)), "head"])
    ]


def speed_up(ratio: float) -> dict:
    return {"ratio": ratio, "certain": True, "interval": {"low": 0.9 * ratio, "high": 1.1 * ratio}}


def wild(low: float, high: float) -> dict:
    return {"ratio": 1.2, "certain": False, "interval": {"low": low, "high": high}}


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_a_wide_interval_leaves_the_bars_to_be_seen(kind: str) -> None:
    """Two rounds may give 0.00 to 1937: the axis ends far before, and says that lines go on."""
    drawn = plots.speed_ups([("a", speed_up(0.8)), ("b", wild(0.001, 1937.3))], kind)
    ticks = [float(text) for text in re.findall(r">(\d+\.\d+)</text>", drawn)]
    assert 1 < max(ticks) < 5
    assert "lines that end at the edge go on" in drawn
    assert "go on" not in plots.speed_ups([("a", speed_up(0.8)), ("b", wild(0.9, 1.5))], kind)


CURVE = Curve(
    limit=190e6,
    images=128,
    predicted_images=16,
    points=[Point(f"blocks.{index}", 185e6 + 2e6 * index, 35 + 2.0 * index) for index in range(12)],
    chosen=Point("chosen", 189e6, 39.0),
    measured=Point("measured", 189e6, 38.6),
    measured_first=Point("measured", 189e6, 38.9),
    compared=[Point("deit", 203e6, 40.0), Point("paddleslim", 228e6, 21.0)],
)


@pytest.mark.parametrize("kind", ["wide", "narrow"])
@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(lambda kind: layer_plot(layers(12, 0), kind), id="12 blocks, the patches worst"),
        pytest.param(lambda kind: layer_plot(layers(12, 13), kind), id="12 blocks, the head worst"),
        pytest.param(lambda kind: layer_plot(layers(24, 5), kind), id="24 blocks"),
        pytest.param(
            lambda kind: share_plot(
                ["blocks.11.attn.q+k+v input"] * 20, [0.9] + [1e-5] * 19, [True] * 20, kind
            ),
            id="shares",
        ),
        pytest.param(lambda kind: curve_plot(CURVE, kind), id="curve"),
        pytest.param(
            lambda kind: plots.speed_ups([(LONG, speed_up(12.5)), ("b", speed_up(0.4))], kind), id="long"
        ),
    ],
)
def test_labels_stand_in_the_plot_and_beside_each_other(
    browser: Chrome, tmp_path: Path, drawn: Callable[[str], str], kind: str
) -> None:
    window, width = WIDTHS[kind]
    page = tmp_path / "page.html"
    page.write_text(
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Plot</title>"
        "<style>:root { --soft: #444; --line: #ccc; --accent: #1f5fbf; --bad: #c2352b } "
        "body { font-family: sans-serif } "
        "svg text { font-family: inherit !important } svg { display: block; width: 100% }</style>"
        f"<div style='width: {width}px'>{drawn(kind)}</div>"
    )
    show(browser, page, width=window, dark=False)
    assert problems(browser) == []
