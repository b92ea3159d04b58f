"""Every report in a browser, wide and narrow, light and dark: nothing overflows, is cut, or leaves the machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pages import Page
from screenshots import show
from selenium.webdriver import Chrome

LAYOUT = (Path(__file__).parent / "layout.js").read_text()


def problems(browser: Chrome) -> list[str]:
    found: list[str] = browser.execute_script(LAYOUT)
    return found


def requests(browser: Chrome) -> list[str]:
    """The addresses that were asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_overflows_or_is_cut_and_no_request_leaves(
    browser: Chrome, page: Page, width: int, dark: bool
) -> None:
    requests(browser), browser.get_log("browser")
    show(browser, page.path, width=width, dark=dark)
    assert problems(browser) == []
    asked = requests(browser)
    assert asked[0] == page.path.resolve().as_uri()
    assert [url for url in asked[1:] if not url.startswith("data:")] == []
    assert browser.get_log("browser") == []
    brightness = browser.execute_script(
        "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (max(brightness) < 64) == dark


@pytest.mark.parametrize("width", [360, 390, 641, 700, 800, 960, 1000, 1280])
@pytest.mark.parametrize("page", ["bench-2", "bench-8", "bench-wild", "compare"], indirect=True)
def test_reports_of_benches_hold_at_every_width(browser: Chrome, page: Page, width: int) -> None:
    show(browser, page.path, width=width, dark=False)
    assert problems(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<div style='width: 500px'>wide</div>", "the page is 5"),
        (
            "<section><p style='width: 4em; white-space: nowrap'>much too long for its place</p>",
            "wider than its box",
        ),
        (
            "<p style='width: 4em; white-space: nowrap; overflow: hidden'>much too long for it",
            "cut off at its side",
        ),
        ("<p style='height: 1em; overflow: hidden'>one<br>two", "cut off below"),
        (
            "<p style='width: 3em; white-space: nowrap; overflow: hidden; text-overflow: ellipsis'>much too long",
            "nowhere",
        ),
        (
            "<div class=scroll style='overflow-x: auto'><table><td>"
            + 99 * "w"
            + "<tr><td colspan=2>"
            + 99 * "n",
            "until",
        ),
        ("<section style='width: 9em'><b style='position: absolute; left: 20em'>out</b>", "beside its frame"),
        ("<p>one<p style='margin-top: -2.1em'>two", "text over text"),
        ("<p style='color: #999'>pale", "contrast of 2.8"),
        ("<p style='font-size: 8px'>small", "letters of 8.0 px"),
        ("<svg viewBox='0 0 100 50' width=300><text x=90 y=20>outside</text></svg>", "beside its frame"),
        (
            "<svg viewBox='0 0 100 50' width=300><text y=20>one</text><text y=21 x=3>two</text></svg>",
            "text over text",
        ),
        (
            "<svg viewBox='0 0 9 9' width=300 aria-label=bars><g id=axes_1><path id=patch_1 d='M0 0h2v8z'/></g></svg>",
            "a plot of 67",
        ),
    ],
)
def test_what_is_wrong_is_found(browser: Chrome, tmp_path: Path, body: str, problem: str) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html><meta name=viewport content='width=device-width'><title>A page</title>{body}"
    )
    show(browser, page, width=390, dark=False)
    assert [line for line in problems(browser) if problem in line], problems(browser)


def test_requests_and_errors_are_seen(browser: Chrome, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<!doctype html><img src='http://127.0.0.1:9/a.png' alt=''><script>console.warn('no')</script>"
    )
    requests(browser)
    show(browser, page, width=1280, dark=False)
    assert "http://127.0.0.1:9/a.png" in requests(browser)
    assert len(browser.get_log("browser")) == 2
