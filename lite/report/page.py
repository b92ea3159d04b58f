"""Plots as parts of a page: SVG that takes its colours from the page's style sheet."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lite import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What matplotlib draws with, and the variable of the page's style sheet that takes its place.
_COLOURS = {
    "#010101": "var(--soft)",
    "#020202": "var(--line)",
    "#030303": "var(--accent)",
    "#040404": "var(--bad)",
}
SOFT, LINE, ACCENT, BAD = _COLOURS


def plain(axes: Any) -> None:
    """Takes the frame and the ticks of a plot away."""
    axes.tick_params(colors=SOFT, length=0)
    axes.xaxis.label.set_color(SOFT)
    axes.yaxis.label.set_color(SOFT)
    for spine in axes.spines.values():
        spine.set_visible(False)


def rendered(figure: Figure) -> str:
    """A figure as the text of an SVG file, the same for the same figure."""
    stream = io.StringIO()
    with warnings.catch_warnings():
        # Text is text in the file, and the browser's fonts have the letters that its own font has not.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def inline(svg: str, label: str) -> Markup:
    """An SVG file's text as an element of a page, as wide as its place, read out as `label`."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    head, rest = svg.split(">", 1)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    for drawn, variable in _COLOURS.items():
        rest = rest.replace(drawn, variable)
    # Only numbers and the words above are in it.
    return Markup(f'{head} role="img" aria-label="{label}">{rest}')  # noqa: S704


def _finalized(value: object) -> object:
    # Escaping for HTML leaves control characters, and what turns the direction of writing.
    return value if isinstance(value, Markup) or not isinstance(value, str) else shown.escaped(value, "\n\t")


def environment(folder: Path) -> Environment:
    """Jinja's environment for the templates in `folder`, with filters for shares, cosines and counts of pictures."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(percent=percent, cosine=shown.cosine, pictures=shown.pictures)
    return made


def percent(share: float, digits: int = 2) -> str:
    """As `lite.shown.percent` has it, in one piece at the end of a line."""
    return shown.percent(share, digits).replace("%", "\N{NO-BREAK SPACE}%")
