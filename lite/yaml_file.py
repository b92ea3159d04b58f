"""Settings from YAML: a pydantic model from a file whose every value can be found again by its line.

What a mistake in it is called (settings, recipe) and where examples are is up to whoever reads one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic
import yaml

from lite.errors import InputError
from lite.input_file import read_text
from lite.shown import shortened, shown

Where = Sequence[str | int]
Model = TypeVar("Model", bound=pydantic.BaseModel)
_ROOT = Path(__file__).resolve().parent.parent
# Far above what the largest settings have.
_MAXIMUM_BYTES, _MAXIMUM_VALUES, _MAXIMUM_DEPTH, _MAXIMUM_SCALAR = 200_000, 10_000, 20, 1_000
_PLACE = re.compile("[0-9]{1,9}")


def names_in(folder: Path) -> list[str]:
    """Names of the YAML files that come with the toolkit in `folder`."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_model(
    model: type[Model], name_or_path: str, folder: Path, *, what: str, overrides: Sequence[str] = ()
) -> tuple[Model, YamlFile]:
    """The `model` in the file of that name in `folder`, or in that YAML file, and the file for its places.

    `overrides` (`key.key=value`) are set over it. Raises InputError that names the file and the line, or the
    override, and the value at fault; `what` says what is read.
    """
    known = name_or_path in names_in(folder)
    path = folder / f"{name_or_path}.yaml" if known else Path(name_or_path)
    if not known and not path.exists():
        raise InputError(
            f"no {what} {shown(name_or_path)}", why=f"neither a file nor one of {', '.join(names_in(folder))}"
        )
    file = YamlFile.read(path, what=f"the {what}", examples=f"{folder.relative_to(_ROOT)}/")
    for flag in overrides:
        file.set(flag)
    try:
        return model.model_validate(file.values), file
    except pydantic.ValidationError as error:
        raise _explained(model, file, error) from error


def _explained(
    model: type[pydantic.BaseModel], file: YamlFile, error: pydantic.ValidationError
) -> InputError:
    """The first mistake."""
    first = error.errors()[0]
    where = first["loc"]
    keys, message, remedy = _keys(where), first["msg"].removeprefix("Value error, "), None
    if first["type"] == "extra_forbidden":
        message, remedy = "unknown key", f"known are {', '.join(_part(model, where[:-1]).model_fields)}"
    elif first["type"] == "missing":
        message = "is missing"
    elif "expected" not in first.get("ctx", {}) and not first["msg"].startswith("Value error"):
        message = f"{message}, not {shown(first['input'])}"
    return InputError(f"{file.place(where)}: {keys}", why=message, remedy=remedy)


def _part(model: type[pydantic.BaseModel], where: Where) -> type[pydantic.BaseModel]:
    """The model at `where` (keys and indices) inside `model`."""
    if not where:
        return model
    found = model.model_fields[str(where[0])].annotation
    parts = [found, *get_args(found)]
    inner = next(part for part in parts if isinstance(part, type) and issubclass(part, pydantic.BaseModel))
    return _part(inner, [key for key in where[1:] if isinstance(key, str)])


@dataclass(frozen=True)
class YamlFile:
    """The file's `values`, the YAML nodes they come from, and the flag that set each value set over it."""

    path: Path
    values: dict[str, Any]
    root: yaml.Node
    overrides: dict[tuple[str | int, ...], str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, *, what: str, examples: str) -> YamlFile:
        """Reads a YAML mapping; messages call it `what` and point to `examples`.

        Raises InputError with the line for a file that can't be read, is no YAML, empty or no mapping, and for
        a key that stands twice.
        """
        advice = f"see {examples} for examples"
        try:
            text = read_text(path, _MAXIMUM_BYTES, what=what)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}", why=f"{what}: not UTF-8 text", remedy="give a YAML text file"
            ) from error
        try:
            root, values = _parsed(text)
        except yaml.YAMLError as error:
            raise InputError(f"{path}:{_line(error)}", why=_reason(error), remedy=advice) from error
        if root is None:
            raise InputError(f"{path}:1", why="the file is empty", remedy=advice)
        if not isinstance(root, yaml.MappingNode):
            raise InputError(f"{path}:1", why=f"{what}: not a mapping, `key: value` lines", remedy=advice)
        _check_keys(path, root, advice)
        return cls(path, values, root)

    def set(self, flag: str) -> None:
        """Sets one value over the file's: `key.key=value`, numbers count places in lists, the value is YAML.

        Raises InputError for a flag of another form and for a place that the file's values do not have.
        """
        name, equals, text = flag.partition("=")
        where = tuple(int(part) if _PLACE.fullmatch(part) else part for part in name.strip().split("."))
        flag = f"--set {shortened(flag)}"
        if not equals or not all(str(part) for part in where):
            raise InputError(flag, remedy="write KEY=VALUE, like optimizer.weight_decay=0.1")
        if len(where) > _MAXIMUM_DEPTH or len(text) > _MAXIMUM_BYTES:
            raise InputError(flag, why="no setting is as deep or as long")
        try:
            _, value = _parsed(text)
        except yaml.YAMLError as error:
            raise InputError(flag, why=f"no YAML value ({_reason(error)})") from error
        inside: Any = self.values
        for depth, part in enumerate(where[:-1]):
            if isinstance(inside, dict):
                inside = inside.setdefault(part, {})
            elif isinstance(part, int) and part < len(inside):
                inside = inside[part]
            else:
                raise InputError(flag, why=f"there is no {_keys(where[: depth + 1])}")
            if not isinstance(inside, dict | list):
                raise InputError(flag, why=f"{_keys(where[: depth + 1])} holds one value")
        last = where[-1]
        if isinstance(inside, list) and not (isinstance(last, int) and last < len(inside)):
            raise InputError(
                flag,
                why=f"there is no {_keys(where)}",
                remedy=f"it has {len(inside)}, counted from 0",
            )
        inside[last] = value
        self.overrides[where] = flag

    def place(self, where: Where) -> str:
        """`file:line` of the value at `where` (keys and indices), of the nearest around it, or its flag."""
        for length in range(len(where), 0, -1):
            if tuple(where[:length]) in self.overrides:
                return self.overrides[tuple(where[:length])]
        node, line = self.root, 1
        for part in where:
            if isinstance(node, yaml.MappingNode):
                pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
        return f"{self.path}:{line}"


