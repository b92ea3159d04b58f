"""A page as Debian's headless Chromium shows it, as a PNG: how the documents' pictures of reports are made.

    ./run.sh --requirements requirements-dev.txt benchmarks/screenshots.py PAGE OUT.png --width 390 --dark

Chromium gets an empty profile and no way out of this machine. tests/browser looks at pages through the same functions.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

try:
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService
except ImportError as error:
    if __name__ != "__main__":
        raise
    raise SystemExit(
        f"Error: {error.name} is not installed; run ./run.sh --requirements requirements-dev.txt "
        "benchmarks/screenshots.py …"
    ) from None

# Debian's packages chromium and chromium-driver. Both are given to selenium, which would download others.
CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
HEIGHT = 900
# What is narrower is a phone: it lays a page out as wide as the page's `viewport` says.
_PHONE = 600
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--width", type=click.IntRange(200, 4000), default=1280, show_default=True, help="CSS pixels.")
@click.option("--dark", is_flag=True, help="As for who prefers dark pages.")
@click.option(
    "--full-page/--window", default=True, show_default=True, help="All of it, or what one sees first."
)
def main(page: Path, out: Path, width: int, dark: bool, full_page: bool) -> None:
    screenshot(page, out, width=width, dark=dark, full_page=full_page)


def screenshot(
    page: Path, out: Path, *, width: int = 1280, dark: bool = False, full_page: bool = True
) -> None:
    """Writes the HTML file `page` as the PNG `out`, under a temporary name first.

    `width`: the window's, in CSS pixels, one pixel of the PNG each; without `full_page` the PNG ends after HEIGHT.
    Raises ClickException where Chromium is missing or shows nothing, or `out` cannot be written.
    """
    with chromium() as browser:
        show(browser, page, width=width, dark=dark)
        png = capture(browser, full_page=full_page)
    part = out.with_name(f".{out.name}.part")
    try:
        part.write_bytes(png)
        part.replace(out)
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}; choose another OUT") from error


@contextmanager
def chromium() -> Iterator[Chrome]:
    """A headless Chromium with an empty profile that keeps a log of its requests and its console.

    Raises ClickException where it or its driver is not installed or does not start.
    """
    for program in (CHROMIUM, DRIVER):
        if not program.exists():
            raise click.ClickException(
                f"{program} is missing; run apt-get install chromium chromium-driver, as ./test.sh does"
            )
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with tempfile.TemporaryDirectory(prefix="chromium.", ignore_cleanup_errors=True) as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        if os.geteuid() == 0:  # its sandbox wants another user
            options.add_argument("--no-sandbox")
        try:
            browser = Chrome(options, ChromeService(str(DRIVER)))
        except WebDriverException as error:
            raise click.ClickException(f"Chromium does not start: {_line(error)}") from error
        try:
            yield browser
        finally:
            browser.quit()


def show(browser: Chrome, page: Path, *, width: int, dark: bool) -> None:
    """Loads the HTML file `page` in a window `width` CSS pixels wide, in light or dark colours.

    Raises ClickException where it cannot be loaded.
    """
    _window(browser, width, HEIGHT)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    try:
        browser.get(page.resolve().as_uri())
    except WebDriverException as error:
        raise click.ClickException(f"Chromium cannot show {page}: {_line(error)}") from error


def capture(browser: Chrome, *, full_page: bool = True) -> bytes:
    """The page that is shown, as PNG: all of it, or the window's part."""
    if full_page:
        width, height = browser.execute_script(
            "const root = document.documentElement; "
            "return [root.clientWidth, Math.ceil(root.getBoundingClientRect().height)]"
        )
        _window(browser, width, height)
    taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    return base64.b64decode(taken["data"])


def _window(browser: Chrome, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < _PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def _line(error: WebDriverException) -> str:
    return (error.msg or type(error).__name__).splitlines()[0]


if __name__ == "__main__":
    main()
