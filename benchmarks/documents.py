"""The figures that documents show: how one is written, the tables made of them, and which of them have no source.

`docs/figures.json`, which `figures.py` writes, is the one home of every figure. Documents show one in two ways: between
`<!-- figures: NAME -->` and `<!-- end -->` stands what `tables/NAME.md.j2` makes of it, and in a sentence it stands
as `written` writes it. A number in a sentence is a figure when it has a unit of measurement or a decimal point. Code,
links and comments hold none. What is no measurement of ours is declared there, with its reason: `quoted` from a
source, or a `settings` such as a time limit. A document in another language (`README.zh-CN.md`) is held to the same;
a table's template has both languages' words side by side (`say`), and its figures once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from lite import zoo
from lite.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
TABLES = Path(__file__).resolve().parent / "tables"
FIGURES = Path("docs") / "figures.json"
# What was tried and what changed, each with its date: figures there are of their day.
HISTORY = ("CHANGELOG.md", "docs/log.md")

_DECIMALS = {"dB": 1, "M": 1, "MB": 1, "GB": 1, "%": 2, "×": 2, "bytes": 0, "": 4}
_SIGNIFICANT = {"ms": 3, "s": 3, "min": 2}
_SPELLINGS = {
    "minute": "min", "minutes": "min", "second": "s", "seconds": "s", "times": "×",
    "分钟": "min", "秒": "s", "小时": "hours", "倍": "×", "字节": "bytes",
}  # fmt: skip
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?![\w]|\.\d)"
_UNIT = (
    r"(?:dB|MiB|KiB|MB|GB|kB|bytes|%|ms|minutes?|min|seconds?|s|hours?|M|×|times|分钟|秒|小时|倍|字节)(?!\w)"
)
# "37 to 50 s", "33.5 · 134* · 267* ms": a unit is that of all numbers before it.
_MORE = rf"\*?(?:,?\s?(?:·|to|and|or|against|–|/|到|至|和|或|、)\s?{_NUMBER}\*?)*"
# ASCII: a Chinese character beside a number is no part of it.
_FOUND = re.compile(rf"(?<![\w.,-])({_NUMBER})(?:(?={_MORE}\s?({_UNIT})))?", re.ASCII)
# Fenced code, code in a line (which may go on in the next), comments and tags, where a link goes to.
_NO_PROSE = re.compile(r"```.*?```|`[^`]+`|<!--.*?-->|<[^<>]+>|\]\([^)]*\)", re.DOTALL)
_BLOCK = re.compile(r"(<!-- figures: ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_HEADING = re.compile(r"^\|(.*)\|\s*\n\|[-:| ]+\|", re.MULTILINE)
_MEASURED = re.compile(
    r"\b(dB|ms|MB|GB|bytes|seconds|SNR|[Cc]osine|GFLOPs|top-[15])\b|[%秒]|字节|余弦|信噪比", re.ASCII
)


@dataclass(frozen=True)
class Document:
    """A document: its path from the repository's root, and its text."""

    path: str
    text: str

    @property
    def language(self) -> str:
        """`zh-CN` for X.zh-CN.md, else `en`."""
        return "zh-CN" if self.path.endswith(".zh-CN.md") else "en"


def load(root: Path = ROOT) -> dict[str, Any]:
    """docs/figures.json."""
    data: dict[str, Any] = json.loads((root / FIGURES).read_text(encoding="utf-8"))
    return data


def documents(root: Path = ROOT) -> list[Document]:
    """All Markdown files of the repository but the histories, by path."""
    patterns = ("*.md", "*/README.md", "*/*/README.md", "docs/*.md")
    paths = sorted({path for pattern in patterns for path in root.glob(pattern)})
    named = [(path.relative_to(root).as_posix(), path) for path in paths]
    return [
        Document(name, path.read_text(encoding="utf-8"))
        for name, path in named
        if name not in HISTORY and not name.startswith((".", "build/"))
    ]


