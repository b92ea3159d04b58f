"""What CONTRIBUTING.md says of files holds: their size, their folders, who imports whom, where a rule is checked."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

PRODUCT = ("lite", "quant", "tools")
LINES = 400
NOT_FOR = {
    "lite": {"quant", "tools", "benchmarks", "tests"},
    "quant": {"tools", "benchmarks", "tests"},
    "tools": {"benchmarks", "tests"},
}


def files(root: Path, *folders: str) -> Iterator[Path]:
    """The Python files of some folders, from `root`."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root)


def long_files(root: Path) -> list[str]:
    counted = {
        path: len((root / path).read_text().splitlines()) for path in files(root, *PRODUCT, "benchmarks")
    }
    return [f"{path} has {lines} lines" for path, lines in counted.items() if lines > LINES]


def shared_prefixes(paths: Iterable[Path]) -> set[str]:
    """FOLDER/PREFIX of three or more files of a folder whose names begin with the same word."""
    found = defaultdict(set)
    for path in paths:
        if path.stem != "__init__":
            found[path.parent / path.stem.strip("_").partition("_")[0]].add(path)
    return {prefix.as_posix() for prefix, alike in found.items() if len(alike) >= 3}


def imported(source: str) -> set[str]:
    """The first names of what a file imports, at its top or later."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def wrong_imports(root: Path) -> list[str]:
    return [
        f"{path} imports {name}"
        for path in files(root, *NOT_FOR)
        for name in sorted(imported((root / path).read_text()) & NOT_FOR[path.parts[0]])
    ]


def named_files(text: str) -> set[str]:
    """Files and folders that a document names as code."""
    return set(
        re.findall(r"`((?:lite|quant|tools|benchmarks|tests|docs)/[\w./-]*|[\w-]+\.(?:toml|txt|md))`", text)
    )


def test_no_file_is_longer_than_400_lines(root: Path) -> None:
    assert long_files(root) == []


def test_three_files_that_share_a_prefix_have_a_folder(root: Path) -> None:
    assert shared_prefixes(files(root, *PRODUCT)) == set()


def test_imports_go_one_way(root: Path) -> None:
    assert wrong_imports(root) == []


def test_contributing_names_only_what_is_there(root: Path) -> None:
    named = named_files((root / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert {"tests/test_contributing.py", "lite/zoo.py", "quant/", "pyproject.toml"} <= named
    assert [path for path in sorted(named) if not (root / path).exists()] == []


def test_every_rule_names_its_check(root: Path) -> None:
    _, _, rules = (root / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## Rules\n")
    rows = re.findall(r"^\| (.*) \| (.*) \|$", rules.partition("\n## ")[0], re.MULTILINE)[1:]
    assert len(rows) > 5
    assert [rule for rule, check in rows if not named_files(check)] == []


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_map_of_the_tree_has_every_folder_of_the_code(root: Path, readme: str) -> None:
    tree = re.search(
        r"<!-- tree -->(.*?)<!-- /tree -->", (root / readme).read_text(encoding="utf-8"), re.DOTALL
    )
    assert tree
    shown = set(re.findall(r"`((?:lite|quant)/[\w/]*)`", tree[1]))
    there = {
        f"{path.parent.as_posix()}/" for path in files(root, "lite", "quant") if path.name == "__init__.py"
    }
    assert shown == there


@pytest.mark.parametrize(
    ("names", "shared"),
    [
        (["lite/nb.py", "lite/nb_params.py", "lite/nb_layers.py"], {"lite/nb"}),
        (["tools/_bench_a.py", "tools/_bench_b.py", "tools/_bench_c.py"], {"tools/bench"}),
        (["lite/nb.py", "lite/nb_params.py", "quant/nb_layers.py"], set()),
        (["lite/a_b.py", "lite/ab_c.py", "lite/abc.py"], set()),
        (["lite/a/__init__.py", "lite/b/__init__.py", "lite/c/__init__.py"], set()),
    ],
)
def test_what_a_shared_prefix_is(names: list[str], shared: set[str]) -> None:
    assert shared_prefixes(map(Path, names)) == shared


def test_a_long_file_and_a_wrong_import_are_told(tmp_path: Path) -> None:
    for folder in (*PRODUCT, "benchmarks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "benchmarks" / "fine.py").write_text("import quant\n" * LINES)
    (tmp_path / "benchmarks" / "long.py").write_text("import quant\n" * (LINES + 1))
    (tmp_path / "lite" / "a.py").write_text("def f():\n    from quant.recipe import Recipe\n")
    (tmp_path / "quant" / "b.py").write_text(
        "from lite import zoo\nimport benchmarks.figures\nfrom . import tests\n"
    )
    assert long_files(tmp_path) == ["benchmarks/long.py has 401 lines"]
    assert wrong_imports(tmp_path) == ["lite/a.py imports quant", "quant/b.py imports benchmarks"]
