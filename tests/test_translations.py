"""Documents in Chinese say what the English ones say: the same commands, tables, figures, code and links.

Each X.zh-CN.md is held to X.md section by section. Words are free, and so are comments in code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

import documents
from documents import ROOT, Document

ENDING = ".zh-CN.md"
TRANSLATED = ("README.md", "docs/int8.md", "docs/phone.md")

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#+) .*$", re.MULTILINE)
_COMMENT = re.compile(r"\s*#\s.*$", re.MULTILINE)
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
_CODE = re.compile(r"`[^`]+`")
_LINK = re.compile(r"\]\(([^)]+)\)")
_IMAGE = re.compile(r"<img\b[^>]*>")
_MARKER = re.compile(r"<!--.*?-->")
# A number by itself, not a part of a name such as INT8, x86_64 or top-1.
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:[.,]\d+)*(?![\w-])", re.ASCII)


@dataclass(frozen=True)
class Section:
    """A heading's level, 0 for what stands before the first, and the text below it."""

    level: int
    text: str

    @property
    def prose(self) -> str:
        """The text without code blocks."""
        return _FENCE.sub("", self.text)

    def parts(self) -> Iterator[tuple[str, list[str]]]:
        """What must be the same in both languages, each by its name."""
        blocks = _FENCE.findall(self.text)
        yield "code block", [_COMMENT.sub("", block) for block in blocks]
        yield "option in a code block", sorted(_OPTION.findall("\n".join(blocks)))
        yield "code", sorted(" ".join(code.split()) for code in _CODE.findall(self.prose))
        yield "link", sorted(map(english, _LINK.findall(self.prose)))
        yield "picture", [re.sub(r' alt="[^"]*"', "", image) for image in _IMAGE.findall(self.prose)]
        yield "marker", _MARKER.findall(self.prose)
        yield "list item", re.findall(r"^- ", self.prose, re.MULTILINE)
        yield "table row", [row(line) for line in self.prose.splitlines() if line.startswith("|")]
        bare = _LINK.sub("]", _CODE.sub("", _IMAGE.sub("", self.prose)))
        yield "number", sorted(_NUMBER.findall(bare))
        yield "figure", sorted(f"{value} {unit}" for value, unit, _ in documents.numbers(self.prose))


def sections(text: str) -> list[Section]:
    """The text by its headings; a # in a code block is none."""
    hidden = _FENCE.sub(lambda block: re.sub(r"[^\n]", "x", block[0]), text)
    found = list(_HEADING.finditer(hidden))
    starts = [0, *(heading.end() for heading in found)]
    ends = [*(heading.start() for heading in found), len(text)]
    levels = [0, *(len(heading[1]) for heading in found)]
    return [Section(level, text[start:end]) for level, start, end in zip(levels, starts, ends, strict=True)]


def english(link: str) -> str:
    """The English document in a link's place, without the anchor, which is a heading in words."""
    return link.partition("#")[0].replace(ENDING, ".md")


def row(line: str) -> str:
    """How many cells a table's row has, and the numbers and code in each of them."""
    cells = re.split(r"(?<!\\)\|", line)[1:-1]
    return " | ".join(" ".join(_CODE.findall(cell) + _NUMBER.findall(_CODE.sub("", cell))) for cell in cells)


def differences(one: str, other: str) -> list[str]:
    """What an English text and its Chinese one do not have in common, a line each."""
    left, right = sections(one), sections(other)
    if [part.level for part in left] != [part.level for part in right]:
        return [f"headings: {[part.level for part in left]} and {[part.level for part in right]}"]
    return [
        f"section {number}: {name}: {sorted(set(mine) ^ set(theirs)) or (mine, theirs)}"
        for number, (a, b) in enumerate(zip(left, right, strict=True))
        for (name, mine), (_, theirs) in zip(a.parts(), b.parts(), strict=True)
        if mine != theirs
    ]


def wrong_links(document: Document, root: Path = ROOT) -> list[str]:
    """Links of a Chinese document to an English one that is there in Chinese, but for the first, which is its own."""
    folder = (root / document.path).parent
    found = _LINK.findall(document.text)[1:]
    return [
        link
        for link in found
        if link.partition("#")[0].endswith(".md")
        and (folder / link.partition("#")[0].replace(".md", ENDING)).exists()
    ]


CHINESE = [document for document in documents.documents(ROOT) if document.path.endswith(ENDING)]


def test_these_documents_are_there_in_chinese() -> None:
    assert sorted(document.path.replace(ENDING, ".md") for document in CHINESE) == sorted(TRANSLATED)


@pytest.mark.parametrize("document", CHINESE, ids=lambda document: document.path)
def test_a_chinese_document_says_what_the_english_one_says(document: Document) -> None:
    path = ROOT / document.path.replace(ENDING, ".md")
    assert differences(path.read_text(encoding="utf-8"), document.text) == []


@pytest.mark.parametrize("document", CHINESE, ids=lambda document: document.path)
def test_both_link_to_each_other_first(document: Document) -> None:
    path = ROOT / document.path.replace(ENDING, ".md")
    assert f"\n[English]({path.name})\n" in document.text
    assert f"\n[简体中文]({Path(document.path).name})\n" in path.read_text(encoding="utf-8")
    assert _LINK.findall(document.text)[0] == path.name


@pytest.mark.parametrize("document", CHINESE, ids=lambda document: document.path)
def test_a_chinese_document_links_to_chinese_ones(document: Document) -> None:
    assert wrong_links(document) == []


ENGLISH_TEXT = """# Title

It takes 2.7 minutes with `--budget`, see [a](docs/int8.md#cost).

## Part

- one

| `a` | 5.5 dB |
|---|---|
| b | 7 |

```sh
./run.sh tools/opt.py --budget 190   # in words
```
"""
CHINESE_TEXT = """# 标题

用 `--budget` 需要 2.7 分钟，见 [甲](docs/int8.zh-CN.md#开销)。

## 部分

- 一

| `a` | 5.5 dB |
|---|---|
| 乙 | 7 |

```sh
./run.sh tools/opt.py --budget 190   # 用文字
```
"""


def test_words_and_comments_are_free() -> None:
    assert differences(ENGLISH_TEXT, CHINESE_TEXT) == []


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("--budget 190", "--budget 180", "code block"),
        ("# 用文字", "# 用 --force", "option in a code block"),
        ("用 `--budget` ", "用 `--force` ", "code"),
        ("用 `--budget` ", "", "code"),
        ("2.7 分钟", "2.8 分钟", "figure"),
        ("2.7 分钟", "2.7 秒", "figure"),
        ("docs/int8.zh-CN.md", "docs/phone.zh-CN.md", "link"),
        ("- 一\n", "- 一\n- 二\n", "list item"),
        ("| 乙 | 7 |\n", "| 乙 | 8 |\n", "table row"),
        ("| 乙 | 7 |\n", "", "table row"),
        ("| `a` | 5.5 dB |", "| `a` | 5.5 dB | |", "table row"),
        ("## 部分\n", "", "headings"),
        ("## 部分\n", "### 部分\n", "headings"),
    ],
)
def test_what_only_one_of_them_says_is_told(old: str, new: str, name: str) -> None:
    assert old in CHINESE_TEXT
    told = differences(ENGLISH_TEXT, CHINESE_TEXT.replace(old, new, 1))
    assert any(f"{name}:" in line for line in told), told


def test_a_link_to_english_that_is_there_in_chinese_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.zh-CN.md").write_text("")
    text = "[English](b.md) [甲](a.md#x) [乙](c.md)"
    assert wrong_links(Document("b.zh-CN.md", text), tmp_path) == ["a.md#x"]
