"""The app's packages stand in the order of android_demo/README.md: each row uses those below it and none above."""

from __future__ import annotations

import re

from app_build import DEMO, SOURCES

JAVA = SOURCES / "main" / "java" / "com" / "example" / "deit"
# Every name of ours in the code, imported or in full; R is the resources'.
_USED = re.compile(r"\bcom\.example\.deit\.(?:(\w+)\.)?([A-Z]\w*)")


def rows() -> list[list[str]]:
    """The packages and classes that each row of the README's table names, from the top."""
    readme = (DEMO / "README.md").read_text(encoding="utf-8")
    _, _, table = readme.partition("| `app/src/main/java/com/example/deit/` | what |\n|---|---|\n")
    return [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.partition("\n\n")[0].splitlines()]


def test_the_readme_names_every_package() -> None:
    folders = {path.name for path in JAVA.iterdir() if path.is_dir()}
    classes = {path.stem for path in JAVA.glob("*.java")}
    assert sorted(folders | classes) == sorted(name for row in rows() for name in row)


def test_each_package_uses_only_those_below_it() -> None:
    floors = {name: floor for floor, names in enumerate(rows()) for name in names}
    upwards = []
    for path in sorted(JAVA.glob("**/*.java")):
        own = path.stem if path.parent == JAVA else path.parent.name
        for package, name in _USED.findall(path.read_text(encoding="utf-8")):
            used = package or name
            if used not in (own, "R") and floors[used] <= floors[own]:
                upwards.append(f"{path.relative_to(JAVA)} uses {used}")
    assert not upwards