def values(data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every figure by its name, GROUP.FIGURE: its value and unit."""
    return {
        f"{group}.{name}": figure
        for group, group_figures in data["groups"].items()
        for name, figure in group_figures["figures"].items()
    }


def number(figure: Mapping[str, Any]) -> str:
    """A figure without its unit, rounded as all of its unit are; a value known less exactly stays as it is."""
    value, unit = figure["value"], figure["unit"]
    if unit in _SIGNIFICANT:
        value = float(f"{value:.{_SIGNIFICANT[unit]}g}") if isinstance(value, float) else value
        return f"{value:g}" if value >= 100 else str(value)
    if not isinstance(value, int):
        value = round(value, _DECIMALS[unit])
    if unit == "%":
        return f"{value:g}"
    return f"{value:,}" if unit == "bytes" else str(value)


def written(figure: Mapping[str, Any]) -> str:
    """A figure as documents show it: `7.7 MB`."""
    return f"{number(figure)} {figure['unit']}".strip()


def rendered(name: str, data: Mapping[str, Any], language: str = "en") -> str:
    """What tables/`name`.md.j2 makes of the figures: `f` writes one, `n` leaves its unit out, `has` asks for one.

    `say` takes the words in English and in Chinese, and gives those of the language. Raises InputError for a table or
    figure that is not there.
    """
    figures = values(data)
    environment = Environment(  # noqa: S701 - Markdown, not HTML
        loader=FileSystemLoader(TABLES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    def find(among: Mapping[str, Any], wanted: str) -> Any:
        if wanted not in among:
            raise InputError(
                f"tables/{name}.md.j2",
                why=f"{wanted} is not in {FIGURES}",
                remedy=f"run benchmarks/figures.py {wanted.split('.')[0]}",
            )
        return among[wanted]

    try:
        text = environment.get_template(f"{name}.md.j2").render(
            f=lambda figure: written(find(figures, figure)),
            n=lambda figure: number(find(figures, figure)),
            has=lambda figure: figure in figures,
            language=language,
            say=lambda english, chinese: chinese if language == "zh-CN" else english,
            group=lambda group: find(data["groups"], group),
            models=zoo.DEITS.values(),
        )
    except TemplateError as error:
        raise InputError(
            f"tables/{name}.md.j2", why=str(error), remedy="correct it, or the document's marker"
        ) from error
    return text.strip("\n") + "\n"


def with_tables(document: Document, data: Mapping[str, Any]) -> str:
    """A document's text with its tables made anew, in its language. Raises as `rendered` does."""
    return _BLOCK.sub(
        lambda block: block[1] + rendered(block[2], data, document.language) + block[4], document.text
    )


def numbers(text: str) -> Iterator[tuple[str, str, int]]:
    """The figures in a document's sentences: number, unit ("" where none follows) and line, from 1."""
    blank = _BLOCK.sub(lambda block: "\n" * block[0].count("\n"), text)
    # Something stays in the place of code, so that what stands around it does not become one number and its unit.
    blank = _NO_PROSE.sub(lambda code: "_" + "\n" * code[0].count("\n"), blank)
    for found in _FOUND.finditer(blank):
        unit = _SPELLINGS.get(found[2] or "", found[2] or "")
        # "Three times" and "5 times" are counts.
        if "." in found[1] or unit not in ("", "×"):
            yield found[1], unit, blank.count("\n", 0, found.start()) + 1


def problems(root: Path = ROOT) -> list[str]:
    """What documents show without a source, and tables that are out of date; a line each."""
    data, said = load(root), []
    known = {(number(figure), figure["unit"]) for figure in values(data).values()}
    known |= {(text, "") for text, unit in known if unit == "×"}
    for text in (*data["quoted"], *data["settings"]):
        known |= {(value, unit) for value, unit, _ in numbers(text)}
    for document in documents(root):
        try:
            if with_tables(document, data) != document.text:
                said.append(f"{document.path}: a table is out of date; run benchmarks/figures.py")
        except InputError as error:
            said.append(f"{document.path}: {error}")
        said += [
            f"{document.path}:{line}: {value} {unit}".rstrip() + f" is not in {FIGURES}"
            for value, unit, line in numbers(document.text)
            if (value, unit) not in known
        ]
        said += [
            f"{document.path}: the table |{heading[1]}| shows figures; render it from {FIGURES}"
            for heading in _HEADING.finditer(_BLOCK.sub("", document.text))
            if _MEASURED.search(heading[1])
        ]
    for path in sorted(TABLES.glob("*.md.j2")):
        template = re.sub(r"\{[{%].*?[%}]\}", "_", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        said += [
            f"tables/{path.name}:{line}: {value} {unit}".rstrip() + " is written by hand"
            for value, unit, line in numbers(template)
            if (value, unit) not in known
        ]
    return said
