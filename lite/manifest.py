"""The manifest's format: `schema/manifest.schema.json`, and the two things that a JSON Schema cannot say."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

SCHEMA = 1


def first_problem(manifest: Any) -> str | None:
    """What is wrong with a manifest as JSON gave it, in one short line, or None."""
    error = best_match(_validator().iter_errors(manifest))
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path) or "top level"
        return f"{where}: {error.message.splitlines()[0][:200]}"
    _, _, height, width = manifest["input"]["shape"]
    crop = manifest["input"]["crop"]
    if height != crop or width != crop:
        return f"input/shape: {height}x{width}, but pictures are cropped to {crop}"
    try:
        creation_time(manifest["created"])
    except ValueError:
        return f"created: {manifest['created']!r} is no time"
    return None


def creation_time(created: str) -> datetime:
    """The manifest's `created` as a time in UTC. Raises ValueError for what is none."""
    return datetime.fromisoformat(created.replace("Z", "+00:00"))


@lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    schema = Path(__file__).parent / "schema" / "manifest.schema.json"
    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
