"""docs/architecture.md draws the rooms as the imports have them: no circle, no arrow missing, none too many."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from imports import imports, modules, room

ARROW = re.compile(r"^    (\S+) --> (\S+)$", re.MULTILINE)


def arrows(root: Path) -> dict[str, set[str]]:
    """Which room imports which; the arrows that others already tell (A → B → C tells A → C) are left out."""
    direct: dict[str, set[str]] = {}
    for module, others in imports(root).items():
        ours = direct.setdefault(room(module, root), set())
        ours |= {room(other, root) for other in others} - {room(module, root)}

    def below(one: str, path: tuple[str, ...] = ()) -> set[str]:
        assert one not in path, f"a circle: {' → '.join([*path, one])}"
        return direct[one] | {deep for other in direct[one] for deep in below(other, (*path, one))}

    reach = {one: below(one) for one in direct}
    return {
        one: {other for other in found if not any(other in reach[via] for via in found)}
        for one, found in direct.items()
    }


def test_the_picture_is_what_the_imports_say(root: Path) -> None:
    page = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = {(over, under) for over, under in ARROW.findall(page)}
    said = {(over, under) for over, found in arrows(root).items() for under in found}
    assert drawn == said, "\n".join(f"    {over} --> {under}" for over, under in sorted(said))


def test_every_room_is_described(root: Path) -> None:
    page = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `([a-z0-9_./]+)` \|", page, re.MULTILINE))
    assert described == {name.replace(".", "/") for name in arrows(root)}


def test_a_circle_is_told(tmp_path: Path) -> None:
    for name, text in (
        ("lite/a/one.py", "from lite.b import two"),
        ("lite/b/two.py", "from lite.a import one"),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(AssertionError, match="a circle"):
        arrows(tmp_path)


def test_a_class_name_has_one_meaning(root: Path):
    found: dict[str, list[str]] = {}
    for module, file in modules(root).items():
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(module)
    assert {name: where for name, where in found.items() if len(where) > 1} == {}
