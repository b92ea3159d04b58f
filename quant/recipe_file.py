"""A recipe's YAML file, read so that every value can be found again by its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lite.errors import InputError

_ADVICE = "see quant/recipes/ for examples"


@dataclass(frozen=True)
class RecipeFile:
    """The file's `values` and the YAML nodes they come from."""

    path: Path
    values: dict[str, Any]
    root: yaml.Node

    @classmethod
    def read(cls, path: Path) -> RecipeFile:
        """Reads a YAML mapping.

        Raises InputError with the line for a file that can't be read, is no YAML, empty or no mapping, and for
        a key that stands twice.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise InputError(
                f"{path}: can't read the recipe: {error.strerror}; give a YAML text file"
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: the recipe is not UTF-8 text; give a YAML text file") from error
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            values = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
            raise InputError(f"{path}:{line}: {reason}; {_ADVICE}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}:1: a value is not what a recipe holds ({error}); {_ADVICE}") from error
        if root is None:
            raise InputError(f"{path}:1: the recipe is empty; {_ADVICE}")
        if not isinstance(root, yaml.MappingNode):
            raise InputError(f"{path}:1: a recipe is a mapping that starts with `name:`; {_ADVICE}")
        _check_keys(path, root)
        return cls(path, values, root)

    def place(self, where: Sequence[str | int]) -> str:
        """`file:line` of the value at `where` (keys and indices), or of the nearest value around it."""
        node, line = self.root, 1
        for part in where:
            if isinstance(node, yaml.MappingNode):
                pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                node = node.value[part]
                line = node.start_mark.line + 1
        return f"{self.path}:{line}"


def _check_keys(path: Path, root: yaml.MappingNode) -> None:
    # YAML forbids a key twice; the loader takes the last one and says nothing. A recipe is two mappings deep.
    for mapping in [root, *(value for _, value in root.value if isinstance(value, yaml.MappingNode))]:
        seen: dict[str, int] = {}
        for key, _ in mapping.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise InputError(f"{path}:{line}: a key is a word; {_ADVICE}")
            if key.value in seen:
                raise InputError(
                    f"{path}:{line}: {key.value} stands twice (line {seen[key.value]} too); keep one"
                )
            seen[key.value] = line
