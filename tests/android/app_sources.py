"""What lint would say of the app's sources, as far as they alone tell: each check gives its complaints."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ANDROID = "{http://schemas.android.com/apk/res/android}"
# Attributes that people read or hear.
_TEXTS = (
    "text",
    "hint",
    "title",
    "label",
    "contentDescription",
    "summary",
    "textOn",
    "textOff",
    "tooltipText",
)
_SETTERS = (
    "setText|setTitle|setSubtitle|setHint|setContentDescription|setMessage|setSummary|setTooltipText|announceForAccessibility|"
    "setPositiveButton|setNegativeButton|setNeutralButton|makeText|createChooser|setError|setStateDescription"
)
# A call of one of them on a literal with a letter in it; earlier arguments may stand before the literal.
_LITERAL = re.compile(rf'\b(?:{_SETTERS})\s*\((?:[\w.()]+\s*,\s*)*"(?:[^"\\]|\\.)*[^\W\d_]')
_FORMAT = re.compile(r"%(?:(\d+)\$)?[-#+ 0,(]*\d*(?:\.\d+)?([a-zA-Z%])")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_PICTURES = ("ImageView", "ImageButton")


class Sources:
    """A source set `main`: manifest, resources and Java."""

    def __init__(self, main: Path) -> None:
        self.manifest = ElementTree.parse(main / "AndroidManifest.xml").getroot()
        self._res = main / "res"
        self._java = {
            path.relative_to(main / "java"): _COMMENT.sub("", path.read_text(encoding="utf-8"))
            for path in sorted((main / "java").glob("**/*.java"))
        }

    def untranslated(self) -> list[str]:
        """Strings that a language lacks, has alone, or gives other arguments."""
        default, problems = _strings(self._res / "values"), []
        for folder in sorted(self._res.glob("values-*")):
            if not re.fullmatch(r"values-[a-z]{2}(-r[A-Z]{2})?", folder.name):
                continue
            strings = _strings(folder)
            problems += [f"{folder.name} lacks {name}" for name in sorted(default.keys() - strings.keys())]
            problems += [f"values lacks {name}" for name in sorted(strings.keys() - default.keys())]
            problems += [
                f"{name}: values has {sorted(default[name])}, {folder.name} has {sorted(strings[name])}"
                for name in sorted(default.keys() & strings.keys())
                if default[name] != strings[name]
            ]
        return problems

    def languages(self) -> set[str]:
        """The languages that have strings, without that of `values`."""
        return {path.parent.name.removeprefix("values-") for path in self._res.glob("values-*/strings.xml")}

    def hard_coded(self) -> list[str]:
        """Text that people see and that is no resource, in XML and in Java."""
        problems = []
        for name, node in self._nodes("layout*", "menu*", "xml*"):
            for attribute in _TEXTS:
                text = node.get(ANDROID + attribute)
                if text and text[0] not in "@?":
                    problems.append(f'{name}: {node.tag} android:{attribute}="{text}"')
        for node in self.manifest.iter():
            text = node.get(f"{ANDROID}label")
            if text and text[0] != "@":
                problems.append(f'AndroidManifest.xml: {node.tag} android:label="{text}"')
        for path, source in self._java.items():
            problems += [f"{path}: {' '.join(found[0].split())}…" for found in _LITERAL.finditer(source)]
        return problems

    def undescribed(self) -> list[str]:
        """Pictures that a screen reader can say nothing of, though it is not told to leave them out."""
        return [
            f"{name}: {node.tag} {node.get(ANDROID + 'id', 'without id')}"
            for name, node in self._nodes("layout*")
            if node.tag.rpartition(".")[2] in _PICTURES
            and not node.get(f"{ANDROID}contentDescription")
            and node.get(f"{ANDROID}importantForAccessibility") != "no"
        ]

    def fixed_text_sizes(self) -> list[str]:
        """Sizes of text that do not grow with the user's choice, which only those in sp do."""
        dimensions = {
            node.get("name", ""): (node.text or "").strip()
            for path in self._res.glob("values*/*.xml")
            for node in ElementTree.parse(path).iter("dimen")
        }
        problems = []
        for name, size in self._text_sizes():
            value = dimensions.get(size.removeprefix("@dimen/"), size)
            if value[:1] not in "?@" and not value.endswith("sp"):
                problems.append(f"{name}: {size}" + (f" is {value}" if value != size else ""))
        return problems

    def unused(self) -> list[str]:
        """Resources that neither XML nor Java names."""
        texts = [path.read_text(encoding="utf-8") for path in self._res.glob("**/*.xml")]
        xml = "\n".join([*texts, ElementTree.tostring(self.manifest, encoding="unicode")])
        used = set(re.findall(r"@(\w+)/([\w.]+)", xml)) | set(re.findall(r">\s*@(\w+)/([\w.]+)", xml))
        used |= {("style", parent) for parent in re.findall(r'parent="([\w.]+)"', xml)}
        for source in self._java.values():
            used |= set(re.findall(r"\bR\s*\.\s*(\w+)\s*\.\s*(\w+)", source))
        known = {(kind, name.replace(".", "_")) for kind, name in used}
        return sorted(
            f"{kind}/{name}" for kind, name in self._declared() if (kind, name.replace(".", "_")) not in known
        )

    def exported(self) -> list[str]:
        """Components that other apps can start."""
        kinds = ("activity", "activity-alias", "service", "receiver", "provider")
        return [
            node.get(f"{ANDROID}name", "")
            for node in self.manifest.iter()
            if node.tag in kinds
            and (
                node.get(f"{ANDROID}exported") == "true"
                or (node.get(f"{ANDROID}exported") is None and len(node))
            )
        ]

    def permissions(self) -> list[str]:
        """The permissions that the app asks for."""
        return [node.get(f"{ANDROID}name", "") for node in self.manifest.iter("uses-permission")]

    def _nodes(self, *folders: str) -> Iterator[tuple[str, ElementTree.Element]]:
        for pattern in folders:
            for path in sorted(self._res.glob(f"{pattern}/*.xml")):
                for node in ElementTree.parse(path).iter():
                    yield f"{path.parent.name}/{path.name}", node

    def _text_sizes(self) -> Iterator[tuple[str, str]]:
        for name, node in self._nodes("layout*", "values*"):
            if size := node.get(f"{ANDROID}textSize"):
                yield name, size
            if node.tag == "item" and node.get("name") == "android:textSize":
                yield name, (node.text or "").strip()

    def _declared(self) -> set[tuple[str, str]]:
        declared = set()
        for folder in self._res.iterdir():
            kind = folder.name.split("-")[0]
            if kind != "values":
                declared |= {(kind, path.name.split(".")[0]) for path in folder.iterdir()}
                continue
            for path in folder.glob("*.xml"):
                for node in ElementTree.parse(path).getroot():
                    tag = {
                        "string-array": "array",
                        "integer-array": "array",
                        "declare-styleable": "styleable",
                    }.get(node.tag, node.tag)
                    declared.add((node.get("type", tag), node.get("name", "")))
        return declared


def _strings(folder: Path) -> dict[str, set[tuple[str, ...]]]:
    """By name, what arguments its forms take; a plural's forms and an array's items may differ among themselves."""
    strings = {}
    for path in sorted(folder.glob("*.xml")):
        for node in ElementTree.parse(path).getroot():
            if node.tag in ("string", "plurals", "string-array") and node.get("translatable") != "false":
                forms = [node] if node.tag == "string" else list(node)
                strings[node.get("name", "")] = {_arguments("".join(form.itertext())) for form in forms}
    return strings


def _arguments(text: str) -> tuple[str, ...]:
    found, place = Counter[str](), 0
    for number, kind in _FORMAT.findall(text):
        if kind != "%":
            place += 1
            found[f"{number or place}{kind}"] += 1
    return tuple(sorted(found.elements()))
