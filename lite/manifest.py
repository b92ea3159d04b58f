"""The rules of a bundle's `manifest.json`, and what is said of one that does not keep them.

Rules of one value are in `schema/manifest.schema.json`, those between values in here. The C++ core
(`android_demo/cpp/src/manifest.cpp`) and the app (`BundleManifest.java`) read the fields that they need by the same
rules and refuse in the same words: `tests/vectors/manifest.json` is read by the tests of all three.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lite.json_schema import first_error, place
from lite.shown import shortened, shown

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SCHEMA = 1
_SCHEMA_FILE = Path(__file__).parent / "schema" / "manifest.schema.json"
# Bytes of a manifest; one has 20,000.
MOST_BYTES = 16 << 20
# Digits of a whole number; float64 ends at 309.
_MOST_DIGITS = 309
# A picture's short side has at most so many crops.
_MOST_CROPS = 4


def parse(text: str) -> Any:
    """The JSON document in `text`, which may begin with a byte order mark.

    Raises ValueError, which says why, for what is no JSON: NaN and Infinity, which Python would take, half of a
    surrogate pair, and numbers beyond float64 too.
    """
    try:
        document = json.loads(
            text.removeprefix("\ufeff"), parse_constant=_constant, parse_float=_number, parse_int=_whole
        )
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it is no JSON (half of a surrogate pair)") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON ({error})") from None
    return document


def first_problem(manifest: Any) -> str | None:
    """What is wrong with a manifest as JSON gave it, in one short line, or None."""
    error = first_error(manifest, _SCHEMA_FILE)
    if error is not None:
        return _in_words(error)
    entry = manifest["input"]
    short, crop = entry["resize_short"], entry["crop"]
    least = math.ceil(short / _MOST_CROPS)
    if not least <= crop <= short:
        return f"input/crop: must be a whole number from {least} to {int(short)}"
    for axis, side in enumerate(entry["shape"][2:], 2):
        if side != crop:
            return f"input/shape/{axis}: must be {int(crop)}"
    try:
        creation_time(manifest["created"])
    except ValueError:
        return f"created: {shown(manifest['created'])} is no time"
    return None


def input_bounds(name: str) -> tuple[float, float]:
    """The least and the greatest that a number of `name` in the manifest's `input` may be."""
    rule = _input_rules()[name]
    rule = rule.get("items", rule)
    return rule["minimum"], rule["maximum"]


@lru_cache(maxsize=1)
def _input_rules() -> dict[str, Any]:
    schema = json.loads(_SCHEMA_FILE.read_text(encoding="utf-8"))
    rules: dict[str, Any] = schema["properties"]["input"]["properties"]
    return rules


def longest_short_side(crop: int) -> int:
    """Pixels that a picture's short side may be resized to at most before `crop` of them are cut."""
    return min(_MOST_CROPS * crop, int(input_bounds("resize_short")[1]))


def creation_time(created: str) -> datetime:
    """The manifest's `created` as a time in UTC. Raises ValueError for what is none."""
    return datetime.fromisoformat(created.replace("Z", "+00:00"))


def _constant(word: str) -> float:
    raise ValueError(f"it is no JSON ({word} is no number)")


def _number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("it holds a number beyond float64")
    return number


def _whole(digits: str) -> int:
    # Python takes the longer the longer they are, and then refuses.
    if len(digits.lstrip("-")) > _MOST_DIGITS or math.isinf(float(digits)):
        raise ValueError("it holds a number beyond float64")
    return int(digits)


def _in_words(error: ValidationError) -> str:
    if error.validator == "required":
        where = "/".join(str(part) for part in error.absolute_path)
        wanted: Any = error.validator_value
        given: Any = error.instance
        missing = next(name for name in wanted if name not in given)
        return f"{where}/{missing}: is missing".removeprefix("/")
    where = place(error)
    if "propertyNames" in error.absolute_schema_path:
        return f"{where}: has a name that is no plain file name"
    if error.validator == "minLength":
        return f"{where}: must not be empty"
    schema: Any = error.schema
    what = None if error.validator == "additionalProperties" else _what(schema)
    return f"{where}: must be {what}" if what else f"{shortened(where)}: {shortened(error.message)}"


def _what(schema: Mapping[str, Any]) -> str | None:
    """What a value must be by its schema; None where that takes other words."""
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    # Unknown is null, whatever a field holds.
    named = schema.get("type", [])
    kind = next((one for one in ([named] if isinstance(named, str) else named) if one != "null"), None)
    if kind == "array":
        return f"an array of {schema['minItems']}" if "maxItems" in schema else "an array"
    if kind in ("integer", "number"):
        number = "a whole number" if kind == "integer" else "a number"
        if "minimum" in schema and "maximum" in schema:
            return f"{number} from {schema['minimum']} to {schema['maximum']}"
        return number + (f" of at least {schema['minimum']}" if "minimum" in schema else "")
    if schema.get("pattern") == "^[0-9a-f]{64}$":
        return "64 hexadecimal digits, lower case"
    if "pattern" in schema:
        return None
    return {"string": "a string", "boolean": "true or false", "object": "an object"}.get(kind or "")
