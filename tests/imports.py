"""Which module of lite, quant and tools imports which, as the code says."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from pathlib import Path

PARTS = ("lite", "quant", "tools")


def modules(root: Path) -> dict[str, Path]:
    """Files by the module's dotted name; a command's is tools.NAME."""
    files = [file for part in PARTS for file in (root / part).rglob("*.py")]
    names = [
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for file in files
    ]
    return dict(zip(names, files, strict=True))


def imports(root: Path) -> dict[str, set[str]]:
    """Modules that each module imports, also within functions, but not for types only."""
    known = modules(root)
    return {
        name: {found for found in _imported(file, known) if found in known} - {name}
        for name, file in known.items()
    }


def room(module: str, root: Path) -> str:
    """The folder that a module is in. What lies in quant itself is drawn one by one; in lite it is the ground floor."""
    parts = module.split(".")
    if parts[0] == "quant" and len(parts) == 2 and not (root / "quant" / parts[1]).is_dir():
        return module
    if len(parts) == 1 or parts[0] == "tools":
        return parts[0]
    return ".".join(parts[:2]) if (root / parts[0] / parts[1]).is_dir() else parts[0]


def _imported(file: Path, known: Container[str]) -> Iterator[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and ast.unparse(test.test) == "TYPE_CHECKING"
        for node in ast.walk(test)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                module = f"{node.module}.{name.name}"
                yield module if module in known else node.module
                # Commands import their shared modules by their bare names.
                yield f"tools.{node.module}"
