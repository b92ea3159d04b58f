"""The vectors of `tests/vectors/manifest.json`, as texts of whole manifests with what must be said of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

FILE = Path(__file__).parent / "vectors" / "manifest.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def edited(edits: Mapping[str, str | None], base: Mapping[str, Any] = VECTORS["base"]) -> str:
    """The text of `base` with JSON text in place of what stands at some paths; None takes it out."""
    document: Any = copy.deepcopy(dict(base))
    for number, (path, text) in enumerate(edits.items()):
        *parents, last = path.split("/")
        entry = document
        for parent in parents:
            entry = entry[int(parent) if isinstance(entry, list) else parent]
        key: Any = int(last) if isinstance(entry, list) else last
        if text is None:
            del entry[key]
        else:
            entry[key] = f"@{number}@"
    whole = json.dumps(document)
    for number, text in enumerate(edits.values()):
        whole = whole.replace(f'"@{number}@"', text or "")
    return whole


def texts() -> Iterator[tuple[str, str, str | None]]:
    """Each vector's name, the text of a manifest, and words of its refusal; None where it is taken."""
    for case in VECTORS["cases"]:
        yield case["name"], edited(case["edits"]), case.get("refused")
    for rule in VECTORS["rules"]:
        for value in VECTORS["values"]:
            yield f"{rule['path']} = {value}", edited({rule["path"]: value}), _words(rule, value)


def _words(rule: Mapping[str, Any], value: str) -> str | None:
    if value in rule["takes"]:
        return None
    for kind in ("no_json", "beyond"):
        if value in VECTORS[kind]:
            words: str = VECTORS["words"][kind]
            return words
    # What does not fit another value may be said of either.
    return rule.get("where") or f"{rule['path']}: {rule['else']}"


def any_change(random: Random) -> dict[str, str | None]:
    """Edits of one to three paths of the base, to a value of the vectors, to another path's, or to nothing."""
    paths = [path for path, _ in _leaves(VECTORS["base"])]
    edits: dict[str, str | None] = {}
    for _ in range(random.choice((1, 1, 2, 3))):
        path = random.choice(paths)
        # One edit must not be inside of another.
        if any(f"{one}/".startswith(f"{path}/") or f"{path}/".startswith(f"{one}/") for one in edits):
            continue
        kind = random.random()
        if kind < 0.6:
            edits[path] = random.choice(VECTORS["values"])
        elif kind < 0.8:
            edits[path] = json.dumps(random.choice([value for _, value in _leaves(VECTORS["base"])]))
        elif not path.rpartition("/")[2].isdigit():
            edits[path] = None
    return edits or {"input/crop": random.choice(VECTORS["values"])}


def _leaves(entry: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if path:
        yield path, entry
    if isinstance(entry, dict | list):
        pairs = entry.items() if isinstance(entry, dict) else enumerate(entry)
        for key, value in pairs:
            yield from _leaves(value, f"{path}/{key}".removeprefix("/"))
