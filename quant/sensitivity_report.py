"""Sensitivity as files: `sensitivity.json`, `sensitivity.html` and `recipe.yaml`, each written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lite.plots import share_plot
from lite.whole_file import write_text

PLOTTED = 20


def write(out: Path, results: Mapping[str, Any], recipe: str) -> None:
    """Writes the three files into `out`: `results` as `sensitivity_results.document` gives them, and a recipe's text.

    Raises InputError where they cannot be written.
    """
    write_text(out / "sensitivity.json", json.dumps(results, indent=1, allow_nan=False) + "\n")
    write_text(out / "sensitivity.html", render(results))
    write_text(out / "recipe.yaml", recipe)


def render(results: Mapping[str, Any]) -> str:
    """The page, which needs no network. Text from outside is escaped."""
    worst = results["tensors"][:PLOTTED]
    names, shares = [row["name"] for row in worst], [row["share"] for row in worst]
    marked = [row["kind"] == "weight" for row in worst]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{share:.2%}".replace("%", " %")
    return environment.get_template("sensitivity.html.j2").render(
        plots=[(kind, share_plot(names, shares, marked, kind)) for kind in ("wide", "narrow")], **results
    )