class _Loader(yaml.SafeLoader):
    """SafeLoader with bounds, which counts what an alias stands for as often as it stands there."""

    def __init__(self, stream: str):
        super().__init__(stream)
        self._depth = self._begun = 0
        # How many values each finished node has with all that is in it.
        self._values: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if self._depth == _MAXIMUM_DEPTH:
            raise _refused(f"nested deeper than {_MAXIMUM_DEPTH}", event.start_mark)
        if self._begun == _MAXIMUM_VALUES:
            raise _refused(f"more than {_MAXIMUM_VALUES:,} values", event.start_mark)
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > _MAXIMUM_SCALAR:
            raise _refused(f"a value of more than {_MAXIMUM_SCALAR:,} characters", event.start_mark)
        self._depth, self._begun = self._depth + 1, self._begun + 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is None:
            return None
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._values:
                raise _refused(
                    f"*{shortened(str(event.anchor))} stands inside of what it stands for", event.start_mark
                )
            return node
        if isinstance(node, yaml.ScalarNode):
            inner: list[yaml.Node] = []
        elif isinstance(node, yaml.MappingNode):
            inner = [each for pair in node.value for each in pair]
        else:
            inner = node.value
        self._values[id(node)] = 1 + sum(self._values[id(each)] for each in inner)
        if self._values[id(node)] > _MAXIMUM_VALUES:
            raise _refused(f"more than {_MAXIMUM_VALUES:,} values with what aliases repeat", event.start_mark)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep=deep)
        except yaml.YAMLError:
            raise
        except Exception as error:  # a tag on what is not of its kind raises anything at all
            raise _refused(f"a value can't be read ({error})", node.start_mark) from error
        if isinstance(value, int) and value.bit_length() > 63:
            raise _refused("a number of more than 63 bits", node.start_mark)
        return value


def _refused(why: str, mark: Any) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=why, problem_mark=mark)


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes, and the values. Raises YAMLError for what is no YAML, or more than any settings."""
    # Twice, since what makes values of nodes writes merged keys into them.
    root, values = (_Loader(text) for _ in range(2))
    return root.get_single_node(), _apart(values.get_single_data())


def _apart(values: Any) -> Any:
    # What an alias repeats is one object, and a flag that is set over it is meant for one place.
    if isinstance(values, dict):
        return {key: _apart(value) for key, value in values.items()}
    return [_apart(value) for value in values] if isinstance(values, list) else values


def _line(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 1


def _reason(error: yaml.YAMLError) -> str:
    return shortened(getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML")


def _keys(where: Where) -> str:
    return shortened(".".join(map(str, where)))


def _check_keys(path: Path, node: yaml.Node, advice: str) -> None:
    # YAML forbids a key twice; the loader takes the last one and says nothing.
    if isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            _check_keys(path, inner, advice)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"{path}:{line}", why="a key is a word", remedy=advice)
        if key.value in lines:
            raise InputError(
                f"{path}:{line}",
                why=f"{shortened(key.value)} stands twice (line {lines[key.value]} too)",
                remedy="keep one",
            )
        lines[key.value] = line
        _check_keys(path, value, advice)
