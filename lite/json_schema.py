"""JSON documents from files, and what in one is not as its schema says: the first thing, for messages of one line."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lite.input_file import read_bytes
from lite.shown import shortened

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError


_MOST_BYTES = 1 << 30


def read(path: Path, what: str = "") -> Any:
    """The JSON document in a file of at most 1 GiB; `what` it is, for messages.

    Raises InputError as `read_bytes` does, ValueError or RecursionError for what is no JSON: NaN and infinity are none.
    """
    return json.loads(read_bytes(path, _MOST_BYTES, what), parse_constant=_refuse)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def first_error(document: Any, schema: Path) -> ValidationError | None:
    """What is wrong most plainly, by the schema in a file; None for a document that keeps it."""
    # Imported late, here and below: not every command reads JSON.
    from jsonschema.exceptions import best_match

    return best_match(_validator(schema).iter_errors(document))


def place(error: ValidationError) -> str:
    """Where in the document it is: `phones/0/serial`, or `top level`."""
    return "/".join(str(part) for part in error.absolute_path) or "top level"


def problem(document: Any, schema: Path) -> str | None:
    """What is wrong, and where, in one short line; None for a document that keeps the schema."""
    error = first_error(document, schema)
    return None if error is None else f"{shortened(place(error))}: {shortened(error.message)}"


@lru_cache(maxsize=8)
def _validator(schema: Path) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
